"""EDGE, Kafka out: a producer whose transactions hold nothing but replayed messages.

All replays of a group share one transactional id: the broker lets the newest of them write alone. No offsets are
committed with the messages: the messages themselves, and later their outcomes, say what was sent (`docs/replay.md`).
An error of unknown end, or a connection that broke, is never followed by another transaction of the same producer,
which a late request could end; and a new producer could fence off a replay that has begun since. So the run ends, and
the next one finds out what was committed.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from ..connections import Connections
from ..errors import StreamError
from ..output_topics import DEFAULT_MAX_MESSAGE_BYTES, max_message_bytes
from .reading import silent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from confluent_kafka import Message as KafkaMessage

    from ..settings import Kafka
    from .original import Resend

CALL_TIMEOUT_S = 10.0
TRANSACTION_TIMEOUT_MS = 15_000
"""Of a replay that was killed: for so long, and until the broker looks, readers of its partitions may have to wait."""
MAX_SAME_CALL = 20
BATCH_BYTES = 16_384
"""The broker judges whole record batches, by a limit that this login may not be allowed to see: none is as small."""


def transactional_id(kafka: Kafka) -> str:
    """Name the replays of a group: with its prefix, as its instances are, but as none of them can be called."""
    return f"{kafka.group_id}.~replay"


class Writing:
    """The producer."""

    def __init__(self, kafka: Kafka) -> None:
        """Connect, and fence off an earlier replay of the group; what it left open is ended.

        Raises:
            KafkaException: the brokers do not answer, or this login may not do that.
        """
        properties: dict[str, Any] = {
            **kafka.extra_for("producer"),
            "bootstrap.servers": kafka.bootstrap_servers,
            "transactional.id": transactional_id(kafka),
            "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
            "message.max.bytes": max(largest_messages(kafka).values()),
            "batch.size": BATCH_BYTES,
            "linger.ms": 5,
            "log.connection.close": True,  # how `connections` hears of it
        }
        self._connections = Connections(silent("replay"))
        self._producer = Producer(properties, logger=self._connections.logger)
        self._is_open = False
        self._has_written = False
        self._same_call_again(lambda: self._producer.init_transactions(CALL_TIMEOUT_S))

    def close(self) -> None:
        """Take back what is open: until then readers of these partitions come no further."""
        if self._is_open:
            with suppress(KafkaException):
                self.abort()

    def write(self, parcel: Sequence[Resend]) -> Sequence[int]:
        """Open a transaction and write; return where the messages stand."""
        self._look_at_connections()
        offsets = [-1] * len(parcel)
        failures: list[KafkaError] = []
        self._same_call_again(self._producer.begin_transaction)
        self._is_open = True
        for index, each in enumerate(parcel):
            self._produce(each, partial(_note, offsets, failures, index))
        try:
            left = self._producer.flush(CALL_TIMEOUT_S)
        except SystemError:  # the binding (2.16), where the producer was fenced off with messages on their way
            left = len(parcel)
        if failures or left or min(offsets) < 0:
            self.abort()  # raises where the reason is that another replay has begun
            raise StreamError(_why_not(failures))
        return offsets

    def _look_at_connections(self) -> None:
        self._producer.poll(0)
        if self._connections.have_broken and self._has_written:
            raise StreamError(_LOST)
        self._connections.have_broken = False  # while nothing had been written: an idle one, that the broker closed
        self._has_written = True

    def _produce(self, sent: Resend, on_delivery: Callable[[KafkaError | None, KafkaMessage], None]) -> None:
        topic, number = sent.failed.partition
        while True:
            try:
                self._producer.produce(
                    topic,
                    sent.value,
                    sent.key,
                    partition=number,
                    headers=sent.headers,  # type: ignore[arg-type]  # a header may have no value
                    on_delivery=on_delivery,
                )
            except BufferError:  # the queue is full: let it empty itself
                self._producer.poll(0.05)
            else:
                return

    def commit(self) -> None:
        """Commit the transaction."""
        self._is_open = False  # whether it ends well or not: what is unknown is left to the next run
        self._same_call_again(lambda: self._producer.commit_transaction(CALL_TIMEOUT_S))

    def abort(self) -> None:
        """Take it back."""
        self._is_open = False
        self._same_call_again(lambda: self._producer.abort_transaction(CALL_TIMEOUT_S))

    def _same_call_again(self, call: Callable[[], Any]) -> None:
        """Call again what may be called again."""
        for remaining in reversed(range(MAX_SAME_CALL)):
            try:
                call()
            except KafkaException as error:
                if not error.args[0].retriable() or not remaining:
                    raise
            else:
                return


_LOST = (
    "a connection to a broker broke, and a request that was lost with it could end the next transaction; "
    "what was sent before is sent, run this again for the rest"
)


def _why_not(failures: Sequence[KafkaError]) -> str:
    reason = failures[0].str() if failures else "the brokers did not say in time where the messages stand"
    return f"the last messages were not sent: {reason}; those before were, run this again for the rest"


def largest_messages(kafka: Kafka) -> dict[str, int]:
    """Read how large a message, in bytes, each topic of the input takes."""
    admin = AdminClient(
        {**kafka.extra_for("admin"), "bootstrap.servers": kafka.bootstrap_servers}, logger=silent("replay")
    )
    return {
        topic: max_message_bytes(admin, topic, DEFAULT_MAX_MESSAGE_BYTES, CALL_TIMEOUT_S)
        for topic in kafka.input_topics
    }


def _note(
    offsets: list[int], failures: list[KafkaError], index: int, error: KafkaError | None, at: KafkaMessage
) -> None:
    """Take the delivery of a message; an offset below 0 is one that the broker did not tell."""
    if error is not None:
        failures.append(error)
    else:
        offset = at.offset()
        offsets[index] = -1 if offset is None else offset
