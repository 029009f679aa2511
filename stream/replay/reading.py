"""EDGE, Kafka in: reads topics as any other program may; joins no group and commits nothing.

What the planning rests on, and how it is had:

- to read "what is committed" is to read up to where the log ended, not up to the first open transaction: an earlier
  replay of ours may stand behind somebody else's. So the end is asked for without regard to transactions, and the
  reading waits until everything up to there is decided;
- a message's headers are asked for once: see `fetched.py`;
- an offset that is not in the log makes a consumer begin anew somewhere else: offsets are compared with the log first.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka import Message as KafkaMessage
from confluent_kafka import TopicPartition as KafkaPartition

from ..errors import StreamError
from ..fetched import runs
from ..metadata import UnreadableMetadataError, decode
from ..model import Message, TopicPartition
from .ports import Found

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from ..clock import Clock
    from ..settings import Kafka

CHUNK = 1_000
FEW = 50
"""Messages that are fetched by their offsets at a time: they may be large."""
CHUNK_TIMEOUT_S = 0.2
CALL_TIMEOUT_S = 10.0
STALL_S = 60.0
"""So long without a message before the end is reached, and it is given up: longer than most transactions may take."""
BUFFER_KBYTES = 16_384
SKIP = 5_000
"""Offsets that are read over rather than sought past: to seek takes as long as to read so many."""


_NO_USE = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001 - the binding's public names for local errors
        KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
    }
)
"""Errors in a message's place that waiting does not mend."""

_FENCED = frozenset({KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH})  # noqa: SLF001


def silent(name: str) -> logging.Logger:
    """Make a logger that nobody else knows: what a client complains of is told in one error."""
    logger = logging.Logger(name, logging.CRITICAL)  # noqa: LOG001 - not one of the process
    logger.addHandler(logging.NullHandler())
    return logger


@contextmanager
def told_to_people() -> Iterator[None]:
    """Translate what a client raises, once.

    Raises:
        StreamError: for any KafkaException.
    """
    try:
        yield
    except KafkaException as error:
        reason: KafkaError = error.args[0]
        if reason.code() in _FENCED or reason.fatal():
            what = "another replay of this group has begun, or this one stood still for too long"
            raise StreamError(f"{what}; what it has sent stays sent, run it again for the rest") from error
        what = f"Kafka: {reason.str()} ({reason.name()})"
        raise StreamError(f"{what}; nothing is lost or sent twice if you run this again") from error


class Reading:
    """One consumer, which is told what to read."""

    def __init__(self, kafka: Kafka, clock: Clock, *, committed: bool) -> None:
        """Connect.

        Args:
            kafka: the settings of the service.
            clock: to notice that the brokers are silent.
            committed: only what is committed; otherwise all that stands in the log.
        """
        self._clock = clock
        self._complaint: KafkaError | None = None
        self._names: dict[tuple[str | None, int | None], TopicPartition] = {}
        self._at: dict[TopicPartition, int] = {}
        properties: dict[str, Any] = {
            "queued.max.messages.kbytes": BUFFER_KBYTES,
            **kafka.extra_for("consumer"),
            "bootstrap.servers": kafka.bootstrap_servers,
            "group.id": kafka.group_id,  # whose offsets are read; it is never joined
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",  # where retention overtakes the reader
            "isolation.level": "read_committed" if committed else "read_uncommitted",
            "enable.partition.eof": True,
            "fetch.queue.backoff.ms": 5,
            "error_cb": self._on_error,
        }
        self._consumer = Consumer(properties, logger=silent("replay"))

    def close(self) -> None:
        """Let go of the brokers."""
        self._consumer.close()

    def log_of(self, topic: str) -> dict[TopicPartition, tuple[int, int]]:
        """Find where each partition of a topic begins and ends. All topics are asked for: to ask for one creates it."""
        described = self._consumer.list_topics(timeout=CALL_TIMEOUT_S).topics.get(topic)
        if described is None or not described.partitions:
            raise StreamError(
                f"there is no topic {topic}, or this login may not see it; let cxone-stream check say more"
            )
        return {each: self._ends(each) for each in (self._name(topic, number) for number in described.partitions)}

    def ends(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Find where partitions end now."""
        return {each: self._ends(each)[1] for each in partitions}

    def _ends(self, partition: TopicPartition) -> tuple[int, int]:
        ends = self._consumer.get_watermark_offsets(KafkaPartition(*partition), timeout=CALL_TIMEOUT_S, cached=False)
        if not ends:  # the binding gives None on a time-out
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001 - the binding's public name
        return ends

    def since(self, partitions: Collection[TopicPartition], since_ms: int) -> dict[TopicPartition, int]:
        """Find the first message of a time in each partition; without an entry where there is none."""
        wanted = [KafkaPartition(*each, since_ms) for each in partitions]
        found = self._consumer.offsets_for_times(wanted, timeout=CALL_TIMEOUT_S)
        return {self._name(each.topic, each.partition): each.offset for each in found if _checked(each).offset >= 0}

    def undecided(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, tuple[int, frozenset[int]]]:
        """Read how far the group has come: its committed offset, and which later ones are decided already."""
        answers = self._consumer.committed([KafkaPartition(*each) for each in partitions], timeout=CALL_TIMEOUT_S)
        return {
            self._name(each.topic, each.partition): (each.offset, _settled(each.metadata or "", each.offset))
            for each in answers
            if _checked(each).offset >= 0
        }

    def span(self, begins: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]) -> Iterator[Message]:
        """Read from some offsets up to others, which are left out.

        Raises:
            StreamError: the brokers are silent, or a transaction that somebody has left open holds the rest back.
        """
        spans = {each: end for each, end in ends.items() if begins[each] < end}
        self._consumer.assign([KafkaPartition(*each, begins[each]) for each in spans])
        for messages in self._chunks(spans, CHUNK):
            for run in runs(messages, self._name):
                yield from (each for each in run.messages if each.offset < ends[run.partition])
        self._consumer.unassign()

    def follow(self, begins: Mapping[TopicPartition, int]) -> None:
        """Stand at some offsets, to read on from there with `onward`."""
        self._at = dict(begins)
        self._consumer.assign([KafkaPartition(*each, begin) for each, begin in begins.items()])

    def onward(self, ends: Mapping[TopicPartition, int]) -> Iterator[Message]:
        """Read on up to some offsets, which are left out, and perhaps further."""
        for messages in self._chunks({each: end for each, end in ends.items() if self._at[each] < end}, CHUNK):
            for run in runs(messages, self._name):
                yield from run.messages

    def fetch(self, partition: TopicPartition, offsets: Iterable[int]) -> dict[int, Found]:
        """Read single messages; those that are not there any more are missing in what is returned."""
        begin, end = self._ends(partition)
        ahead = sorted({each for each in offsets if begin <= each < end})
        found: dict[int, Found] = {}
        while ahead:
            self._consumer.assign([KafkaPartition(*partition, ahead[0])])
            ahead = self._fetch_near(partition, ahead, found)
        self._consumer.unassign()
        return found

    def _fetch_near(self, partition: TopicPartition, ahead: Sequence[int], found: dict[int, Found]) -> list[int]:
        """Read on until the next one is far away; return those that are left."""
        wanted, left = set(ahead), list(ahead)
        for messages in self._chunks({partition: ahead[-1] + 1}, FEW):
            for message in messages:
                if (at := _offset(message)) in wanted:
                    found[at] = self._found(message)
            if not messages:
                continue
            at = _offset(messages[-1])
            left = [each for each in left if each > at]
            if left and left[0] - at > SKIP:
                return left
        return []

    def _chunks(self, ends: Mapping[TopicPartition, int], size: int) -> Iterator[list[KafkaMessage]]:
        """Take what comes, until each partition has come to its end; what others bring is no progress."""
        waiting, moved_s = set(ends), self._clock.monotonic_s()
        while waiting:
            fetched = self._consumer.consume(size, CHUNK_TIMEOUT_S)
            messages = []
            for message in fetched:
                partition = self._name(message.topic(), message.partition())
                if (error := message.error()) is None:
                    messages.append(message)
                    self._at[partition] = _offset(message) + 1
                elif self._is_end(error):
                    self._at[partition] = _offset(message)
                else:
                    continue
                if partition in waiting:
                    moved_s = self._clock.monotonic_s()
                    if self._at[partition] >= ends[partition]:
                        waiting.discard(partition)
            if self._clock.monotonic_s() - moved_s > STALL_S:
                raise self._stalled(waiting)
            yield messages

    def _is_end(self, error: KafkaError) -> bool:
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the binding's public name
            return True
        if error.fatal() or error.code() in _NO_USE:
            raise KafkaException(error)
        self._on_error(error)
        return False

    def _found(self, message: KafkaMessage) -> Found:
        try:
            headers, is_whole = message.headers(), True
        except (SystemError, UnicodeError):
            headers, is_whole = None, False
        kind, timestamp_ms = message.timestamp()
        partition = self._name(message.topic(), message.partition())
        fields = (partition, _offset(message), timestamp_ms if kind else None, message.key(), message.value(), headers)
        return Found(Message(*fields), is_whole)  # type: ignore[arg-type]  # the stubs allow a message without a place

    def _name(self, topic: str | None, partition: int | None) -> TopicPartition:
        """Share the names: a million messages hold a handful of them."""
        name = self._names.get((topic, partition))
        if name is None:
            name = self._names[topic, partition] = TopicPartition(topic or "", partition or 0)
        return name

    def _on_error(self, error: KafkaError) -> None:
        """Keep what a client complains of: the first cause, not that all brokers are down for it."""
        if error.code() != KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - the binding's public name
            self._complaint = error

    def _stalled(self, waiting: Collection[TopicPartition]) -> StreamError:
        partition = min(waiting)
        reason = self._complaint.str() if self._complaint else "a producer may have left a transaction open there"
        what = f"{partition.topic}, partition {partition.partition}, cannot be read to its end: {reason}"
        return StreamError(f"{what}; try again later, cxone-stream check says what else to do")


def _checked(answer: KafkaPartition) -> KafkaPartition:
    if answer.error is not None:
        raise KafkaException(answer.error)
    return answer


def _offset(message: KafkaMessage) -> int:
    return message.offset() or 0


def _settled(text: str, committed: int) -> frozenset[int]:
    """Read which offsets beyond the committed one are decided; what cannot be read counts as undecided."""
    try:
        return frozenset(decode(text, committed).settled) if text else frozenset()
    except UnreadableMetadataError:
        return frozenset()
