"""Batches on their way: on the wire with a worker, or parked until a deadline; and how many there may be."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from .dialogue import Reply, Step
    from .model import Assignment, Batch, Decided

    Dialogue = Generator[Step, Reply | None, tuple[Decided, ...]]


@dataclass(frozen=True, slots=True)
class InFlightLimits:
    """`CXONE_MAX_IN_FLIGHT` requests at one time, and the batches out for one datastore."""

    total: int
    per_datastore: int


@dataclass(slots=True, eq=False)
class Flight:
    """One batch on its way. `parked_until_s` is None while a worker has it."""

    number: int
    batch: Batch
    dialogue: Dialogue
    assignments: frozenset[Assignment]
    parked_until_s: float | None = None
    doubtful: bool = False


class Flights:
    """All batches on their way.

    A parked batch takes no request's place, but one of its datastore's: a datastore that fails cannot take all.
    """

    def __init__(self, limits: InFlightLimits) -> None:
        self._limits = limits
        self._flights: dict[int, Flight] = {}
        self._per_datastore: dict[str, int] = {}
        self._parked: list[tuple[float, int]] = []
        self._numbers = 0
        self.on_wire = 0

    def has_room(self) -> bool:
        """Whether one more request may start."""
        return self.on_wire < self._limits.total

    def has_room_for(self, datastore_id: str) -> bool:
        """Whether one more batch of a datastore may start."""
        return self.has_room() and self._per_datastore.get(datastore_id, 0) < self._limits.per_datastore

    def launch(self, batch: Batch, dialogue: Dialogue) -> Flight:
        """Take note of a new batch that a worker is given."""
        self._numbers += 1
        shared = {id(event.assignment): event.assignment for event in batch.events}  # hashed once each, not per event
        flight = Flight(self._numbers, batch, dialogue, frozenset(shared.values()))
        self._flights[flight.number] = flight
        datastore_id = batch.lane.datastore_id
        self._per_datastore[datastore_id] = self._per_datastore.get(datastore_id, 0) + 1
        self.on_wire += 1
        return flight

    def park(self, flight: Flight, until_s: float) -> None:
        """Let a batch wait."""
        flight.parked_until_s = until_s
        self.on_wire -= 1
        heapq.heappush(self._parked, (until_s, flight.number))

    def resume_due(self, now_s: float) -> Iterator[Flight]:
        """Take the parked batches whose wait is over, as long as there is room: a worker is given each."""
        while self._parked and self._parked[0][0] <= now_s and self.has_room():
            _, number = heapq.heappop(self._parked)
            flight = self._flights.get(number)
            if flight is None or flight.parked_until_s is None:
                continue  # it was dissolved while it waited
            flight.parked_until_s = None
            self.on_wire += 1
            yield flight

    def land(self, flight: Flight) -> None:
        """Take a batch out: it is decided, or to be dissolved."""
        del self._flights[flight.number]
        if flight.parked_until_s is None:
            self.on_wire -= 1
        datastore_id = flight.batch.lane.datastore_id
        self._per_datastore[datastore_id] -= 1
        if not self._per_datastore[datastore_id]:
            del self._per_datastore[datastore_id]

    def get(self, number: int) -> Flight:
        """Find a batch by its number."""
        return self._flights[number]

    def parked(self) -> list[Flight]:
        """List the batches that wait."""
        return [flight for flight in self._flights.values() if flight.parked_until_s is not None]

    def on_wire_of(self, assignments: frozenset[Assignment] | set[Assignment]) -> bool:
        """Whether a request with events of these assignments has no answer yet."""
        return any(
            flight.parked_until_s is None and not flight.assignments.isdisjoint(assignments)
            for flight in self._flights.values()
        )

    def __iter__(self) -> Iterator[Flight]:
        """Go through all batches on their way."""
        return iter(list(self._flights.values()))
