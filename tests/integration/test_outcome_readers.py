"""Reading outcomes from a real Kafka: `cxone-stream outcomes`, the example that people copy, and CloudEvents."""

from __future__ import annotations

import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.formats.json import JSONFormat
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from typer.testing import CliRunner

from stream.cli import app
from stream.clock import SystemClock
from stream.codes import ErrorCode
from stream.outcomes import OutcomeReader
from stream.remedies import REMEDY
from stream.settings import load_without_account

from ..harness.feed import event
from ..harness.service import ROOT
from ..harness.stage import Stage
from ..harness.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from stream.model import Headers
    from stream.sandbox.kafka import Kafka

    from ..conftest import TopicFactory
    from ..harness.topics import Record

TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
JUNK = b"no outcome"
COMMAND = (sys.executable, "-m", "stream", "outcomes")
EXAMPLE = ROOT / "docs" / "examples" / "keep_outcomes.py"


@dataclass(frozen=True, slots=True)
class Told:
    """Outcomes that are in a topic, beside junk, and copies that are aborted or undecided; nothing comes any more."""

    stage: Stage
    directory: Path
    outcomes: list[Record]

    def environ(self, **more: str) -> dict[str, str]:
        """What a reader is given: no account of the API."""
        environ = {name: text for name, text in self.stage.environ().items() if not name.startswith("CXONE_")}
        return {**environ, "PYTHONPATH": str(ROOT), **more}

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Call `cxone-stream outcomes`, to its end."""
        return subprocess.run(
            [*COMMAND, *arguments],
            cwd=self.directory,
            env=self.environ(**more),
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def lines(self, *arguments: str) -> list[dict[str, Any]]:
        """Call it for a program, in this process, which is quicker."""
        ended = CliRunner().invoke(app, ["outcomes", "--json", *arguments], env=self.environ(), catch_exceptions=False)
        assert ended.exit_code == 0
        return [orjson.loads(line) for line in ended.stdout.splitlines()]


@pytest.fixture(scope="module")
def told(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """Six events through one service with CloudEvents: four applied, three of one record, and two that fail."""
    directory = tmp_path_factory.mktemp("readers")
    with Stage(kafka.bootstrap_servers, directory) as stage:
        for number in range(3):
            headers: Headers = [("traceparent", TRACE), ("correlation-id", b"order-%d" % number), ("secret", b"s")]
            stage.feed.send(event("people", "ada", number), "ada", headers, partition=2)
        stage.feed.send(event("people", "bob", 3), "bob", partition=0)
        stage.feed.send(event("people", "ada", 4, version=9, conflictResolution="FAIL"), "ada", partition=2)
        stage.feed.send(b"{", "eve", partition=1)
        service = stage.start(STREAM_CLOUDEVENTS="true", STREAM_COPY_HEADERS="correlation-id")
        stage.await_all_committed()
        service.terminate()
        assert service.exit_code(20.0) == 0
        outcomes = stage.outcomes()
        assert len(outcomes) == 6
        undecided = _write_beside(stage, outcomes[0])
        yield Told(stage, directory, outcomes)
        undecided.abort_transaction(10)


def _write_beside(stage: Stage, outcome: Record) -> Producer:
    """Write what is no outcome, and copies of an outcome that are aborted, and that stay undecided.

    Returns:
        Whoever has the last transaction open.
    """
    plain = Producer({"bootstrap.servers": stage.broker, "log_level": 0})
    plain.produce(stage.outcome, JUNK, partition=0)
    plain.flush()
    writer = Producer({"bootstrap.servers": stage.broker, "transactional.id": f"{stage.group}.other", "log_level": 0})
    writer.init_transactions(10)
    for partition in (0, 1):
        writer.begin_transaction()
        writer.produce(stage.outcome, outcome.value, outcome.key, partition=partition)
        writer.flush()
        if partition == 0:
            writer.abort_transaction(10)
    return writer


def test_it_reads_what_is_committed_and_ends(told: Told) -> None:
    """Each outcome once, in the order of time, with its headers; what is no outcome is counted, no group is joined."""
    ended = told.run("--json", KAFKA_GROUP_ID=f"{told.stage.group}.reader")
    lines = [orjson.loads(line) for line in ended.stdout.splitlines()]
    in_order = sorted(told.outcomes, key=lambda each: (each.timestamp_ms, each.partition, each.offset))
    assert [line.pop("headers")["ce_specversion"] for line in lines] == ["1.0"] * 6
    assert lines == [each.json for each in in_order]
    assert ended.stderr == "6 of 6 outcomes; 1 other messages in the topic are no outcomes\n"
    groups = AdminClient({"bootstrap.servers": told.stage.broker}).list_consumer_groups().result(10.0)
    assert f"{told.stage.group}.reader" not in {group.group_id for group in groups.valid}


def test_each_filter_is_honoured(told: Told) -> None:
    """Failures, results, codes, datastores, records; all that are given must hold."""

    def offsets(*arguments: str) -> list[tuple[int, int]]:
        sources = [line["source"] for line in told.lines(*arguments)]
        return sorted((source["partition"], source["offset"]) for source in sources)

    assert offsets("--failed") == [(1, 0), (2, 3)]
    assert offsets("--result", "conflict", "--result", "INVALID", "--datastore", "people") == [(2, 3)]
    assert offsets("--code", "not_json") == [(1, 0)]
    assert offsets("--record", "bob") == [(0, 0)]


def test_since_seeks_by_time(told: Told) -> None:
    """A moment between two outcomes leaves the earlier ones unread; one in the future leaves nothing."""
    newest = max(told.outcomes, key=lambda each: each.timestamp_ms)
    settings = load_without_account(told.environ(), told.directory)
    chunks = list(OutcomeReader(settings.kafka, SystemClock()).read(newest.timestamp_ms))
    read = [each for chunk in chunks for each in chunk.published]
    assert (newest.partition, newest.offset) in {(each.partition, each.offset) for each in read}
    assert all(each.published_ms >= newest.timestamp_ms for each in read)
    assert len(told.lines("--since", "1h")) == 6
    assert told.run("--since", "2100-01-01").stderr.startswith("0 of 0 outcomes")


def test_one_record_has_its_story(told: Told) -> None:
    """Its events in their order: what became of each, in which batch and trace, and what to do about the failure."""
    story = told.run("--record", "ada", "--datastore", "people").stdout
    events = re.findall(r"^(\d)\. event \S+/2/(\d),.*\n   (\w+), version (\d),", story, re.MULTILINE)
    assert events == [
        ("1", "0", "APPLIED", "1"),
        ("2", "1", "APPLIED", "2"),
        ("3", "2", "APPLIED", "3"),
        ("4", "3", "CONFLICT", "3"),
    ]
    assert story.count(f"trace {TRACE[3:35].decode()}") == 3
    assert f"what to do: {REMEDY[ErrorCode.VERSION_CONFLICT]}" in story


def test_a_table_is_there_for_people(told: Told) -> None:
    """A head, and a row for each."""
    rows = told.run("--failed").stdout.splitlines()
    assert rows[0].split()[:2] == ["decided", "(UTC)"]
    assert [("CONFLICT" in row, "INVALID" in row) for row in rows[1:]].count((False, False)) == len(rows) - 3


def test_what_comes_later_is_followed(told: Told) -> None:
    """Past first, then each outcome as it comes, until Ctrl-C, which is no failure."""
    output = told.directory / "followed"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [*COMMAND, "--json", "--follow", "--record", "bob"], cwd=told.directory, env=told.environ(), stdout=file
        )
    try:
        eventually(lambda: output.read_bytes().count(b"\n") == 1, 30.0, "the past")
        bob = next(each.json for each in told.outcomes if each.json["recordId"] == "bob")
        plain = Producer({"bootstrap.servers": told.stage.broker, "log_level": 0})
        plain.produce(told.stage.outcome, orjson.dumps({**bob, "version": 77}), partition=3)
        plain.flush()
        eventually(lambda: output.read_bytes().count(b"\n") == 2, 30.0, "what came later")
        process.send_signal(signal.SIGINT)
        assert process.wait(20.0) == 0
    finally:
        process.kill()
    assert [orjson.loads(line)["version"] for line in output.read_bytes().splitlines()] == [1, 77]


def test_a_topic_that_is_not_there_is_told_and_not_made(told: Told) -> None:
    """One line on stderr that names the setting; the cluster would make the topic of its own accord."""
    with pytest.raises(subprocess.CalledProcessError) as failed:
        told.run(KAFKA_OUTCOME_TOPIC="not.there")
    assert failed.value.returncode == 1
    assert failed.value.stderr.startswith("cxone-stream: there is no topic not.there, ")
    assert failed.value.stderr.count("\n") == 1
    assert "not.there" not in AdminClient({"bootstrap.servers": told.stage.broker}).list_topics(timeout=10.0).topics


def test_an_outcome_is_a_cloud_event(told: Told) -> None:
    """The CloudEvents SDK reads each as one of binary mode, and finds every attribute valid."""
    for outcome in told.outcomes:
        headers = {name: value for name, value in outcome.headers if value is not None}
        found = from_binary(KafkaMessage(headers, outcome.key, outcome.value or b""), JSONFormat())
        source = outcome.json["source"]
        assert found.get_specversion() == "1.0"
        assert found.get_id() == f"{source['topic']}/{source['partition']}/{source['offset']}"
        assert (found.get_type(), found.get_source()) == ("cxone.delta.executed", f"/kafka/{told.stage.group}")
        moment = found.get_time()
        assert moment is not None
        assert moment == datetime.fromisoformat(outcome.json["timestamp"])
        assert found.get_datacontenttype() == "application/json"
        assert found.get_data() == outcome.json


def test_headers_that_are_named_are_on_the_outcome(told: Told) -> None:
    """A correlation id is found again, in Kafka and by the command; a header that nobody named is not."""
    copied = {
        each.json["source"]["offset"]: each.named.get("correlation-id") for each in told.outcomes if each.key == b"ada"
    }
    assert copied == {0: b"order-0", 1: b"order-1", 2: b"order-2", 3: None}
    lines = told.lines("--record", "ada", "--datastore", "people")
    assert [line["headers"].get("correlation-id") for line in lines] == ["order-0", "order-1", "order-2", None]
    assert not any("secret" in each.named for each in told.outcomes)


def test_the_example_keeps_each_outcome_once(told: Told, make_topic: TopicFactory) -> None:
    """Killed, and started again as a group that has read nothing, it reads all again and keeps nothing twice."""
    topic, path = make_topic("example"), told.directory / "kept.db"
    writer = Producer({"bootstrap.servers": told.stage.broker, "transactional.id": topic, "log_level": 0})
    writer.init_transactions(10)

    def write(outcomes: Iterable[dict[str, Any]], *, aborts: bool = False) -> None:
        writer.begin_transaction()
        for each in outcomes:
            writer.produce(topic, orjson.dumps(each))
        writer.flush()
        (writer.abort_transaction if aborts else writer.commit_transaction)(10)

    def kept() -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(path)) as database:
            if not database.execute("SELECT name FROM sqlite_master").fetchall():
                return []
            return database.execute("SELECT event, result, code FROM outcome ORDER BY event").fetchall()

    def has(outcome: dict[str, Any]) -> bool:
        return _kept(outcome) in kept()

    first = [each.json for each in told.outcomes]
    write(first)
    for number in (1, 2):
        last = {**first[0], "source": {**first[0]["source"], "offset": 1_000 + number}}
        write([{**last, "source": {**last["source"], "offset": 2_000 + number}}], aborts=True)
        write([last])
        first.append(last)
        environ = told.environ(KAFKA_OUTCOME_TOPIC=topic, GROUP_ID=f"{topic}.{number}")
        process = subprocess.Popen([sys.executable, str(EXAMPLE), str(path)], env=environ)
        try:
            eventually(partial(has, last), 30.0, "the last one kept")
        finally:
            process.kill()
            process.wait()
        assert kept() == sorted(map(_kept, first))


def _kept(outcome: dict[str, Any]) -> tuple[str, str, str | None]:
    """What the example keeps of an outcome."""
    event_of = "{topic}/{partition}/{offset}".format(**outcome["source"])
    return event_of, outcome["result"], outcome["error"] and outcome["error"]["code"]
