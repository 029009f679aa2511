"""Which offsets of one partition are delivered, settled and committable.

Four verbs, as in every ledger of acknowledgements: `track` what was delivered, `settle` what has its outcome in the
open transaction, read what is `committable`, `confirm` what was committed. Offsets have gaps (compaction, transaction
markers), so the ledger counts delivered order and never offsets.
"""

from __future__ import annotations

from collections import deque
from enum import Enum, auto
from operator import lt
from typing import TYPE_CHECKING, NamedTuple

from .metadata import MAX_BITMAP_SPAN, MAX_SPARSE_EVENTS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

WINDOW = 16_384
"""Events delivered past the last committed offset (contract section 4.4)."""


MAX_SPARSE_DELIVERED = MAX_SPARSE_EVENTS // 2
"""Where offsets lie too far apart for a bitmap: half of what runs can hold, the other half may be inherited."""


class Delivery(Enum):
    """What a delivered offset is to this owner."""

    NEW = auto()
    SUSPECT = auto()
    """An earlier owner may have executed it, and died before the commit."""
    SETTLED = auto()
    """It has its outcome: to be skipped."""


class Snapshot(NamedTuple):
    """What one commit says of a partition: the next offset to read, and the settled ones beyond it, sorted.

    `passed` and `settled_by_us` let the ledger see later what has changed since.
    """

    committable: int
    settled: tuple[int, ...]
    passed: int
    settled_by_us: int


class Inheritance(NamedTuple):
    """What an earlier owner left behind.

    `settled` are offsets beyond the committed one that have their outcome. `suspects_end` is the offset below which
    it may have executed more than it committed: the end of the log at the assignment, or the start for none.
    """

    settled: Collection[int]
    suspects_end: int


class Ledger:
    """The ledger of one assignment of one partition."""

    def __init__(self, start: int, inheritance: Inheritance) -> None:
        """Begin at a committed offset.

        Args:
            start: the next offset to read, as committed.
            inheritance: what the earlier owner left beyond it.
        """
        self.committed = start
        """The next offset to read, as last confirmed."""
        self._next = start
        self._pending: deque[int] = deque()
        self._settled: set[int] = set()
        self._inherited = frozenset(inheritance.settled)
        self._inherited_end = max(inheritance.settled, default=-1) + 1
        self._suspects_end = inheritance.suspects_end
        self._delivered = 0
        self._passed = 0
        self._confirmed_passed = 0
        self._doubtful: set[int] = set()
        self._saved: tuple[int, int] | None = None

    @property
    def delivered_beyond_commit(self) -> int:
        """How much of the window is in use."""
        return self._delivered - self._confirmed_passed

    def admits(self, offset: int) -> bool:
        """Whether one more delivered offset keeps the window and the metadata within their bounds."""
        in_use = self._delivered - self._confirmed_passed
        if in_use >= WINDOW:
            return False
        return offset - self.committed < MAX_BITMAP_SPAN or in_use < MAX_SPARSE_DELIVERED

    def track(self, offset: int) -> Delivery:
        """Take note of a delivered offset.

        Args:
            offset: greater than any tracked before.

        Returns:
            Whether it is new, a suspect, or settled by an earlier owner.

        Raises:
            ValueError: if the offset goes back: the consumer has lost its place, and to go on would double outcomes.
        """
        if offset < self._next:
            message = f"offset {offset} was delivered after {self._next - 1}"
            raise ValueError(message)
        self._next = offset + 1
        self._delivered += 1
        self._pending.append(offset)
        if offset in self._inherited:
            self.settle(offset)
            return Delivery.SETTLED
        if offset < self._suspects_end and self._delivered <= WINDOW:
            self._doubtful.add(offset)
            return Delivery.SUSPECT
        return Delivery.NEW

    def track_new(self, offsets: Sequence[int]) -> bool:
        """Take note of a run of delivered offsets that are all new.

        Args:
            offsets: at least one.

        Returns:
            False where they must be tracked one by one: some are not new, or the window does not admit them all.
        """
        in_use = self._delivered - self._confirmed_passed
        if in_use + len(offsets) > WINDOW or offsets[-1] - self.committed >= MAX_BITMAP_SPAN:
            return False
        may_be_suspect = offsets[0] < self._suspects_end and self._delivered < WINDOW
        if may_be_suspect or offsets[0] < max(self._next, self._inherited_end):
            return False
        if not all(map(lt, offsets, offsets[1:])):
            return False
        self._next = offsets[-1] + 1
        self._delivered += len(offsets)
        self._pending.extend(offsets)
        return True

    def settle(self, offset: int) -> None:
        """Take note that a tracked offset has its outcome in the transaction that is being filled.

        Told twice (after an abort the same outcomes go again), it changes nothing.
        """
        pending = self._pending
        if not pending or offset < pending[0]:
            return
        self._settled.add(offset)
        self._doubtful.discard(offset)
        if offset == pending[0]:
            self._pass_settled()

    def settle_all(self, offsets: Collection[int]) -> None:
        """Take note of many offsets at once, as `settle` does of one."""
        pending = self._pending
        if not pending:
            return
        first = pending[0]
        if min(offsets) < first:
            offsets = [offset for offset in offsets if offset >= first]
        self._settled.update(offsets)
        if self._doubtful:
            self._doubtful.difference_update(offsets)
        self._pass_settled()

    def doubt(self, offset: int) -> None:
        """Take note that a request with this offset was sent and its answer is not known."""
        if offset >= self.committable and offset not in self._settled:
            self._doubtful.add(offset)

    @property
    def committable(self) -> int:
        """The next offset after the settled prefix of what was delivered."""
        return self._pending[0] if self._pending else self._next

    @property
    def is_dirty(self) -> bool:
        """Whether a commit would say something new."""
        return self._saved != (self._passed, len(self._settled))

    @property
    def is_clean(self) -> bool:
        """Whether no event of the partition can have been executed without its outcome being settled."""
        read_all_suspects = self._next >= self._suspects_end or self._delivered >= WINDOW
        return not self._doubtful and read_all_suspects

    def snapshot(self) -> Snapshot:
        """Say what a commit would say now."""
        ahead = (offset for offset in self._inherited if offset >= self._next)
        return Snapshot(self.committable, tuple(sorted([*self._settled, *ahead])), self._passed, len(self._settled))

    def confirm(self, snapshot: Snapshot) -> None:
        """Take note that a snapshot was committed: the window moves on."""
        self.committed = snapshot.committable
        self._confirmed_passed = snapshot.passed
        self._saved = (snapshot.passed, snapshot.settled_by_us)

    def _pass_settled(self) -> None:
        pending, settled = self._pending, self._settled
        while pending and pending[0] in settled:
            settled.discard(pending.popleft())
            self._passed += 1
