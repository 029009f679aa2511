"""Settled outcomes on their way into Kafka: what the next transaction holds, and what becomes of the last one.

One transaction at a time; whatever settles meanwhile goes into the next (group commit). An outcome leaves the outbox
only when its transaction is known to be committed. States: `IDLE` → `OPEN` → `IDLE`, or, when the end of a transaction
is not known, `OPEN` → `REBUILDING` (a new producer) → `RESOLVING` (is our nonce among the committed offsets?) → `IDLE`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum, auto
from itertools import accumulate, groupby, islice
from operator import attrgetter
from typing import TYPE_CHECKING

from .model import Result

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from .model import Assignment, Settled
    from .partitions import OffsetCommit

MAX_TRANSACTION_EVENTS = 10_000
MAX_TRANSACTION_BYTES = 16 * 1024 * 1024
FIRST_RETRY_S = 0.1
MAX_RETRY_S = 5.0


@dataclass(frozen=True, slots=True)
class Transaction:
    """What one Kafka transaction holds. `group` is the consumer's group metadata, taken for this transaction."""

    nonce: str
    settled: tuple[Settled, ...]
    commits: tuple[OffsetCommit, ...]
    group: object


class State(Enum):
    """Where the outbox stands."""

    REBUILDING = auto()
    RESOLVING = auto()
    IDLE = auto()
    OPEN = auto()


class Outbox:
    """Outcomes not yet known to be committed, in the order in which they settled."""

    def __init__(self, now_s: float) -> None:
        self.state = State.REBUILDING
        self.open: Transaction | None = None
        self.since_s = now_s
        """Since when the state holds."""
        self.unfit_bytes = 0
        """What messages that never became events keep alive, until their outcome is committed."""
        self._waiting: deque[Settled] = deque()
        self._aborts = 0
        self._not_before_s = 0.0

    def add(self, settled: Iterable[Settled]) -> None:
        """Take in the outcomes of events that settled now."""
        self._waiting.extend(settled)

    def add_unfit(self, settled: Settled) -> None:
        """Take in the outcome of a message that never became an event: until its commit it counts here."""
        self.add((settled,))
        self.unfit_bytes += settled.size_bytes

    def may_open(self, now_s: float) -> bool:
        """Whether a transaction may be filled: none is open, and no abort asks for a pause."""
        return self.state is State.IDLE and now_s >= self._not_before_s

    def next_settled(
        self, settle: Callable[[Assignment, Collection[int]], bool]
    ) -> tuple[tuple[Settled, ...], list[Settled]]:
        """Take the outcomes of the next transaction, at most its bounds, at least one if there is any.

        Args:
            settle: tells the ledger of an assignment its offsets; false when they are late, and not to be published.

        Returns:
            The outcomes of the transaction, and those that came too late.
        """
        taken: list[Settled] = []
        late: list[Settled] = []
        for assignment, group in groupby(self._take_bounded(), key=attrgetter("assignment")):
            run = list(group)
            in_time = settle(assignment, [settled.offset for settled in run])
            (taken if in_time else late).extend(run)
        self._forget_unfit(late)
        return tuple(taken), late

    def _take_bounded(self) -> list[Settled]:
        first = list(islice(self._waiting, MAX_TRANSACTION_EVENTS))
        sizes_bytes = accumulate([settled.published_bytes for settled in first])
        taken = first[: 1 + sum(1 for size_bytes in sizes_bytes if size_bytes < MAX_TRANSACTION_BYTES)]
        for _ in taken:
            self._waiting.popleft()
        while taken and taken[-1].result is Result.SUPERSEDED:  # its carrier comes behind it, in the same transaction
            taken.append(self._waiting.popleft())
        return taken

    def begin(self, transaction: Transaction, now_s: float) -> None:
        """Take note that a transaction was handed to the publisher."""
        self.open = transaction
        self._enter(State.OPEN, now_s)

    def committed(self, now_s: float) -> Transaction:
        """Take note that the open transaction is committed; return it, for its records are decided now."""
        transaction = self._close(now_s)
        self._aborts = 0
        self._forget_unfit(transaction.settled)
        return transaction

    def aborted(self, now_s: float) -> None:
        """Take note that nothing of the open transaction was written: its outcomes go again, after a short wait."""
        transaction = self._close(now_s)
        self._waiting.extendleft(reversed(transaction.settled))
        self._not_before_s = now_s + min(FIRST_RETRY_S * 2.0 ** min(self._aborts, 16), MAX_RETRY_S)
        self._aborts += 1

    @property
    def unresolved(self) -> Transaction:
        """The transaction that was handed to the publisher last, and whose end is not known yet."""
        if self.open is None:
            message = f"no transaction is open in state {self.state.name}"
            raise RuntimeError(message)
        return self.open

    def rebuilding(self, now_s: float) -> None:
        """Take note that the producer was replaced; an open transaction's end is not known."""
        self._enter(State.REBUILDING, now_s)

    def rebuilt(self, now_s: float) -> None:
        """Take note that the new producer works: nothing of the old one can be committed any more."""
        self._enter(State.RESOLVING if self.open is not None else State.IDLE, now_s)

    def drop(self, is_current: Callable[[Assignment], bool]) -> list[Settled]:
        """Take out the waiting outcomes of ended assignments: the next owner will have its own."""
        dropped = [settled for settled in self._waiting if not is_current(settled.assignment)]
        if dropped:
            self._waiting = deque(settled for settled in self._waiting if is_current(settled.assignment))
            self._forget_unfit(dropped)
        return dropped

    def _forget_unfit(self, settled: Iterable[Settled]) -> None:
        if self.unfit_bytes:
            self.unfit_bytes -= sum(each.size_bytes for each in settled if each.record_key is None)

    @property
    def has_waiting(self) -> bool:
        """Whether an outcome waits for its transaction."""
        return bool(self._waiting)

    @property
    def is_behind(self) -> bool:
        """Whether a whole transaction waits already."""
        return len(self._waiting) >= MAX_TRANSACTION_EVENTS

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits and nothing is open."""
        return not self._waiting and self.open is None

    def __len__(self) -> int:
        """Count the outcomes that are not known to be committed."""
        return len(self._waiting) + (len(self.open.settled) if self.open else 0)

    def _close(self, now_s: float) -> Transaction:
        transaction = self.unresolved
        self.open = None
        self._enter(State.IDLE, now_s)
        return transaction

    def _enter(self, state: State, now_s: float) -> None:
        self.state = state
        self.since_s = now_s
