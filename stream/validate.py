"""Judges documents by compiled JSON Schemas; the report never holds a value of the event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from .codes import ErrorCode
from .model import Defect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

MAX_MESSAGE_LENGTH = 300
MAX_POINTER_LENGTH = 300


class Violation(Protocol):
    """One breach of a schema, as the compiled validator reports it: with values masked."""

    @property
    def message(self) -> str:
        """A sentence without the value."""
        ...

    @property
    def instance_path(self) -> list[str | int]:
        """Where in the instance."""
        ...


class Schema(Protocol):
    """A compiled schema: what `schema_files` makes of a file."""

    def is_valid(self, instance: object) -> bool:
        """Judge, fast."""
        ...

    def iter_errors(self, instance: object) -> Iterable[Violation]:
        """Judge, and say why."""
        ...


class Schemas:
    """The compiled schemas: one for the envelope, at most one for each datastore.

    With `require` (`STREAM_REQUIRE_SCHEMA`) the fields of a datastore without a schema are a defect.
    """

    def __init__(self, envelope: Schema, datastores: Mapping[str, Schema], *, require: bool) -> None:
        self.envelope = envelope
        self._datastores = datastores
        self._require = require

    def judge_envelope(self, document: dict[str, Any]) -> Defect | None:
        """Judge the form of a native event (contract section 2).

        Args:
            document: the decoded value.

        Returns:
            None, or the first defect with a JSON Pointer into the value.
        """
        return _first_defect(self.envelope, document, ErrorCode.ENVELOPE_INVALID, "")

    def fields_judge(self, datastore_id: str) -> Callable[[object], bool]:
        """Return what judges the fields of a datastore, fast: whether `judge_fields` finds no defect."""
        schema = self._datastores.get(datastore_id)
        if schema is not None:
            return schema.is_valid
        return _nothing if self._require else _anything

    def judge_fields(self, datastore_id: str, fields: dict[str, Any]) -> Defect | None:
        """Judge an event's fields by the schema of its datastore.

        Args:
            datastore_id: of a valid envelope.
            fields: of the same.

        Returns:
            None, or the first defect with a JSON Pointer into the value.
        """
        schema = self._datastores.get(datastore_id)
        if schema is None:
            if not self._require:
                return None
            return Defect(ErrorCode.SCHEMA_MISSING, "STREAM_REQUIRE_SCHEMA is set and this datastore has no schema.")
        return _first_defect(schema, fields, ErrorCode.FIELDS_INVALID, "/fields")


def _anything(_fields: object) -> bool:
    return True


def _nothing(_fields: object) -> bool:
    return False


def _first_defect(schema: Schema, instance: object, code: ErrorCode, prefix: str) -> Defect | None:
    try:
        if schema.is_valid(instance):
            return None
        error = next(iter(schema.iter_errors(instance)), None)
    except ValueError:  # the library reports down to a depth of 255 only
        return Defect(ErrorCode.NESTED_TOO_DEEP, "The event is nested deeper than can be judged.", prefix)
    if error is None:  # `is_valid` and `iter_errors` disagree: the refusal stands
        return Defect(code, "The schema refuses the event.", prefix)
    return Defect(code, error.message[:MAX_MESSAGE_LENGTH], prefix + pointer(error.instance_path))


def pointer(path: list[str | int]) -> str:
    """Write a path as a JSON Pointer (RFC 6901), cut at `MAX_POINTER_LENGTH` characters."""
    parts = (str(part).replace("~", "~0").replace("/", "~1") for part in path)
    return "".join(f"/{part}" for part in parts)[:MAX_POINTER_LENGTH]
