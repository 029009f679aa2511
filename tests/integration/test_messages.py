"""Messages that are no event beside good ones: outcomes, dead letters, keys and headers, byte for byte."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from ..harness.feed import Feed
from ..harness.stage import Layout, Stage
from ..harness.topics import Record, read_to_end
from .message_cases import BAD, GOOD, MARK, MAX_DEAD_LETTER_BYTES, ODD_HEADERS, TRACE_PARENT, Case

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stream.sandbox.kafka import Kafka

    from ..conftest import TopicFactory
    from ..harness.service import Service

ALL = {**BAD, **GOOD}
TRACE_HEADERS = {"traceparent", "tracestate"}


@dataclass(frozen=True, slots=True)
class Run:
    """What went in and came out, each by the name of its case."""

    stage: Stage
    service: Service
    inputs: dict[str, Record]
    outcomes: dict[str, Record]
    letters: dict[str, Record]


@pytest.fixture(scope="module")
def run(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """All messages of `message_cases` through one service with CloudEvents and a narrow dead letter topic."""
    layout = Layout(dead_letters={"max.message.bytes": str(MAX_DEAD_LETTER_BYTES)})
    with Stage(kafka.bootstrap_servers, tmp_path_factory.mktemp("messages"), layout) as stage:
        for case in ALL.values():
            stage.feed.send(case.value, case.key, list(case.headers), partition=1)
        stage.feed.flush()
        service = stage.start(STREAM_CLOUDEVENTS="true", STREAM_LOG_LEVEL="debug")
        stage.await_all_committed()
        stage.assert_exactly_once()
        stage.assert_requests_sound()
        inputs = dict(zip(ALL, stage.records(), strict=True))
        names = {record.offset: name for name, record in inputs.items()}
        outcomes = {names[each.json["source"]["offset"]]: each for each in stage.outcomes()}
        letters = {names[int(each.named["__connect.errors.offset"] or b"")]: each for each in stage.dead_letters()}
        assert len(stage.dead_letters()) == len(letters)
        yield Run(stage, service, inputs, outcomes, letters)


@pytest.mark.parametrize(("name", "case"), ALL.items(), ids=ALL)
def test_outcome_of_each_message(run: Run, name: str, case: Case) -> None:
    """Every field is there; a message that is no event tells why, and one bad message spoils no good one."""
    outcome, record = run.outcomes[name].json, run.inputs[name]
    assert outcome["result"] == case.result
    assert outcome["status"] == ("FAILED" if case.code else "SUCCESS")
    assert outcome["source"] == {
        "topic": run.stage.input,
        "partition": 1,
        "offset": record.offset,
        "timestampMs": record.timestamp_ms,
    }
    assert outcome["supersededBy"] is None
    if case.code is None:
        assert (outcome["executed"], outcome["confirmed"], outcome["version"]) == (True, True, 1)
        assert (outcome["dataStoreId"], outcome["recordId"]) == ("s", case_id(case))
        assert outcome["error"] is None


@pytest.mark.parametrize(("name", "case"), BAD.items(), ids=BAD)
def test_why_a_message_is_no_event(run: Run, name: str, case: Case) -> None:
    """The error has a code of the closed list and a pointer; what was never sent has no batch and was not executed."""
    outcome = run.outcomes[name].json
    assert outcome["error"].keys() == {"code", "message", "path", "httpStatus"}
    assert (outcome["error"]["code"], outcome["error"]["path"]) == (case.code, case.path)
    assert outcome["error"]["message"]
    assert (outcome["dataStoreId"], outcome["recordId"]) == (case.datastore_id, case.record_id)
    for field in ("batchId", "batchSize", "checksum", "latencyMs", "attempts", "version"):
        assert outcome[field] is None
    assert (outcome["executed"], outcome["confirmed"], outcome["checksumVerified"]) == (False, False, False)


@pytest.mark.parametrize(("name", "case"), BAD.items(), ids=BAD)
def test_dead_letter_of_each_bad_message(run: Run, name: str, case: Case) -> None:
    """A dead letter is the input byte for byte, headers in their order, and then why it failed."""
    letter, record = run.letters[name], run.inputs[name]
    why: list[tuple[str, bytes | None]] = [
        ("__connect.errors.topic", run.stage.input.encode()),
        ("__connect.errors.partition", b"1"),
        ("__connect.errors.offset", b"%d" % record.offset),
        ("__connect.errors.stage", b"VALUE_CONVERTER"),
        ("__connect.errors.class.name", b"cxone-delta-stream"),
        ("__connect.errors.exception.class.name", case.result.encode()),
        ("__connect.errors.exception.message", run.outcomes[name].json["error"]["message"].encode()),
        ("__cxone.result", case.result.encode()),
        ("__cxone.code", (case.code or "").encode()),
    ]
    if not case.is_copied:
        assert (letter.key, letter.value) == (None, None)
        assert letter.headers == [*why, ("__cxone.value.omitted", b"size")]
    else:
        assert (letter.key, letter.value) == (record.key, record.value)
        assert letter.headers == [*record.headers, *why]


def test_odd_headers_came_through_kafka(run: Run) -> None:
    """The copied headers are those that were meant: one name twice, null, bytes, none of them lost on the way in."""
    assert run.letters["odd headers and no key"].headers[: len(ODD_HEADERS)] == ODD_HEADERS


def test_good_events_have_no_dead_letter(run: Run) -> None:
    """Only what failed is copied."""
    assert run.letters.keys() == BAD.keys()


@pytest.mark.parametrize(("name", "case"), ALL.items(), ids=ALL)
def test_key_of_each_outcome(run: Run, name: str, case: Case) -> None:
    """An outcome has its input's key, byte for byte; without one, or with one above 64 KiB, its input's position."""
    position = f"{run.stage.input}/1/{run.inputs[name].offset}".encode()
    assert run.outcomes[name].key == (position if name in ("no key", "huge key") or case.key is None else case.key)


def test_outcomes_lie_where_the_java_clients_would_put_them(run: Run, kafka: Kafka, make_topic: TopicFactory) -> None:
    """Each outcome stands in the partition that `murmur2_random` gives its key."""
    topic = make_topic("partitioner", 4)
    oracle = Feed(kafka.bootstrap_servers, topic)
    for outcome in run.outcomes.values():
        oracle.send(outcome.value, outcome.key)
    oracle.flush()
    expected = {(each.key, each.value): each.partition for each in read_to_end(kafka.bootstrap_servers, topic)}
    keyed = {key: partition for key, partition in expected.items() if key[0]}  # an empty key goes anywhere
    assert {(each.key, each.value): each.partition for each in run.outcomes.values() if each.key} == keyed
    assert len(set(keyed.values())) > 1


def test_trace_context_goes_along_where_it_is_well_formed(run: Run) -> None:
    """A W3C trace context is handed on as it came; a malformed one, and any other header, stops here."""
    assert {"traceparent": TRACE_PARENT, "tracestate": b"a=1,b=2"}.items() <= run.outcomes["traced"].named.items()
    for name in ALL.keys() - {"traced"}:
        assert not TRACE_HEADERS & run.outcomes[name].named.keys()
    assert "schlüssel" not in run.outcomes["odd headers and no key"].named


@pytest.mark.parametrize("name", ALL)
def test_cloudevents_headers(run: Run, name: str) -> None:
    """With `STREAM_CLOUDEVENTS` each outcome is a CloudEvent in binary mode, whose id is the input's position."""
    outcome = run.outcomes[name]
    assert {header: text for header, text in outcome.named.items() if header not in TRACE_HEADERS} == {
        "content-type": b"application/json",
        "ce_specversion": b"1.0",
        "ce_id": f"{run.stage.input}/1/{run.inputs[name].offset}".encode(),
        "ce_type": b"cxone.delta.executed",
        "ce_source": f"/kafka/{run.stage.group}".encode(),
        "ce_time": outcome.json["timestamp"].encode(),
    }


def test_no_value_of_a_field_is_told(run: Run) -> None:
    """Log, audit and outcomes name records and never what stands in their fields."""
    assert sum(MARK.encode() in (each.value or b"") for each in run.inputs.values()) >= 4
    for text in (run.service.log_file.read_text(), run.service.audit_file.read_text(), repr(run.outcomes)):
        assert MARK not in text


def case_id(case: Case) -> str:
    """The record id of a good event."""
    return str(Record(0, 0, None, case.value, [], 0).json["id"])
