"""Bugs planted in the rooms behind the loop: one of them is exchanged for another that does one thing wrong."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from stream.audit import AuditLog
from stream.execution import Execution
from stream.flights import Flights
from stream.holds import HoldLimits, Holds
from stream.lanes import Lanes
from stream.loop import Loop
from stream.parking import Parking
from stream.partitions import Partitions
from stream.publication import Publication
from stream.reception import Reception
from stream.steps import OnConflict
from stream.undecided import Undecided

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Collection, Iterable, Iterator

    from stream.model import Assignment, Decided, Event, LaneKey, Settled
    from stream.parking import Parked
    from stream.partitions import Partition
    from stream.parts import Bounds, Parts


class Misfit(Loop):
    """A loop with a piece exchanged."""

    partitions_kind: type[Partitions] = Partitions
    publication_kind: type[Publication] = Publication
    execution_kind: type[Execution] = Execution
    lanes_kind: type[Lanes] = Lanes
    flights_kind: type[Flights] = Flights
    holds_kind: type[Holds] = Holds
    parking_kind: type[Parking] = Parking
    policy: ClassVar[dict[str, object]] = {}
    """What of the configuration is not heeded, and what is instead."""

    def __init__(self, parts: Parts, bounds: Bounds) -> None:
        bounds = dataclasses.replace(bounds, policy=dataclasses.replace(bounds.policy, **self.policy))  # type: ignore[arg-type]
        super().__init__(parts, bounds)
        now_s = parts.clock.monotonic_s()
        self.partitions = self.partitions_kind()
        self.publication = self.publication_kind(parts.source, parts.sink, self.partitions, parts.rng, now_s)
        holds = self.holds_kind(bounds.hold, parts.rng)
        undecided = Undecided(
            self.lanes_kind(bounds.batch),
            self.flights_kind(bounds.in_flight, bounds.policy, parts.rng),
            holds,
            self.parking_kind(holds.changes, parts.rng),
        )
        self.execution = self.execution_kind(parts.pool, bounds.limits, undecided, self.partitions.owns, self._doubt)
        outbox = self.publication.outbox
        self._reception = Reception(parts, self.partitions, self.execution, outbox, bounds.buffer_bytes)


class _BlindPublication(Publication):
    """A transaction whose end is not known counts as aborted."""

    def _resolve(self, now_s: float) -> list[Settled]:
        self.outbox.aborted(now_s)
        return []


class ResolveWithoutNonce(Misfit):
    """See its piece."""

    publication_kind = _BlindPublication


class _CredulousPublication(Publication):
    """A producer that was given up is listened to until the next one is there."""

    def advance(self, now_s: float, clean: Collection[Assignment] = ()) -> list[Settled]:
        heard = [settled for report in self._sink.reports() for settled in self._take_report(report, now_s)]
        return heard + super().advance(now_s, clean)


class BelieveTheDead(Misfit):
    """See its piece."""

    publication_kind = _CredulousPublication


class _ForgetfulPartitions(Partitions):
    """An assignment counts as current as long as its partition is ours, again or still."""

    def current(self, assignment: Assignment) -> Partition | None:
        return self.get(assignment.partition)


class OldEpoch(Misfit):
    """See its piece."""

    partitions_kind = _ForgetfulPartitions


class _LatePublication(Publication):
    """Outcomes of ended assignments are published as well."""

    def drop_late(self) -> list[Settled]:
        return []


class _NeverLatePartitions(Partitions):
    """An outcome counts as ours to publish, whoever owns its partition by now."""

    def settle(self, assignment: Assignment, offsets: Collection[int]) -> bool:
        super().settle(assignment, offsets)
        return True


class PublishLate(Misfit):
    """See its pieces."""

    partitions_kind = _NeverLatePartitions
    publication_kind = _LatePublication


class _EarlyExecution(Execution):
    """A record is released with the verdict, not with the commit."""

    def take_verdicts(self, now_s: float) -> Iterator[Decided]:
        for decided in super().take_verdicts(now_s):
            self.lanes.release(decided.events)
            yield decided

    def release(self, settled: Collection[Settled]) -> None:
        pass


class ReleaseBeforeCommit(Misfit):
    """See its piece."""

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


class SwappedEvents(Misfit):
    """See its piece."""

    lanes_kind = _SwappingLanes


class _CrowdedLanes(Lanes):
    """Any event may enter a batch, whether an older one of its record is undecided or not."""

    def add(self, events: Iterable[Event]) -> None:
        for event in events:
            self.size_bytes += event.size_bytes
            (self._lanes.get(event.lane) or self._lane(event.lane)).append(event)

    def _decide(self, datastore: object, record_id: str, size_bytes: int) -> None:  # noqa: ARG002 - nothing is behind
        self.size_bytes -= size_bytes


class RecordTwice(Misfit):
    """See its piece."""

    lanes_kind = _CrowdedLanes


class NoDoubt(Misfit):
    """A request without an answer leaves no doubt."""

    def _doubt(self, event: Event) -> None:
        pass


class NoAudit(Misfit):
    """Lines of the audit are not written."""

    def __init__(self, parts: Parts, bounds: Bounds) -> None:
        super().__init__(dataclasses.replace(parts, audit=AuditLog("off")), bounds)


class NoReading(Misfit):
    """There is a read call, and nobody uses it."""

    policy: ClassVar = {"can_read": False}


class AlwaysRebase(Misfit):
    """Conflicts are sent again, though they are to be reported."""

    policy: ClassVar = {"on_conflict": OnConflict.REBASE}


class NoNames(Misfit):
    """What a refusal names is overlooked."""

    policy: ClassVar = {"naming_pointers": ()}


class _OpenHolds(Holds):
    """Batches go to what is held as to anything else."""

    def is_held(self, datastore_id: str) -> bool:  # noqa: ARG002 - as its name says
        return False


class NeverHeld(Misfit):
    """See its piece."""

    holds_kind = _OpenHolds


class _ManyProbes(Flights):
    """Nobody looks whether a probe is on its way already."""

    @property
    def has_probe(self) -> bool:
        return False

    def is_probed(self, datastore_id: str) -> bool:  # noqa: ARG002 - as its name says
        return False


class ProbesSideBySide(Misfit):
    """See its piece."""

    flights_kind = _ManyProbes


class _StubbornLanes(Lanes):
    """A probe that failed comes back as the next one."""

    def put_back(self, events: Iterable[Event], *, last: bool = False) -> None:  # noqa: ARG002 - as its name says
        super().put_back(events)

    def take_to_probe(self, key: LaneKey) -> Event:
        return self.take(key, 1)[0]


class SameProbeForEver(Misfit):
    """See its piece."""

    lanes_kind = _StubbornLanes


class _LostParking(Parking):
    """What is parked is never tried again."""

    def due(self, now_s: float) -> Iterator[Parked]:  # noqa: ARG002 - nothing ever is
        yield from ()


class ParkedForEver(Misfit):
    """See its piece."""

    parking_kind = _LostParking


class BelievesEveryRefusal(Misfit):
    """STREAM_STOP_AFTER_REFUSED is not heeded."""

    def __init__(self, parts: Parts, bounds: Bounds) -> None:
        hold = HoldLimits(0, bounds.hold.give_up_after_s)
        super().__init__(parts, dataclasses.replace(bounds, hold=hold))


class NoRate(Misfit):
    """CXONE_MAX_REQUESTS_PER_S is not heeded."""

    def __init__(self, parts: Parts, bounds: Bounds) -> None:
        in_flight = dataclasses.replace(bounds.in_flight, per_s=None)
        super().__init__(parts, dataclasses.replace(bounds, in_flight=in_flight))
