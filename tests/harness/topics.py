"""Reading topics as other programs do: only what is committed; once to the end, or running along."""

from __future__ import annotations

import threading
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

if TYPE_CHECKING:
    from collections.abc import Callable

CHUNK = 5_000
CHUNK_TIMEOUT_S = 0.05
READ_TIMEOUT_S = 60.0
END_TIMEOUT_S = 5.0


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

    def __init__(self, bootstrap_servers: str, topic: str, see: Callable[[Record], None] | None = None) -> None:
        """Begin to read.

        Args:
            bootstrap_servers: of the cluster.
            topic: from its beginning on.
            see: is shown each message, which is not kept then.
        """
        self._consumer, _ = _consumer(bootstrap_servers, topic)
        self._see = see
        self._count = 0
        self._records: list[Record] = []
        self._arrivals_s: list[float] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"reader of {topic}", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        """Count what it has seen."""
        return self._count

    @property
    def records(self) -> list[Record]:
        """What it has seen, in the order of each partition."""
        return list(self._records)

    def after(self, count: int) -> list[Record]:
        """What it has seen since it had seen so many."""
        return self._records[count:]

    def longest_silence_s(self, since_s: float, until_s: float) -> float:
        """Measure the longest time without a new message.

        Args:
            since_s: in seconds since the epoch.
            until_s: the same.
        """
        seen = [each for each in list(self._arrivals_s) if since_s < each < until_s]
        return max(later - earlier for earlier, later in pairwise([since_s, *seen, until_s]))

    def find(self, wanted: Callable[[Record], bool]) -> list[Record]:
        """What it has seen of some kind."""
        return [record for record in self.records if wanted(record)]

    def close(self) -> None:
        """Stop reading."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            chunk = [
                _record(message) for message in self._consumer.consume(CHUNK, CHUNK_TIMEOUT_S) if not message.error()
            ]
            if chunk:
                self._arrivals_s.append(time.time())
                self._keep(chunk)
        self._consumer.close()

    def _keep(self, chunk: list[Record]) -> None:
        if self._see is None:
            self._records += chunk
        else:
            for record in chunk:
                self._see(record)
        self._count += len(chunk)


class Ends:
    """Asks a broker how far topics and a group have come, by connections that are kept; never waits for long."""

    def __init__(self, bootstrap_servers: str, group: str) -> None:
        self._stable, self._all = (
            Consumer(
                {
                    "bootstrap.servers": bootstrap_servers,
                    "group.id": group,
                    "isolation.level": level,
                    "topic.metadata.refresh.interval.ms": 1_000,
                    "log_level": 0,
                }
            )
            for level in ("read_committed", "read_uncommitted")
        )

    def lag(self, topic: str) -> int | None:
        """Count the offsets of a topic that the group has not committed; None where the broker does not tell."""
        try:
            # by the one that does not wait for the end of open transactions
            committed = self._all.committed(self._partitions(topic), timeout=END_TIMEOUT_S)
            return sum(self._end(self._stable, each) - max(each.offset, 0) for each in committed)
        except KafkaException:
            return None

    def ends(self, topic: str) -> dict[int, int]:
        """Tell where each partition of a topic ends. Raises KafkaException."""
        return {each.partition: self._end(self._all, each) for each in self._partitions(topic)}

    def unstable(self, topic: str) -> int | None:
        """Count the offsets of a topic that belong to open transactions; None where the broker does not tell."""
        try:
            return sum(self._end(self._all, each) - self._end(self._stable, each) for each in self._partitions(topic))
        except KafkaException:
            return None

    def close(self) -> None:
        """Ask no more."""
        self._stable.close()
        self._all.close()

    def _partitions(self, topic: str) -> list[TopicPartition]:
        found = self._stable.list_topics(topic, timeout=END_TIMEOUT_S).topics[topic]
        return [TopicPartition(topic, number) for number in found.partitions]

    def _end(self, consumer: Consumer, partition: TopicPartition) -> int:
        ends = consumer.get_watermark_offsets(partition, timeout=END_TIMEOUT_S, cached=False)
        if not ends:  # the binding gives None on a time-out
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001 - the binding's public name
        return int(ends[1])


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
