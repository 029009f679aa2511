"""The partitions that this instance owns: from the assignment to the first event, and what holds one back.

An assigned partition is not handed to the consumer before its committed offset is known and a transaction has marked
it as running: `AWAITING_OFFSET` → `MARKING` → `FLOWING`. (Assigning it paused and seeking later loses the position in
librdkafka 2.16: the seek races with the start of the fetcher, 4 of 25 times in a measurement.)
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple

from . import metadata
from .ledger import WINDOW, Delivery, Inheritance, Ledger, Snapshot
from .metadata import OffsetMetadata
from .model import Assignment, Message, TopicPartition

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence


MAX_OVERFLOW = 4_000
"""Messages that wait behind a full window before the partition is paused: most windows have room again soon."""


class Phase(Enum):
    """How far an assigned partition is."""

    AWAITING_OFFSET = auto()
    MARKING = auto()
    FLOWING = auto()
    REFUSED = auto()


class Offset(NamedTuple):
    """What the group has committed for a partition, and the metadata beside it; `offset` None for nothing."""

    offset: int | None
    text: str


class CommittedOffset(NamedTuple):
    """The same, and where the log of the partition begins and ends."""

    offset: int | None
    text: str
    low: int
    high: int


class OffsetCommit(NamedTuple):
    """One partition's part of a transaction."""

    assignment: Assignment
    snapshot: Snapshot
    clean: bool
    metadata: str


class Taken(NamedTuple):
    """Messages that were delivered, in order, and what all of them are to this owner."""

    delivery: Delivery
    messages: Sequence[Message]


@dataclass(slots=True)
class Partition:
    """One assignment of one partition.

    `has_begun` once its offset is known: what settles of it then is committed, even when it is refused later.
    `overflow` holds what was fetched past the window: at most `MAX_OVERFLOW` and one chunk.
    """

    assignment: Assignment
    phase: Phase = Phase.AWAITING_OFFSET
    refusal: str = ""
    has_begun: bool = False
    since_ms: int = 0
    ledger: Ledger = field(default_factory=lambda: Ledger(0, Inheritance((), 0)))
    is_paused: bool = False
    is_marked_clean: bool = False
    overflow: deque[Message] = field(default_factory=deque)

    def take(self, messages: Sequence[Message]) -> list[Taken]:
        """Track fetched messages; what comes after the window is full is kept for later."""
        if not self.overflow and self.ledger.track_new([message.offset for message in messages]):
            return [Taken(Delivery.NEW, messages)]
        self.overflow.extend(messages)
        return self.take_overflow()

    def take_overflow(self) -> list[Taken]:
        """Track what was kept, as far as the window goes."""
        taken = []
        while self.overflow and self.ledger.admits(self.overflow[0].offset):
            message = self.overflow.popleft()
            taken.append(Taken(self.ledger.track(message.offset), (message,)))
        return taken

    @property
    def may_say_clean(self) -> bool:
        """Whether the mark could be changed to clean."""
        return not self.is_marked_clean and self.ledger.is_clean

    @property
    def wants_pause(self) -> bool:
        """Whether its fetching should stop: its window is full, and so is what may wait behind it."""
        return len(self.overflow) >= MAX_OVERFLOW

    @property
    def wants_resume(self) -> bool:
        """Whether its fetching may go on: at half the window, since each resume fetches anew what was prefetched."""
        return not self.overflow and self.ledger.delivered_beyond_commit <= WINDOW // 2


class Partitions:
    """All partitions that are assigned now, each with its epoch."""

    def __init__(self) -> None:
        self._owned: dict[TopicPartition, Partition] = {}
        self._epoch = 0

    def assign(self, partitions: Collection[TopicPartition]) -> None:
        """Take note of an assignment; nothing of it flows yet."""
        for partition in partitions:
            self._epoch += 1
            self._owned[partition] = Partition(Assignment(partition, self._epoch))

    def owns(self, assignment: Assignment) -> bool:
        """Whether an assignment has not ended."""
        return self.current(assignment) is not None

    def unassign(self, partitions: Collection[TopicPartition]) -> set[Assignment]:
        """Forget partitions that were revoked or lost; name the assignments that ended."""
        ended = [self._owned.pop(partition) for partition in partitions if partition in self._owned]
        return {partition.assignment for partition in ended}

    def start(self, partition: TopicPartition, committed: CommittedOffset, begin: int, since_ms: int) -> None:
        """Begin where the group stopped.

        Args:
            partition: which waits for its offset.
            committed: as read from the broker; an offset in it counts more than `begin`.
            begin: where to begin without one.
            since_ms: when the group began to read the topic, if no metadata says so.
        """
        owned = self._owned[partition]
        if committed.offset is None:
            owned.since_ms = since_ms
            owned.ledger = Ledger(begin, Inheritance((), begin))
        else:
            left = read_metadata(committed.text, committed.offset, since_ms)
            owned.since_ms = left.since_ms
            suspects_end = committed.offset if left.clean else committed.high
            owned.ledger = Ledger(committed.offset, Inheritance(left.settled, suspects_end))
        owned.has_begun = True
        owned.phase = Phase.MARKING

    def refuse(self, partition: TopicPartition, why: str) -> None:
        """Do not consume a partition; `why` names the cause and the way out."""
        owned = self._owned.get(partition)
        if owned is not None:
            owned.phase = Phase.REFUSED
            owned.refusal = why

    def settle(self, assignment: Assignment, offsets: Collection[int]) -> bool:
        """Take note that offsets have their outcome in the transaction that is being filled.

        Returns:
            False when they are late: the assignment has ended, and its next owner will have outcomes of its own.
        """
        owned = self.current(assignment)
        if owned is None:
            return False
        owned.ledger.settle_all(offsets)
        return True

    def has_news(self, assignment: Assignment, *, may_be_clean: bool) -> bool:
        """Whether a commit would say something new of an assignment."""
        owned = self.current(assignment)
        if owned is None or not owned.has_begun:
            return False
        return owned.ledger.is_dirty or (may_be_clean and owned.may_say_clean)

    def commit(self, assignment: Assignment, nonce: str, *, may_be_clean: bool) -> OffsetCommit:
        """Say what a transaction shall commit for a current assignment.

        Args:
            assignment: which has news.
            nonce: of the transaction.
            may_be_clean: whether it ends now, with no request unanswered.
        """
        owned = self._owned[assignment.partition]
        snapshot = owned.ledger.snapshot()
        clean = may_be_clean and owned.ledger.is_clean
        what = OffsetMetadata(clean, nonce, owned.since_ms, snapshot.settled)
        return OffsetCommit(assignment, snapshot, clean, metadata.encode(what, snapshot.committable))

    def confirm(self, commit: OffsetCommit) -> Partition | None:
        """Take note of a committed offset; return the partition if this was its mark, so that it flows now."""
        owned = self.current(commit.assignment)
        if owned is None:
            return None
        owned.ledger.confirm(commit.snapshot)
        owned.is_marked_clean = commit.clean
        if owned.phase is not Phase.MARKING:
            return None
        owned.phase = Phase.FLOWING
        return owned

    def current(self, assignment: Assignment) -> Partition | None:
        """Find the partition of an assignment that has not ended; None for one that has (its results are late)."""
        owned = self._owned.get(assignment.partition)
        return owned if owned is not None and owned.assignment.epoch == assignment.epoch else None

    def get(self, partition: TopicPartition) -> Partition | None:
        """Find a partition that is assigned now."""
        return self._owned.get(partition)

    def in_phase(self, phase: Phase) -> list[Partition]:
        """List the partitions of one phase."""
        return [owned for owned in self._owned.values() if owned.phase is phase]

    def __iter__(self) -> Iterator[Partition]:
        """Go through all partitions that are assigned now."""
        return iter(list(self._owned.values()))


def read_metadata(text: str, committed: int, since_ms: int) -> OffsetMetadata:
    """Read what stands beside a committed offset; nothing counts as running (design, ledger).

    Raises:
        UnreadableMetadataError: for text of another writer.
    """
    if not text:
        return OffsetMetadata(clean=False, nonce="", since_ms=since_ms)
    return metadata.decode(text, committed)
