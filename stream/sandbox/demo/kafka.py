"""The demo's own clients of Kafka: one feeds the input topic, one follows the outcomes, one reads a topic whole."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from ...errors import StreamError
from .events import PARTITIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .events import MadeEvent

_CHUNK: Final = 1_000
_POLL_S: Final = 0.01
_FLUSH_S: Final = 60.0
_READ_S: Final = 60.0
_RESULT: Final = re.compile(rb'"result":"([A-Z_]+)"')


class DemoError(StreamError):
    """The demo could not be played to its end; the message says what to look at."""


class Reading(NamedTuple):
    """One message as a `read_committed` reader got it; `timestamp_ms` is Kafka's, `seen_ms` the reader's clock."""

    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    seen_ms: float


class Feed:
    """The only producer of the input topic: idempotent, so that the nth message of a partition gets offset n."""

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        """Produce to `topic`, which must be empty."""
        self._topic = topic
        self._failure: KafkaError | None = None
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap_servers,
                "enable.idempotence": True,
                "linger.ms": 5,
                "queue.buffering.max.messages": 200_000,
                "delivery.report.only.error": True,
                "on_delivery": self._on_error,
                "log_level": 0,
            }
        )

    def send(self, events: Iterable[MadeEvent]) -> None:
        """Produce events in their order; each gets the time of this call as its timestamp."""
        for event in events:
            self._produce(event)
        self._producer.poll(0)

    def flush(self) -> None:
        """Wait until all that was sent is in the topic.

        Raises:
            DemoError: something could not be produced.
        """
        left = self._producer.flush(_FLUSH_S)
        if left or self._failure is not None:
            reason = self._failure.str() if self._failure is not None else f"{left} are left after {_FLUSH_S:.0f} s"
            raise DemoError(f"the events could not all be produced to {self._topic}: {reason}")

    def _produce(self, event: MadeEvent) -> None:
        while True:
            try:
                self._producer.produce(
                    self._topic, event.value, event.key, partition=event.partition, headers=[*event.headers]
                )
            except BufferError:
                self._producer.poll(_POLL_S)
            else:
                return

    def _on_error(self, error: KafkaError | None, _message: object) -> None:
        if error is not None:
            self._failure = error


class Follower(threading.Thread):
    """Reads what is committed to a topic as it comes, from its beginning, in a thread of its own."""

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        """Prepare; `start` begins to read."""
        super().__init__(name="demo-follower", daemon=True)
        self.readings: list[Reading] = []
        """All so far; only grows."""
        self.results: Counter[str] = Counter()
        """How many outcomes there are of each result."""
        self._consumer = _reader(bootstrap_servers, topic)
        self._ending = threading.Event()

    def run(self) -> None:
        """Read until `close`."""
        while not self._ending.is_set():
            found = [
                _reading(message, seen_ms=0.0, headers=[])
                for message in self._consumer.consume(_CHUNK, _POLL_S)
                if message.error() is None
            ]
            seen_ms = time.time() * 1000
            self.results.update(result_of(reading) for reading in found)
            self.readings += [reading._replace(seen_ms=seen_ms) for reading in found]
        self._consumer.close()

    def close(self) -> None:
        """Stop reading; what was read is kept."""
        self._ending.set()
        if self.is_alive():
            self.join()


def result_of(reading: Reading) -> str:
    """Return an outcome's result without reading all of it; `?` where there is none."""
    found = _RESULT.search(reading.value or b"")
    return found[1].decode() if found else "?"


def read_topic(bootstrap_servers: str, topic: str) -> list[Reading]:
    """Read everything that is committed to a topic, from its beginning to its end as it is now.

    Raises:
        DemoError: the end was not reached in time.
    """
    consumer = _reader(bootstrap_servers, topic)
    deadline_s = time.monotonic() + _READ_S
    ended: set[int] = set()
    found: list[Reading] = []
    try:
        while len(ended) < PARTITIONS:
            if time.monotonic() > deadline_s:
                raise DemoError(f"the topic {topic} could not be read to its end within {_READ_S:.0f} s")
            message: Any  # the stubs say None where a message of a real topic has none
            for message in consumer.consume(_CHUNK, _POLL_S):
                error = message.error()
                if error is None:
                    found.append(_reading(message, seen_ms=0.0, headers=message.headers() or []))
                elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the binding's public name
                    ended.add(message.partition())
    finally:
        consumer.close()
    return found


def _reader(bootstrap_servers: str, topic: str) -> Consumer:
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": "demo-reader",  # required, and never joined
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "fetch.queue.backoff.ms": 5,
            "log_level": 0,
        }
    )
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(PARTITIONS)])
    return consumer


def _reading(message: Any, *, seen_ms: float, headers: Sequence[tuple[str, bytes | None]]) -> Reading:  # noqa: ANN401
    return Reading(
        message.partition(),
        message.offset(),
        message.timestamp()[1],
        message.key(),
        message.value(),
        list(headers),
        seen_ms,
    )
