"""EDGE, Kafka: reads the outcome topic as any other program may; joins no group, commits and writes nothing.

What was learned from librdkafka 2.16: to ask for the metadata of one topic creates it where the cluster does so by
itself, so all are asked for; the end of the log that a `read_committed` consumer is told is that of what is decided.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka import Message as KafkaMessage
from confluent_kafka import TopicPartition as KafkaPartition

from ..errors import StreamError
from ..fetched import runs
from ..model import TopicPartition
from .published import Published, read_published

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..clock import Clock
    from ..settings import Kafka

CHUNK = 1_000
CHUNK_TIMEOUT_S = 0.2
CALL_TIMEOUT_S = 10.0
STALL_S = 60.0
"""So long without a message before the end is reached, and it is given up."""
BUFFER_KBYTES = 16_384
_NO_USE = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001 - the binding's public names for local errors
        KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
    }
)
"""Errors in a message's place that waiting does not mend."""


class Chunk(NamedTuple):
    """What was read at once.

    `others` counts messages that are no outcomes. `is_past` says that some partition has not yet reached the end that
    the topic had when the reading began.
    """

    published: Sequence[Published]
    others: int
    is_past: bool


class OutcomeReader:
    """Reads outcomes that are committed, of all partitions of the topic, in the order of each partition."""

    def __init__(self, kafka: Kafka, clock: Clock) -> None:
        """Connect to nothing yet.

        Args:
            kafka: the settings of the service; its `outcome_topic` is read.
            clock: to notice that the brokers are silent.
        """
        self._kafka = kafka
        self._clock = clock
        self._topic = kafka.outcome_topic
        self._complaint: KafkaError | None = None

    def read(self, since_ms: int | None = None, *, follow: bool = False) -> Iterator[Chunk]:
        """Read the topic.

        Args:
            since_ms: begin with the first outcome that was published then or later (milliseconds since 1970); None:
                with the first that is there.
            follow: go on with those that come, for ever; without it the reading ends where the topic ended at its
                beginning.

        Yields:
            Chunks, at least one, and an empty one now and then while nothing comes: never more than `CHUNK` outcomes.

        Raises:
            StreamError: the brokers do not answer, the topic is not there, or this login may not read it.
        """
        try:
            consumer = Consumer(self._properties(), logger=_silent())
        except KafkaException as error:
            raise StreamError(f"{error.args[0].str()}; mend the KAFKA_CONFIG_… settings that this names") from error
        try:
            yield from self._read(consumer, since_ms, follow=follow)
        except KafkaException as error:
            consumer.poll(0)  # serves the callback, which may know the cause
            raise self._failure(error.args[0]) from error
        finally:
            consumer.close()

    def _properties(self) -> dict[str, Any]:
        kafka = self._kafka
        return {
            "queued.max.messages.kbytes": BUFFER_KBYTES,
            **kafka.extra_for("consumer"),
            "bootstrap.servers": kafka.bootstrap_servers,
            "group.id": kafka.group_id,  # the binding wants one; it is never joined
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",  # where retention overtakes the reader
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "fetch.queue.backoff.ms": 5,
            "error_cb": self._on_error,
        }

    def _read(self, consumer: Consumer, since_ms: int | None, *, follow: bool) -> Iterator[Chunk]:
        begins, ends = self._span(consumer, since_ms)
        waiting = {number for number, end in ends.items() if begins[number] < end}
        consumer.assign([KafkaPartition(self._topic, *each) for each in begins.items() if follow or each[0] in waiting])
        moved_s = self._clock.monotonic_s()
        yield Chunk((), 0, bool(waiting))
        while waiting or follow:
            fetched = consumer.consume(CHUNK, CHUNK_TIMEOUT_S)
            messages = [each for each in fetched if not self._is_error(each, waiting)]
            before = bool(waiting)
            if any(each.partition() in waiting for each in messages):
                moved_s = self._clock.monotonic_s()
            if not follow:
                messages = [each for each in messages if (each.offset() or 0) < ends[each.partition() or 0]]
            for message in messages:
                if (message.offset() or 0) + 1 >= ends[message.partition() or 0]:
                    waiting.discard(message.partition() or 0)
            if waiting and self._clock.monotonic_s() - moved_s > STALL_S:
                raise self._failure(self._complaint)
            yield _chunk(messages, is_past=before)

    def _span(self, consumer: Consumer, since_ms: int | None) -> tuple[dict[int, int], dict[int, int]]:
        """Find where each partition is begun, and where it ends now."""
        described = consumer.list_topics(timeout=CALL_TIMEOUT_S).topics.get(self._topic)
        if described is None or not described.partitions:
            raise StreamError(
                f"there is no topic {self._topic}, or this login may not see it; look at KAFKA_OUTCOME_TOPIC, "
                "or let cxone-stream check say more"
            )
        begins, ends = {}, {}
        for number in described.partitions:
            log = consumer.get_watermark_offsets(
                KafkaPartition(self._topic, number), timeout=CALL_TIMEOUT_S, cached=False
            )
            if not log:  # the binding gives None on a time-out
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001 - a public name
            begins[number], ends[number] = log
        if since_ms is not None:
            times = [KafkaPartition(self._topic, number, since_ms) for number in begins]
            for found in consumer.offsets_for_times(times, timeout=CALL_TIMEOUT_S):
                if found.error is not None:
                    raise KafkaException(found.error)
                begins[found.partition] = found.offset if found.offset >= 0 else ends[found.partition]
        return begins, ends

    def _is_error(self, message: KafkaMessage, waiting: set[int]) -> bool:
        error = message.error()
        if error is None:
            return False
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the binding's public name
            waiting.discard(message.partition() or 0)
        elif error.fatal() or error.code() in _NO_USE:
            raise self._failure(error)
        else:
            self._complaint = error
        return True

    def _on_error(self, error: KafkaError) -> None:
        """Keep what a client complains of: the first cause, not that all brokers are down for it."""
        if error.code() != KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - the binding's public name
            self._complaint = error

    def _failure(self, error: KafkaError | None) -> StreamError:
        told = self._complaint or error
        what = f"the outcomes in {self._topic} cannot be read: {told.str() if told else 'the brokers do not answer'}"
        return StreamError(f"{what}; cxone-stream check says what to do")


def _chunk(messages: list[KafkaMessage], *, is_past: bool) -> Chunk:
    read = [read_published(message) for run in runs(messages, _name) for message in run.messages]
    published = [each for each in read if each is not None]
    return Chunk(published, len(read) - len(published), is_past)


def _name(topic: str | None, partition: int | None) -> TopicPartition:
    return TopicPartition(topic or "", partition or 0)


def _silent() -> logging.Logger:
    """Make a logger that nobody else knows: what the client complains of is told in one error."""
    logger = logging.Logger("outcomes", logging.CRITICAL)  # noqa: LOG001 - not one of the process
    logger.addHandler(logging.NullHandler())
    return logger
