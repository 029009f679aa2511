"""What a version mismatch means for one record: equality of values, the rows of contract section 4.3, the rebase."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from stream.codes import ErrorCode
from stream.conflict import (
    ABSENT,
    Stored,
    holds,
    is_same,
    judge_skipped_suspect,
    judge_suspect,
    on_version,
    plain_conflict,
    read_stored,
    sent_version,
)
from stream.model import Result, Ruling

from ..builders import event
from ..conversation import versioned

SENT = versioned("a", 3, suspect=True)
OURS = {"name": "a", "other": True}
THEIRS = {"name": "b"}


def judge(stored: Stored | None, *, version: int | None = 3) -> tuple[Result, str | None, int | None, bool] | None:
    """Judge a suspect that was sent with a version and refused with the current version 9."""
    ruling = judge_suspect(versioned("a", version, suspect=True), stored, 9, named=True)
    return ruling and (ruling.result, ruling.defect and ruling.defect.code, ruling.version, ruling.confirmed)


def test_a_suspect_whose_values_are_stored_was_applied() -> None:
    """Whatever the version is by now: every sent field is there."""
    for version in (3, 4, 9, None):
        assert judge(Stored(version, OURS)) == (Result.ALREADY_APPLIED, None, version, True)


@pytest.mark.parametrize("version", [5, 6, 100])
def test_a_version_above_sent_plus_one_is_ambiguous(version: int) -> None:
    """Ours may have been applied and changed again since: nobody but a person can tell."""
    ambiguous = (Result.CONFLICT, ErrorCode.CONFLICT_AMBIGUOUS, version, True)
    assert judge(Stored(version, THEIRS)) == ambiguous
    assert judge(Stored(version, THEIRS), version=None) == ambiguous, "what was sent on no version may be any"


@pytest.mark.parametrize("stored", [Stored(4, THEIRS), Stored(3, THEIRS), Stored(1, {}), ABSENT])
def test_up_to_sent_plus_one_it_was_certainly_not_applied(stored: Stored) -> None:
    """Applied it would have been sent + 1 with our values: this is a plain conflict."""
    assert judge(stored) is None


@pytest.mark.parametrize("stored", [None, Stored(None, THEIRS)])
def test_what_cannot_be_read_cannot_be_verified(stored: Stored | None) -> None:
    """No read call, or a record without a readable version: what the refusal told is all that is known."""
    assert judge(stored) == (Result.CONFLICT, ErrorCode.CONFLICT_UNVERIFIED, 9, True)


def test_a_skipped_suspect_is_ours_or_stale() -> None:
    """Equal values: already applied; everything else, also without a read call: stale."""
    assert judge_skipped_suspect(SENT, Stored(7, OURS), 6) == Ruling(Result.ALREADY_APPLIED, None, 7, confirmed=True)
    for stored in (None, ABSENT, Stored(4, THEIRS)):
        assert judge_skipped_suspect(SENT, stored, 6) == Ruling(Result.SKIPPED_STALE, None, 6, confirmed=True)


def test_a_plain_conflict_has_the_current_version() -> None:
    """As far as it is known, and confirmed where the answer named the record."""
    ruling = plain_conflict(8, named=False)
    assert (ruling.result, ruling.version, ruling.confirmed) == (Result.CONFLICT, 8, False)
    assert ruling.defect is not None
    assert (ruling.defect.code, ruling.defect.http_status) == (ErrorCode.VERSION_CONFLICT, 409)


SAME = [
    (1, 1.0),
    (0, -0.0),
    ("a", "a"),
    (None, None),
    (True, True),
    ([1, [2]], [1.0, [2]]),
    ({"a": 1, "b": {"c": [None]}}, {"b": {"c": [None]}, "a": 1.0}),
    ({}, {}),
    (2**64 - 1, 2**64 - 1),
]
DIFFERENT = [
    (1, True),
    (0, False),
    (1, "1"),
    (None, False),
    (None, 0),
    ("a", "A"),
    ("e\u0301", "\u00e9"),
    ([1, 2], [2, 1]),
    ([1], [1, 1]),
    ([], {}),
    ({"a": 1}, {"a": 1, "b": None}),
    ({"a": [True]}, {"a": [1]}),
    (2**53 + 1, float(2**53)),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_equal_json_values(one: object, other: object) -> None:
    """Numbers by their value, objects without an order."""
    assert is_same(one, other)
    assert is_same(other, one)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_different_json_values(one: object, other: object) -> None:
    """A truth is no number, lists have an order, and text is compared code point by code point."""
    assert not is_same(one, other)
    assert not is_same(other, one)


@pytest.mark.parametrize(
    ("stored", "is_held"),
    [({"name": "a"}, True), ({"name": "a", "x": 1}, True), ({"name": None}, False), ({}, False), ({"x": "a"}, False)],
)
def test_only_the_sent_fields_count(stored: dict[str, Any], is_held: bool) -> None:  # noqa: FBT001 - a parameter
    """Other stored fields are not this event's; a missing one is not the same as any value, not even as null."""
    assert holds(Stored(1, stored), SENT) is is_held


def test_a_sent_null_is_held_by_a_stored_null_alone() -> None:
    """An absent field is not null."""
    null = event("a")._replace(record=b'{"id":"a","fields":{"name":null}}')
    assert holds(Stored(1, {"name": None}), null)
    assert not holds(Stored(1, {}), null)


READ = {
    b'{"id":"a","version":4,"fields":{"x":1},"checksum":"c"}': Stored(4, {"x": 1}),
    b'{"version":4,"fields":{}}': Stored(4, {}),
    b'{"id":"a","fields":{}}': Stored(None, {}),
    b'{"id":"a","version":"4","fields":{}}': Stored(None, {}),
    b'{"id":"a","version":true,"fields":{}}': Stored(None, {}),
}


@pytest.mark.parametrize(("body", "stored"), READ.items())
def test_a_stored_record_is_read(body: bytes, stored: Stored) -> None:
    """Id and version may be missing; a version that is no integer is not known."""
    assert read_stored(body, "a") == stored


@pytest.mark.parametrize(
    "body", [None, b"", b"{", b"[]", b"null", b"{}", b'{"id":"b","version":1,"fields":{}}', b'{"id":"a","fields":[]}']
)
def test_what_is_no_such_record_is_not_read(body: bytes | None) -> None:
    """Least of all the record of another id."""
    assert read_stored(body, "a") is None


def test_the_version_that_was_sent() -> None:
    """Of the record; JSON Schema's integers include 1.0."""
    assert [sent_version(versioned("a", version)) for version in (None, 0, 7)] == [None, 0, 7]
    assert sent_version(event("a")._replace(record=b'{"id":"a","version":7.0,"fields":{}}')) == 7


def test_a_rebased_record_has_another_version_and_nothing_else() -> None:
    """Id, fields and the event's own checksum stay; sure not to be applied, it is no suspect any more."""
    record = {"id": "a", "fields": {"n": 1.5, "big": 2**64 - 1, "s": "\u2028"}, "checksum": "c"}
    rebased = on_version(event("a", suspect=True)._replace(record=orjson.dumps(record)), 8)
    assert list(orjson.loads(rebased.record).items()) == [("id", "a"), ("version", 8), *list(record.items())[1:]]
    assert not rebased.suspect
    assert orjson.loads(on_version(rebased, 9).record)["version"] == 9
