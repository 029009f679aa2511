"""EDGE, Kafka out: the thread that owns the producer and writes one transaction at a time.

Errors are told apart as librdkafka asks (its INTRODUCTION, "Transactional producer API") and as measurements taught:

- retriable, and neither transport nor time-out: the same call again;
- abortable: abort; nothing was written, and the same outcomes may go again;
- fatal, without any flag, or any transport error inside a transaction: *broken*. The producer is given up, for after an
  error of unknown end the next transaction could be ended by a late request of this one.

A call may also hang for ever. The loop then abandons thread and producer: the old producer stays referenced, because
its destructor may block too.
"""

from __future__ import annotations

import logging
import queue
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType  # type: ignore[attr-defined]

from .errors import FatalError
from .log import get_log
from .outcome import without_value
from .ports import Aborted, Broken, Committed, Ready, Report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from .model import DeadLetter, Headers, Settled
    from .outbox import Transaction
    from .settings import Kafka

INIT_TIMEOUT_S = 10.0
SEND_OFFSETS_TIMEOUT_S = 10.0
MAX_SAME_CALL = 100
TRANSACTION_TIMEOUT_MS = 30_000
DEFAULT_MAX_MESSAGE_BYTES = 1_048_588
MESSAGE_OVERHEAD_BYTES = 256
"""What a record batch of one message needs beside key, value and headers."""
HEADER_OVERHEAD_BYTES = 16
MIN_OUTCOME_TOPIC_BYTES = 16_384
"""More than any outcome needs whose key is its position."""

_TRANSPORT = frozenset(
    {
        KafkaError._TRANSPORT,  # noqa: SLF001 - the binding's public names for local errors
        KafkaError._TIMED_OUT,  # noqa: SLF001
        KafkaError._TIMED_OUT_QUEUE,  # noqa: SLF001
        KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.NETWORK_EXCEPTION,
    }
)
_FENCED = frozenset({KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH})  # noqa: SLF001
_TOO_LARGE = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE})


@dataclass(frozen=True, slots=True)
class Topics:
    """Where outcomes and dead letters go, and how large a message each topic takes."""

    outcome: str
    dead_letter: str | None
    max_outcome_bytes: int
    max_dead_letter_bytes: int


def read_topics(kafka: Kafka, timeout_s: float = 10.0) -> Topics:
    """Read `max.message.bytes` of the topics; where the broker does not tell, its default is taken.

    Raises:
        FatalError: when the outcome topic takes less than the largest outcome needs.
    """
    admin = AdminClient(
        {**kafka.extra_for("admin"), "bootstrap.servers": kafka.bootstrap_servers},
        logger=logging.getLogger("kafka.admin"),
    )
    sizes = [_max_message_bytes(admin, topic, timeout_s) for topic in (kafka.outcome_topic, kafka.dead_letter_topic)]
    if sizes[0] < MIN_OUTCOME_TOPIC_BYTES:
        what = f"the topic {kafka.outcome_topic} takes messages of {sizes[0]} bytes only"
        raise FatalError(what, f"set its max.message.bytes to {MIN_OUTCOME_TOPIC_BYTES} or more")
    return Topics(kafka.outcome_topic, kafka.dead_letter_topic, *sizes)


def _max_message_bytes(admin: AdminClient, topic: str | None, timeout_s: float) -> int:
    if topic is None:
        return DEFAULT_MAX_MESSAGE_BYTES
    resource = ConfigResource(ResourceType.TOPIC, topic)
    try:
        described = admin.describe_configs([resource], request_timeout=timeout_s)[resource].result(timeout_s)
        return int(described["max.message.bytes"].value)
    except (KafkaException, KeyError, TypeError, ValueError, TimeoutError) as error:
        get_log().warning(
            "topic_size_not_read", topic=topic, reason=str(error), assumed_bytes=DEFAULT_MAX_MESSAGE_BYTES
        )
        return DEFAULT_MAX_MESSAGE_BYTES


def producer_properties(kafka: Kafka, topics: Topics) -> dict[str, Any]:
    """Name the properties that the promises rest on, and those that make it fast (design, ledger)."""
    return {
        **kafka.extra_for("producer"),
        "bootstrap.servers": kafka.bootstrap_servers,
        "transactional.id": kafka.transactional_id,
        "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
        "partitioner": "murmur2_random",
        "message.max.bytes": max(topics.max_outcome_bytes, topics.max_dead_letter_bytes),
        "linger.ms": 0,
        "retry.backoff.ms": 2,
        "retry.backoff.max.ms": 200,
        "queue.buffering.max.messages": 100_000,
        "metadata.recovery.strategy": "none",
        "delivery.report.only.error": True,
    }


class KafkaSink:
    """The publisher as the loop sees it: transactions in, reports out, replaced when it hangs.

    Every producer is made on a thread of its own, so that no constructor and no call of a sick one can hold the loop.
    """

    def __init__(self, kafka: Kafka, topics: Topics, wake: Callable[[], None]) -> None:
        self._kafka = kafka
        self._topics = topics
        self._wake = wake
        self._current: _Publisher | None = None
        self._abandoned: list[_Publisher] = []
        self.replace()

    def publish(self, transaction: Transaction) -> None:
        """Hand over one transaction; its end comes as a report."""
        if self._current is not None:
            self._current.inbox.put(transaction)

    def reports(self) -> Sequence[Report]:
        """Take the reports since the last call; those of abandoned producers never come."""
        return list(_drained(self._current.outbox)) if self._current is not None else []

    def replace(self) -> None:
        """Abandon the producer and make another with the same id; `Ready` comes as a report."""
        if self._current is not None:
            self._current.inbox.put(None)
            self._abandoned.append(self._current)
        self._abandoned = [each for each in self._abandoned if each.is_alive()]
        self._current = _Publisher(self._kafka, self._topics, self._wake)
        self._current.start()

    def close(self) -> None:
        """End the thread, if it is not stuck."""
        if self._current is not None:
            self._current.inbox.put(None)


def _drained(reports: queue.SimpleQueue[Report]) -> Iterable[Report]:
    while True:
        try:
            yield reports.get_nowait()
        except queue.Empty:
            return


class _Publisher(threading.Thread):
    """One producer and its thread."""

    def __init__(self, kafka: Kafka, topics: Topics, wake: Callable[[], None]) -> None:
        super().__init__(name="publisher", daemon=True)
        self.inbox: queue.SimpleQueue[Transaction | None] = queue.SimpleQueue()
        self.outbox: queue.SimpleQueue[Report] = queue.SimpleQueue()
        self._topics = topics
        self._properties = producer_properties(kafka, topics)
        self._wake = wake
        self._size_limit_shift = 0

    def run(self) -> None:
        """Make the producer, then write transactions until told to end or broken."""
        try:
            self._producer = Producer(self._properties, logger=logging.getLogger("kafka.producer"))
        except KafkaException as error:
            self._tell(_broken(error))
            return
        try:
            self._init()
            self._tell(Ready())
            while (transaction := self.inbox.get()) is not None:
                self._tell(self._write(transaction))
        except KafkaException as error:
            self._tell(_broken(error))
        finally:
            del self._producer  # here, where its destructor may block without harm

    def _tell(self, report: Report) -> None:
        self.outbox.put(report)
        self._wake()

    def _init(self) -> None:
        """End what a predecessor with the same id left open; during a broker's outage this is tried for ever."""
        while True:
            try:
                self._producer.init_transactions(INIT_TIMEOUT_S)
            except KafkaException as error:
                if not error.args[0].retriable():
                    raise
                get_log().warning("producer_waits", reason=error.args[0].str())
            else:
                return

    def _write(self, transaction: Transaction) -> Report:
        try:
            self._same_call_again(self._producer.begin_transaction)
            for settled in transaction.settled:
                self._produce_all(settled)
            self._producer.poll(0)
            offsets = [
                KafkaPartition(*commit.assignment.partition, commit.snapshot.committable, commit.metadata)
                for commit in transaction.commits
            ]
            self._same_call_again(
                lambda: self._producer.send_offsets_to_transaction(offsets, transaction.group, SEND_OFFSETS_TIMEOUT_S)
            )
            self._same_call_again(self._producer.commit_transaction)
        except KafkaException as error:
            return self._after_failure(transaction, error)
        return Committed(transaction.nonce)

    def _after_failure(self, transaction: Transaction, error: KafkaException) -> Report:
        reason: KafkaError = error.args[0]
        if not reason.txn_requires_abort():
            return _broken(error)
        if reason.code() in _TOO_LARGE:
            self._size_limit_shift += 1  # a topic's limit was lowered while we ran: find one that fits
        try:
            self._same_call_again(self._producer.abort_transaction)
        except KafkaException as failed:
            return _broken(failed)
        return Aborted(transaction.nonce, f"{reason.name()}: {reason.str()}")

    def _same_call_again(self, call: Callable[[], Any]) -> None:
        for remaining in reversed(range(MAX_SAME_CALL)):
            try:
                call()
            except KafkaException as error:
                reason: KafkaError = error.args[0]
                if not reason.retriable() or reason.code() in _TRANSPORT or not remaining:
                    raise
            else:
                return

    def _produce_all(self, settled: Settled) -> None:
        limit = self._topics.max_outcome_bytes >> self._size_limit_shift
        fits = size_bytes(settled.key, settled.value, settled.headers) <= limit
        self._produce(self._topics.outcome, settled.key if fits else settled.position, settled.value, settled.headers)
        if settled.dead_letter is not None and self._topics.dead_letter is not None:
            letter = self._fitting(settled.dead_letter)
            self._produce(self._topics.dead_letter, letter.key, letter.value, letter.headers)

    def _fitting(self, letter: DeadLetter) -> DeadLetter:
        limit = self._topics.max_dead_letter_bytes >> self._size_limit_shift
        return letter if size_bytes(letter.key, letter.value, letter.headers) <= limit else without_value(letter)

    def _produce(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        while True:
            try:
                self._producer.produce(topic, value, key, headers=list(headers))
            except BufferError:  # the queue is full: let it empty itself
                self._producer.poll(0.05)
            else:
                return


def size_bytes(key: bytes | None, value: bytes | None, headers: Headers) -> int:
    """Estimate a message's size from above, as the broker judges it."""
    size = MESSAGE_OVERHEAD_BYTES + len(key or b"") + len(value or b"")
    return size + sum(len(name.encode()) + len(text or b"") + HEADER_OVERHEAD_BYTES for name, text in headers)


def _broken(error: KafkaException) -> Broken:
    reason: KafkaError = error.args[0]
    return Broken(f"{reason.name()}: {reason.str()}", reason.code() in _FENCED)
