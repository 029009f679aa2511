"""One consumer group's world: topics of its own on a broker, a CXone stand-in, and the processes started for it."""

from __future__ import annotations

import math
import os
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from stream.sandbox.cxone import Sandbox, SandboxOptions
from stream.sandbox.kafka import create_topics
from stream.sandbox.tokens import Credentials

from ..outcome_schema import assert_outcomes_valid
from .feed import Feed, Sent, sent
from .service import RUN, Service
from .topics import Ends, Reader, Record, read_to_end
from .verify import (
    Executed,
    Verdict,
    execution_verdict,
    late_executions,
    outcome_breaches,
    request_breaches,
    state_breaches,
    told,
)
from .waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from .cluster import Cluster

CREDENTIALS = Credentials("sandbox client", "p+a&s=s%2B/wörd =1")
"""With every character that a form must encode; each test proves that it works."""
RECENT_REQUESTS = 1_000
REFUSED = 300
"""From this status on an answer does not say that it was applied."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The topics of a stage: partitions of input and outcomes; properties of a dead letter topic, None for no such.

    `see` is shown each outcome in place of keeping it, for runs whose outcomes would fill the memory. `shows_logs`: the
    ends of the services' logs are printed when the stage is closed, which pytest shows where a test failed.
    """

    partitions: int = 4
    outcome_partitions: int = 4
    dead_letters: Mapping[str, str] | None = None
    see: Callable[[Record], None] | None = None
    shows_logs: bool = True


class Stage:
    """A stage for service processes; as a context manager it ends them, shows their logs and stops the stand-in."""

    def __init__(
        self, broker: str, directory: Path, layout: Layout | None = None, cluster: Cluster | None = None
    ) -> None:
        """Create the topics and start the stand-in.

        Args:
            broker: its address.
            directory: for logs.
            layout: of the topics.
            cluster: whose broker it is; services then reach both broker and stand-in through its proxy.
        """
        layout = layout or Layout()
        replicas = 1 if cluster is None else cluster.replicas
        self.broker = broker
        self.group = f"group-{uuid.uuid4().hex[:8]}"
        self.input, self.outcome, self.dead_letter = (f"{self.group}.{name}" for name in ("in", "out", "dead"))
        self._shows_logs = layout.shows_logs
        self._has_dead_letters = layout.dead_letters is not None
        topics = {self.input: layout.partitions, self.outcome: layout.outcome_partitions}
        create_topics(broker, topics, replicas=replicas)
        if layout.dead_letters is not None:
            create_topics(broker, {self.dead_letter: 1}, layout.dead_letters, replicas=replicas)
        self.sandbox = Sandbox(SandboxOptions(CREDENTIALS)).start()
        self.api = None if cluster is None else cluster.proxy.link(self.sandbox.base_url.removeprefix("http://"))
        """The services' way to the stand-in, where it leads through a proxy."""
        self._seen_broker = broker if cluster is None else cluster.proxied_servers
        self.feed = Feed(broker, self.input)
        self.reader = Reader(broker, self.outcome, layout.see)
        self._ends = Ends(broker, self.group)
        self._directory = directory
        self._services: list[Service] = []

    def environ(self, **settings: str | None) -> dict[str, str]:
        """The environment of a service; `settings` go over the usual ones, None takes one away."""
        environ: dict[str, str | None] = {
            "PATH": os.defpath,
            "CXONE_BASE_URL": self.sandbox.base_url if self.api is None else f"http://{self.api.address}",
            "CXONE_CLIENT_ID": CREDENTIALS.client_id,
            "CXONE_CLIENT_SECRET": CREDENTIALS.client_secret,
            "KAFKA_BOOTSTRAP_SERVERS": self._seen_broker,
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
        eventually(lambda: self.lag() == 0, within_s, "the group's offsets at the end of the input")

    def lag(self) -> int | None:
        """Count the offsets of the input that the group has not committed; None where the broker does not tell."""
        return self._ends.lag(self.input)

    def ends(self) -> dict[int, int]:
        """Where each partition of the input ends."""
        return self._ends.ends(self.input)

    def unstable(self) -> int | None:
        """Count the offsets of outcomes that stand in the log and are not decided; None without an answer."""
        return self._ends.unstable(self.outcome)

    def on_wire(self, service: Service) -> set[int]:
        """Name the execute requests of one process that the stand-in has in hand, by their sequence."""
        return self.on_wire_of(service.addresses())

    def on_wire_of(self, addresses: Collection[str]) -> set[int]:
        """The same, of whoever has these ends of connections (`Service.addresses`)."""
        return {each.sequence for each in self.sandbox.in_flight if self._client(each.client) in addresses}

    def under_way(self, addresses: Collection[str], at_s: float) -> int:
        """Count the execute requests from these ends of connections that had no answer at some moment, shortly ago."""
        return sum(
            each.call == "execute"
            and self._client(each.client) in addresses
            and each.received_s <= at_s < (each.ended_s or math.inf)
            for each in self.sandbox.requests[-RECENT_REQUESTS:]
        )

    def records(self) -> list[Record]:
        """Read the whole input."""
        return read_to_end(self.broker, self.input)

    def outcomes(self) -> list[Record]:
        """Read all outcomes, by a reader that begins now, and hold each to its schema."""
        found = read_to_end(self.broker, self.outcome)
        assert_outcomes_valid(each.json for each in found)
        return found

    def dead_letters(self) -> list[Record]:
        """Read all dead letters."""
        return read_to_end(self.broker, self.dead_letter)

    def assert_exactly_once(self) -> None:
        """Hold promise 1, by the reader that ran all the time and by one that begins now.

        Raises:
            AssertionError: an outcome is lost, doubled or of no input.
        """
        inputs = [(record.partition, record.offset) for record in self.records()]
        after = outcome_breaches(inputs, map(source_of, self.outcomes()))
        assert not after, f"by a reader afterwards: {told(after)}"
        self.await_outcomes(len(inputs))
        during = outcome_breaches(inputs, map(source_of, self.reader.records))
        assert not during, f"by a reader that ran along: {told(during)}"

    def assert_requests_sound(self, *, may_overlap: bool = False) -> None:
        """Hold that no request breaks the contract, holds a record twice, or overlaps another one of its record.

        Args:
            may_overlap: the last does not count: partitions changed hands while requests were unanswered for longer
                than a revocation may take, and their next owner sent the same again.

        Raises:
            AssertionError: one does.
        """
        broken = request_breaches([] if may_overlap else self.sandbox.requests, self.sandbox.violations)
        assert not broken, told(broken)

    def executed(self) -> dict[tuple[str, str], list[Executed]]:
        """What the stand-in executed, by record, for an input of nothing but valid events (`feed.event`)."""
        answered = [each.status is not None and each.status < REFUSED for each in self.sandbox.requests]
        found: dict[tuple[str, str], list[Executed]] = {}
        for entry in self.sandbox.records.applied():
            is_answered = entry.request is not None and answered[entry.request - 1]
            key = (entry.data_store_id, entry.id)
            found.setdefault(key, []).append(Executed(entry.fields["number"], entry.received_s, is_answered))
        return found

    def assert_in_order(self, interruptions_s: Collection[float] = (), *, may_overlap: bool = False) -> int:
        """Hold promises 2 and 3, by the stand-in's history, and that it ends with what the events say.

        To be asked when the reader has seen all outcomes (`assert_exactly_once`).

        Returns:
            How many events were executed again directly after themselves.

        Raises:
            AssertionError: an event was executed out of order, again without reason or after its outcome, or not at
                all; or see `assert_requests_sound`.
        """
        self.assert_requests_sound(may_overlap=may_overlap)
        wanted, executed = sent(self.records()), self.executed()
        verdict: Verdict = execution_verdict(wanted, executed, interruptions_s)
        assert not verdict.breaches, told(verdict.breaches)
        late = late_executions(executed, decided_s(wanted, self.reader.records))
        assert not late, told(late)
        wrong = state_breaches(wanted, {record: entries[-1].number for record, entries in executed.items()})
        assert not wrong, told(wrong)
        return verdict.repeats

    def close(self) -> None:
        """End all processes, and print the ends of their logs."""
        self.reader.close()
        self._ends.close()
        for service in self._services:
            service.kill()
        if self._shows_logs:
            for service in {service.name: service for service in self._services}.values():
                print(service.tail())  # noqa: T201 - for the report of a failed test
        self.sandbox.stop()

    def __enter__(self) -> Self:
        """Use it in a `with` block."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Close it."""
        self.close()

    def _client(self, address: str) -> str:
        return address if self.api is None else self.api.origin(address)


def decided_s(wanted: Iterable[Sent], outcomes: Iterable[Record]) -> dict[int, float]:
    """When the outcome of each event was written, in seconds since the epoch, by the event's number."""
    numbers = {(each.partition, each.offset): each.number for each in wanted}
    return {numbers[source_of(each)]: each.timestamp_ms / 1000 for each in outcomes}


def source_of(outcome: Record) -> tuple[int, int]:
    """Partition and offset of the input that an outcome is of."""
    source = outcome.json["source"]
    return source["partition"], source["offset"]
