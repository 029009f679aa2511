"""Failed events sent again, on a real Kafka: a mistake in a schema, mended; kills; whatever else goes on meanwhile."""

from __future__ import annotations

import json
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Consumer
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import AdminClient

from stream.replayed import ATTEMPT, SOURCE
from stream.sandbox.faults import Fault
from stream.sandbox.kafka import create_topics

from ..harness.feed import Pace, Population
from ..harness.stage import Layout, Stage, source_of
from ..harness.topics import Reader
from ..harness.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stream.sandbox.kafka import Kafka

    from ..harness.service import Service
    from ..harness.topics import Record

NO_ACCOUNT: dict[str, str | None] = {"CXONE_BASE_URL": None, "CXONE_CLIENT_ID": None, "CXONE_CLIENT_SECRET": None}
RED = "store-0"
"""The datastore whose schema is wrong."""
DIALECT = "https://json-schema.org/draft/2020-12/schema"
WRONG, RIGHT = "string", "integer"
DONE_S = 60.0


class Theatre(Stage):
    """A stage with a schema that can be wrong, and replays."""

    def __init__(self, broker: str, directory: Path) -> None:
        super().__init__(broker, directory, Layout(partitions=2, dead_letters={}))
        self._schemas = directory
        self._numbers = count()
        self._group = Consumer({"bootstrap.servers": broker, "group.id": self.group})

    def serve(self, kind: str) -> Service:
        """Start the service with a schema that says of what type an event's number must be."""
        directory = self._schemas / f"schemas-{kind}"
        (directory / "datastores").mkdir(parents=True, exist_ok=True)
        schema = {"$schema": DIALECT, "type": "object", "properties": {"number": {"type": kind}}}
        (directory / "datastores" / f"{RED}.json").write_text(json.dumps(schema), encoding="utf-8")
        return self.start(kind, STREAM_SCHEMAS_DIR=str(directory))

    def begin_replay(self, *arguments: str, **settings: str | None) -> Service:
        """Start a replay, which needs no account."""
        program = ("-m", "stream", "replay", "--json", *arguments)
        return self.start(f"replay-{next(self._numbers)}", arguments=program, **NO_ACCOUNT, **settings)

    def replay(self, *arguments: str, exit_code: int = 0, **settings: str | None) -> dict[str, Any]:
        """Run a replay to its end, and return what it told."""
        service = self.begin_replay(*arguments, **settings)
        assert service.exit_code(DONE_S) == exit_code, service.tail()
        told: dict[str, Any] = json.loads(service.audit_file.read_bytes())
        return told

    def await_all_decided(self) -> None:
        """Wait until the group has decided all of the input; behind the last message there may be marks of replays."""
        self.feed.flush()
        ends: dict[int, int] = {}
        for record in self.records():
            ends[record.partition] = max(record.offset + 1, ends.get(record.partition, 0))
        wanted = [KafkaPartition(self.input, number) for number in ends]

        def is_decided() -> bool:
            return all(each.offset >= ends[each.partition] for each in self._group.committed(wanted, timeout=DONE_S))

        eventually(is_decided, DONE_S, "the group's offsets behind the last message")

    def close(self) -> None:
        """End everything."""
        self._group.close()
        super().close()

    def forget_input(self) -> None:
        """Let retention take all that stands in the input now."""
        admin = AdminClient({"bootstrap.servers": self.broker})
        ends = [KafkaPartition(self.input, number, end) for number, end in self.ends().items()]
        for done in admin.delete_records(ends).values():
            done.result(DONE_S)

    def make_input_anew(self, partitions: int) -> None:
        """Delete the input topic, and create one of its name."""
        admin = AdminClient({"bootstrap.servers": self.broker})
        for done in admin.delete_topics([self.input]).values():
            done.result(DONE_S)
        eventually(lambda: self.input not in admin.list_topics().topics, DONE_S, "the input topic gone")
        create_topics(self.broker, {self.input: partitions})

    def replays(self) -> list[Record]:
        """The messages of the input that were sent again."""
        return [record for record in self.records() if ATTEMPT in record.named]

    def firsts(self) -> dict[bytes | None, Record]:
        """The messages of the input that were not, by their position as text."""
        found = [record for record in self.records() if ATTEMPT not in record.named]
        return {f"{self.input}/{each.partition}/{each.offset}".encode(): each for each in found}

    def results(self) -> dict[tuple[int, int], str]:
        """What became of each message of the input."""
        return {source_of(each): each.json["result"] for each in self.outcomes()}

    def assert_newest_stored(self) -> None:
        """Hold that each record holds the newest event of its record, by the number that rises along the input."""
        wanted: dict[tuple[str, str], int] = {}
        for record in self.records():
            document = record.json
            key = (document["dataStoreId"], document["id"])
            wanted[key] = max(document["fields"]["number"], wanted.get(key, -1))
        stored = {(each.data_store_id, each.id): each.fields["number"] for each in self.sandbox.records.applied()}
        assert stored == wanted


@pytest.fixture
def theatre(kafka: Kafka, tmp_path: Path) -> Iterator[Theatre]:
    """Topics of two partitions and one of dead letters."""
    with Theatre(kafka.bootstrap_servers, tmp_path) as one:
        yield one


def test_a_mended_schema_and_a_replay_that_is_killed(theatre: Theatre) -> None:
    """Killed in the middle and run again beside a busy service: each failed event again once, each record right."""
    population = Population(datastores=2, records=3_000)
    theatre.feed.draw(population, 6_000)
    service = theatre.serve(WRONG)
    theatre.await_all_decided()
    service.terminate()
    assert service.exit_code(30.0) == 0
    failed = [place for place, result in theatre.results().items() if result == "INVALID"]
    assert len(failed) > 2_000
    theatre.serve(RIGHT)
    pace = Pace(theatre.feed, population, 200.0)
    again = Reader(theatre.broker, theatre.input)
    killed = theatre.begin_replay("--execute")
    eventually(lambda: any(ATTEMPT in each.named for each in again.records), DONE_S, "a first replayed message")
    assert killed.is_running
    killed.kill()
    again.close()
    told = theatre.replay("--execute")
    assert told["fates"]["replayed"] > 0
    assert told["fates"]["sent"] > 0
    pace.stop()
    theatre.await_all_decided()
    while (told := theatre.replay("--execute"))["fates"]["sent"]:
        theatre.await_all_decided()
    theatre.assert_exactly_once()
    theatre.assert_requests_sound()
    theatre.assert_newest_stored()
    replays = theatre.replays()
    assert len(replays) == len({record.named[SOURCE] for record in replays})
    assert {record.named[ATTEMPT] for record in replays} == {b"1"}
    results = theatre.results()
    assert {results[record.partition, record.offset] for record in replays} == {"APPLIED"}
    fates = told["fates"]
    assert fates["replayed"] + fates["superseded"] == len(failed) == sum(each["events"] for each in told["kinds"])


def test_a_replay_that_stood_still_is_fenced_off(theatre: Theatre) -> None:
    """One that is frozen in the middle finds, when it goes on, that another has taken over; nothing is sent twice."""
    theatre.feed.draw(Population(datastores=1, records=1_500), 1_500)
    service = theatre.serve(WRONG)
    theatre.await_all_decided()
    service.terminate()
    assert service.exit_code(DONE_S) == 0
    again = Reader(theatre.broker, theatre.input)
    frozen = theatre.begin_replay("--execute")
    eventually(lambda: any(ATTEMPT in each.named for each in again.records), DONE_S, "a first replayed message")
    frozen.freeze()
    again.close()
    told = theatre.replay("--execute")
    assert told["fates"]["replayed"] + told["fates"]["sent"] == 1_500
    assert told["fates"]["sent"] > 0
    frozen.thaw()
    assert frozen.exit_code(DONE_S) == 1
    assert "another replay of this group has begun" in frozen.tail()
    sent = [(record.named[SOURCE], record.named[ATTEMPT]) for record in theatre.replays()]
    assert len(sent) == len(set(sent)) == 1_500


def test_attempts_are_limited_and_a_dry_run_changes_nothing(theatre: Theatre) -> None:
    """A dry run writes nothing and foretells; attempts are counted on message and outcome, and there is no fourth."""
    for number in range(3):
        theatre.feed.send_event(RED, f"record-{number}")
    theatre.feed.send_event("store-1", "good")
    theatre.serve(WRONG)
    theatre.await_all_decided()
    before = theatre.ends()
    foretold = theatre.replay("--code", "fields_invalid", "--since", "1d")
    assert theatre.ends() == before
    assert foretold["kinds"] == [{"result": "INVALID", "code": "fields_invalid", "dataStoreId": RED, "events": 3}]
    assert theatre.replay("--record", "record-1")["fates"]["sent"] == 1
    assert theatre.replay("--until", "1d")["outcomesRead"] == 4
    for attempt in (1, 2, 3):
        assert theatre.replay("--execute")["fates"]["sent"] == 3
        theatre.await_all_decided()
        assert len(theatre.replays()) == 3 * attempt
    told = theatre.replay("--execute")
    assert (told["fates"]["exhausted"], told["fates"]["sent"]) == (3, 0)
    theatre.assert_exactly_once()
    replays = theatre.replays()
    assert [record.named[ATTEMPT] for record in replays].count(b"3") == 3
    back = {
        (each.json["source"]["partition"], each.json["source"]["offset"]): each.named for each in theatre.outcomes()
    }
    for record in replays:
        outcome = back[record.partition, record.offset]
        assert (outcome[SOURCE], outcome[ATTEMPT]) == (record.named[SOURCE], record.named[ATTEMPT])
    assert {record.named[SOURCE] for record in replays} < theatre.firsts().keys()


ODD: list[tuple[bytes | None, bytes | None, list[tuple[str, bytes | None]]]] = [
    (b"null value", None, []),
    (b"", b"", [("empty", b""), ("none", None)]),
    (None, b"{", [("twice", b"1"), ("twice", b"2"), ("__connect.errors.topic", b"of somebody else")]),
    (b"\xff\x00", b"\xff\x00", [("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]),
    (b"bad", b'{"dataStoreId":"store-0","id":"bad","fields":{}}', []),
]
"""Messages that fail, with whatever a message may have."""


def test_messages_go_back_byte_for_byte_from_the_input_or_from_dead_letters(theatre: Theatre) -> None:
    """Key, value and headers, in order, to the same partition; when they are gone everywhere that is said, exit 1."""
    for number, (key, value, headers) in enumerate(ODD):
        theatre.feed.send(value, key, headers, partition=number % 2)
    service = theatre.start()
    theatre.await_all_decided()
    assert theatre.replay("--execute")["fates"]["sent"] == len(ODD)
    theatre.await_all_decided()
    firsts, copies = theatre.firsts(), theatre.replays()
    _assert_copies(firsts, copies)
    theatre.forget_input()
    assert theatre.replay("--execute")["fates"]["sent"] == len(ODD)
    theatre.await_all_decided()
    from_letters = theatre.replays()
    _assert_copies(firsts, from_letters)
    assert {record.named[ATTEMPT] for record in from_letters} == {b"2"}
    theatre.forget_input()
    told = theatre.replay("--execute", KAFKA_DEAD_LETTER_TOPIC=None, exit_code=1)
    assert (told["fates"]["gone"], told["fates"]["sent"]) == (len(ODD), 0)
    assert len(told["gone"]) == len(ODD)
    assert theatre.replay("--allow-gone", KAFKA_DEAD_LETTER_TOPIC=None)["fates"]["gone"] == len(ODD)
    assert service.is_running


def test_events_of_a_former_topic_are_gone(theatre: Theatre) -> None:
    """A topic that was made anew takes none of its predecessor's events: they would not be known again, or be older."""
    for number in range(4):
        theatre.feed.send(b"{", f"record-{number}", partition=number % 2)
    service = theatre.start()
    theatre.await_all_decided()
    service.terminate()
    assert service.exit_code(DONE_S) == 0
    theatre.make_input_anew(partitions=1)
    theatre.feed.send(b"{", "another", partition=0)
    theatre.feed.flush()
    before = theatre.ends()
    told = theatre.replay("--execute", exit_code=1)
    assert theatre.ends() == before
    assert {name: count for name, count in told["fates"].items() if count} == {"gone": 3, "waiting": 1}
    theatre.start()
    theatre.await_all_decided()
    told = theatre.replay("--execute", exit_code=1)
    assert (told["fates"]["gone"], told["fates"]["sent"]) == (3, 1)


def _assert_copies(firsts: dict[bytes | None, Record], copies: list[Record]) -> None:
    assert {each.named[SOURCE] for each in copies} == firsts.keys()
    for copy in copies:
        first = firsts[copy.named[SOURCE]]
        assert (copy.partition, copy.key, copy.value) == (first.partition, first.key, first.value)
        assert copy.headers[:-2] == first.headers
        assert [name for name, _ in copy.headers[-2:]] == [SOURCE, ATTEMPT]


def test_what_was_executed_is_sent_again_only_when_asked_for(theatre: Theatre) -> None:
    """`INTEGRITY` is left out and counted, unless it is named; what a later event has overruled, unless forced."""
    theatre.sandbox.faults.add(Fault("checksum", next_requests=1))
    theatre.feed.send_event("store-1", "one", partition=0)
    theatre.start()
    theatre.await_all_decided()
    told = theatre.replay("--execute")
    assert (told["integrity"], told["fates"]["sent"]) == (1, 0)
    assert theatre.replay("--execute", "--result", "INTEGRITY")["fates"]["sent"] == 1
    theatre.await_all_decided()
    assert sorted(theatre.results().values()) == ["APPLIED", "INTEGRITY"]
    theatre.feed.send(b"{", "two", partition=0)
    theatre.feed.send_event("store-1", "two", partition=0)
    theatre.await_all_decided()
    assert theatre.replay("--execute", "--result", "INVALID")["fates"]["superseded"] == 1
    assert theatre.replay("--execute", "--result", "INVALID", "--force")["fates"]["sent"] == 1
