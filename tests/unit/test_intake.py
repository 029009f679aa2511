"""From a message to an event: the envelope by examples, what falls back to the configuration, what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stream.codes import ErrorCode
from stream.intake import MAX_SHARED_LANE_KEYS, Defaults, Intake, Unfit
from stream.model import ConflictResolution, Event, LaneKey, Result, UpdateType
from stream.schema_files import load_schemas

from ..builders import ASSIGNMENT, DEFAULTS, SCHEMAS_DIR, intake, message, packaged_schemas

MARKER = "zq7x9j"


def native(**members: Any) -> bytes:  # noqa: ANN401 - any JSON
    """Write a valid event, but for these members; None takes one out."""
    document = {"dataStoreId": "people", "id": "r1", "fields": {"name": "Ada"}, **members}
    return json.dumps({name: value for name, value in document.items() if value is not None}).encode()


def read(value: bytes | None) -> Event | Unfit:
    """Read a value with the packaged schemas and no default datastore."""
    return intake().read(message(value), ASSIGNMENT, 1.0, suspect=False)


def event_of(value: bytes) -> Event:
    """Read a value that must be fit."""
    found = read(value)
    assert isinstance(found, Event), found
    return found


def example(**fields: Any) -> bytes:  # noqa: ANN401 - any JSON
    """Write an event of the datastore that has a schema."""
    return native(dataStoreId="example", fields=fields)


BAD_DATASTORE = (ErrorCode.ENVELOPE_INVALID, "/dataStoreId")
INVALID: dict[str, tuple[bytes, ErrorCode, str | None]] = {
    "empty": (b"", ErrorCode.EMPTY_VALUE, None),
    "invalid utf-8": (b'{"id":"\xff"}', ErrorCode.NOT_UTF8, None),
    "byte order mark": (b"\xef\xbb\xbf" + native(), ErrorCode.NOT_UTF8, None),
    "truncated": (native()[:-1], ErrorCode.NOT_JSON, None),
    "no object": (b"[1]", ErrorCode.NOT_AN_OBJECT, ""),
    "NaN": (b'{"id":"r1","fields":{"a":NaN}}', ErrorCode.NOT_JSON, None),
    "1e999": (b'{"id":"r1","fields":{"a":1e999}}', ErrorCode.NUMBER_OUT_OF_RANGE, None),
    "65 bits, deep": (native(fields={"a": [{"b": 2**64}]}), ErrorCode.NUMBER_OUT_OF_RANGE, None),
    "18 digits": (b'{"id":"r1","fields":{"a":0.123456789012345678}}', ErrorCode.NUMBER_TOO_PRECISE, None),
    "one key twice": (b'{"id":"r1","id":"r1","fields":{"a":1}}', ErrorCode.DUPLICATE_KEY, None),
    "one key twice in fields": (b'{"id":"r1","fields":{"a":1,"a":1}}', ErrorCode.DUPLICATE_KEY, None),
    "lone surrogate": (b'{"id":"r1","fields":{"a":"\\ud800"}}', ErrorCode.NOT_UTF8, None),
    "unknown member": (native(more=1), ErrorCode.ENVELOPE_INVALID, ""),
    "no id": (native(id=None), ErrorCode.ENVELOPE_INVALID, ""),
    "empty id": (native(id=""), ErrorCode.ENVELOPE_INVALID, "/id"),
    "id of 257 characters": (native(id="\U0001f600" * 257), ErrorCode.ENVELOPE_INVALID, "/id"),
    "id is a number": (native(id=7), ErrorCode.ENVELOPE_INVALID, "/id"),
    "no fields": (native(fields=None), ErrorCode.ENVELOPE_INVALID, ""),
    "empty fields": (native(fields={}), ErrorCode.ENVELOPE_INVALID, "/fields"),
    "fields are an array": (native(fields=[1]), ErrorCode.ENVELOPE_INVALID, "/fields"),
    "negative version": (native(version=-1), ErrorCode.ENVELOPE_INVALID, "/version"),
    "version is text": (native(version="1"), ErrorCode.ENVELOPE_INVALID, "/version"),
    "version is true": (native(version=True), ErrorCode.ENVELOPE_INVALID, "/version"),
    "version is 1.5": (native(version=1.5), ErrorCode.ENVELOPE_INVALID, "/version"),
    "version beyond 63 bits": (native(version=2**63), ErrorCode.ENVELOPE_INVALID, "/version"),
    "bad update type": (native(updateType="upsert"), ErrorCode.ENVELOPE_INVALID, "/updateType"),
    "bad resolution": (native(conflictResolution=""), ErrorCode.ENVELOPE_INVALID, "/conflictResolution"),
    "checksum is a number": (native(checksum=1), ErrorCode.ENVELOPE_INVALID, "/checksum"),
    "datastore of another folder": (native(dataStoreId="../etc"), *BAD_DATASTORE),
    "datastore begins with a dot": (native(dataStoreId="."), *BAD_DATASTORE),
    "datastore with a line feed": (native(dataStoreId="people\n"), *BAD_DATASTORE),
    "datastore with a zero": (native(dataStoreId="a\0b"), *BAD_DATASTORE),
    "datastore of 10 kB": (native(dataStoreId="a" * 10_000), *BAD_DATASTORE),
    "empty datastore": (native(dataStoreId=""), *BAD_DATASTORE),
    "datastore is null": (b'{"id":"r1","dataStoreId":null,"fields":{"a":1}}', *BAD_DATASTORE),
    "no datastore at all": (native(dataStoreId=None), ErrorCode.DATASTORE_MISSING, "/dataStoreId"),
    "refused by its schema": (example(tier=MARKER), ErrorCode.FIELDS_INVALID, "/fields/tier"),
    "unknown field": (example(more=MARKER), ErrorCode.FIELDS_INVALID, "/fields"),
    "deep and refused": (
        native(dataStoreId="example")[:-1] + b',"more":' + b"[" * 300 + b"]" * 300 + b"}",
        ErrorCode.NESTED_TOO_DEEP,
        "",
    ),
}


@pytest.mark.parametrize(("value", "code", "path"), INVALID.values(), ids=INVALID)
def test_a_bad_event_is_invalid_with_its_code_and_place(value: bytes, code: ErrorCode, path: str | None) -> None:
    """Each kind of bad input has its code, and a pointer where there is a place."""
    unfit = read(value)
    assert isinstance(unfit, Unfit)
    assert unfit.defect is not None
    assert (unfit.result, unfit.defect.code, unfit.defect.path) == (Result.INVALID, code, path)
    assert MARKER not in str(unfit.defect)


@pytest.mark.parametrize("depth", [254, 300, 990, 1_023, 5_000])
def test_what_parses_but_cannot_be_serialised_is_invalid(depth: int) -> None:
    """Fields of any depth are refused with a code, whichever room finds them, with and without a schema."""
    fields = b'{"name":' + b"[" * depth + b"]" * depth + b"}"
    for datastore in (b"people", b"example"):
        unfit = read(b'{"dataStoreId":"%b","id":"r1","fields":%b}' % (datastore, fields))
        assert isinstance(unfit, Unfit)
        assert unfit.result is Result.INVALID
        assert unfit.defect is not None
        assert unfit.defect.code in {ErrorCode.NESTED_TOO_DEEP, ErrorCode.FIELDS_INVALID}
        assert len(unfit.defect.message) < 200


def test_a_null_value_is_unsupported() -> None:
    """A tombstone is no change on a native topic."""
    unfit = read(None)
    assert isinstance(unfit, Unfit)
    assert unfit.defect is not None
    assert (unfit.result, unfit.defect.code) == (Result.UNSUPPORTED, ErrorCode.TOMBSTONE)


def test_an_unfit_event_keeps_the_ids_that_could_be_read() -> None:
    """Whoever reads the outcome finds the record, as far as it is known."""
    for value, ids in (
        (native(version=-1), ("people", "r1")),
        (native(id=7), ("people", None)),
        (native(dataStoreId=7), (None, "r1")),
        (native(dataStoreId=None), (None, "r1")),
        (native(dataStoreId="example", fields={"a": 1}), ("example", "r1")),
        (b"{", (None, None)),
    ):
        unfit = read(value)
        assert isinstance(unfit, Unfit)
        assert (unfit.datastore_id, unfit.record_id) == ids


def test_an_event_carries_where_it_came_from() -> None:
    """Message, assignment, time of arrival and suspicion go with the event."""
    came = message(native())
    found = intake().read(came, ASSIGNMENT, 7.5, suspect=True)
    assert isinstance(found, Event)
    assert (found.message, found.assignment, found.arrived_s, found.suspect) == (came, ASSIGNMENT, 7.5, True)
    assert found.record_key == ("people", "r1")


def test_the_longest_ids_are_fit() -> None:
    """256 characters are characters, not bytes."""
    found = event_of(native(id="\U0001f600" * 256, dataStoreId="_" + "." * 127))
    assert len(found.record_id) == 256


def test_the_record_holds_what_was_sent_and_nothing_else() -> None:
    """The request's record has id, fields, and of version and checksum what the event has."""
    plain = event_of(native())
    full = event_of(native(version=3, checksum="abc", updateType="UPDATE", conflictResolution="FAIL"))
    assert json.loads(plain.record) == {"id": "r1", "fields": {"name": "Ada"}}
    assert json.loads(full.record) == {"id": "r1", "version": 3, "fields": {"name": "Ada"}, "checksum": "abc"}


@pytest.mark.parametrize(("text", "version"), [("1.0", "1"), ("0", "0"), ("-0.0", "0"), ("1e3", "1000")])
def test_a_whole_decimal_is_an_integer(text: str, version: str) -> None:
    """JSON Schema's integers include 1.0; the API is sent 1."""
    found = event_of(b'{"dataStoreId":"people","id":"r1","version":%b,"fields":{"a":1}}' % text.encode())
    assert b'"version":%b,' % version.encode() in found.record


def test_what_the_event_leaves_out_comes_from_the_configuration() -> None:
    """The datastore and the directives fall back to the settings; what the event says counts more."""
    defaults = Defaults("fallback", UpdateType.UPDATE, ConflictResolution.IGNORE)
    configured = Intake(packaged_schemas(), defaults)

    def lane(value: bytes) -> LaneKey:
        found = configured.read(message(value), ASSIGNMENT, 1.0, suspect=False)
        assert isinstance(found, Event)
        return found.lane

    assert lane(native(dataStoreId=None)) == LaneKey("fallback", UpdateType.UPDATE, ConflictResolution.IGNORE)
    said = native(updateType="UPSERT", conflictResolution="FAIL")
    assert lane(said) == LaneKey("people", UpdateType.UPSERT, ConflictResolution.FAIL)


def test_lane_keys_are_shared_and_bounded() -> None:
    """Equal lanes are one object; hostile datastore ids do not fill the memory, and every lane is right."""
    reader = Intake(packaged_schemas(), DEFAULTS)
    seen: list[LaneKey] = []
    for number in [*range(MAX_SHARED_LANE_KEYS + 10), 5, 5]:
        found = reader.read(message(native(dataStoreId=f"d{number}")), ASSIGNMENT, 1.0, suspect=False)
        assert isinstance(found, Event)
        assert found.lane.datastore_id == f"d{number}"
        seen.append(found.lane)
    assert seen[-1] is seen[-2]
    assert seen[5] is not seen[-1], "the first was forgotten when there were too many"


def test_a_schema_may_be_required() -> None:
    """`STREAM_REQUIRE_SCHEMA` refuses the fields of a datastore without a schema."""
    strict, _ = load_schemas(SCHEMAS_DIR, SCHEMAS_DIR, require=True)
    unfit = Intake(strict, DEFAULTS).read(message(native()), ASSIGNMENT, 1.0, suspect=False)
    assert isinstance(unfit, Unfit)
    assert unfit.defect is not None
    assert unfit.defect.code is ErrorCode.SCHEMA_MISSING
    assert (unfit.datastore_id, unfit.record_id) == ("people", "r1")
