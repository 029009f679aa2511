"""Made-up change events, sent to a topic at once or at a steady pace; what was sent is read back from the topic."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import orjson
from confluent_kafka import Producer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .topics import Record

FLUSH_S = 60.0
STEP_S = 0.01


class Sent(NamedTuple):
    """One valid event of the input: where it stands, its record, and its number, which rises along the input."""

    partition: int
    offset: int
    record: tuple[str, str]
    number: int


def event(datastore_id: str, record_id: str, number: int, **members: object) -> bytes:
    """Write an event whose one field tells its number; `members` are further members of the event."""
    return orjson.dumps({"dataStoreId": datastore_id, "id": record_id, "fields": {"number": number}, **members})


def sent(records: Iterable[Record]) -> list[Sent]:
    """Read back what `event` wrote."""
    found = []
    for record in records:
        document = record.json
        key = (document["dataStoreId"], document["id"])
        found.append(Sent(record.partition, record.offset, key, document["fields"]["number"]))
    return found


@dataclass(frozen=True, slots=True)
class Population:
    """The records that made-up events are about; the message's key is the record's id, of one datastore each.

    With `is_versioned` each event carries the version that its writer last saw, and asks the API to refuse any other.
    """

    datastores: int = 4
    records: int = 400
    padding_bytes: int = 0
    is_versioned: bool = False

    def draw(self, number: int, rng: random.Random, versions: Counter[str]) -> tuple[bytes, str]:
        """Make the event of a number: its value and its key; `versions` counts the events of each record."""
        index = rng.randrange(self.records)
        members: dict[str, object] = {"fields": {"number": number}}
        if self.padding_bytes:
            members["fields"] = {"number": number, "padding": "x" * self.padding_bytes}
        record_id = f"record-{index}"
        if self.is_versioned:
            members |= {"version": versions[record_id], "conflictResolution": "FAIL"}
            versions[record_id] += 1
        return event(f"store-{index % self.datastores}", record_id, number, **members), record_id


class Feed:
    """A producer of one topic, with the partitioner of the Java clients.

    What it sends is not lost, and not doubled as far as that lies with the feed: without a transaction the library can
    still write a batch twice where a leader goes away (`verify.doubled_inputs`).
    """

    def __init__(self, bootstrap_servers: str, topic: str, seed: int = 1) -> None:
        self._topic = topic
        self._rng = random.Random(seed)
        self._versions: Counter[str] = Counter()
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap_servers,
                "enable.idempotence": True,
                # with more, requests behind a failed one make librdkafka raise its epoch, and whatever was written and
                # not yet acknowledged is then written again (issue 4953): the input itself held events twice
                "max.in.flight": 1,
                "partitioner": "murmur2_random",
                "linger.ms": 5,
                "log_level": 0,
            }
        )
        self.count = 0
        """How many messages were sent so far; the next event's number."""

    def send(
        self,
        value: bytes | None,
        key: bytes | str | None = None,
        headers: list[tuple[str, bytes | None]] | None = None,
        partition: int = -1,
    ) -> None:
        """Send one message."""
        self._producer.produce(self._topic, value, key, partition=partition, headers=[*(headers or [])])
        self._producer.poll(0)
        self.count += 1

    def send_event(self, datastore_id: str, record_id: str, partition: int = -1, **members: object) -> None:
        """Send an event with the next number."""
        self.send(event(datastore_id, record_id, self.count, **members), record_id, partition=partition)

    def draw(self, population: Population, count: int) -> None:
        """Send so many made-up events."""
        for _ in range(count):
            self.send(*population.draw(self.count, self._rng, self._versions))

    def flush(self) -> None:
        """Wait until the broker has all that was sent.

        Raises:
            AssertionError: it does not take it.
        """
        left = self._producer.flush(FLUSH_S)
        assert left == 0, f"the broker did not take {left} events"


class Pace:
    """Sends made-up events at a steady rate in a thread of its own, from construction until stopped."""

    def __init__(self, feed: Feed, population: Population, rate_per_s: float) -> None:
        self._feed = feed
        self._population = population
        self._rate_per_s = rate_per_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pace", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Send no more, and wait until the broker has it all."""
        self._stop.set()
        self._thread.join()
        self._feed.flush()

    def _run(self) -> None:
        began_s, before = time.monotonic(), self._feed.count
        while not self._stop.wait(STEP_S):
            due = int((time.monotonic() - began_s) * self._rate_per_s) - (self._feed.count - before)
            self._feed.draw(self._population, due)
