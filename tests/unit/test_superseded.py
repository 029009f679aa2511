"""The outcomes of merged events: each has one, beside its carrier's, and says by whom it was superseded."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from stream.coalesce import merge
from stream.codes import ErrorCode
from stream.model import Decided, Defect, Result, Ruling, Verdict
from stream.outcome import Form, OutcomeWriter
from stream.superseded import write_merged

from ..builders import OUTCOME_FIELDS, TIMESTAMP, batch, event

if TYPE_CHECKING:
    from stream.model import Settled

WRITER = OutcomeWriter(Form("group", cloudevents=False, dead_letters=True))
APPLIED = Verdict(Result.APPLIED, 200, 12.5, 2, checksum_verified=True, versions={"a": 7})
CARRIER = merge(event("a"), [event("a", offset=1), event("a", offset=2)], 1_000)
REQUEST = batch(CARRIER, event("b", offset=3))


def written(verdict: Verdict) -> tuple[list[Settled], list[dict[str, Any]]]:
    """Write the outcomes of a request with one group and one single event."""
    settled = write_merged(WRITER, Decided(REQUEST, verdict, REQUEST.events), TIMESTAMP)
    return settled, [orjson.loads(each.value) for each in settled]


def test_each_merged_event_has_an_outcome_before_its_carriers() -> None:
    """It is a success, executed by the same request with the same evidence, and names the event that carried it."""
    settled, told = written(APPLIED)
    assert [each["source"]["offset"] for each in told] == [0, 1, 2, 3]
    assert [each["result"] for each in told] == ["SUPERSEDED", "SUPERSEDED", "APPLIED", "APPLIED"]
    assert [each.result for each in settled[:3]] == [Result.SUPERSEDED, Result.SUPERSEDED, Result.APPLIED]
    by = {"topic": "deltas", "partition": 0, "offset": 2}
    assert [each["supersededBy"] for each in told] == [by, by, None, None]
    for superseded in told[:2]:
        assert list(superseded) == OUTCOME_FIELDS
        carrier = told[2] | {"result": "SUPERSEDED", "supersededBy": by, "source": superseded["source"]}
        assert superseded == carrier
    assert (told[0]["status"], told[0]["executed"], told[0]["confirmed"], told[0]["version"]) == (
        *("SUCCESS", True, True, 7),
    )


def test_only_the_carrier_releases_the_record_with_the_size_of_all() -> None:
    """The lanes are told once of a record that is decided."""
    settled, _ = written(APPLIED)
    assert [each.record_key for each in settled] == [None, None, ("people", "a"), ("people", "b")]
    assert [each.size_bytes for each in settled[:3]] == [0, 0, CARRIER.size_bytes]


def test_without_evidence_nothing_merged_is_confirmed() -> None:
    """A 202 without a body says as little of those that were carried as of their carrier."""
    _, told = written(Verdict(Result.APPLIED, 202, 1.0, 1))
    assert [(each["executed"], each["confirmed"], each["version"]) for each in told[:3]] == [(True, False, None)] * 3


def test_superseded_by_what_was_found_applied() -> None:
    """Of a group that a read-back found applied, nothing says that this request executed it."""
    found = Ruling(Result.ALREADY_APPLIED, None, 9, confirmed=True)
    _, told = written(Verdict(Result.CONFLICT, 409, 1.0, 1, rulings={"a": found}))
    assert [each["result"] for each in told[:3]] == ["SUPERSEDED", "SUPERSEDED", "ALREADY_APPLIED"]
    assert [(each["executed"], each["confirmed"], each["version"]) for each in told[:3]] == [(False, True, 9)] * 3


def test_an_untrue_answer_is_told_of_each_event_of_the_group() -> None:
    """A checksum that came back different is never silent: no event of the request is called a success."""
    defect = Defect(ErrorCode.CHECKSUM_MISMATCH, "The checksum is another one.", None, 200)
    settled, told = written(replace(APPLIED, result=Result.INTEGRITY, defect=defect))
    assert [(each["result"], each["supersededBy"]) for each in told] == [("INTEGRITY", None)] * 4
    assert [each.dead_letter for each in settled] == [None] * 4


@pytest.mark.parametrize("offset", [0, 3])
def test_without_groups_nothing_changes(offset: int) -> None:
    """A request without a merged event has the outcomes that it would have had."""
    request = batch(event("a", offset=offset))
    decided = Decided(request, APPLIED, request.events)
    assert write_merged(WRITER, decided, TIMESTAMP) == WRITER.of_batch(decided, TIMESTAMP)
