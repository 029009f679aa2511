"""From a row to a record: columns, nulls, nested values, placeholders, what has changed, and what is refused."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from typing import Any

import pytest

from stream.cdc import NotSent
from stream.codes import ErrorCode
from stream.model import ConflictResolution, LaneKey, Result, UpdateType

from ..cdc_builders import (
    PLACEHOLDER,
    PLAIN,
    ROW,
    TOPIC,
    column,
    defect,
    delta,
    envelope,
    fields,
    mapper,
    read,
    refusal,
    text,
    wrapped,
)

FULL = f'{PLAIN}before = "full"\n'
CHANGED = f'{FULL}update = "changed"\n'
MARKER = "zq7x9j"


# Which columns


def test_all_columns_are_sent_if_nothing_is_said() -> None:
    """Nulls included, in the row's order."""
    row = {**ROW, "note": None}
    assert list(fields(envelope("c", row)).items()) == list(row.items())


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ('columns.include = ["tier", "gone"]', {"tier": "gold"}),
        ('columns.exclude = ["id", "tier"]', {"email": "a@b.io"}),
        ('columns.rename = { email = "mail" }', {"id": 1, "mail": "a@b.io", "tier": "gold"}),
        ('columns.rename = { email = "tier", tier = "email" }', {"id": 1, "tier": "a@b.io", "email": "gold"}),
        (
            'columns.include = ["id"]\nconstants = { source = "crm", deep = { a = [1] } }',
            {"id": 1, "source": "crm", "deep": {"a": [1]}},
        ),
    ],
)
@pytest.mark.parametrize("schema", [False, True])
def test_columns_are_chosen_renamed_and_joined_by_constants(
    more: str,
    expected: dict[str, Any],
    schema: bool,  # noqa: FBT001
) -> None:
    """A column that a row does not have is not sent: a table may have had it once, or will."""
    change = envelope("c")
    value = wrapped(change, column("id", "int32"), column("email"), column("tier")) if schema else change
    assert fields(value, PLAIN + more) == expected
    assert json.loads(delta(value, PLAIN + more, warm=True).record) == {"id": "1", "fields": expected}


@pytest.mark.parametrize("more", ['columns.rename = { email = "tier" }', "constants = { tier = 1 }"])
def test_two_values_for_one_field_are_refused(more: str) -> None:
    """Which of the two would win nobody could say."""
    found = defect(envelope("c"), PLAIN + more)
    assert (found.code, found.path) == (ErrorCode.COLUMN_UNREADABLE, "/after/tier")
    assert "would both become the field tier" in found.message


def test_directives_and_datastore_come_from_the_rule() -> None:
    """What the rule leaves out the configuration says."""
    assert delta(envelope("c")).lane == LaneKey("people", UpdateType.UPSERT, ConflictResolution.OVERWRITE)
    more = 'update_type = "UPDATE"\nconflict_resolution = "IGNORE"'
    assert delta(envelope("c"), PLAIN + more).lane == LaneKey("people", UpdateType.UPDATE, ConflictResolution.IGNORE)


def test_nulls_may_be_left_out() -> None:
    """A row of which then nothing is left is no change, but a create of nothing cannot be said."""
    row = {"id": None, "email": None, "tier": "gold"}
    assert fields(envelope("c", row), f'{PLAIN}nulls = "omit"') == {"tier": "gold"}
    empty = {"email": None}
    assert refusal(envelope("u", empty), f'{PLAIN}nulls = "omit"') == NotSent(Result.IGNORED, None, "people", "1")
    found = defect(envelope("c", empty), f'{PLAIN}nulls = "omit"')
    assert found.code is ErrorCode.NO_FIELDS
    assert fields(envelope("c", empty), f'{PLAIN}nulls = "omit"\nconstants = {{ a = 1 }}') == {"a": 1}
    assert refusal(envelope("u", empty), f'{PLAIN}nulls = "omit"\nconstants = {{ a = 1 }}').result is Result.IGNORED


def test_nested_values_are_sent_written_or_refused() -> None:
    """Arrays and objects, as the rule says; texts are no nested values."""
    row = {"tags": ["a", {"b": None}], "name": "Ada"}
    assert fields(envelope("c", row)) == row
    assert fields(envelope("c", row), f'{PLAIN}nested = "text"') == {"tags": '["a",{"b":null}]', "name": "Ada"}
    found = defect(envelope("c", row), f'{PLAIN}nested = "reject"')
    assert (found.code, found.path) == (ErrorCode.COLUMN_UNREADABLE, "/after/tags")


# What a column holds


def test_a_schema_tells_what_a_column_holds() -> None:
    """Decimals and times are decoded, also on the usual way; nulls stay nulls."""
    decimal = column("price", "bytes", name="org.apache.kafka.connect.data.Decimal", parameters={"scale": "2"})
    at = column("at", "int64", name="io.debezium.time.MicroTimestamp")
    for warm in (False, True):
        value = wrapped(envelope("c", {"price": "AJY=", "at": 0}), decimal, at)
        assert delta(value, warm=warm).fields == {"price": "1.50", "at": "1970-01-01T00:00:00Z"}
    assert fields(wrapped(envelope("c", {"price": None, "at": 0}), decimal, at))["price"] is None
    number = f'{PLAIN}decimals = "number"'
    assert fields(wrapped(envelope("c", {"price": "AJY=", "at": 0}), decimal, at), number)["price"] == 1.5


def test_what_a_schema_contradicts_is_refused_with_the_place() -> None:
    """The pointer leads into the received value, and no value is told."""
    decimal = column("a/b", "bytes", name="org.apache.kafka.connect.data.Decimal", parameters={"scale": "2"})
    found = defect(wrapped(envelope("c", {"a/b": MARKER}), decimal), f'{PLAIN}columns.rename = {{ "a/b" = "price" }}')
    assert (found.code, found.path) == (ErrorCode.COLUMN_UNREADABLE, "/payload/after/a~1b")
    assert MARKER not in str(found)


def test_without_a_schema_the_rule_may_say_what_a_column_holds() -> None:
    """What then cannot be read is refused with the connector's setting; a text is sent whatever it looks like."""
    row = {"price": "AJY=", "at": 1, "token": "AJY=", "doc": '{"a":[1]}'}
    types = "columns.types = {{ {} }}\n"
    text_only = PLAIN + types.format('price = "text", token = "text", doc = "json"')
    assert fields(envelope("c", row), text_only) == {**row, "doc": {"a": [1]}}
    for kind, place, setting in (
        ('price = "decimal", token = "text"', "/after/price", "decimal.handling.mode=string"),
        ('price = "text", token = "text", at = "temporal"', "/after/at", "time.precision.mode=isostring"),
        ('price = "text"', "/after/token", "decimal.handling.mode=string"),
    ):
        found = defect(envelope("c", row), PLAIN + types.format(kind))
        assert (found.code, found.path) == (ErrorCode.COLUMN_UNREADABLE, place)
        assert setting in found.message


def test_a_suspicious_text_is_found_on_the_usual_way_too() -> None:
    """Also behind an escape, and only in what is sent."""
    for written in (b'"AJY="', b'"AJY\\u003d"', b'["x","AJY="]', b'"AJY\\u003D"'):
        value = text(envelope("c")).replace(b'"gold"', written)
        assert isinstance(read(value), NotSent)
        assert isinstance(read(value, warm=True), NotSent)
        assert fields(value, f'{PLAIN}columns.exclude = ["tier"]') == {"id": 1, "email": "a@b.io"}
    assert fields(envelope("c", {"a": "x="})) == {"a": "x="}


@pytest.mark.parametrize("written", [b"1e999", b"0.123456789012345678", b"18446744073709551616"])
def test_only_numbers_that_are_sent_must_be_exact(written: bytes) -> None:
    """A number that JSON readers would change is refused where it is sent, and nowhere else."""
    for deep in (b"%b", b"[1,%b]", b'{"x":[%b]}'):
        value = text(envelope("c", {"id": 1, "n": 7, "m": 1.25})).replace(b'"n":7', b'"n":' + deep % written)
        found = defect(value)
        assert (found.code in {ErrorCode.NUMBER_OUT_OF_RANGE, ErrorCode.NUMBER_TOO_PRECISE}, found.path) == (
            True,
            "/after/n",
        )
        assert refusal(value).result is Result.INVALID
        assert fields(value, f'{PLAIN}columns.exclude = ["n"]') == {"id": 1, "m": 1.25}
    source = text(envelope("c")).replace(b'"lsn":22189328', b'"lsn":' + written)
    assert fields(source) == ROW
    assert fields(text(wrapped(envelope("c"), column("id"))).replace(b'"lsn":22189328', b'"lsn":' + written)) == ROW


def test_a_key_that_stands_twice_is_invalid_wherever_it_stands() -> None:
    """Also beside a number that cannot be kept."""
    value = text(envelope("c")).replace(b'"lsn":22189328', b'"lsn":1e999,"lsn":1')
    assert defect(value).code is ErrorCode.DUPLICATE_KEY


# Unchanged values that the connector does not know

OCTETS = PLACEHOLDER.encode()
FORMS: dict[str, Any] = {
    "text": PLACEHOLDER,
    "base64": base64.b64encode(OCTETS).decode(),
    "base64, safe in addresses": base64.urlsafe_b64encode(OCTETS).decode(),
    "hexadecimal": OCTETS.hex(),
    "array of texts": [PLACEHOLDER],
    "array of octets": [base64.b64encode(OCTETS).decode()],
    "array of integers": list(OCTETS),
    "array of UUIDs": [str(uuid.UUID(bytes=hashlib.md5(OCTETS, usedforsecurity=False).digest(), version=3))],
    "map": {PLACEHOLDER: PLACEHOLDER},
    "map as text": json.dumps({PLACEHOLDER: PLACEHOLDER}, separators=(",", ":")),
    "inside of others": [["x", {"y": PLACEHOLDER}]],
}


@pytest.mark.parametrize("value", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("warm", [False, True])
def test_a_placeholder_is_left_out_in_every_form(value: object, warm: bool) -> None:  # noqa: FBT001
    """The column has not changed: it is not in the record, and nothing stands in its place."""
    assert delta(envelope("u", {**ROW, "tier": value}), warm=warm).fields == {"id": 1, "email": "a@b.io"}
    assert refusal(envelope("u", {"tier": value})) == NotSent(Result.IGNORED, None, "people", "1")


@pytest.mark.parametrize("op", ["c", "r"])
def test_a_record_does_not_begin_with_a_gap(op: str) -> None:
    """A changed key is a create of a row whose long values the connector does not know: refused, and said why."""
    value = text(envelope(op, {**ROW, "tier": PLACEHOLDER}))
    reader, found = mapper(), refusal(value)
    reader.read(TOPIC, b'{"id":1}', text(envelope(op)))
    assert reader.read(TOPIC, b'{"id":1}', value) == found
    assert found.defect is not None
    assert (found.result, found.defect.code, found.defect.path) == (
        Result.UNSUPPORTED,
        ErrorCode.COLUMN_UNREADABLE,
        "/after/tier",
    )
    assert "REPLICA IDENTITY FULL" in found.defect.message
    assert fields(value, f'{PLAIN}columns.exclude = ["tier"]') == {"id": 1, "email": "a@b.io"}


@pytest.mark.parametrize(
    ("placeholder", "value"),
    [
        ("gone", "gone"),
        ("hex:00ff", "hex:00ff"),
        ("hex:00ff", "\x00\ufffd"),
        ("hex:00ff", "AP8="),
        ("hex:00ff", [0, -1]),
        ("hex:00ff", ["AP8="]),
        ("hex:676f6e65", "gone"),
    ],
)
def test_the_placeholder_is_the_connector_s(placeholder: str, value: object) -> None:
    """As the setting has it, octets in hexadecimal included; Debezium's own default is then a text like any other."""
    rule = f'{PLAIN}placeholder = "{placeholder}"'
    assert fields(envelope("u", {**ROW, "tier": value}), rule) == {"id": 1, "email": "a@b.io"}
    assert fields(envelope("u", {"tier": PLACEHOLDER}), rule) == {"tier": PLACEHOLDER}


@pytest.mark.parametrize("value", [PLACEHOLDER + "x", "x" + PLACEHOLDER, OCTETS.decode().upper(), list(OCTETS)[1:], []])
def test_what_only_resembles_the_placeholder_is_sent(value: object) -> None:
    """A text that speaks of it is data."""
    assert fields(envelope("u", {"tier": value})) == {"tier": value}


def test_a_placeholder_under_a_schema_is_left_out_before_it_is_converted() -> None:
    """It is none of the values that the schema speaks of."""
    at = column("at", "int64", name="io.debezium.time.Timestamp")
    assert fields(wrapped(envelope("u", {"id": 1, "at": PLACEHOLDER}), column("id", "int32"), at)) == {"id": 1}


# Only what has changed


def test_an_update_may_send_only_what_it_has_changed() -> None:
    """Compared with `before`, where the rule says that it is whole."""
    before = {**ROW, "note": None, "n": 1}
    after = {**ROW, "tier": "silver", "note": None, "n": 1.0}
    assert fields(envelope("u", after, before), CHANGED) == {"tier": "silver", "n": 1.0}
    assert fields(envelope("u", {**after, "new": 1}, before), CHANGED) == {"tier": "silver", "n": 1.0, "new": 1}
    assert refusal(envelope("u", before, before), CHANGED) == NotSent(Result.IGNORED, None, "people", "1")


@pytest.mark.parametrize("op", ["c", "r", "u"])
def test_without_a_former_state_all_columns_are_sent(op: str) -> None:
    """A create has none, and neither has an update where the database logs keys alone."""
    assert fields(envelope(op), CHANGED) == ROW


def test_a_former_state_that_is_not_trusted_is_not_compared() -> None:
    """By default `before` may be made up."""
    assert fields(envelope("u", ROW, ROW), FULL) == ROW
    assert fields(envelope("u", ROW, ROW)) == ROW
