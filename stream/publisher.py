"""EDGE, Kafka out: the thread that owns the producer and writes one transaction at a time.

Errors are told apart as librdkafka asks (its INTRODUCTION, "Transactional producer API") and as measurements taught:

- retriable, and neither transport nor time-out: the same call again;
- abortable: abort; nothing was written, and the same outcomes may go again;
- fatal, without any flag, or any transport error inside a transaction: *broken*. The producer is given up, for after an
  error of unknown end the next transaction could be ended by a late request of this one.

A call may also hang for ever. The loop then abandons thread and producer: the old producer stays referenced, because
its destructor may block too. And one that met a fatal error is never destroyed: to destroy a fenced one corrupts the
memory of the process (librdkafka 2.16: "unaligned tcache chunk detected", within some 30 of them; 159 kept: none).
"""

from __future__ import annotations

import logging
import queue
import threading
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import TopicPartition as KafkaPartition

from .connections import LOST, Connections
from .dead_letter import without_value
from .errors import FatalError
from .log import get_log
from .model import message_bytes
from .observer import SILENT
from .output_topics import producer_properties, read_topics
from .ports import Aborted, Broken, Committed, Ready, Report
from .rights import Rights

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .model import DeadLetter, Headers, Settled
    from .observer import Observer
    from .outbox import Transaction
    from .settings import Kafka

INIT_TIMEOUT_S = 10.0
SEND_OFFSETS_TIMEOUT_S = 10.0
MAX_SAME_CALL = 100
MAX_NEVER_DESTROYED = 32
"""Producers that are kept for ever, with a few threads each: past it the process should begin anew."""
MAX_OUTCOME_HEADERS_BYTES = 8_192
"""More than an outcome's headers and its record batch take: trace context and CloudEvents are bounded."""

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


class KafkaSink:
    """The publisher as the loop sees it: transactions in, reports out, replaced when it hangs.

    Every producer is made on a thread of its own, so that no constructor and no call of a sick one can hold the loop.
    """

    def __init__(self, kafka: Kafka, wake: Callable[[], None], observer: Observer = SILENT) -> None:
        self._kafka = kafka
        self._wake = wake
        self._observer = observer
        self._halvings = 0
        self._abandoned: list[_Publisher] = []
        self.never_destroyed: list[Producer] = []
        self._current = self._begin()

    def _begin(self) -> _Publisher:
        publisher = _Publisher(self._kafka, self._halvings, self._wake, self.never_destroyed, self._observer)
        publisher.start()
        return publisher

    def publish(self, transaction: Transaction) -> None:
        """Hand over one transaction; its end comes as a report."""
        self._current.inbox.put(transaction)

    def reports(self) -> Sequence[Report]:
        """Take the reports since the last call; those of abandoned producers never come.

        A failure of the thread itself is raised here: it must end the process.
        """
        return list(_drained(self._current.outbox))

    def replace(self) -> None:
        """Abandon the producer and make another with the same id; `Ready` comes as a report.

        Raises:
            FatalError: after so many that it is time for another process.
        """
        if len(self.never_destroyed) >= MAX_NEVER_DESTROYED:
            what = f"{MAX_NEVER_DESTROYED} producers of this process have met a fatal error and take up memory"
            raise FatalError(what, "start it again; if it was fenced, give each instance its own KAFKA_INSTANCE_ID")
        self._current.inbox.put(None)
        self._abandoned = [each for each in (*self._abandoned, self._current) if each.is_alive()]
        self._halvings += self._current.met_too_large
        self._current = self._begin()

    def close(self) -> None:
        """End the thread, if it is not stuck."""
        self._current.inbox.put(None)


def _drained(reports: queue.SimpleQueue[Report | BaseException]) -> Iterator[Report]:
    while True:
        try:
            report = reports.get_nowait()
        except queue.Empty:
            return
        if isinstance(report, BaseException):
            raise report
        yield report


class _Publisher(threading.Thread):
    """One producer and its thread."""

    def __init__(
        self,
        kafka: Kafka,
        halvings: int,
        wake: Callable[[], None],
        never_destroyed: list[Producer],
        observer: Observer,
    ) -> None:
        super().__init__(name="publisher", daemon=True)
        self.inbox: queue.SimpleQueue[Transaction | None] = queue.SimpleQueue()
        self.outbox: queue.SimpleQueue[Report | BaseException] = queue.SimpleQueue()
        self.met_too_large = False
        self._connections = Connections(logging.getLogger("kafka.producer"))
        self._never_destroyed = never_destroyed
        self._met_fatal = False
        self._kafka = kafka
        self._rights = Rights.of(kafka, "producer")
        self._halvings = halvings
        self._wake = wake
        self._observer = observer

    def run(self) -> None:
        """Make the producer, then write transactions until told to end or broken."""
        try:
            self._topics = read_topics(self._kafka, self._halvings)
            self._surely_fits_bytes = self._topics.max_outcome_bytes - MAX_OUTCOME_HEADERS_BYTES
            properties = producer_properties(self._kafka, self._topics)
            self._producer = Producer(properties, logger=self._connections.logger)
            try:
                self._serve()
            except KafkaException:
                self._met_fatal = True
                raise
            finally:
                self._let_go()
        except KafkaException as error:
            self._tell(self._broken(error))
        except BaseException as failure:  # noqa: BLE001 - raised in the loop, which ends the process
            self._tell(failure)

    def _serve(self) -> None:
        if not self._init():
            return
        self._tell(Ready())
        while (transaction := self.inbox.get()) is not None:
            report = self._write(transaction)
            self._met_fatal |= isinstance(report, Broken) and report.fenced
            self._tell(report)
            if not isinstance(report, Broken) and self._has_lost_a_connection():
                self._tell(Broken(LOST, fenced=False))
                return

    def _has_lost_a_connection(self) -> bool:
        try:
            self._producer.poll(0)
        except KafkaException:  # fatal: it cannot go on in any case
            self._met_fatal = True
            return True
        return self._connections.have_broken

    def _let_go(self) -> None:
        """Destroy the producer here, where that may block without harm; but not one that met a fatal error."""
        try:
            self._producer.poll(0)  # raises what it has met meanwhile
        except KafkaException:
            self._met_fatal = True
        if self._met_fatal:
            self._never_destroyed.append(self._producer)
        del self._producer

    def _tell(self, report: Report | BaseException) -> None:
        self.outbox.put(report)
        self._wake()

    def _init(self) -> bool:
        """End what a predecessor with the same id left open; during a broker's outage this is tried for ever.

        Returns:
            False when this producer was given up meanwhile: to go on would fence its successor.
        """
        while self.inbox.empty():
            try:
                self._producer.init_transactions(INIT_TIMEOUT_S)
            except KafkaException as error:
                if not error.args[0].retriable():
                    raise
                get_log().warning("producer_waits", reason=error.args[0].str())
            else:
                return True
        return False

    def _write(self, transaction: Transaction) -> Report:
        try:
            self._same_call_again(self._producer.begin_transaction)
            for settled in transaction.settled:
                self._produce_all(settled)
            self._producer.poll(0)
            self._observer.produced(transaction.nonce)
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
        if reason.code() in _TOO_LARGE:
            self.met_too_large = True  # a topic's limit was lowered while we ran: the next producer reads it anew
            return self._broken(error)
        if not reason.txn_requires_abort() or reason.code() in _TRANSPORT:
            return self._broken(error)
        try:
            self._same_call_again(self._producer.abort_transaction)
        except KafkaException as failed:
            return self._broken(failed)
        return Aborted(transaction.nonce, self._told(reason))

    def _broken(self, error: KafkaException) -> Broken:
        reason: KafkaError = error.args[0]
        return Broken(self._told(reason), reason.code() in _FENCED)

    def _told(self, reason: KafkaError) -> str:
        return self._rights.explained(reason.name(), f"{reason.name()}: {reason.str()}")

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
        key, value, headers = settled.key, settled.value, settled.headers
        if len(key) + len(value) > self._surely_fits_bytes:
            key = self._fitting_key(settled)
        self._produce(self._topics.outcome, key, value, headers)
        if settled.dead_letter is not None and self._topics.dead_letter is not None:
            letter = self._fitting(settled.dead_letter)
            self._produce(self._topics.dead_letter, letter.key, letter.value, [*letter.headers, *letter.reasons])

    def _fitting_key(self, settled: Settled) -> bytes:
        size = message_bytes(settled.key, settled.value, settled.headers)
        return settled.position if size > self._topics.max_outcome_bytes else settled.key

    def _fitting(self, letter: DeadLetter) -> DeadLetter:
        size = message_bytes(letter.key, letter.value, [*letter.headers, *letter.reasons])
        return letter if size <= self._topics.max_dead_letter_bytes else without_value(letter)

    def _produce(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        while True:
            try:
                self._producer.produce(topic, value, key, headers=headers)  # type: ignore[arg-type]
            except BufferError:  # the queue is full: let it empty itself
                self._producer.poll(0.05)
            else:
                return
