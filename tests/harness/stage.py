"""One consumer group's world: topics of its own on a broker, a CXone stand-in, and the processes started for it."""

from __future__ import annotations

import math
import os
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from confluent_kafka import Consumer, KafkaException, TopicPartition

from stream.sandbox.cxone import Sandbox, SandboxOptions
from stream.sandbox.kafka import create_topics
from stream.sandbox.tokens import Credentials

from .feed import Feed, sent
from .service import RUN, Service
from .topics import Reader, Record, read_to_end
from .verify import Executed, Verdict, execution_verdict, outcome_breaches, request_breaches, told
from .waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

CREDENTIALS = Credentials("sandbox client", "p+a&s=s%2B/wörd =1")
"""With every character that a form must encode; each test proves that it works."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The topics of a stage: partitions of input and outcomes; properties of a dead letter topic, None for no such."""

    partitions: int = 4
    outcome_partitions: int = 4
    dead_letters: Mapping[str, str] | None = None


class Stage:
    """A stage for service processes; as a context manager it ends them, shows their logs and stops the stand-in."""

    def __init__(self, broker: str, directory: Path, layout: Layout | None = None) -> None:
        """Create the topics and start the stand-in.

        Args:
            broker: its address.
            directory: for logs.
            layout: of the topics.
        """
        layout = layout or Layout()
        self.broker = broker
        self.group = f"group-{uuid.uuid4().hex[:8]}"
        self.input, self.outcome, self.dead_letter = (f"{self.group}.{name}" for name in ("in", "out", "dead"))
        self._has_dead_letters = layout.dead_letters is not None
        create_topics(broker, {self.input: layout.partitions, self.outcome: layout.outcome_partitions})
        if layout.dead_letters is not None:
            create_topics(broker, {self.dead_letter: 1}, layout.dead_letters)
        self.sandbox = Sandbox(SandboxOptions(CREDENTIALS)).start()
        self.feed = Feed(broker, self.input)
        self.reader = Reader(broker, self.outcome)
        self._directory = directory
        self._services: list[Service] = []

    def environ(self, **settings: str | None) -> dict[str, str]:
        """The environment of a service; `settings` go over the usual ones, None takes one away."""
        environ: dict[str, str | None] = {
            "PATH": os.defpath,
            "CXONE_BASE_URL": self.sandbox.base_url,
            "CXONE_CLIENT_ID": CREDENTIALS.client_id,
            "CXONE_CLIENT_SECRET": CREDENTIALS.client_secret,
            "KAFKA_BOOTSTRAP_SERVERS": self.broker,
            "KAFKA_GROUP_ID": self.group,
            "KAFKA_INPUT_TOPIC": self.input,
            "KAFKA_OUTCOME_TOPIC": self.outcome,
            "KAFKA_SESSION_TIMEOUT_S": "6",
            "STREAM_BATCH_LINGER_MS": "20",
            "STREAM_LOG_FORMAT": "json",
            "STREAM_HTTP_ADDRESS": "off",
        }
        if self._has_dead_letters:
            environ["KAFKA_DEAD_LETTER_TOPIC"] = self.dead_letter
        return {name: text for name, text in (environ | settings).items() if text is not None}

    def start(self, name: str = "one", *, arguments: Sequence[str] = RUN, **settings: str | None) -> Service:
        """Start a process; a name used before appends to the same log."""
        service = Service(name, self.environ(**settings), self._directory, arguments)
        self._services.append(service)
        return service

    def await_outcomes(self, count: int, within_s: float = 30.0) -> None:
        """Wait until so many outcomes are committed."""
        eventually(lambda: len(self.reader) >= count, within_s, f"{count} outcomes")

    def await_all_committed(self, within_s: float = 60.0) -> None:
        """Wait until the group's committed offsets have reached the end of the input."""
        self.feed.flush()
        consumer = Consumer({"bootstrap.servers": self.broker, "group.id": self.group, "log_level": 0})
        try:
            eventually(lambda: self._is_committed(consumer), within_s, "the group's offsets at the end of the input")
        finally:
            consumer.close()

    def records(self) -> list[Record]:
        """Read the whole input."""
        return read_to_end(self.broker, self.input)

    def outcomes(self) -> list[Record]:
        """Read all outcomes, by a reader that begins now."""
        return read_to_end(self.broker, self.outcome)

    def dead_letters(self) -> list[Record]:
        """Read all dead letters."""
        return read_to_end(self.broker, self.dead_letter)

    def assert_exactly_once(self) -> None:
        """Hold promise 1, by the reader that ran all the time and by one that begins now.

        Raises:
            AssertionError: an outcome is lost, doubled or of no input.
        """
        inputs = [(record.partition, record.offset) for record in self.records()]
        after = outcome_breaches(inputs, map(_source, self.outcomes()))
        assert not after, f"by a reader afterwards: {told(after)}"
        self.await_outcomes(len(inputs))
        during = outcome_breaches(inputs, map(_source, self.reader.records))
        assert not during, f"by a reader that ran along: {told(during)}"

    def assert_requests_sound(self) -> None:
        """Hold that no request breaks the contract, holds a record twice, or overlaps another one of its record.

        Raises:
            AssertionError: one does.
        """
        broken = request_breaches(self.sandbox.requests, self.sandbox.violations)
        assert not broken, told(broken)

    def executions(self, interruptions_s: Collection[float] = ()) -> Verdict:
        """Judge promise 2 by the stand-in's history, for an input of nothing but valid events (`feed.event`)."""
        executed = {
            record: [Executed(entry.fields["number"], entry.received_s) for entry in entries]
            for record, entries in self.sandbox.records.histories().items()
        }
        return execution_verdict(sent(self.records()), executed, interruptions_s)

    def assert_in_order(self, interruptions_s: Collection[float] = ()) -> int:
        """Hold promise 2; return how many events were executed again directly after themselves.

        Raises:
            AssertionError: an event was executed out of order, again without reason, or not at all; or see
                `assert_requests_sound`.
        """
        self.assert_requests_sound()
        verdict = self.executions(interruptions_s)
        assert not verdict.breaches, told(verdict.breaches)
        return verdict.repeats

    def close(self) -> None:
        """End all processes, and print the ends of their logs: pytest shows them where a test failed."""
        self.reader.close()
        for service in self._services:
            service.kill()
        for service in {service.name: service for service in self._services}.values():
            print(service.tail())  # noqa: T201 - for the report of a failed test
        self.sandbox.stop()

    def __enter__(self) -> Self:
        """Use it in a `with` block."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Close it."""
        self.close()

    def _is_committed(self, consumer: Consumer) -> bool:
        try:
            numbers = consumer.list_topics(self.input, timeout=5).topics[self.input].partitions
            partitions = [TopicPartition(self.input, number) for number in numbers]
            for committed in consumer.committed(partitions, timeout=5):
                ends = consumer.get_watermark_offsets(committed, timeout=5, cached=False)
                if max(committed.offset, 0) < _end(ends):
                    return False
        except KafkaException:
            return False
        return True


def _end(ends: tuple[int, int] | None) -> float:
    """The end of a log; infinity where the broker did not tell in time (the binding then gives None)."""
    return math.inf if ends is None else ends[1]


def _source(outcome: Record) -> tuple[int, int]:
    source = outcome.json["source"]
    return source["partition"], source["offset"]
