"""What the stand-in takes for a sound execute request, key by key."""

from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from stream.sandbox.payload import Breaches, Execute, header_breaches, read_execute

HEADERS = [
    ("authorization", "Bearer t"),
    ("content-type", "application/json"),
    ("accept", "application/json"),
    ("accept-encoding", "identity"),
    ("if-match", "*"),
    ("x-cxone-version-stamp", "true"),
]
VALUE = "must-not-be-told"


def payload(*records: object, **changes: object) -> dict[str, object]:
    """A sound payload of these records, or of one, but for the changes."""
    sent = list(records) or [{"id": "a", "fields": {"x": 1}}]
    return {
        "dataStoreId": "people",
        "records": sent,
        "updateType": "UPSERT",
        "conflictResolution": "OVERWRITE",
        "batchSize": len(sent),
        "triggerVersion": True,
        **changes,
    }


def breaches(value: object) -> tuple[str, ...]:
    """What is wrong with a payload, in sentences."""
    read = read_execute(orjson.dumps(value))
    return read.sentences if isinstance(read, Breaches) else ()


SOUND: dict[str, dict[str, Any]] = {
    "id and fields alone": {"id": "a", "fields": {"x": None}},
    "version 0": {"id": "a", "fields": {"x": 1}, "version": 0},
    "version and checksum": {"fields": {"x": 1}, "checksum": "", "version": 2**63 - 1, "id": "a"},
    "an id of 256 characters": {"id": "é" * 256, "fields": {"x": 1}},
}


@pytest.mark.parametrize("record", SOUND.values(), ids=SOUND)
def test_sound_record_is_read(record: dict[str, Any]) -> None:
    """A record with every part as the contract allows it is read as it came."""
    read = read_execute(orjson.dumps(payload(record)))
    assert isinstance(read, Execute)
    assert (read.records, read.ids) == ([record], [record["id"]])


UNSOUND: dict[str, tuple[object, str]] = {
    "not an object": (VALUE, "is not an object"),
    "no id": ({"fields": {"x": 1}}, "id is not a string"),
    "a number for an id": ({"id": 1, "fields": {"x": 1}}, "id is not a string"),
    "an empty id": ({"id": "", "fields": {"x": 1}}, "id is not a string"),
    "an id of 257 characters": ({"id": "a" * 257, "fields": {"x": 1}}, "id is not a string"),
    "no fields": ({"id": "a"}, "fields is not an object"),
    "null for fields": ({"id": "a", "fields": None}, "fields is not an object"),
    "a list for fields": ({"id": "a", "fields": [VALUE]}, "fields is not an object"),
    "empty fields": ({"id": "a", "fields": {}}, "fields is not an object"),
    "a negative version": ({"id": "a", "fields": {"x": 1}, "version": -1}, "version is not an integer"),
    "a version of null": ({"id": "a", "fields": {"x": 1}, "version": None}, "version is not an integer"),
    "a version of true": ({"id": "a", "fields": {"x": 1}, "version": True}, "version is not an integer"),
    "a version of 1.0": ({"id": "a", "fields": {"x": 1}, "version": 1.0}, "version is not an integer"),
    "a checksum of null": ({"id": "a", "fields": {"x": 1}, "checksum": None}, "checksum is not a string"),
    "an unknown key": ({"id": "a", "fields": {"x": VALUE}, "extra": VALUE}, "unknown key 'extra'"),
}


@pytest.mark.parametrize(("record", "breach"), UNSOUND.values(), ids=UNSOUND)
def test_unsound_record_is_named_by_its_place(record: object, breach: str) -> None:
    """A record that breaks the contract, among sound ones, is told by its place and what is wrong, without a value."""
    found = breaches(payload({"id": "first", "fields": {"x": 1}}, record))
    assert any(sentence.startswith("record 1: ") and breach in sentence for sentence in found)
    assert not any(VALUE in sentence for sentence in found)


WRONG_PAYLOADS: Mapping[str, tuple[object, str]] = {
    "a list": ([], "not an object"),
    "an unknown key": (payload(extra=1), "unknown key 'extra'"),
    "no records": (payload(records=[], batchSize=0), "records is not a list of 1 to 1000"),
    "an object for records": (payload(records={}), "records is not a list of 1 to 1000"),
    "1001 records": (
        payload(*[{"id": str(n), "fields": {"x": 1}} for n in range(1001)]),
        "records is not a list of 1 to 1000",
    ),
    "a batch size that is not the number of records": (payload(batchSize=2), "batchSize is not the number"),
    "a batch size of true": (payload(batchSize=True), "batchSize is not an integer"),
    "triggerVersion 1": (payload(triggerVersion=1), "triggerVersion is not true"),
    "an unknown update type": (payload(updateType="upsert"), "updateType is neither"),
    "an unknown conflict resolution": (payload(conflictResolution=None), "conflictResolution is none of"),
    "a datastore id with a slash": (payload(dataStoreId="a/b"), "dataStoreId is not a datastore id"),
    "a datastore id that begins with a dot": (payload(dataStoreId=".a"), "dataStoreId is not a datastore id"),
    "a datastore id of 129 characters": (payload(dataStoreId="a" * 129), "dataStoreId is not a datastore id"),
    "an id twice": (
        payload(*[{"id": "a", "fields": {"x": n}} for n in (1, 2)]),
        "an id stands in more than one record",
    ),
} | {
    f"no {key}": ({name: value for name, value in payload().items() if name != key}, f"{key} is missing")
    for key in payload()
}


@pytest.mark.parametrize(("value", "breach"), WRONG_PAYLOADS.values(), ids=WRONG_PAYLOADS)
def test_wrong_payload_is_told(value: object, breach: str) -> None:
    """A payload with a part that is missing, unknown or of another kind is told in a sentence."""
    assert any(breach in sentence for sentence in breaches(value))


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"{} {}"], ids=["empty", "broken", "not UTF-8", "two values"])
def test_body_that_is_no_json_is_told(body: bytes) -> None:
    """A body that is not one JSON value in UTF-8 is a breach."""
    assert read_execute(body) == Breaches(("the body is not JSON in UTF-8",))


def test_full_request_of_a_thousand_is_sound() -> None:
    """A thousand records, the most that one request may hold, are read."""
    read = read_execute(orjson.dumps(payload(*[{"id": str(n), "fields": {"x": n}} for n in range(1000)])))
    assert isinstance(read, Execute)
    assert len(read.records) == 1000


def test_breaches_are_told_up_to_twenty() -> None:
    """Of very many breaches the first twenty are told."""
    assert len(breaches(payload(*[{"id": str(n)} for n in range(100)]))) == 20


def test_headers_of_the_contract_are_sound() -> None:
    """The headers of the contract, with others beside them, are no breach."""
    assert header_breaches([*HEADERS, ("user-agent", "x"), ("traceparent", "00-0-0-00")]) == []


@pytest.mark.parametrize("name", [name for name, _ in HEADERS if name != "authorization"])
@pytest.mark.parametrize("change", ["missing", "other", "twice"])
def test_header_of_another_kind_is_told(name: str, change: str) -> None:
    """A header of the contract that is missing, other or repeated is told by its name."""
    others = [header for header in HEADERS if header[0] != name]
    values = {"missing": [], "other": ["other"], "twice": [dict(HEADERS)[name]] * 2}[change]
    found = header_breaches([*others, *((name, value) for value in values)])
    assert [sentence.split()[1] for sentence in found] == [name]


def test_encoded_body_is_told() -> None:
    """A body under a content encoding is a breach."""
    assert header_breaches([*HEADERS, ("content-encoding", "gzip")]) != []
