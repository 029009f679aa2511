"""Batches on their way: on the wire with a worker, or waiting for a time; and how many there may be."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum, auto
from operator import attrgetter
from typing import TYPE_CHECKING

from .dialogue import execute
from .health import Tries
from .payload import build, fresh_batch_id

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Iterator

    from .model import Assignment, Batch, Event
    from .steps import Dialogue, Policy, Read, Send


_arrival = attrgetter("arrived_s")


@dataclass(frozen=True, slots=True)
class InFlightLimits:
    """`CXONE_MAX_IN_FLIGHT` requests at one time, the batches out for one datastore, `CXONE_MAX_REQUESTS_PER_S`."""

    total: int
    per_datastore: int
    per_s: float | None = None


class Errand(Enum):
    """What a batch is on its way for."""

    WORK = auto()
    PROBE = auto()
    """One event, to find out whether what is held can go on."""
    TRY = auto()
    """One record that is parked, to find out whether it passes now."""


@dataclass(slots=True, eq=False)
class Flight:
    """One batch on its way. `waits_until_s` is None while a worker has it.

    `undecided` are those of its events that have no verdict yet. `doubtful` are the ids of records that a request of
    this flight may have changed without our knowing. `step` is a request that its dialogue has asked for, and that
    waits for its permit. `was_blamed` when its only record has failed alone.
    """

    number: int
    batch: Batch
    dialogue: Dialogue
    assignments: frozenset[Assignment]
    undecided: tuple[Event, ...]
    errand: Errand
    tries: Tries
    waits_until_s: float | None = None
    doubtful: set[str] = field(default_factory=set)
    step: Send | Read | None = None
    was_blamed: bool = False
    _oldest: Event | None = None

    @property
    def oldest(self) -> Event:
        """The event of the batch that arrived first; looked for once, and only if somebody asks."""
        if self._oldest is None:
            self._oldest = min(self.batch.events, key=_arrival)
        return self._oldest

    @property
    def datastore_id(self) -> str:
        """Where it goes."""
        return self.batch.lane.datastore_id

    def decide(self, events: tuple[Event, ...]) -> None:
        """Take out events that have their verdict: they are never sent again, whatever becomes of the rest."""
        self.tries.failures = 0
        if len(events) == len(self.undecided):
            self.undecided = ()
        elif events:
            decided = {event.record_id for event in events}
            self.undecided = tuple(event for event in self.undecided if event.record_id not in decided)

    def suspected(self, events: Iterable[Event]) -> list[Event]:
        """Mark those of its events as suspects that may have been executed."""
        return [event.as_suspect() if event.record_id in self.doubtful else event for event in events]


class Flights:
    """All batches on their way.

    A batch that waits takes no request's place, but one of its datastore's: a datastore that fails cannot take all.
    """

    def __init__(self, limits: InFlightLimits, policy: Policy, rng: random.Random) -> None:
        self._limits = limits
        self._policy = policy
        self._rng = rng
        self._flights: dict[int, Flight] = {}
        self._places: Counter[str] = Counter()
        self._on_wire: Counter[str] = Counter()
        self._probes: Counter[str] = Counter()
        self._waiting: list[tuple[float, int]] = []
        self._numbers = 0
        self.on_wire = 0

    def has_room(self) -> bool:
        """Whether one more request may start."""
        return self.on_wire < self._limits.total

    def has_room_for(self, datastore_id: str) -> bool:
        """Whether one more batch of a datastore may start."""
        return self.has_room() and self.has_place_for(datastore_id)

    def has_place_for(self, datastore_id: str) -> bool:
        """Whether a datastore has fewer batches on their way than it may have."""
        return self._places.get(datastore_id, 0) < self._limits.per_datastore

    @property
    def most(self) -> int:
        """How many requests there may be."""
        return self._limits.total

    def is_probed(self, datastore_id: str) -> bool:
        """Whether a probe or a try of a datastore is on its way."""
        return datastore_id in self._probes

    @property
    def has_probe(self) -> bool:
        """Whether any probe or try is on its way."""
        return bool(self._probes)

    def launch(self, events: tuple[Event, ...], errand: Errand = Errand.WORK, tries: Tries | None = None) -> Flight:
        """Make a batch, and begin its dialogue; a worker is given it.

        Args:
            events: of one lane, each of another record.
            errand: what for.
            tries: what a half has behind it.
        """
        self._numbers += 1
        batch = build(fresh_batch_id(self._rng), events[0].lane, events)
        shared = {id(event.assignment): event.assignment for event in events}  # hashed once each, not per event
        flight = Flight(
            self._numbers,
            batch,
            execute(batch, self._rng, self._policy),
            frozenset(shared.values()),
            events,
            errand,
            tries or Tries(self._numbers),
        )
        self._flights[flight.number] = flight
        self._places[flight.datastore_id] += 1
        if errand is not Errand.WORK:
            self._probes[flight.datastore_id] += 1
        self._take_off(flight)
        return flight

    def wait(self, flight: Flight, until_s: float) -> None:
        """Let a batch wait."""
        flight.waits_until_s = until_s
        self._touch_down(flight)
        heapq.heappush(self._waiting, (until_s, flight.number))

    def resume_next(self, now_s: float) -> Flight | None:
        """Take the batch whose wait was over first, if there is room for it: a worker is given it."""
        passed_over = []
        found = None
        while found is None and self._waiting and self._waiting[0][0] <= now_s and self.has_room():
            entry = heapq.heappop(self._waiting)
            flight = self._flights.get(entry[1])
            if flight is None or flight.waits_until_s is None:
                continue  # it was dissolved while it waited
            if self._on_wire[flight.datastore_id] < self._limits.per_datastore:
                found = flight
            else:
                passed_over.append(entry)
        for entry in passed_over:
            heapq.heappush(self._waiting, entry)
        if found is not None:
            found.waits_until_s = None
            self._take_off(found)
        return found

    def land(self, flight: Flight) -> None:
        """Take a batch out: it is decided, or to be dissolved."""
        del self._flights[flight.number]
        if flight.waits_until_s is None:
            self._touch_down(flight)
        _take_one(self._places, flight.datastore_id)
        if flight.errand is not Errand.WORK:
            _take_one(self._probes, flight.datastore_id)

    def get(self, number: int) -> Flight:
        """Find a batch by its number."""
        return self._flights[number]

    def waiting(self) -> list[Flight]:
        """List the batches that wait."""
        return [flight for flight in self._flights.values() if flight.waits_until_s is not None]

    def on_wire_of(self, assignments: frozenset[Assignment] | set[Assignment]) -> bool:
        """Whether a request with events of these assignments has no answer yet."""
        return any(
            flight.waits_until_s is None and not flight.assignments.isdisjoint(assignments)
            for flight in self._flights.values()
        )

    def __iter__(self) -> Iterator[Flight]:
        """Go through all batches on their way."""
        return iter(list(self._flights.values()))

    def _take_off(self, flight: Flight) -> None:
        self._on_wire[flight.datastore_id] += 1
        self.on_wire += 1

    def _touch_down(self, flight: Flight) -> None:
        _take_one(self._on_wire, flight.datastore_id)
        self.on_wire -= 1


def _take_one(counter: Counter[str], datastore_id: str) -> None:
    """Count one less; a datastore of which there is none is not kept: names come from events."""
    counter[datastore_id] -= 1
    if not counter[datastore_id]:
        del counter[datastore_id]
