"""Reading topics as other programs do: only what is committed; once to the end, or running along."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

if TYPE_CHECKING:
    from collections.abc import Callable

CHUNK = 5_000
CHUNK_TIMEOUT_S = 0.05
READ_TIMEOUT_S = 60.0


class Record(NamedTuple):
    """One message of a topic."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    timestamp_ms: int

    @property
    def json(self) -> dict[str, Any]:
        """The value, read."""
        document: dict[str, Any] = orjson.loads(self.value or b"null")
        return document

    @property
    def named(self) -> dict[str, bytes | None]:
        """The headers by name; the last one of a name."""
        return dict(self.headers)


def read_to_end(bootstrap_servers: str, topic: str) -> list[Record]:
    """Read all that is committed in a topic, from its beginning to its end."""
    consumer, waiting = _consumer(bootstrap_servers, topic)
    deadline_s = time.monotonic() + READ_TIMEOUT_S
    found: list[Record] = []
    try:
        while waiting:
            assert time.monotonic() < deadline_s, f"{topic} cannot be read to its end within {READ_TIMEOUT_S:.0f} s"
            for message in consumer.consume(CHUNK, CHUNK_TIMEOUT_S):
                error = message.error()
                if error is None:
                    found.append(_record(message))
                elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the binding's public name
                    waiting.discard(message.partition())
    finally:
        consumer.close()
    return found


class Reader:
    """Reads a topic from its beginning in a thread of its own, until closed; whatever the broker does meanwhile."""

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        self._consumer, _ = _consumer(bootstrap_servers, topic)
        self._records: list[Record] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"reader of {topic}", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        """Count what it has seen."""
        return len(self._records)

    @property
    def records(self) -> list[Record]:
        """What it has seen, in the order of each partition."""
        return list(self._records)

    def find(self, wanted: Callable[[Record], bool]) -> list[Record]:
        """What it has seen of some kind."""
        return [record for record in self.records if wanted(record)]

    def close(self) -> None:
        """Stop reading."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._records += [
                _record(message) for message in self._consumer.consume(CHUNK, CHUNK_TIMEOUT_S) if not message.error()
            ]
        self._consumer.close()


def _consumer(bootstrap_servers: str, topic: str) -> tuple[Consumer, set[int | None]]:
    """Make a consumer of all partitions of a topic, and name them."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": "reader",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "fetch.queue.backoff.ms": 5,
            "fetch.wait.max.ms": 50,
            "log_level": 0,
        }
    )
    numbers = set(consumer.list_topics(topic, timeout=READ_TIMEOUT_S).topics[topic].partitions)
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in numbers])
    return consumer, {*numbers}


def _record(message: Any) -> Record:  # noqa: ANN401 - the stubs say None where a message has none
    return Record(
        message.partition(),
        message.offset(),
        message.key(),
        message.value(),
        message.headers() or [],
        message.timestamp()[1],
    )
