"""Judging by schemas: the first breach, where it is, and never a value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest

from stream.codes import ErrorCode
from stream.model import Defect
from stream.validate import MAX_MESSAGE_LENGTH, MAX_POINTER_LENGTH, Schemas, Violation, pointer

from ..builders import packaged_schemas

if TYPE_CHECKING:
    from collections.abc import Iterable

MARKER = "zq7x9j"
MARKER_NUMBER = 9182736455


@dataclass(frozen=True)
class Breach:
    """A breach as a compiled schema reports it."""

    message: str
    instance_path: list[str | int] = field(default_factory=list)


@dataclass(frozen=True)
class Refusing:
    """A schema that refuses everything, with these breaches."""

    breaches: tuple[Violation, ...] = ()

    def is_valid(self, instance: object) -> bool:
        """Refuse."""
        return instance is None

    def iter_errors(self, instance: object) -> Iterable[Violation]:
        """Say why."""
        return self.breaches if instance is not None else ()


def masked(schema: dict[str, Any]) -> Any:  # noqa: ANN401 - the library's class
    """Compile a schema as `schema_files` does."""
    return jsonschema_rs.validator_for(
        schema,
        validate_formats=True,
        pattern_options=jsonschema_rs.RegexOptions(),
        mask="the value",
        offline=True,
    )


def test_the_first_breach_is_reported_below_fields() -> None:
    """A defect of the fields has a pointer into the whole value, with the escapes of RFC 6901."""
    schema = Refusing((Breach("is wrong", ["a/b", "c~d", 3]), Breach("is worse")))
    schemas = Schemas(Refusing(), {"people": schema}, require=False)
    assert schemas.judge_fields("people", {"a": 1}) == Defect(
        ErrorCode.FIELDS_INVALID, "is wrong", "/fields/a~1b/c~0d/3"
    )


def test_a_refusal_without_a_breach_stands() -> None:
    """Where the library refuses and gives no reason, the event is refused all the same."""
    schemas = Schemas(Refusing(), {}, require=False)
    assert schemas.judge_envelope({}) == Defect(ErrorCode.ENVELOPE_INVALID, "The schema refuses the event.", "")


@pytest.mark.parametrize("require", [False, True])
def test_a_datastore_without_a_schema_is_refused_on_demand(require: bool) -> None:  # noqa: FBT001 - a parameter
    """`STREAM_REQUIRE_SCHEMA` decides about fields that no schema judges."""
    defect = Schemas(Refusing(), {}, require=require).judge_fields("people", {"a": 1})
    assert (defect.code if defect else None) == (ErrorCode.SCHEMA_MISSING if require else None)


def test_long_reports_are_cut() -> None:
    """Neither a message nor a pointer grows with the event."""
    schema = Refusing((Breach("m" * 5_000, ["p" * 5_000]),))
    defect = Schemas(schema, {}, require=False).judge_envelope({})
    assert defect is not None
    assert defect.path is not None
    assert len(defect.message) == MAX_MESSAGE_LENGTH
    assert len(defect.path) == MAX_POINTER_LENGTH


def test_a_pointer_of_nothing_means_the_whole() -> None:
    """RFC 6901: the empty pointer is the whole document."""
    assert pointer([]) == ""
    assert pointer(["", 0]) == "//0"


BREAKING: dict[str, tuple[dict[str, Any], Any]] = {
    "type": ({"type": "integer"}, MARKER),
    "type of an object": ({"type": "string"}, {"a": MARKER}),
    "enum": ({"enum": ["a", "b"]}, MARKER),
    "const": ({"const": "a"}, MARKER),
    "pattern": ({"pattern": "^[0-9]+$"}, MARKER),
    "format": ({"format": "email"}, MARKER),
    "date-time": ({"format": "date-time"}, MARKER),
    "maxLength": ({"maxLength": 2}, MARKER),
    "minLength": ({"minLength": 200}, MARKER),
    "maximum": ({"maximum": 5}, MARKER_NUMBER),
    "minimum": ({"exclusiveMinimum": MARKER_NUMBER * 10}, MARKER_NUMBER),
    "multipleOf": ({"multipleOf": 7}, MARKER_NUMBER + 1),
    "uniqueItems": ({"uniqueItems": True}, [MARKER, MARKER]),
    "contains": ({"contains": {"type": "null"}}, [MARKER]),
    "items": ({"items": False}, [MARKER]),
    "maxItems": ({"maxItems": 0}, [MARKER]),
    "required": ({"required": ["a"]}, {"b": MARKER}),
    "additionalProperties": ({"additionalProperties": False}, {"b": MARKER}),
    "unevaluatedProperties": ({"unevaluatedProperties": False}, {"b": MARKER}),
    "dependentRequired": ({"dependentRequired": {"b": ["c"]}}, {"b": MARKER}),
    "anyOf": ({"anyOf": [{"type": "null"}, {"const": 1}]}, MARKER),
    "oneOf": ({"oneOf": [{"type": "string"}, {"minLength": 1}]}, MARKER),
    "not": ({"not": {"type": "string"}}, MARKER),
    "false": ({"properties": {"b": False}}, {"b": MARKER}),
}


@pytest.mark.parametrize(("schema", "value"), BREAKING.values(), ids=BREAKING)
def test_no_keyword_tells_a_value(schema: dict[str, Any], value: object) -> None:
    """Whatever keyword refuses a value, the report holds none of it."""
    limits = {"$schema": "https://json-schema.org/draft/2020-12/schema", "properties": {"x": schema}}
    defect = Schemas(Refusing(), {"people": masked(limits)}, require=False).judge_fields("people", {"x": value})
    assert defect is not None
    assert defect.code is ErrorCode.FIELDS_INVALID
    assert MARKER not in str(defect)
    assert "9182736" not in defect.message.replace(str(MARKER_NUMBER * 10), "")
    assert (defect.path or "").startswith("/fields/x")


def test_the_packaged_envelope_names_its_first_breach() -> None:
    """The envelope's report leads to the member that is wrong."""
    defect = packaged_schemas().judge_envelope({"id": MARKER * 100, "fields": {"a": 1}})
    assert defect == Defect(ErrorCode.ENVELOPE_INVALID, "the value is longer than 256 characters", "/id")
