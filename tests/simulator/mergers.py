"""Bugs planted in the merging of events (`STREAM_COALESCE=fields`), in the way in which one could really write them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import orjson

from stream.execution import Execution
from stream.landing import Landing
from stream.lanes import Lanes
from stream.model import Result
from stream.outbox import Outbox
from stream.publication import Publication

from .misfits import Misfit

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from stream.flights import Flight
    from stream.model import Assignment, Decided, Event, Settled
    from stream.partitions import Partitions
    from stream.ports import Pool, Sink, Source
    from stream.undecided import Limits, Undecided


class _BlurredLanes(Lanes):
    """What waits behind an event is taken for more alike than it is."""

    def gather(self, events: Iterable[Event]) -> tuple[Event, ...]:
        events = tuple(events)
        for event in events:
            undecided = self._datastores[event.lane.datastore_id].undecided
            if behind := undecided[event.record_id]:
                undecided[event.record_id] = deque(self.blur(event, each) for each in behind)
        return super().gather(events)

    def blur(self, event: Event, behind: Event) -> Event:
        """Say what is seen instead of an event that waits."""
        return behind._replace(lane=event.lane)


class AcrossDirectives(Misfit):
    """Directives are overlooked when events merge."""

    lanes_kind = _BlurredLanes


class _OnePartition(_BlurredLanes):
    """All partitions are one."""

    def blur(self, event: Event, behind: Event) -> Event:
        return behind._replace(assignment=event.assignment)


class AcrossPartitions(Misfit):
    """Partitions are overlooked when events merge."""

    lanes_kind = _OnePartition


class _NoVersions(_BlurredLanes):
    """Versions are nothing."""

    def blur(self, event: Event, behind: Event) -> Event:
        del event
        record = orjson.loads(behind.record)
        return behind._replace(record=orjson.dumps({"id": record["id"], "fields": record["fields"]}))


class InSpiteOfVersions(Misfit):
    """Versions are overlooked when events merge."""

    lanes_kind = _NoVersions


class _FirstWins(Lanes):
    """Of two values of a field the earlier one is kept."""

    def gather(self, events: Iterable[Event]) -> tuple[Event, ...]:
        return tuple(map(self._merged_backwards, super().gather(events)))

    @staticmethod
    def _merged_backwards(carrier: Event) -> Event:
        if len(carrier.carries) < 2:
            return carrier
        fields: dict[str, Any] = {}
        for each in reversed(carrier.carries):
            fields |= orjson.loads(each.record)["fields"]
        return carrier._replace(record=orjson.dumps({"id": carrier.record_id, "fields": fields}))


class EarlierWins(Misfit):
    """See its piece."""

    lanes_kind = _FirstWins


class _LostFields(Lanes):
    """A carrier is sent as it came."""

    def gather(self, events: Iterable[Event]) -> tuple[Event, ...]:
        gathered = super().gather(events)
        return tuple(each._replace(record=each.parts[-1].record) if each.carries else each for each in gathered)


class OnlyTheLast(Misfit):
    """See its piece."""

    lanes_kind = _LostFields


class _TornOutbox(Outbox):
    """A transaction may end within a group."""

    def _take_bounded(self) -> list[Settled]:
        if self._waiting and self._waiting[0].result is Result.SUPERSEDED:
            return [self._waiting.popleft()]
        return super()._take_bounded()


class _TearingPublication(Publication):
    """See its piece."""

    def __init__(self, source: Source, sink: Sink, partitions: Partitions, rng: Any, now_s: float) -> None:  # noqa: ANN401
        super().__init__(source, sink, partitions, rng, now_s)
        self.outbox = _TornOutbox(now_s)


class SettledWithoutCarrier(Misfit):
    """See its pieces."""

    publication_kind = _TearingPublication


class _CredulousLanding(Landing):
    """A group that was refused is rejected, whichever of its events is to blame."""

    def _take_apart(self, flight: Flight, decided: Decided, groups: Collection[str]) -> Decided:
        del flight, groups
        return decided


class _CredulousExecution(Execution):
    """See its piece."""

    def __init__(
        self,
        pool: Pool,
        limits: Limits,
        undecided: Undecided,
        is_current: Callable[[Assignment], bool],
        doubt: Callable[[Event], None],
    ) -> None:
        super().__init__(pool, limits, undecided, is_current, doubt)
        self._landing = _CredulousLanding(undecided, self._pace, is_current, doubt)


class RejectsTheGroup(Misfit):
    """See its pieces."""

    execution_kind = _CredulousExecution


class _ForgetfulLanes(Lanes):
    """What was taken apart may merge again."""

    def _apart(self, carrier: Event, *, for_good: bool) -> Event:
        del for_good
        return super()._apart(carrier, for_good=False)


class MergedAgain(Misfit):
    """See its piece."""

    lanes_kind = _ForgetfulLanes
