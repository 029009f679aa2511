"""Batches out, verdicts in: the lanes, what is on its way, and the pace, in one hand."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from .dialogue import Wait, execute
from .flights import Flights
from .lanes import Lanes
from .log import get_log
from .pace import Pace
from .payload import build
from .ports import LeaseLost

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Collection, Iterator

    from .flights import Flight, InFlightLimits
    from .lanes import BatchLimits
    from .model import Assignment, Decided, Event, LaneKey, Settled
    from .ports import Pool

log = get_log()


class Execution:
    """Events from their arrival to their verdict; a record is released when the verdict's outcome is committed.

    `is_current` tells whether an assignment has not ended; `doubt` is told of each event whose request may have been
    applied without our knowing.
    """

    def __init__(
        self,
        pool: Pool,
        limits: tuple[BatchLimits, InFlightLimits],
        rng: random.Random,
        is_current: Callable[[Assignment], bool],
        doubt: Callable[[Event], None],
    ) -> None:
        batch_limits, in_flight_limits = limits
        self.lanes = Lanes(batch_limits)
        self.flights = Flights(in_flight_limits)
        self._pace = Pace()
        self._linger_s = batch_limits.linger_s
        self._waiting_since_s: dict[LaneKey, float] = {}
        self._pool = pool
        self._rng = rng
        self._is_current = is_current
        self._doubt = doubt

    def hand_out(self, now_s: float) -> None:
        """Give the workers what is due: first batches whose wait is over, then new ones, the longest waiting first."""
        if self._pace.is_held(now_s):
            return
        for flight in self.flights.resume_due(now_s):
            self._pool.submit(flight)
        if not self.flights.has_room():
            return
        for key in self.lanes.due(now_s):
            if self.flights.has_room_for(key.datastore_id) and not self._is_better_later(key, now_s):
                self._waiting_since_s.pop(key, None)
                batch = build(str(uuid.UUID(int=self._rng.getrandbits(128), version=4)), key, self.lanes.take(key))
                self._pool.submit(self.flights.launch(batch, execute(batch, self._rng)))

    def _is_better_later(self, key: LaneKey, now_s: float) -> bool:
        """Whether a batch that is due but not full should wait for more that is coming: one more linger at most."""
        if not self.lanes.grows_soon(key):
            return False
        return now_s < self._waiting_since_s.setdefault(key, now_s) + self._linger_s

    def take_verdicts(self, now_s: float) -> Iterator[Decided]:
        """Take what the workers have done: verdicts come out, waits are parked, the rest is dissolved."""
        for advance in self._pool.finished():
            flight = self.flights.get(advance.number)
            if isinstance(advance.end, Wait):
                self._wait(flight, advance.end, now_s)
            elif isinstance(advance.end, LeaseLost):
                self._dissolve(flight)
            else:
                self.flights.land(flight)
                yield from advance.end

    def release(self, settled: Collection[Settled]) -> None:
        """Release the records of events that are decided: committed, or late."""
        for each in settled:
            if each.record_key is not None:
                self.lanes.release(each.record_key, each.size_bytes)

    def recall_parked(self) -> None:
        """Dissolve all batches that wait: a drain."""
        for flight in self.flights.parked():
            self._dissolve(flight)

    def forget(self, ended: Collection[Assignment]) -> None:
        """Drop the events of ended assignments; batches that wait with some of them are dissolved."""
        for flight in self.flights.parked():
            if not flight.assignments.isdisjoint(ended):
                self._dissolve(flight)
        self.lanes.forget(ended)
        self._waiting_since_s.clear()

    def _wait(self, flight: Flight, wait: Wait, now_s: float) -> None:
        if wait.for_all:
            self._pace.hold(now_s + wait.seconds)
        if wait.doubtful:
            flight.doubtful = True
            for event in flight.batch.events:
                self._doubt(event)
        log.warning(
            "request_waits",
            datastore=flight.batch.lane.datastore_id,
            batch_id=flight.batch.batch_id,
            reason=wait.reason,
            wait_s=round(wait.seconds, 3),
        )
        if all(self._is_current(assignment) for assignment in flight.assignments):
            self.flights.park(flight, now_s + wait.seconds)
        else:
            self._dissolve(flight)

    def _dissolve(self, flight: Flight) -> None:
        """Return a batch's events to the head of their lane; those of ended assignments are forgotten."""
        self.flights.land(flight)
        kept = []
        for event in flight.batch.events:
            if self._is_current(event.assignment):
                kept.append(event._replace(suspect=event.suspect or flight.doubtful))
            else:
                self.lanes.release(event.record_key, event.size_bytes)
        self.lanes.put_back(kept)
