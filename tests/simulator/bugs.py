"""Bugs planted on purpose, one at a time: the judge that does not condemn each of them is no judge.

Each is a piece of an instance that does one thing wrong, in the way in which one could really write it.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from stream import metadata
from stream.audit import AuditLog
from stream.execution import Execution
from stream.lanes import Lanes
from stream.lease import Lease
from stream.loop import Loop
from stream.partitions import Partitions
from stream.publication import Publication
from stream.reception import Reception
from stream.undecided import nothing_undecided

from .pool import FakePool
from .sink import FakeSink
from .source import FakeSource
from .wiring import Wiring

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Collection, Iterable, Iterator

    from stream.flights import Flight
    from stream.model import Assignment, Decided, Event, Settled, TopicPartition
    from stream.outbox import Transaction
    from stream.partitions import OffsetCommit, Partition
    from stream.parts import Bounds, Parts


class _DroppedSettledSet(FakeSink):
    """The metadata do not say which events beyond the offset have their outcome."""

    def publish(self, transaction: Transaction) -> None:
        super().publish(_with_commits(transaction, [_rewritten(each, settled=()) for each in transaction.commits]))


class _AlwaysClean(FakeSink):
    """The mark says that nothing is unanswered, whatever is."""

    def publish(self, transaction: Transaction) -> None:
        super().publish(_with_commits(transaction, [_rewritten(each, clean=True) for each in transaction.commits]))


class _SwallowedProduce(FakeSink):
    """One outcome of many is not written."""

    def publish(self, transaction: Transaction) -> None:
        kept = transaction.settled[1:] if len(transaction.settled) > 1 else transaction.settled
        super().publish(dataclasses.replace(transaction, settled=kept))


class _CommitPastAGap(FakeSink):
    """The offset of a commit is the one after the last settled, whatever lies before."""

    def publish(self, transaction: Transaction) -> None:
        super().publish(_with_commits(transaction, [_past_gap(each) for each in transaction.commits]))


class _MergedOffsets(FakeSink):
    """Two partitions' offsets are taken for one."""

    def publish(self, transaction: Transaction) -> None:
        newest = max((each.snapshot.committable for each in transaction.commits), default=0)
        commits = [
            each._replace(snapshot=each.snapshot._replace(committable=newest), metadata=_text(each, newest))
            for each in transaction.commits
        ]
        super().publish(_with_commits(transaction, commits))


class _ForgottenRetry(FakePool):
    """A batch that waited is not sent again."""

    newest = 0

    def submit(self, flight: Flight) -> None:
        if flight.number > self.newest:
            self.newest = flight.number
            super().submit(flight)


class _SettledBeforePublish(FakePool):
    """An event counts as settled as soon as a worker has it."""

    def submit(self, flight: Flight) -> None:
        super().submit(flight)
        for event in flight.batch.events:
            self.process.loop.partitions.settle(event.assignment, (event.message.offset,))


class _NeverPaused(FakeSource):
    """Partitions are not paused when the buffer is full."""

    def pause(self, partitions: Collection[TopicPartition]) -> None:
        pass


class _NoLease(Lease):
    """Workers do not ask whether the partitions are ours still."""

    def holds(self, assignments: frozenset[Assignment], now_s: float) -> bool:  # noqa: ARG002 - as its name says
        return True

    def is_sure(self, now_s: float) -> bool:  # noqa: ARG002 - the same
        return True


class _LeaseRenewedAtOnce(Lease):
    """The first turn after a standstill renews the lease, before the consumer can know that it was removed."""

    def renew(self, now_s: float) -> None:
        self._renewed_s = now_s


class _BlindPublication(Publication):
    """A transaction whose end is not known counts as aborted."""

    def _resolve(self, now_s: float) -> list[Settled]:
        self.outbox.aborted(now_s)
        return []


class _LatePublication(Publication):
    """Outcomes of ended assignments are published as well."""

    def drop_late(self) -> list[Settled]:
        return []


class _CredulousPublication(Publication):
    """A producer that was given up is listened to until the next one is there."""

    def advance(self, now_s: float, clean: Collection[Assignment] = ()) -> list[Settled]:
        heard = [settled for report in self._sink.reports() for settled in self._take_report(report, now_s)]
        return heard + super().advance(now_s, clean)


class _Loop(Loop):
    """A loop with a piece exchanged."""

    partitions_kind: type[Partitions] = Partitions
    publication_kind: type[Publication] = Publication
    execution_kind: type[Execution] = Execution
    lanes_kind: type[Lanes] = Lanes

    def __init__(self, parts: Parts, bounds: Bounds) -> None:
        super().__init__(parts, bounds)
        now_s = parts.clock.monotonic_s()
        self.partitions = self.partitions_kind()
        self.publication = self.publication_kind(parts.source, parts.sink, self.partitions, parts.rng, now_s)
        undecided = nothing_undecided(bounds.limits, bounds.policy, parts.rng)
        undecided = dataclasses.replace(undecided, lanes=self.lanes_kind(bounds.batch))
        self.execution = self.execution_kind(parts.pool, bounds.limits, undecided, self.partitions.owns, self._doubt)
        outbox = self.publication.outbox
        self._reception = Reception(parts, self.partitions, self.execution, outbox, bounds.buffer_bytes)


class _ForgetfulPartitions(Partitions):
    """An assignment counts as current as long as its partition is ours, again or still."""

    def current(self, assignment: Assignment) -> Partition | None:
        return self.get(assignment.partition)


class _OldEpoch(_Loop):
    partitions_kind = _ForgetfulPartitions


class _ResolveWithoutNonce(_Loop):
    publication_kind = _BlindPublication


class _BelieveTheDead(_Loop):
    publication_kind = _CredulousPublication


class _NeverLatePartitions(Partitions):
    """An outcome counts as ours to publish, whoever owns its partition by now."""

    def settle(self, assignment: Assignment, offsets: Collection[int]) -> bool:
        super().settle(assignment, offsets)
        return True


class _PublishLate(_Loop):
    partitions_kind = _NeverLatePartitions
    publication_kind = _LatePublication


class _EarlyExecution(Execution):
    """A record is released with the verdict, not with the commit."""

    def take_verdicts(self, now_s: float) -> Iterator[Decided]:
        for decided in super().take_verdicts(now_s):
            for event in decided.events:
                self.lanes.release((event,))
            yield decided

    def settle(self, settled: Collection[Settled]) -> None:
        pass


class _ReleaseBeforeCommit(_Loop):
    execution_kind = _EarlyExecution


class _SwappingLanes(Lanes):
    """The newest waiting event of a record goes first."""

    def release(self, decided: Iterable[Event | Settled]) -> None:
        decided = list(decided)
        for each in decided:
            waiting = self._waiting(each)
            if waiting:
                waiting.rotate(1)
        super().release(decided)

    def _waiting(self, decided: Event | Settled) -> deque[Event] | None:
        if decided.record_key is None:
            return None
        datastore_id, record_id = decided.record_key
        return self._datastores[datastore_id].undecided[record_id]


class _SwappedEvents(_Loop):
    lanes_kind = _SwappingLanes


class _CrowdedLanes(Lanes):
    """Any event may enter a batch, whether an older one of its record is undecided or not."""

    def add(self, events: Iterable[Event]) -> None:
        for event in events:
            self.size_bytes += event.size_bytes
            (self._lanes.get(event.lane) or self._lane(event.lane)).append(event)

    def release(self, decided: Iterable[Event | Settled]) -> None:
        self.size_bytes -= sum(each.size_bytes for each in decided if each.record_key is not None)


class _RecordTwice(_Loop):
    lanes_kind = _CrowdedLanes


class _NoDoubt(_Loop):
    """A request without an answer leaves no doubt."""

    def _doubt(self, event: Event) -> None:
        pass


class _NoAudit(_Loop):
    """Lines of the audit are not written."""

    def __init__(self, parts: Parts, bounds: Bounds) -> None:
        super().__init__(dataclasses.replace(parts, audit=AuditLog("off")), bounds)


BUGS: dict[str, Wiring] = {
    "drop the settled set": Wiring(sink=_DroppedSettledSet),
    "swallow one produce": Wiring(sink=_SwallowedProduce),
    "commit past a gap": Wiring(sink=_CommitPastAGap),
    "merge two partitions' offsets": Wiring(sink=_MergedOffsets),
    "always say clean": Wiring(sink=_AlwaysClean),
    "settle before publish": Wiring(pool=_SettledBeforePublish),
    "forget a retry": Wiring(pool=_ForgottenRetry),
    "never pause": Wiring(source=_NeverPaused),
    "retry after revocation": Wiring(lease=_NoLease),
    "renew the lease at once": Wiring(lease=_LeaseRenewedAtOnce),
    "resolve without nonce": Wiring(loop=_ResolveWithoutNonce),
    "believe a producer that was given up": Wiring(loop=_BelieveTheDead),
    "publish late outcomes": Wiring(loop=_PublishLate),
    "release a record before its commit": Wiring(loop=_ReleaseBeforeCommit),
    "swap two events of a record": Wiring(loop=_SwappedEvents),
    "send a record twice": Wiring(loop=_RecordTwice),
    "forget doubts": Wiring(loop=_NoDoubt),
    "reuse an old epoch": Wiring(loop=_OldEpoch),
    "write no audit": Wiring(loop=_NoAudit),
}


def _with_commits(transaction: Transaction, commits: Collection[OffsetCommit]) -> Transaction:
    return dataclasses.replace(transaction, commits=tuple(commits))


def _rewritten(commit: OffsetCommit, **changes: object) -> OffsetCommit:
    offset = commit.snapshot.committable
    told = metadata.decode(commit.metadata, offset)
    return commit._replace(metadata=metadata.encode(dataclasses.replace(told, **changes), offset))  # type: ignore[arg-type]


def _text(commit: OffsetCommit, offset: int) -> str:
    told = metadata.decode(commit.metadata, commit.snapshot.committable)
    ahead = tuple(each for each in told.settled if each >= offset)
    return metadata.encode(dataclasses.replace(told, settled=ahead), offset)


def _past_gap(commit: OffsetCommit) -> OffsetCommit:
    snapshot = commit.snapshot
    offset = max((each + 1 for each in snapshot.settled), default=snapshot.committable)
    return commit._replace(snapshot=snapshot._replace(committable=offset, settled=()), metadata=_text(commit, offset))
