"""Sends a parcel in one transaction, unless somebody has just written newer events of its records.

The service executes what it finds in a partition in that order. So a message that is sent again must not stand behind a
newer one of its key: that would be undone. Whoever else writes is not asked to wait. First all that stands there is
looked at, which may take longer than a transaction may last. Then the parcel is written, and what came in between is
looked at, up to where the parcel stands; then it is committed, or taken back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .decision import key_digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..model import Message, TopicPartition
    from .decision import Decision, Place
    from .original import Resend
    from .ports import Log


class Watch:
    """Remembers where newer messages begin, for each key that is going to be sent again."""

    def __init__(self, planned: Iterable[Decision]) -> None:
        """Watch the keys of these events."""
        self._first: dict[tuple[TopicPartition, bytes], int | None] = {
            (each.partition, each.key): None for each in planned if each.key is not None
        }
        self._own: set[Place] = set()

    def see(self, message: Message) -> None:
        """Take note of a message that somebody else has written after the plan was made, another group's replay too."""
        digest = key_digest(message.key)
        if digest is None or (message.partition, message.offset) in self._own:
            return
        key = (message.partition, digest)
        if key in self._first and self._first[key] is None:
            self._first[key] = message.offset

    def wrote(self, parcel: Sequence[Resend], offsets: Sequence[int]) -> None:
        """Take note of where our own messages stand, whatever becomes of their transaction."""
        self._own.update((sent.failed.partition, offset) for sent, offset in zip(parcel, offsets, strict=True))

    def is_late(self, sent: Resend, offset: int) -> bool:
        """Tell whether a message written at an offset stands behind a newer one of its key."""
        if sent.failed.key is None:
            return False
        first = self._first[sent.failed.partition, sent.failed.key]
        return first is not None and first < offset


def send(parcel: Sequence[Resend], log: Log, watch: Watch | None) -> Sequence[Resend]:
    """Send messages in one transaction.

    Args:
        parcel: in the order in which they shall stand.
        log: where.
        watch: of all planned events; None: send them whatever came in between.

    Returns:
        Those that were sent; the others would have stood behind newer events of their keys.
    """
    while parcel:
        if watch is not None:
            for message in log.written_so_far():
                watch.see(message)
        offsets = log.write(parcel)
        if watch is not None:
            watch.wrote(parcel, offsets)
            for message in log.written_since(_ends(parcel, offsets)):
                watch.see(message)
        pairs = list(zip(parcel, offsets, strict=True))
        on_time = [sent for sent, offset in pairs if watch is None or not watch.is_late(sent, offset)]
        if len(on_time) == len(parcel):
            log.commit()
            break
        log.abort()
        parcel = on_time
    return parcel


def _ends(parcel: Sequence[Resend], offsets: Sequence[int]) -> dict[TopicPartition, int]:
    ends: dict[TopicPartition, int] = {}
    for sent, offset in zip(parcel, offsets, strict=True):
        ends[sent.failed.partition] = max(offset, ends.get(sent.failed.partition, 0))
    return ends
