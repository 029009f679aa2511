"""Outcomes of any event and any verdict: valid JSON, all fields, in order."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from stream.codes import ErrorCode
from stream.intake import Unfit
from stream.model import Decided, Defect, LaneKey, Message, Result, Ruling, Settled, TopicPartition, Verdict
from stream.outcome import MAX_KEY_BYTES, Form, OutcomeWriter
from stream.payload import build
from stream.validate import pointer

from ..builders import ASSIGNMENT, DEFAULTS, OUTCOME_FIELDS, TIMESTAMP, event, intake
from ..outcome_schema import assert_outcomes_valid

texts = st.one_of(st.text(max_size=12), st.sampled_from(["%", "%s", "%%b", '"', "\\", "\u2028", "\0"]))
maybe_bytes = st.one_of(st.none(), st.binary(max_size=20))
headers = st.one_of(
    st.none(),
    st.lists(st.tuples(st.one_of(st.sampled_from(["traceparent", "tracestate"]), texts), maybe_bytes), max_size=4),
)
messages = st.builds(
    Message,
    partition=st.builds(TopicPartition, st.from_regex(r"[a-zA-Z0-9._-]{1,20}", fullmatch=True), st.integers(0, 10**6)),
    offset=st.integers(0, 2**63 - 1),
    timestamp_ms=st.one_of(st.none(), st.integers(-1, 2**45)),
    key=maybe_bytes,
    value=maybe_bytes,
    headers=headers,
)
defects = st.builds(
    Defect,
    code=st.sampled_from(ErrorCode),
    message=texts,
    path=st.one_of(st.none(), st.lists(texts, max_size=3).map(lambda path: pointer([*path]))),
    http_status=st.one_of(st.none(), st.integers(100, 999)),
)
forms = st.builds(Form, group_id=texts, cloudevents=st.booleans(), dead_letters=st.booleans())
versions = st.dictionaries(st.sampled_from(["a", "b%", 'c"']), st.one_of(st.none(), st.integers(-(2**63), 2**64 - 1)))
rulings = st.dictionaries(
    st.sampled_from(["a", "b%", 'c"']),
    st.builds(
        Ruling,
        result=st.sampled_from([Result.SKIPPED_STALE, Result.ALREADY_APPLIED]),
        defect=st.none(),
        version=st.one_of(st.none(), st.integers(-(2**63), 2**64 - 1)),
        confirmed=st.booleans(),
    ),
)
successes = st.builds(
    Verdict,
    result=st.just(Result.APPLIED),
    http_status=st.one_of(st.none(), st.integers(200, 204)),
    latency_ms=st.floats(0.0, 1e9),
    attempts=st.integers(1, 10**9),
    defect=st.none(),
    checksum_verified=st.booleans(),
    confirmed=st.booleans(),
    versions=st.one_of(st.none(), versions),
    rulings=st.one_of(st.none(), rulings),
)
failures = st.builds(
    Verdict,
    result=st.sampled_from([Result.CONFLICT, Result.REJECTED, Result.INTEGRITY]),
    http_status=st.one_of(st.none(), st.integers(400, 599)),
    latency_ms=st.floats(0.0, 1e9),
    attempts=st.integers(1, 10**9),
    defect=defects,
)


def check(settled: Settled, message: Message, form: Form) -> dict[str, object]:
    """Hold an outcome to what is true of all; return its value."""
    value = json.loads(settled.value)
    assert isinstance(value, dict)
    assert list(value) == OUTCOME_FIELDS
    assert_outcomes_valid([value])
    assert (value["specVersion"], value["eventType"], value["timestamp"]) == (1, "cxone.delta.executed", TIMESTAMP)
    assert value["status"] == ("SUCCESS" if Result(value["result"]).succeeded else "FAILED")
    assert (value["error"] is None) == (value["status"] == "SUCCESS")
    assert type(value["executed"]) is type(value["confirmed"]) is type(value["checksumVerified"]) is bool
    assert value["source"] == {
        "topic": message.partition.topic,
        "partition": message.partition.partition,
        "offset": message.offset,
        "timestampMs": message.timestamp_ms,
    }
    assert len(settled.key) <= MAX_KEY_BYTES
    names = [name for name, _ in settled.headers]
    assert names[0] == "content-type"
    assert ("ce_id" in names) == form.cloudevents
    letter = settled.dead_letter
    failed_unexecuted = value["status"] == "FAILED" and value["result"] != "INTEGRITY"
    assert (letter is not None) == (form.dead_letters and failed_unexecuted)
    if letter is not None:
        came = message.headers or []
        assert (letter.key, letter.value, letter.headers[: len(came)]) == (message.key, message.value, came)
    return value


@settings(max_examples=300)
@given(messages, st.sampled_from([Result.INVALID, Result.UNSUPPORTED]), defects, st.one_of(st.none(), texts), forms)
def test_any_unfit_message_has_a_whole_outcome(
    message: Message, result: Result, defect: Defect, name: str | None, form: Form
) -> None:
    """Whatever made it unfit and whatever its ids are, the outcome is whole."""
    unfit = Unfit(result, defect, name, name)
    value = check(OutcomeWriter(form).of_unfit(message, ASSIGNMENT, unfit, TIMESTAMP), message, form)
    assert (value["dataStoreId"], value["recordId"]) == (name, name)
    assert (
        value["batchId"] is value["batchSize"] is value["checksum"] is value["latencyMs"] is value["attempts"] is None
    )
    assert value["error"] == {
        "code": defect.code,
        "message": defect.message,
        "path": defect.path,
        "httpStatus": defect.http_status,
    }


@settings(max_examples=300)
@given(st.lists(messages, min_size=4, max_size=4), st.one_of(successes, failures), texts, forms)
def test_any_verdict_gives_each_event_a_whole_outcome(
    came: list[Message], verdict: Verdict, datastore_id: str, form: Form
) -> None:
    """One outcome for each event, in the batch's order, each with its own record, version and position."""
    lane = LaneKey(datastore_id, DEFAULTS.update_type, DEFAULTS.conflict_resolution)
    events = tuple(
        event(name, lane=lane)._replace(message=one) for name, one in zip(["a", "b%", 'c"', "d"], came, strict=True)
    )
    request = build("11111111-2222-4333-8444-555555555555", lane, events)
    outcomes = OutcomeWriter(form).of_batch(Decided(request, verdict, request.events), TIMESTAMP)
    for each, settled in zip(events, outcomes, strict=True):
        value = check(settled, each.message, form)
        found = verdict.versions or {}
        is_named = verdict.confirmed or each.record_id in found
        usual = Ruling(verdict.result, verdict.defect, found.get(each.record_id), is_named)
        ruling = (verdict.rulings or {}).get(each.record_id, usual)
        assert (value["recordId"], value["result"]) == (each.record_id, ruling.result)
        assert (value["version"], value["confirmed"]) == (ruling.version, ruling.confirmed)
        assert value["executed"] == (verdict.result in {Result.APPLIED, Result.INTEGRITY})
        assert (value["batchSize"], value["checksum"], value["attempts"]) == (4, request.checksum, verdict.attempts)
        assert isinstance(value["latencyMs"], float)


@given(messages)
def test_any_message_that_cannot_be_read_has_a_whole_outcome(message: Message) -> None:
    """From raw bytes to the outcome: nothing on the way raises."""
    form = Form("group", cloudevents=True, dead_letters=True)
    unfit = intake().read(message, ASSIGNMENT, 0.0, suspect=False)
    assert isinstance(unfit, Unfit)
    check(OutcomeWriter(form).of_unfit(message, ASSIGNMENT, unfit, TIMESTAMP), message, form)
