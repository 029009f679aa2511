"""Bugs planted on purpose, one at a time: the judge that does not condemn each of them is no judge.

Each is a piece of an instance that does one thing wrong, in the way in which one could really write it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stream.lease import Lease

from .mergers import (
    AcrossDirectives,
    AcrossPartitions,
    EarlierWins,
    InSpiteOfVersions,
    MergedAgain,
    OnlyTheLast,
    RejectsTheGroup,
    SettledWithoutCarrier,
)
from .misdeeds import (
    AlwaysClean,
    CommitPastAGap,
    DroppedSettledSet,
    MergedOffsets,
    SwallowedProduce,
)
from .misfits import (
    AlwaysRebase,
    BelievesEveryRefusal,
    BelieveTheDead,
    NeverHeld,
    NoAudit,
    NoDoubt,
    NoNames,
    NoRate,
    NoReading,
    OldEpoch,
    ParkedForEver,
    ProbesSideBySide,
    PublishLate,
    RecordTwice,
    ReleaseBeforeCommit,
    ResolveWithoutNonce,
    SameProbeForEver,
    SwappedEvents,
)
from .misreadings import (
    AllAreBad,
    ApplauseForAll,
    BlindFaith,
    LostFirstHalf,
    NothingRead,
    RefusedTwice,
    ThrottlingIsRefusal,
    TimeoutIsSure,
)
from .pool import FakePool
from .source import FakeSource
from .watch import FakeWatch
from .wiring import Wiring

if TYPE_CHECKING:
    from collections.abc import Collection

    from stream.flights import Flight
    from stream.model import Assignment, TopicPartition
    from stream.steps import Read, Send


class _ForgottenRetry(FakePool):
    """A batch that waited is not sent again."""

    def submit(self, flight: Flight) -> None:
        self._seen: set[int] = getattr(self, "_seen", set())
        if flight.number not in self._seen:
            self._seen.add(flight.number)
            super().submit(flight)


class _SettledBeforePublish(FakePool):
    """An event counts as settled as soon as a worker has it."""

    def submit(self, flight: Flight) -> None:
        super().submit(flight)
        for event in flight.batch.events:
            self.process.loop.partitions.settle(event.assignment, (event.message.offset,))


class _UnmeteredPool(FakePool):
    """No request waits for a permit."""

    def _ask(self, flight: Flight, step: Send | Read) -> None:
        self._permits.add(flight.number)
        super()._ask(flight, step)


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


class _NoWatch(FakeWatch):
    """Nobody looks whether every partition has an owner."""

    def _look(self) -> None:
        pass


BUGS: dict[str, Wiring] = {
    "drop the settled set": Wiring(sink=DroppedSettledSet),
    "swallow one produce": Wiring(sink=SwallowedProduce),
    "commit past a gap": Wiring(sink=CommitPastAGap),
    "merge two partitions' offsets": Wiring(sink=MergedOffsets),
    "always say clean": Wiring(sink=AlwaysClean),
    "settle before publish": Wiring(pool=_SettledBeforePublish),
    "forget a retry": Wiring(pool=_ForgottenRetry),
    "never pause": Wiring(source=_NeverPaused),
    "retry after revocation": Wiring(lease=_NoLease),
    "renew the lease at once": Wiring(lease=_LeaseRenewedAtOnce),
    "resolve without nonce": Wiring(loop=ResolveWithoutNonce),
    "believe a producer that was given up": Wiring(loop=BelieveTheDead),
    "publish late outcomes": Wiring(loop=PublishLate),
    "release a record before commit": Wiring(loop=ReleaseBeforeCommit),
    "leave a partition without an owner": Wiring(watch=_NoWatch),
    "swap two events of a record": Wiring(loop=SwappedEvents),
    "send a record twice": Wiring(loop=RecordTwice),
    "forget doubts": Wiring(loop=NoDoubt),
    "reuse an old epoch": Wiring(loop=OldEpoch),
    "write no audit": Wiring(loop=NoAudit),
    "treat 429 as refusal": Wiring(pool=ThrottlingIsRefusal),
    "lose the first half of a bisection": Wiring(pool=LostFirstHalf),
    "reject the good with the bad": Wiring(pool=AllAreBad),
    "send what was refused once more": Wiring(pool=RefusedTwice),
    "believe every 2xx": Wiring(pool=BlindFaith),
    "confirm without evidence": Wiring(pool=ApplauseForAll),
    "take a time-out for sure": Wiring(pool=TimeoutIsSure),
    "take what is read for absent": Wiring(pool=NothingRead),
    "read nothing back": Wiring(loop=NoReading),
    "rebase what is to be reported": Wiring(loop=AlwaysRebase),
    "overlook the names in a refusal": Wiring(loop=NoNames),
    "go on with what is held": Wiring(loop=NeverHeld),
    "let probes go side by side": Wiring(loop=ProbesSideBySide),
    "probe with the same record for ever": Wiring(loop=SameProbeForEver),
    "try a parked record never again": Wiring(loop=ParkedForEver),
    "believe every refusal": Wiring(loop=BelievesEveryRefusal),
    "merge across directives": Wiring(loop=AcrossDirectives),
    "merge across partitions": Wiring(loop=AcrossPartitions),
    "merge in spite of a version": Wiring(loop=InSpiteOfVersions),
    "let earlier fields win": Wiring(loop=EarlierWins),
    "send only the last of a group": Wiring(loop=OnlyTheLast),
    "settle a superseded event without its carrier": Wiring(loop=SettledWithoutCarrier),
    "reject a group for one of its events": Wiring(loop=RejectsTheGroup),
    "merge again what was taken apart": Wiring(loop=MergedAgain),
    "ask faster than allowed": Wiring(loop=NoRate, pool=_UnmeteredPool),
}
