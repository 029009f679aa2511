"""Outcomes out, commits in: the outbox, the ledgers and the publisher, in one hand.

The publisher's producer can hang for ever inside its library (librdkafka issues 5511 and 5456), and after a transport
error nobody knows whether a transaction was committed. Both end the same way: another producer with the same id, whose
start ends all that the old one left; then the committed offsets tell by our nonce whether the outcomes are out.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from . import metadata
from .errors import FatalError
from .log import get_log
from .metadata import UnreadableMetadataError
from .observer import SILENT
from .outbox import Outbox, State, Transaction
from .ports import Aborted, Broken, Committed, Ready

if TYPE_CHECKING:
    import random
    from collections.abc import Collection, Sequence

    from .model import Assignment, Settled
    from .observer import Observer
    from .partitions import Offset, Partitions
    from .ports import Report, Sink, Source

log = get_log()

TRANSACTION_HANG_S = 20.0
"""A broker's restart takes 13 to 14 s (measured): what takes longer hangs."""
REBUILD_HANG_S = 60.0
MAX_REBUILD_HANG_S = 600.0
FIRST_REBUILD_PAUSE_S = 0.5
MAX_REBUILD_PAUSE_S = 10.0
"""Between producers that break as soon as they start, for example without the right to their transactional id."""
MAX_COUNTED_REBUILDS = 16
MAX_FENCED = 5
FENCED_WITHIN_S = 300.0


class Publication:
    """Settled outcomes from the verdict to the commit."""

    def __init__(
        self,
        source: Source,
        sink: Sink,
        partitions: Partitions,
        rng: random.Random,
        now_s: float,
        observer: Observer = SILENT,
    ) -> None:
        self.outbox = Outbox(now_s)
        self._source = source
        self._sink = sink
        self._partitions = partitions
        self._rng = rng
        self._observer = observer
        self._rebuild_hang_s = REBUILD_HANG_S
        self._rebuilds = 0
        self._rebuild_at_s: float | None = None
        self._fenced_s: deque[float] = deque(maxlen=MAX_FENCED)

    def advance(self, now_s: float, clean: Collection[Assignment] = ()) -> list[Settled]:
        """Take reports, fill the next transaction, and watch over the publisher.

        Args:
            now_s: the loop's clock.
            clean: assignments that end now, with no request unanswered: their mark may say so.

        Returns:
            Outcomes that are committed, or late and dropped: their records may be released.

        Raises:
            FatalError: when another instance fences this one again and again.
        """
        done: list[Settled] = []
        for report in self._sink.reports():
            if self._rebuild_at_s is None:  # else its producer is given up: what became of its work is to be resolved
                done += self._take_report(report, now_s)
        if self.outbox.state is State.RESOLVING:
            done += self._resolve(now_s)
        if self.outbox.may_open(now_s):
            done += self._open(now_s, clean)
        self._watch(now_s)
        return done

    def has_work_for(self, assignments: Collection[Assignment], clean: Collection[Assignment]) -> bool:
        """Whether something of these assignments is still to be committed."""
        if self.outbox.open is not None or self.outbox.has_waiting:
            return True
        return bool(self._with_news(assignments, clean))

    def drop_late(self) -> list[Settled]:
        """Forget the waiting outcomes of ended assignments; return them, for their records are decided elsewhere."""
        late = self.outbox.drop(self._partitions.owns)
        self._observer.came_late(late)
        return late

    def _open(self, now_s: float, clean: Collection[Assignment]) -> list[Settled]:
        """Fill the next transaction, if there is anything to say; return what came too late for it."""
        owned = [partition.assignment for partition in self._partitions]
        if not self.outbox.has_waiting and not self._with_news(owned, clean):
            return []
        group = self._source.group()
        if group is None:
            return []
        settled, late = self.outbox.next_settled(self._partitions.settle)
        if self.outbox.has_waiting:  # more than one transaction takes: what was executed is not all settled yet
            clean = ()
        nonce = f"{self._rng.getrandbits(64):016x}"
        commits = [
            self._partitions.commit(assignment, nonce, may_be_clean=assignment in clean)
            for assignment in self._with_news(owned, clean)
        ]
        if commits:  # what has just settled is news, so that nothing settled can be left over here
            transaction = Transaction(nonce, settled, tuple(commits), group)
            self.outbox.begin(transaction, now_s)
            self._sink.publish(transaction)
            self._observer.filled(transaction, now_s)
        self._observer.came_late(late)
        return late

    def _with_news(self, assignments: Collection[Assignment], clean: Collection[Assignment]) -> list[Assignment]:
        return [each for each in assignments if self._partitions.has_news(each, may_be_clean=each in clean)]

    def _take_report(self, report: Report, now_s: float) -> Sequence[Settled]:
        match report:
            case Ready():
                self.outbox.rebuilt(now_s)
            case Committed():
                return self._committed(now_s)
            case Aborted(reason=reason):
                log.warning("transaction_aborted", reason=reason, outcomes=len(self.outbox))
                self._aborted(now_s)
            case Broken(reason=reason, fenced=fenced):
                if fenced:
                    self._count_fencing(now_s)
                self._rebuild(reason, now_s)
        return ()

    def _committed(self, now_s: float) -> Sequence[Settled]:
        self._rebuilds, self._rebuild_hang_s = 0, REBUILD_HANG_S
        transaction = self.outbox.committed(now_s)
        self._observer.committed(transaction, now_s)
        for commit in transaction.commits:
            begun = self._partitions.confirm(commit)
            if begun is not None:
                self._source.begin(begun.assignment.partition, begun.ledger.committed)
        return transaction.settled

    def _resolve(self, now_s: float) -> Sequence[Settled]:
        """Find out whether the transaction of the old producer was committed.

        A transaction is atomic: the offset of any one partition that is still ours tells for all of them.
        """
        transaction = self.outbox.unresolved
        ours = [each.assignment.partition for each in transaction.commits if self._partitions.owns(each.assignment)]
        found = self._source.offsets(ours) if ours else {}
        if ours and not found:
            return ()
        is_committed = any(_nonce(offset) == transaction.nonce for offset in (found or {}).values())
        log.info("transaction_resolved", committed=is_committed)
        if is_committed:
            return self._committed(now_s)
        self._aborted(now_s)
        return ()

    def _aborted(self, now_s: float) -> None:
        transaction = self.outbox.unresolved
        self.outbox.aborted(now_s)
        self._observer.aborted(transaction, now_s)

    def _watch(self, now_s: float) -> None:
        state, since_s = self.outbox.state, self.outbox.since_s
        if state is State.OPEN and now_s - since_s > TRANSACTION_HANG_S:
            self._rebuild(f"a transaction did not end within {TRANSACTION_HANG_S:.0f} s", now_s)
        elif self._rebuild_at_s is not None:
            if now_s >= self._rebuild_at_s:
                self._rebuild_at_s = None
                self._sink.replace()
        elif state is State.REBUILDING and now_s - since_s > self._rebuild_hang_s:
            self._rebuild_hang_s = min(2 * self._rebuild_hang_s, MAX_REBUILD_HANG_S)
            self._rebuild("the new producer did not start", now_s)

    def _rebuild(self, reason: str, now_s: float) -> None:
        """Give the producer up; make the next one at once, or after a pause where this one has committed nothing."""
        log.warning("producer_rebuild", reason=reason, outcomes=len(self.outbox))
        self._observer.rebuilds(reason)
        pause_s = FIRST_REBUILD_PAUSE_S * 2.0 ** (self._rebuilds - 1) if self._rebuilds else 0.0
        self._rebuild_at_s = now_s + min(pause_s, MAX_REBUILD_PAUSE_S)
        self._rebuilds = min(self._rebuilds + 1, MAX_COUNTED_REBUILDS)
        self.outbox.rebuilding(now_s)

    def _count_fencing(self, now_s: float) -> None:
        self._fenced_s.append(now_s)
        if len(self._fenced_s) == MAX_FENCED and now_s - self._fenced_s[0] < FENCED_WITHIN_S:
            what = f"another producer with the same transactional id fenced this one {MAX_FENCED} times in a row"
            raise FatalError(what, "give each instance its own KAFKA_INSTANCE_ID")


def _nonce(committed: Offset) -> str | None:
    try:
        return metadata.decode(committed.text, committed.offset or 0).nonce
    except UnreadableMetadataError:
        return None
