"""Batches out, verdicts in: what waits, what is on its way, what is held, and the pace, in one hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .giving_up import take_given_up
from .landing import Landing
from .observer import SILENT
from .pace import Pace
from .probing import Probing
from .status import Status, status_of
from .watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from .flights import Flight
    from .giving_up import GivenUp
    from .model import Assignment, Decided, Event, LaneKey, Settled
    from .observer import Observer
    from .ports import Pool
    from .undecided import Limits, Undecided

MAX_LINGERING = 10_000
"""Lanes of which it is kept since when their batch waits for more."""


class Execution:
    """Events from their arrival to their verdict; a record is released when the verdict's outcome is committed.

    `is_current` tells whether an assignment has not ended; `doubt` is told of each event whose request may have been
    applied without our knowing; `observer` of what happens.
    """

    def __init__(
        self,
        pool: Pool,
        limits: Limits,
        undecided: Undecided,
        is_current: Callable[[Assignment], bool],
        doubt: Callable[[Event], None],
        observer: Observer = SILENT,
    ) -> None:
        self.lanes, self.flights, self.holds = undecided.lanes, undecided.flights, undecided.holds
        self._undecided = undecided
        self._probing = Probing(undecided)
        self._pace = Pace(limits.in_flight.per_s)
        self._landing = Landing(undecided, self._pace, is_current, doubt, observer)
        self._watch = Watch()
        self._linger_s, self._merges = limits.batch.linger_s, limits.batch.merges
        self._waiting_since_s: dict[LaneKey, float] = {}
        self._give_up_after_s = limits.hold.give_up_after_s
        self._pool = pool
        self._observer = observer

    def hand_out(self, now_s: float) -> None:
        """Give the workers what is due: batches whose wait is over, probes, and new ones, the longest waiting first."""
        self._probing.look_around(now_s)
        while self._may_start(now_s) and (flight := self.flights.resume_next(now_s)) is not None:
            self._submit(flight, now_s)
        while self._may_start(now_s) and (probe := self._probing.take_next(now_s)) is not None:
            self._submit(self.flights.launch((probe.event,), probe.errand), now_s)
        if self._may_start(now_s):
            self._hand_out_due(now_s)
        for change in self.holds.changes:
            self._observer.changed(change, now_s)
        self._watch.look(self.holds.changes, lambda: self.status(now_s), now_s)

    def take_verdicts(self, now_s: float) -> Iterator[Decided]:
        """Take what the workers have done: verdicts come out, what has none waits or is dissolved."""
        for advance in self._pool.finished():
            decided = self._landing.take(advance, now_s)
            if decided is not None:
                yield decided

    def has_plenty(self) -> bool:
        """Whether full batches that could go now wait for as many requests as there may be."""
        full = sum(count for key, count in self.lanes.full() if self._may_send_to(key.datastore_id))
        return full >= self.flights.most

    def give_up(self, now_s: float) -> list[GivenUp]:
        """Take out what was held for too long; the records are released when the outcomes are committed."""
        if self._give_up_after_s is None:
            return []
        return take_given_up(self._undecided, now_s - self._give_up_after_s)

    def release(self, settled: Collection[Settled]) -> None:
        """Release the records of events that are decided: committed, or late."""
        self.lanes.release(settled)

    def recall_waiting(self) -> None:
        """Dissolve all batches that wait: a drain."""
        self._landing.recall(lambda _: True)

    def forget(self, ended: Collection[Assignment]) -> None:
        """Drop the events of ended assignments; batches that wait with some of them are dissolved."""
        self._landing.recall(lambda flight: not flight.assignments.isdisjoint(ended))
        self.lanes.release(self._undecided.parking.forget(ended))
        self.lanes.forget(ended)
        self._waiting_since_s.clear()

    def status(self, now_s: float) -> Status:
        """Say what is held, and why."""
        return status_of(self._undecided, now_s)

    def _may_start(self, now_s: float) -> bool:
        return self._pace.permits(now_s) and self.flights.has_room()

    def _may_send_to(self, datastore_id: str) -> bool:
        return not self.holds.is_held(datastore_id) and self.flights.has_place_for(datastore_id)

    def _hand_out_due(self, now_s: float) -> None:
        for key in self.lanes.due(now_s):
            if not self._may_send_to(key.datastore_id) or self._is_better_later(key, now_s):
                continue
            self._waiting_since_s.pop(key, None)
            events = self.lanes.take(key, self.holds.most_records(key.datastore_id))
            if self._merges:
                events = self.lanes.gather(events)
            self._submit(self.flights.launch(events), now_s)
            if not self._may_start(now_s):
                return

    def _is_better_later(self, key: LaneKey, now_s: float) -> bool:
        """Whether a batch that is due but not full should wait for more that is coming: one more linger at most."""
        if not self.lanes.grows_soon(key):
            return False
        if len(self._waiting_since_s) > MAX_LINGERING:
            self._waiting_since_s.clear()  # lanes that were held, or given up, in the meantime
        return now_s < self._waiting_since_s.setdefault(key, now_s) + self._linger_s

    def _submit(self, flight: Flight, now_s: float) -> None:
        self._pace.spend(now_s)
        self._observer.handed_out(flight, now_s)
        self._pool.submit(flight)
