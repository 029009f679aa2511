"""The topics as the benchmark sees them: their ends while a system works, and their outcomes afterwards or live."""

from __future__ import annotations

import re
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from .workload import PARTITIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

ADMIN_S = 10.0
READ_S = 60.0
CHUNK = 10_000
_SOURCE = re.compile(rb'"source":\{"topic":"[^"]*","partition":(\d+),"offset":(\d+),"timestampMs":(\d+)\}')
_APPLIED = b'"result":"APPLIED"'
_SUPERSEDED = b'"result":"SUPERSEDED"'


class Tally(NamedTuple):
    """What stands in an outcome topic: outcomes, how many `APPLIED` or merged into such, how many events have one."""

    outcomes: int
    applied: int
    events: int


class Seen(NamedTuple):
    """An outcome as a `read_committed` reader got it: the input's timestamp, and the clock on receipt, in ms."""

    sent_ms: int
    seen_ms: float


class Ends:
    """Watches how far the committed part of a topic reaches."""

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        self._admin = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0})
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        self._asked = {TopicPartition(topic, number): latest for number in range(PARTITIONS)}
        self._total = 0
        self.total()  # connects, and learns who leads: not while somebody is measured

    def total(self) -> int:
        """Return the sum of the last stable offsets; markers of transactions count too.

        Where the broker cannot tell now, as of a topic that has just been made, it is what it was.
        """
        found = self._admin.list_offsets(
            self._asked, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=ADMIN_S
        )
        with suppress(KafkaException):
            self._total = sum(future.result(ADMIN_S).offset for future in found.values())
        return self._total


def delete(bootstrap_servers: str, topic: str) -> None:
    """Delete a topic, so that the disk does not fill; the broker does it by and by."""
    admin = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0})
    for deleted in admin.delete_topics([topic], request_timeout=ADMIN_S).values():
        deleted.result(ADMIN_S)


def tally(bootstrap_servers: str, topic: str) -> Tally:
    """Read all that is committed to an outcome topic, and count."""
    outcomes = applied = 0
    seen: set[tuple[bytes, bytes]] = set()
    for value in _committed(bootstrap_servers, topic):
        outcomes += 1
        applied += _APPLIED in value or _SUPERSEDED in value
        found = _SOURCE.search(value)
        if found is not None:
            seen.add((found[1], found[2]))
    return Tally(outcomes, applied, len(seen))


def _committed(bootstrap_servers: str, topic: str) -> Iterator[bytes]:
    consumer = _reader(bootstrap_servers, topic)
    ended: set[int] = set()
    deadline_s = time.monotonic() + READ_S
    try:
        while len(ended) < PARTITIONS and time.monotonic() < deadline_s:
            message: Any  # the stubs say None where a message of a real topic has none
            for message in consumer.consume(CHUNK, 0.2):
                error = message.error()
                if error is None:
                    yield message.value()
                elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the binding's public name
                    ended.add(message.partition())
    finally:
        consumer.close()


class Follower(threading.Thread):
    """Reads a topic from its beginning as it grows, one message at a time, and notes when each came."""

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        super().__init__(name="follower", daemon=True)
        self._consumer = _reader(bootstrap_servers, topic)
        self._read: list[tuple[float, bytes]] = []
        self._ending = threading.Event()

    @property
    def count(self) -> int:
        """How many have been read."""
        return len(self._read)

    def run(self) -> None:
        """Read until `stop`."""
        while not self._ending.is_set():
            message: Any = self._consumer.poll(0.1)
            if message is not None and message.error() is None:
                self._read.append((1000 * time.time(), message.value()))
        self._consumer.close()

    def stop(self) -> list[Seen]:
        """Read no more, and return what was read, in its order."""
        self._ending.set()
        if self.is_alive():
            self.join()
        sources = ((seen_ms, _SOURCE.search(value)) for seen_ms, value in self._read)
        return [Seen(int(found[3]), seen_ms) for seen_ms, found in sources if found is not None]


def _reader(bootstrap_servers: str, topic: str) -> Consumer:
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": "bench-reader",  # required, and never joined
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "fetch.queue.backoff.ms": 5,
            "log_level": 0,
        }
    )
    consumer.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])
    return consumer
