"""What can be told of the service at any time: what is held or parked and why, and what the requests came to."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .circuit import Outage
    from .holds import Cause, Hold
    from .model import Event, TopicPartition
    from .parking import Parked
    from .undecided import Undecided

MAX_TOLD = 100
"""Of held datastores and of parked records: names come from events, so that there may be any number."""


@dataclass(slots=True)
class Tally:
    """Requests with a verdict since the start."""

    requests: int = 0
    succeeded: int = 0
    latency_sum_ms: float = 0.0

    def count(self, latency_ms: float, *, succeeded: bool) -> None:
        """Count one request."""
        self.requests += 1
        self.succeeded += succeeded
        self.latency_sum_ms += latency_ms

    @property
    def success_rate(self) -> float:
        """Percent of the requests; 100 before the first."""
        return 100.0 * self.succeeded / self.requests if self.requests else 100.0

    @property
    def average_latency_ms(self) -> float:
        """Mean of the requests; 0 before the first."""
        return self.latency_sum_ms / self.requests if self.requests else 0.0


@dataclass(frozen=True, slots=True)
class Position:
    """Where an event stands in the input."""

    partition: TopicPartition
    offset: int


@dataclass(frozen=True, slots=True)
class HeldDatastore:
    """A datastore that is held: since when, why, and which event has waited longest for it."""

    datastore_id: str
    cause: Cause
    reason: str
    held_for_s: float
    next_probe_in_s: float
    probes_failed: int
    oldest: Position | None


@dataclass(frozen=True, slots=True)
class ParkedRecord:
    """A record that breaks the API alone, and its event that is tried again."""

    datastore_id: str
    record_id: str
    reason: str
    parked_for_s: float
    next_try_in_s: float
    tries_failed: int
    oldest: Position


@dataclass(frozen=True, slots=True)
class EverythingHeld:
    """An outage."""

    reason: str
    held_for_s: float
    next_probe_in_s: float


@dataclass(frozen=True, slots=True)
class Status:
    """What is held now. Of very many datastores or records the first are told, and how many there are."""

    outage: EverythingHeld | None
    held: tuple[HeldDatastore, ...]
    held_count: int
    parked: tuple[ParkedRecord, ...]
    parked_count: int

    @property
    def is_ready(self) -> bool:
        """Whether nothing is held; a parked record holds up nothing but itself."""
        return self.outage is None and not self.held

    @property
    def reasons(self) -> tuple[str, ...]:
        """Say why it is not ready."""
        outage = () if self.outage is None else (f"outage: {self.outage.reason}",)
        return (*outage, *(f"datastore {each.datastore_id} is held: {each.reason}" for each in self.held))


def status_of(undecided: Undecided, now_s: float) -> Status:
    """Say what is held.

    Args:
        undecided: all that waits, and why.
        now_s: the loop's clock.
    """
    holds, parking = undecided.holds, undecided.parking
    outage = holds.circuit.outage
    return Status(
        _everything(outage, now_s) if outage is not None else None,
        tuple(
            _held(datastore_id, hold, oldest_of(datastore_id, undecided), now_s)
            for datastore_id, hold in islice(holds.held.items(), MAX_TOLD)
        ),
        len(holds.held),
        tuple(_parked(each, now_s) for each in islice(parking, MAX_TOLD)),
        len(parking),
    )


def oldest_of(datastore_id: str, undecided: Undecided) -> Position | None:
    """Find the event that has waited for a datastore longest; None for no event."""
    ready = (event for _, events in undecided.lanes.waiting(datastore_id) for event in events)
    flights = undecided.flights
    on_way = (event for flight in flights if flight.datastore_id == datastore_id for event in flight.undecided)
    oldest = min(chain(ready, on_way), key=lambda event: (event.arrived_s, event.message.offset), default=None)
    return _position(oldest) if oldest is not None else None


def _everything(outage: Outage, now_s: float) -> EverythingHeld:
    return EverythingHeld(outage.reason, now_s - outage.since_s, max(outage.probes.next_s - now_s, 0.0))


def _held(datastore_id: str, hold: Hold, oldest: Position | None, now_s: float) -> HeldDatastore:
    return HeldDatastore(
        datastore_id,
        hold.cause,
        hold.reason,
        now_s - hold.since_s,
        max(hold.probes.next_s - now_s, 0.0),
        hold.probes.failed,
        oldest,
    )


def _parked(parked: Parked, now_s: float) -> ParkedRecord:
    event = parked.event
    return ParkedRecord(
        event.lane.datastore_id,
        event.record_id,
        parked.reason,
        now_s - parked.since_s,
        max(parked.probes.next_s - now_s, 0.0),
        parked.probes.failed,
        _position(event),
    )


def _position(event: Event) -> Position:
    first = event.parts[0].message
    return Position(first.partition, first.offset)
