"""Kinds of failure: grouped by code and datastore, bounded, with the last example and what to do."""

from __future__ import annotations

from stream.codes import ErrorCode
from stream.failures import MAX_KINDS, Failed, Failures, Setbacks
from stream.model import Defect, Result
from stream.remedies import REMEDY
from stream.snapshot import Example, Failure, Setback

from ..builders import PARTITION


def failed(datastore_id: str | None = "people", *, offset: int = 0, at_ms: int = 0) -> Failed:
    """Build an event that a schema refused."""
    defect = Defect(ErrorCode.FIELDS_INVALID, "the value is not of type integer", "/fields/age")
    return Failed(defect, Result.INVALID, datastore_id, f"r{offset}", PARTITION, offset, at_ms)


def test_a_kind_is_counted_with_its_last_example() -> None:
    """The same code of the same datastore is one kind, which remembers when it began and which event was last."""
    failures = Failures()
    failures.add(failed(offset=1, at_ms=1_000))
    failures.add(failed(offset=9, at_ms=5_000), events=7)
    assert failures.last(10) == (
        Failure(
            code="fields_invalid",
            data_store_id="people",
            result="INVALID",
            count=8,
            first_ms=1_000,
            last_ms=5_000,
            message="the value is not of type integer",
            path="/fields/age",
            http_status=None,
            last=Example("deltas", 0, 9, "r9"),
            remedy=REMEDY[ErrorCode.FIELDS_INVALID],
        ),
    )


def test_the_kinds_seen_last_are_kept_and_told_first() -> None:
    """Names of datastores come from events: a flood of them forgets the oldest kinds, not the newest."""
    failures, setbacks = Failures(), Setbacks()
    for number in range(MAX_KINDS + 5):
        failures.add(failed(f"store-{number}"))
        setbacks.add(f"store-{number}", "the API answered 503", number)
    failures.add(failed("store-50"))
    assert [each.data_store_id for each in failures.last(3)] == ["store-50", "store-104", "store-103"]
    assert len(failures.last(1_000)) == MAX_KINDS
    assert setbacks.last(1) == (Setback("store-104", "the API answered 503", 1, 104),)
    assert len(setbacks.last(1_000)) == MAX_KINDS
