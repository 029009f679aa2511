"""Outcomes and dead letters: every field of contract section 3, by examples."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stream.codes import ErrorCode
from stream.intake import Unfit
from stream.model import Assignment, Decided, Defect, Headers, LaneKey, Result, Ruling, Settled, TopicPartition, Verdict
from stream.outcome import Form, OutcomeWriter

from ..builders import ASSIGNMENT, LANE, OUTCOME_FIELDS, TIMESTAMP, batch, decided, event, message
from ..outcome_schema import assert_outcomes_valid

PLAIN = Form("a-group", cloudevents=False, dead_letters=False)
WITH_LETTERS = Form("a-group", cloudevents=False, dead_letters=True)
DEFECT = Defect(ErrorCode.ENVELOPE_INVALID, "the value is wrong", "/id")
TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def read(settled: Settled) -> dict[str, Any]:
    """Read an outcome's value as its consumers do."""
    value = json.loads(settled.value)
    assert isinstance(value, dict)
    assert list(value) == OUTCOME_FIELDS
    assert_outcomes_valid([value])
    return value


def of_batch(verdict: Verdict, *records: str, lane: LaneKey = LANE, form: Form = PLAIN) -> list[Settled]:
    """Write the outcomes of a request with these records."""
    events = [event(name, offset=n, lane=lane) for n, name in enumerate(records or ("a",))]
    request = batch(*events, lane=lane)
    return OutcomeWriter(form).of_batch(Decided(request, verdict, request.events), TIMESTAMP)


def of_unfit(
    *, headers: Headers | None = None, form: Form = PLAIN, key: bytes | None = b"k", defect: Defect = DEFECT
) -> Settled:
    """Write the outcome of a message that is no event."""
    came = message(b"{", offset=7, key=key, headers=headers)
    return OutcomeWriter(form).of_unfit(came, ASSIGNMENT, Unfit(Result.INVALID, defect), TIMESTAMP)


def applied(**members: Any) -> Verdict:  # noqa: ANN401 - any field of a verdict
    """Build the verdict of an applied request."""
    return Verdict(Result.APPLIED, 200, 12.3456789, 3, **members)


def test_an_applied_event_has_every_field() -> None:
    """The whole outcome, as the contract's table has it."""
    request = batch(event("a", offset=0), event("b", offset=1))
    verdict = applied(checksum_verified=True, confirmed=True, versions={"a": 7})
    first, second = OutcomeWriter(PLAIN).of_batch(Decided(request, verdict, request.events), TIMESTAMP)
    assert read(first) == {
        "specVersion": 1,
        "eventType": "cxone.delta.executed",
        "status": "SUCCESS",
        "result": "APPLIED",
        "executed": True,
        "confirmed": True,
        "dataStoreId": "people",
        "recordId": "a",
        "version": 7,
        "batchId": request.batch_id,
        "batchSize": 2,
        "checksum": request.checksum,
        "checksumVerified": True,
        "latencyMs": 12.346,
        "attempts": 3,
        "timestamp": TIMESTAMP,
        "source": {"topic": "deltas", "partition": 0, "offset": 0, "timestampMs": 1_790_000_000_000},
        "supersededBy": None,
        "error": None,
    }
    assert (read(second)["recordId"], read(second)["version"], read(second)["source"]["offset"]) == ("b", None, 1)


def test_an_invalid_message_has_every_field_too() -> None:
    """What is unknown is null; nothing was sent, so nothing of a request is named."""
    defect = Defect(ErrorCode.FIELDS_INVALID, "the value is too long", "/fields/a~1b")
    unfit = Unfit(Result.INVALID, defect, "people", "r1")
    settled = OutcomeWriter(PLAIN).of_unfit(message(b"{", offset=9, timestamp_ms=None), ASSIGNMENT, unfit, TIMESTAMP)
    assert read(settled) == {
        "specVersion": 1,
        "eventType": "cxone.delta.executed",
        "status": "FAILED",
        "result": "INVALID",
        "executed": False,
        "confirmed": False,
        "dataStoreId": "people",
        "recordId": "r1",
        "version": None,
        "batchId": None,
        "batchSize": None,
        "checksum": None,
        "checksumVerified": False,
        "latencyMs": None,
        "attempts": None,
        "timestamp": TIMESTAMP,
        "source": {"topic": "deltas", "partition": 0, "offset": 9, "timestampMs": None},
        "supersededBy": None,
        "error": {
            "code": "fields_invalid",
            "message": "the value is too long",
            "path": "/fields/a~1b",
            "httpStatus": None,
        },
    }


@pytest.mark.parametrize(
    ("verdict", "result", "status", "executed"),
    [
        (Result.APPLIED, Result.APPLIED, "SUCCESS", True),
        (Result.APPLIED, Result.SKIPPED_STALE, "SUCCESS", True),
        (Result.APPLIED, Result.ALREADY_APPLIED, "SUCCESS", True),
        (Result.CONFLICT, Result.ALREADY_APPLIED, "SUCCESS", False),
        (Result.CONFLICT, Result.CONFLICT, "FAILED", False),
        (Result.REJECTED, Result.REJECTED, "FAILED", False),
        (Result.INTEGRITY, Result.INTEGRITY, "FAILED", True),
    ],
)
def test_executed_means_answered_as_applied(
    verdict: Result,
    result: Result,
    status: str,
    executed: bool,  # noqa: FBT001 - a parameter
) -> None:
    """It is said of the request, not of the record: one that was refused carried nothing out, whatever is stored."""
    defect = Defect(ErrorCode.VERSION_CONFLICT, "no", None, 409)
    rulings = {"a": Ruling(result, None if result.succeeded else defect, 4, confirmed=True)}
    value = read(of_batch(Verdict(verdict, 200, 1.0, 1, defect, rulings=rulings))[0])
    assert (value["status"], value["result"], value["executed"]) == (status, result, executed)
    assert (value["error"] is None) == (status == "SUCCESS")


def test_an_error_has_code_message_path_and_status() -> None:
    """All four, also where they are null."""
    defect = Defect(ErrorCode.NOT_FOUND, "The API does not know it.", None, 404)
    value = read(of_batch(Verdict(Result.REJECTED, 404, 1.0, 1, defect))[0])
    assert value["error"] == {
        "code": "not_found",
        "message": "The API does not know it.",
        "path": None,
        "httpStatus": 404,
    }


def test_a_record_with_a_ruling_of_its_own_differs_from_its_request() -> None:
    """Result, version and evidence are its own; the others have the request's."""
    rulings = {
        "b": Ruling(Result.SKIPPED_STALE, None, 9, confirmed=True),
        "c": Ruling(Result.ALREADY_APPLIED, None, 4, confirmed=True),
    }
    verdict = applied(rulings=rulings, versions={"a": 3}, checksum_verified=True)
    outcomes = [read(settled) for settled in of_batch(verdict, "a", "b", "c", "d")]
    assert [(each["result"], each["version"], each["confirmed"]) for each in outcomes] == [
        ("APPLIED", 3, True),
        ("SKIPPED_STALE", 9, True),
        ("ALREADY_APPLIED", 4, True),
        ("APPLIED", None, False),
    ]
    assert {(each["executed"], each["checksumVerified"], each["error"]) for each in outcomes} == {(True, True, None)}


def test_the_records_of_a_conflict_have_rulings_of_their_own() -> None:
    """Error and dead letter too: what was applied before is no failure, and nothing of the request was executed."""
    gone = Defect(ErrorCode.CONFLICT_AMBIGUOUS, "changed since", None, 409)
    rulings = {
        "a": Ruling(Result.ALREADY_APPLIED, None, 4, confirmed=True),
        "b": Ruling(Result.CONFLICT, gone, None, confirmed=False),
    }
    refused = Verdict(Result.CONFLICT, 409, 1.0, 1, DEFECT, rulings=rulings)
    a, b, c = (read(settled) for settled in of_batch(refused, "a", "b", "c"))
    assert [(each["result"], each["version"], each["confirmed"]) for each in (a, b, c)] == [
        ("ALREADY_APPLIED", 4, True),
        ("CONFLICT", None, False),
        ("CONFLICT", None, False),
    ]
    codes = [each["error"] and each["error"]["code"] for each in (a, b, c)]
    assert codes == [None, "conflict_ambiguous", DEFECT.code]
    assert {each["executed"] for each in (a, b, c)} == {False}
    letters = of_batch(refused, "a", "b", "c", form=WITH_LETTERS)
    assert [each.dead_letter is not None for each in letters] == [False, True, True]


def test_only_the_decided_events_have_outcomes() -> None:
    """The others of their request go again, or are read back first; the size is that of the request all the same."""
    request = batch(event("a"), event("b"))
    (settled,) = OutcomeWriter(PLAIN).of_batch(Decided(request, applied(), request.events[1:]), TIMESTAMP)
    assert (read(settled)["recordId"], read(settled)["batchSize"]) == ("b", 2)
    assert OutcomeWriter(PLAIN).of_batch(Decided(request, applied(), ()), TIMESTAMP) == []


def test_partitions_may_change_within_a_batch() -> None:
    """Each outcome names its own place."""
    moved = event("b", offset=1, assignment=Assignment(TopicPartition("others", 3), 1))
    request = batch(event("a"), moved, event("c", offset=2))
    settled = OutcomeWriter(PLAIN).of_batch(Decided(request, applied(), request.events), TIMESTAMP)
    places = [(read(each)["source"]["topic"], read(each)["source"]["partition"]) for each in settled]
    assert places == [("deltas", 0), ("others", 3), ("deltas", 0)]


def test_an_event_that_was_given_up_has_no_request() -> None:
    """`ABANDONED`: nothing of a request is named, its record is released, and it can be replayed."""
    defect = Defect(ErrorCode.GIVEN_UP, "held for too long")
    waiting = event("a", offset=3)
    settled = OutcomeWriter(WITH_LETTERS).of_given_up(waiting, defect, TIMESTAMP)
    value = read(settled)
    assert (value["result"], value["executed"], value["confirmed"]) == ("ABANDONED", False, False)
    assert (value["batchId"], value["attempts"], value["version"]) == (None, None, None)
    assert (value["dataStoreId"], value["recordId"], value["error"]["code"]) == ("people", "a", "given_up")
    assert (settled.record_key, settled.offset, settled.size_bytes) == (waiting.record_key, 3, waiting.size_bytes)
    assert settled.dead_letter is not None


def test_a_record_is_confirmed_by_its_name_or_by_the_checksum() -> None:
    """Named without a version counts as named; nothing at all confirms nothing."""
    named = applied(versions={"a": None})
    assert [read(each)["confirmed"] for each in of_batch(named, "a", "b")] == [True, False]
    assert [read(each)["confirmed"] for each in of_batch(applied(confirmed=True), "a", "b")] == [True, True]


AWKWARD = [
    "100%",
    "%s %(x)d %b %%",
    'say "hi"',
    "back\\slash",
    "tab\tline\nnull\0",
    "\u00e9\U0001f600\u2028",
    "{}",
    "'",
]


@pytest.mark.parametrize("name", AWKWARD)
def test_no_character_breaks_an_outcome(name: str) -> None:
    """Percent signs, quotes and control characters in ids and messages come out as they went in."""
    lane = LaneKey(name, LANE.update_type, LANE.conflict_resolution)
    defect = Defect(ErrorCode.RECORD_REFUSED, name, f"/{name}", 400)
    for value in (
        read(of_batch(Verdict(Result.REJECTED, 400, 1.0, 1, defect), name, lane=lane)[0]),
        read(
            OutcomeWriter(PLAIN).of_unfit(message(), ASSIGNMENT, Unfit(Result.INVALID, defect, name, name), TIMESTAMP)
        ),
    ):
        assert (value["dataStoreId"], value["recordId"]) == (name, name)
        assert (value["error"]["message"], value["error"]["path"]) == (name, f"/{name}")


def test_over_long_ids_are_cut() -> None:
    """A hostile id does not make the outcome large."""
    unfit = Unfit(Result.INVALID, DEFECT, "d" * 10_000, "\U0001f600" * 10_000)
    settled = OutcomeWriter(PLAIN).of_unfit(message(), ASSIGNMENT, unfit, TIMESTAMP)
    value = read(settled)
    assert (value["dataStoreId"], value["recordId"]) == ("d" * 256, "\U0001f600" * 256)
    assert len(settled.value) < 4_096


def test_an_outcome_knows_what_its_commit_releases() -> None:
    """Assignment, offset, record and size go with it, in the order of the batch."""
    events = [event("b", offset=4), event("a", offset=2)]
    settled = OutcomeWriter(PLAIN).of_batch(decided(Result.APPLIED, *events), TIMESTAMP)
    assert [(each.assignment, each.offset, each.record_key, each.size_bytes, each.result) for each in settled] == [
        (each.assignment, each.message.offset, each.record_key, each.size_bytes, Result.APPLIED) for each in events
    ]
    unfit = of_unfit()
    assert (unfit.assignment, unfit.offset, unfit.record_key, unfit.result) == (ASSIGNMENT, 7, None, Result.INVALID)


def test_the_source_is_the_input() -> None:
    """Topic, partition, offset and time of the message, whatever the topic is called."""
    came = message(partition=TopicPartition("a.b_c-d", 12), offset=2**62, timestamp_ms=-1)
    settled = OutcomeWriter(PLAIN).of_unfit(came, ASSIGNMENT, Unfit(Result.INVALID, DEFECT), TIMESTAMP)
    assert read(settled)["source"] == {"topic": "a.b_c-d", "partition": 12, "offset": 2**62, "timestampMs": -1}
