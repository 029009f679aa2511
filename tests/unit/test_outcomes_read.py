"""An outcome read back: what the service writes has its types, and the filters take what they say."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from stream.codes import ErrorCode
from stream.intake import Unfit
from stream.model import Decided, Defect, Headers, Message, Result, Settled, TopicPartition, Verdict
from stream.outcome import Form, OutcomeWriter
from stream.outcomes import Failure, Published, Source, Wanted, moment_ms, read_published

from ..builders import ASSIGNMENT, TIMESTAMP, batch, event, message

TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OTHER_TRACE = TRACE.replace(b"0af7", b"1111")
NOW_MS = 1_795_400_000_000
DEFECT = Defect(ErrorCode.FIELDS_INVALID, "the value is too long", "/fields/a", None)


def published(settled: Settled, published_ms: int | None = NOW_MS, headers: Headers | None = None) -> Published | None:
    """Read what the service's writer wrote, as it comes back from the outcome topic."""
    place = TopicPartition("cxone.outcomes", 3)
    return read_published(Message(place, 17, published_ms, settled.key, settled.value, headers or settled.headers))


def applied() -> Published:
    """Read the outcome of an applied event."""
    request = batch(event("a", offset=5))
    verdict = Verdict(Result.APPLIED, 200, 12.0, 3, versions={"a": 7}, confirmed=True)
    (settled,) = OutcomeWriter(Form("g", cloudevents=False, dead_letters=False)).of_batch(
        Decided(request, verdict, request.events), TIMESTAMP
    )
    read = published(settled)
    assert read is not None
    return read


def invalid() -> Published:
    """Read the outcome of a message that is no event."""
    unfit = Unfit(Result.INVALID, DEFECT, "people", "r1")
    writer = OutcomeWriter(Form("g", cloudevents=False, dead_letters=False))
    read = published(writer.of_unfit(message(b"{", offset=9, timestamp_ms=None), ASSIGNMENT, unfit, TIMESTAMP))
    assert read is not None
    return read


def test_an_outcome_is_read_as_it_was_written() -> None:
    """Every field by its name and type, and where it stands; the value's own bytes are kept."""
    read = applied()
    outcome = read.outcome
    assert (read.partition, read.offset, read.published_ms) == (3, 17, NOW_MS)
    assert (outcome.status, outcome.result, outcome.executed, outcome.confirmed) == ("SUCCESS", "APPLIED", True, True)
    assert (outcome.data_store_id, outcome.record_id, outcome.version) == ("people", "a", 7)
    assert (outcome.batch_size, outcome.latency_ms, outcome.attempts, outcome.timestamp) == (1, 12.0, 3, TIMESTAMP)
    assert outcome.source == Source("deltas", 0, 5, 1_790_000_000_000)
    assert str(outcome.source) == "deltas/0/5"
    assert outcome.error is None
    assert orjson.loads(read.value)["recordId"] == "a"


def test_a_failure_is_read_with_its_error() -> None:
    """Code, message and path; what is unknown is None."""
    outcome = invalid().outcome
    assert outcome.error == Failure("fields_invalid", "the value is too long", "/fields/a", None)
    assert (outcome.batch_id, outcome.version, outcome.source.timestamp_ms) == (None, None, None)


@pytest.mark.parametrize(
    "value",
    [None, b"", b"{", b"[]", b'{"specVersion":1}', b"\xff", b"[" * 100_000],
    ids=["null", "empty", "broken", "list", "half", "bytes", "deep"],
)
def test_what_is_no_outcome_is_none(value: bytes | None) -> None:
    """Whatever else stands in the topic is told apart, and never raises."""
    assert read_published(Message(TopicPartition("o", 0), 0, None, None, value, None)) is None


@pytest.mark.parametrize(("name", "value"), [("specVersion", 2), ("attempts", "3"), ("executed", 1), ("source", None)])
def test_another_version_and_another_type_are_no_outcome(name: str, value: object) -> None:
    """A number written as a text is not taken for a number."""
    document = orjson.loads(applied().value) | {name: value}
    came = Message(TopicPartition("o", 0), 0, None, None, orjson.dumps(document), None)
    assert read_published(came) is None


def test_a_field_of_a_later_release_is_passed_over() -> None:
    """A newer service may say more; what is known is read all the same."""
    document = orjson.loads(applied().value) | {"more": {"than": "today"}}
    came = Message(TopicPartition("o", 0), 0, None, None, orjson.dumps(document), None)
    read = read_published(came)
    assert read is not None
    assert read.outcome == applied().outcome


@pytest.mark.parametrize(
    ("headers", "batch_trace", "event_trace"),
    [
        ([("traceparent", TRACE)], TRACE, TRACE),
        ([("traceparent", TRACE), ("ce_traceparent", OTHER_TRACE)], TRACE, OTHER_TRACE),
        ([("traceparent", b"junk"), ("ce_traceparent", None)], None, None),
        ([("traceparent", b"\xff" * 55)], None, None),
        ([], None, None),
    ],
)
def test_traces_are_named(headers: Headers, batch_trace: bytes | None, event_trace: bytes | None) -> None:
    """The batch's trace and the event's own, where the outcome carries them."""
    read = applied()._replace(headers=headers)
    assert read.batch_trace_id == (batch_trace and batch_trace[3:35].decode())
    assert read.event_trace_id == (event_trace and event_trace[3:35].decode())


EVERYTHING = Wanted(
    results={"INVALID"},
    codes={"fields_invalid"},
    datastore_ids={"people"},
    record_ids={"r1"},
    failed=True,
    since_ms=NOW_MS,
    until_ms=NOW_MS + 1,
)


def test_no_filter_takes_every_outcome() -> None:
    """Nothing asked for means everything."""
    assert applied() in Wanted()
    assert invalid() in Wanted()


@pytest.mark.parametrize(
    "spoiled",
    [
        replace(EVERYTHING, results=frozenset({"REJECTED"})),
        replace(EVERYTHING, codes=frozenset({"not_json"})),
        replace(EVERYTHING, datastore_ids=frozenset({"other"})),
        replace(EVERYTHING, record_ids=frozenset({"r"})),
        replace(EVERYTHING, since_ms=NOW_MS + 1),
        replace(EVERYTHING, until_ms=NOW_MS),
    ],
)
def test_each_filter_alone_can_refuse(spoiled: Wanted) -> None:
    """All parts must hold; the times are the half-open interval [since, until)."""
    assert invalid() in EVERYTHING
    assert invalid() not in spoiled


def test_a_success_is_no_failure_and_has_no_code() -> None:
    """`failed` and a code each leave successes out."""
    assert applied() not in Wanted(failed=True)
    assert applied() not in Wanted(codes=frozenset({"fields_invalid"}))
    assert applied() in Wanted(results=frozenset({"APPLIED", "IGNORED"}))


@pytest.mark.parametrize(
    ("text", "meant_ms"),
    [
        ("90s", NOW_MS - 90_000),
        ("15m", NOW_MS - 900_000),
        (" 2h ", NOW_MS - 7_200_000),
        ("7d", NOW_MS - 604_800_000),
        ("999999999w", 0),
        ("2026-11-23", 1_795_392_000_000),
        ("2026-11-23T00:00:00Z", 1_795_392_000_000),
        ("2026-11-23T01:00:00+01:00", 1_795_392_000_000),
        ("1960-01-01", 0),
    ],
)
def test_moments_as_people_write_them(text: str, meant_ms: int) -> None:
    """A duration before now, or a date or time, in UTC unless it says otherwise."""
    assert moment_ms(text, NOW_MS) == meant_ms


@pytest.mark.parametrize("text", ["", "yesterday", "5", "-5m", "5 m", "1.5h", "2026-13-01", "9999999999h"])
def test_other_texts_are_no_moment(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match="neither a duration as 15m"):
        moment_ms(text, NOW_MS)
