"""What a replay keeps in mind of an outcome: enough to find its message, and to know what came before and after it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from ..model import Result, TopicPartition, position
from ..replayed import Lineage, lineage

if TYPE_CHECKING:
    from ..outcomes import Published

KEY_DIGEST_BYTES = 16

Place = tuple[TopicPartition, int]
"""A partition of an input topic, and an offset in it."""


class Decision(NamedTuple):
    """One outcome.

    Attributes:
        partition: of the message that was decided.
        offset: the same.
        lineage: where that message comes from.
        published_ms: when the outcome was published, milliseconds since 1970.
        timestamp_ms: when the message was written, the same.
        result: of the outcome.
        code: of its error; empty for a success.
        is_held: whether the record holds the event's values, or may: it was executed, or found to be there already.
        datastore_id: None where nobody could read it.
        record_id: the same.
        key: digest of the message's key; None where the outcome does not tell it.
    """

    partition: TopicPartition
    offset: int
    lineage: Lineage
    published_ms: int
    timestamp_ms: int | None
    result: str
    code: str
    is_held: bool
    datastore_id: str | None
    record_id: str | None
    key: bytes | None

    @property
    def origin(self) -> Place:
        """Where the event's first message stands: the name of the event, however often it is sent again."""
        return (self.partition, self.lineage.origin)

    @property
    def age(self) -> tuple[int, int]:
        """Of two outcomes of one event the greater tells what became of it.

        An event has several when it was replayed, or when its group was rewound.
        """
        return (self.lineage.attempt, self.published_ms)


def decision_of(published: Published) -> Decision:
    """Read what counts of an outcome."""
    outcome, source = published.outcome, published.outcome.source
    partition = TopicPartition(source.topic, source.partition)
    key = published.key
    is_told = key is not None and key != position(partition, source.offset)
    return Decision(
        partition,
        source.offset,
        lineage(partition, source.offset, published.headers),
        published.published_ms,
        source.timestamp_ms,
        outcome.result,
        outcome.error.code if outcome.error else "",
        outcome.executed or outcome.result == Result.ALREADY_APPLIED,
        outcome.data_store_id,
        outcome.record_id,
        key_digest(key) if is_told else None,
    )


def key_digest(key: bytes | None) -> bytes | None:
    """Shorten a key, of which one is kept for each event; None for none: events without a key have no order."""
    return None if key is None else hashlib.blake2b(key, digest_size=KEY_DIGEST_BYTES).digest()
