"""What becomes of a batch when its worker gives it back: decided, or to wait, halved, parked, dissolved."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from .coalesce import is_carrier, refused_groups
from .flights import Errand
from .health import Reaction
from .holds import Cause
from .log import get_log
from .model import Decided
from .observer import SILENT
from .parking import MAX_PARKED_PER_DATASTORE
from .ports import PermitNeeded
from .steps import Scope, Wait

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from .flights import Flight
    from .model import Assignment, Event
    from .observer import Observer
    from .pace import Pace
    from .ports import Advance
    from .undecided import Undecided

log = get_log()


class Landing:
    """Returns each event to where it belongs; those of ended assignments are forgotten.

    `is_current` tells whether an assignment has not ended; `doubt` is told of each event whose request may have been
    applied without our knowing; `observer` of what happens.
    """

    def __init__(
        self,
        undecided: Undecided,
        pace: Pace,
        is_current: Callable[[Assignment], bool],
        doubt: Callable[[Event], None],
        observer: Observer = SILENT,
    ) -> None:
        self._lanes, self._flights = undecided.lanes, undecided.flights
        self._holds, self._parking = undecided.holds, undecided.parking
        self._pace = pace
        self._is_current = is_current
        self._doubt = doubt
        self._observer = observer

    def take(self, advance: Advance, now_s: float) -> Decided | None:
        """Take what a worker tells of a batch.

        Args:
            advance: how far it got.
            now_s: the loop's clock.

        Returns:
            What is decided now, if anything is.
        """
        flight = self._flights.get(advance.number)
        match advance.news:
            case Decided() as decided:
                return self._decide(flight, decided, now_s)
            case Wait() as wait:
                self._wait(flight, wait, now_s)
            case PermitNeeded() if self._may_go_on(flight):
                self._flights.wait(flight, now_s)
            case _:  # its lease was gone, or its dialogue has ended
                self._dissolve(flight)
        return None

    def recall(self, is_due: Callable[[Flight], bool]) -> None:
        """Dissolve those of the waiting batches that are due for it."""
        for flight in self._flights.waiting():
            if is_due(flight):
                self._dissolve(flight)

    def _decide(self, flight: Flight, decided: Decided, now_s: float) -> Decided:
        """Take out what is decided; refused events may be too many to be believed, and go back."""
        if groups := refused_groups(decided):
            decided = self._take_apart(flight, decided, groups)
        kept_back = {event.record_id for event in self._holds.answered(decided, now_s)}
        back = [event for event in flight.undecided if event.record_id in kept_back] if kept_back else []
        flight.decide(decided.events)
        if self._holds.is_held(flight.datastore_id):
            self._recall_held()
        if flight.errand is not Errand.WORK:
            if flight.errand is Errand.TRY and decided.events:
                self._parking.decided(decided.events[0].record_key)
            if flight.datastore_id in self._holds.held:
                self._holds.probe_failed(flight.datastore_id, now_s, None)
        if not back:
            return decided
        self._put_back(flight.suspected(back), last=flight.errand is not Errand.WORK)
        return replace(decided, events=tuple(each for each in decided.events if each.record_id not in kept_back))

    def _take_apart(self, flight: Flight, decided: Decided, groups: Collection[str]) -> Decided:
        """Return the events of refused groups to the head of their lane, one by one; say what is decided without."""
        carriers = [event for event in flight.undecided if event.record_id in groups]
        flight.decide(tuple(carriers))
        self._put_back(flight.suspected(carriers), last=flight.errand is not Errand.WORK, apart=True)
        return replace(decided, events=tuple(each for each in decided.events if each.record_id not in groups))

    def _wait(self, flight: Flight, wait: Wait, now_s: float) -> None:
        if wait.scope is Scope.CREDENTIAL:
            self._pace.hold(now_s + wait.seconds)
        for event in wait.doubtful:
            flight.doubtful.add(event.record_id)
            self._doubt(event)
        log.warning(
            "request_waits",
            datastore=flight.datastore_id,
            batch_id=flight.batch.batch_id,
            reason=wait.reason,
            wait_s=round(wait.seconds, 3),
        )
        self._observer.waits(flight, wait, now_s)
        match self._reaction(flight, wait, now_s):
            case Reaction.WAIT:
                self._flights.wait(flight, now_s + wait.seconds)
            case Reaction.HALVE:
                self._halve(flight, now_s)
            case Reaction.PARK:
                self._park(flight, wait, now_s)
            case Reaction.DISSOLVE:
                self._dissolve(flight)
                self._recall_held()

    def _reaction(self, flight: Flight, wait: Wait, now_s: float) -> Reaction:
        """Say what becomes of a batch without a verdict; what that means for its datastore is noted."""
        errand, datastore_id = flight.errand, flight.datastore_id
        if errand is Errand.TRY:
            self._parking.try_failed(flight.undecided[0].record_key, wait, now_s)
            if wait.scope in (Scope.REQUEST, Scope.CREDENTIAL):
                return Reaction.DISSOLVE  # that the record breaks the API is known, and says nothing of others
        reaction = self._holds.waits(datastore_id, flight.tries, len(flight.undecided), wait, now_s)
        if errand is not Errand.WORK:
            self._holds.probe_failed(datastore_id, now_s, wait)
        if not self._may_go_on(flight):
            return Reaction.DISSOLVE
        if errand is not Errand.TRY and self._breaks_alone(flight, wait):
            return Reaction.PARK
        return reaction if errand is Errand.WORK else Reaction.DISSOLVE

    def _breaks_alone(self, flight: Flight, wait: Wait) -> bool:
        if wait.scope is not Scope.REQUEST or len(flight.undecided) != 1 or flight.was_blamed:
            return False
        flight.was_blamed = True
        return self._parking.blame(flight.undecided[0].record_key, self._holds.passes(flight.datastore_id))

    def _may_go_on(self, flight: Flight) -> bool:
        """Whether a batch that has begun may go on: its events are ours, and its datastore is not held."""
        is_ours = all(self._is_current(assignment) for assignment in flight.assignments)
        return is_ours and (flight.errand is not Errand.WORK or not self._holds.is_held(flight.datastore_id))

    def _halve(self, flight: Flight, now_s: float) -> None:
        self._land(flight)
        events = tuple(flight.suspected(flight.undecided))
        middle = (len(events) + 1) // 2
        for half in (events[:middle], events[middle:]):
            tries = self._holds.half_of(flight.datastore_id, flight.tries)
            self._flights.wait(self._flights.launch(half, tries=tries), now_s)

    def _park(self, flight: Flight, wait: Wait, now_s: float) -> None:
        (event,) = flight.suspected(flight.undecided)
        if is_carrier(event):  # one of them is to blame, and the others are not to wait for it
            self._land(flight)
            self._put_back((event,), last=flight.errand is not Errand.WORK, apart=True)
        elif self._parking.has_room(flight.datastore_id):
            self._land(flight)
            self._parking.park(event, wait.reason, now_s)
        else:
            why = f"more than {MAX_PARKED_PER_DATASTORE} records break the API one by one; the last: {wait.reason}"
            self._holds.hold(flight.datastore_id, Cause.FAILING, why, now_s)
            self._dissolve(flight)
            self._recall_held()

    def _recall_held(self) -> None:
        """Dissolve the batches that wait for what is held: it is probed by single events."""
        self.recall(lambda flight: flight.errand is Errand.WORK and self._holds.is_held(flight.datastore_id))

    def _dissolve(self, flight: Flight) -> None:
        """Return a batch's undecided events to where they came from."""
        self._land(flight)
        events = flight.suspected(flight.undecided)
        if flight.errand is not Errand.TRY:
            self._put_back(events, last=flight.errand is Errand.PROBE)
            return
        for event in events:
            if self._is_current(event.assignment):
                self._parking.put_back(event)
            else:
                self._parking.decided(event.record_key)
                self._lanes.release((event,))

    def _land(self, flight: Flight) -> None:
        self._flights.land(flight)
        self._observer.landed(flight)

    def _put_back(self, events: Iterable[Event], *, last: bool, apart: bool = False) -> None:
        """Return events to the head of their lane, or to its end; groups as they are, or one by one."""
        kept = []
        for event in events:
            if self._is_current(event.assignment):
                kept.append(event)
            else:
                self._lanes.release((event,))
        (self._lanes.put_back_apart if apart else self._lanes.put_back)(kept, last=last)
