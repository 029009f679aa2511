"""Which record an event is of, and which version of it the writer last saw; and the way back from its fields."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stream.codes import ErrorCode
from stream.model import Result

from ..cdc_builders import PLACEHOLDER, PLAIN, ROW, column, defect, delta, envelope, refusal, wrapped

FULL = f'{PLAIN}before = "full"\n'

# The version that the writer last saw


@pytest.mark.parametrize(
    ("op", "rev", "expected"), [("c", 1, 0), ("u", 5, 4), ("r", 5, 4), ("u", 2**63 - 1, 2**63 - 2)]
)
def test_a_version_may_be_the_one_before_after(op: str, rev: int, expected: int) -> None:
    """`after.rev - 1`: what the row's counter said before this change."""
    record = delta(envelope(op, {"rev": rev}), f'{PLAIN}version = "after.rev - 1"').record
    assert json.loads(record) == {"id": "1", "version": expected, "fields": {"rev": rev}}


def test_a_version_may_be_that_of_before() -> None:
    """A created row had none, which counts as 0; a snapshot knows of no change."""
    rule = f'{FULL}version = "before.rev"'
    assert json.loads(delta(envelope("u", {"rev": 6}, {"rev": 5}), rule).record)["version"] == 5
    assert json.loads(delta(envelope("c", {"rev": 1}), rule).record)["version"] == 0
    assert "version" not in json.loads(delta(envelope("r", {"rev": 9}), rule).record)


def test_a_soft_delete_has_the_version_of_before_if_that_is_known() -> None:
    """Nothing is written by the delete itself, so the last version seen is the row's."""
    soft = "delete = { fields = { gone = true } }\n"
    whole = f'{FULL}version = "after.rev - 1"\n{soft}'
    assert json.loads(delta(envelope("d", before={"rev": 5}), whole).record)["version"] == 5
    key_only = f'{PLAIN}version = "after.rev - 1"\n{soft}'
    assert "version" not in json.loads(delta(envelope("d", before={"rev": 0}), key_only).record)
    assert defect(envelope("d", before={"rev": "x"}), whole).code is ErrorCode.VERSION_UNUSABLE


@pytest.mark.parametrize("rev", [0, -1, None, "5", 5.0, True, PLACEHOLDER])
def test_a_version_that_is_none_is_invalid(rev: object) -> None:
    """A whole number above 0, or the column is no counter."""
    found = refusal(envelope("u", {"rev": rev}), f'{PLAIN}version = "after.rev - 1"')
    assert found.defect is not None
    assert (found.result, found.defect.code, found.record_id) == (Result.INVALID, ErrorCode.VERSION_UNUSABLE, "1")
    assert defect(envelope("u", {"a": 1}), f'{FULL}version = "before.rev"').code is ErrorCode.VERSION_UNUSABLE


# The record


@pytest.mark.parametrize(
    ("key", "record_id"),
    [
        ({"id": 1}, "1"),
        ({"id": -1}, "-1"),
        ({"id": 0}, "0"),
        ({"id": 2**63}, str(2**63)),
        ({"id": "a b"}, "a b"),
        ({"id": True}, "true"),
        ({"tenant": "t:1", "id": 5}, "t%3A1:5"),
        ({"tenant": "100%", "id": "x"}, "100%25:x"),
        ({"schema": None, "payload": {"id": 1}}, "1"),
        ({"schema": {"type": "int64"}, "payload": 7}, "7"),
        (b"7", "7"),
        (b"007", "007"),
        (b'"abc"', "abc"),
        (b"abc", "abc"),
        ("é" * 256, "é" * 256),
        ({"id": {"scale": 1, "value": "AJY="}}, "15.0"),
    ],
)
@pytest.mark.parametrize("warm", [False, True])
def test_the_key_is_the_id(key: object, record_id: str, warm: bool) -> None:  # noqa: FBT001
    """Objects of one column or several, single values, with schema and without; integers as they came."""
    found = delta(envelope("c"), key=key, warm=warm)
    assert found.record_id == record_id
    assert json.loads(found.record)["id"] == record_id


def test_several_columns_never_make_one_id_of_two_rows() -> None:
    """The separator is escaped where a column holds it."""
    for separator in (":", "/", "-"):
        rule = f'{PLAIN}id_separator = "{separator}"'
        pairs = [("a" + separator, "b"), ("a", separator + "b"), ("a", "b"), ("a%3A", "b"), ("a%", "3Ab")]
        ids = {delta(envelope("c"), rule, key={"x": one, "y": other}).record_id for one, other in pairs}
        assert len(ids) == len(pairs)


@pytest.mark.parametrize(
    "key",
    [
        {},
        {"id": None},
        {"id": ""},
        {"id": "x" * 257},
        {"id": 1.5},
        {"id": [1]},
        {"id": "AJY="},
        b"null",
        b"\xff",
        b"",
        b'{"id":1',
        b'{"id":1,"id":2}',
        b'{"id":1e999}',
        b'{"id":18446744073709551616}',
    ],
)
def test_a_key_that_makes_no_id_is_invalid(key: object) -> None:
    """Missing, empty, too long, or nothing that could be a name."""
    found = refusal(envelope("c"), key=key)
    assert found.defect is not None
    assert (found.result, found.defect.code, found.datastore_id) == (Result.INVALID, ErrorCode.ID_UNUSABLE, "people")


def test_a_decimal_key_has_the_same_id_with_and_without_a_schema() -> None:
    """As text, however decimals are sent; base64 that nothing explains is refused."""
    number = column("id", "bytes", name="org.apache.kafka.connect.data.Decimal", parameters={"scale": "0"})
    key = {"schema": {"type": "struct", "fields": [number]}, "payload": {"id": "AJY="}}
    for rule in (PLAIN, f'{PLAIN}decimals = "number"'):
        assert delta(envelope("c"), rule, key=key, warm=True).record_id == "150"
    declared = f'{PLAIN}columns.types = {{ id = "decimal" }}'
    assert delta(envelope("c"), declared, key={"id": "150"}, warm=True).record_id == "150"
    assert "decimal.handling.mode=string" in defect(envelope("c"), declared, key={"id": "AJY="}).message
    plain = f'{PLAIN}columns.types = {{ id = "text" }}'
    assert delta(envelope("c"), plain, key={"id": "AJY="}).record_id == "AJY="


def test_columns_may_be_the_id() -> None:
    """Of the row; for a delete of the key, or of `before` where that is whole."""
    rule = f'{PLAIN}id = ["tier", "id"]\ndelete = {{ fields = {{ gone = true }} }}\n'
    assert delta(envelope("c"), rule, key={"other": 9}).record_id == "gold:1"
    gone = envelope("d", before=dict(ROW))
    assert delta(gone, rule, key={"id": 1, "tier": "gold"}).record_id == "gold:1"
    assert delta(gone, f'{rule}before = "full"', key={"id": 1}).record_id == "gold:1"
    found = defect(gone, rule, key={"id": 1})
    assert found.code is ErrorCode.ID_UNUSABLE
    assert "message.key.columns" in found.message


@pytest.mark.parametrize("row", [{"id": 1}, {**ROW, "tier": None}, {**ROW, "tier": PLACEHOLDER}])
def test_columns_that_make_no_id_are_invalid(row: dict[str, Any]) -> None:
    """Missing, null, or not known to the connector."""
    assert defect(envelope("u", row), f'{PLAIN}id = ["tier"]').code is ErrorCode.ID_UNUSABLE


def test_an_update_that_changes_the_columns_of_the_id_is_refused() -> None:
    """It would leave the old record behind: the connector writes two events only for its own key."""
    rule = f'{FULL}id = ["tier"]'
    found = refusal(envelope("u", {**ROW, "tier": "silver"}, ROW), rule)
    assert found.defect is not None
    assert (found.result, found.defect.code) == (Result.UNSUPPORTED, ErrorCode.ID_CHANGED)
    assert delta(envelope("u", ROW, ROW), rule).record_id == "gold"


# What a datastore's schema refuses


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/fields/mail", "/payload/after/e~1mail"),
        ("/fields/mail/0/x", "/payload/after/e~1mail/0/x"),
        ("/fields/tier", "/payload/after/tier"),
        ("/fields", "/payload/after"),
        ("", None),
        (None, None),
    ],
)
def test_a_place_in_the_record_is_led_back_to_the_row(path: str | None, expected: str | None) -> None:
    """Outcomes point into what was received, not into what was made of it."""
    value = wrapped(envelope("c", {"e/mail": "x", "tier": 1}), column("e/mail"), column("tier"))
    found = delta(value, f'{PLAIN}columns.rename = {{ "e/mail" = "mail" }}')
    assert found.path_in_value(path) == expected


def test_a_place_in_a_soft_delete_is_none_in_the_row() -> None:
    """Its fields are the rule's own."""
    found = delta(envelope("d"), f"{PLAIN}delete = {{ fields = {{ gone = true }} }}")
    assert found.path_in_value("/fields/gone") is None
