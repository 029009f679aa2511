"""Where events wait: one lane for each datastore and pair of directives, filled from all partitions.

The one rule (design, "Lanes, batches, order"): an event may enter a batch only while it is the oldest undecided event
of its record, and decided means committed. So a batch holds a record at most once, a record on its way is never sent
again before it is decided, and batches of one lane may be on their way side by side.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from .model import Assignment, Event, LaneKey, RecordKey

ENVELOPE_BYTES = 320
"""What the request body holds beside its records, at most."""


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """When a batch is full, and how long one that is not full waits."""

    size: int
    body_bytes: int
    linger_s: float


_NONE_UNDECIDED: deque[Event] = deque()
"""Stands for a record without undecided events, of which nothing is kept."""


class Lanes:
    """All undecided events, each either ready in its lane, on its way, or behind an older one of its record."""

    def __init__(self, limits: BatchLimits) -> None:
        self._limits = limits
        self._lanes: dict[LaneKey, _Lane] = {}
        self._undecided: dict[RecordKey, deque[Event] | None] = {}
        self._on_way = _Tally()
        self._behind = _Tally()
        self.size_bytes = 0
        """The undecided events' share of `STREAM_BUFFER_BYTES`."""

    def add(self, event: Event) -> None:
        """Take in an event that has just arrived."""
        self.size_bytes += event.size_bytes
        key = event.record_key
        waiting = self._undecided.get(key, _NONE_UNDECIDED)
        if waiting is _NONE_UNDECIDED:
            self._undecided[key] = None
            self._lane(event.lane).append(event)
            return
        self._behind.add(key[0], 1)
        if waiting is None:
            self._undecided[key] = deque((event,))
        else:
            waiting.append(event)

    def due(self, now_s: float) -> list[LaneKey]:
        """Name the lanes whose next batch is due, the longest waiting first."""
        due = [
            (lane.oldest_s, key)
            for key, lane in self._lanes.items()
            if lane.events and (lane.is_full(self._limits) or lane.oldest_s + self._limits.linger_s <= now_s)
        ]
        due.sort(key=itemgetter(0))
        return [key for _, key in due]

    def grows_soon(self, key: LaneKey) -> bool:
        """Whether a lane's batch is not full, while events of its datastore wait for others that are on their way.

        Where a datastore has few records and many events, those others come back as a crowd. A batch that leaves just
        before splits the crowd in two, and each half keeps making batches of its own, for as long as both have events.
        """
        datastore_id = key.datastore_id
        crowd = datastore_id in self._on_way and datastore_id in self._behind
        return crowd and not self._lanes[key].is_full(self._limits)

    def take(self, key: LaneKey) -> tuple[Event, ...]:
        """Take the next batch out of a lane: at most the limits, at least one event, each of another record."""
        lane = self._lanes[key]
        events = tuple(lane.take(self._limits))
        self._on_way.add(key.datastore_id, len(events))
        if not lane.events:
            del self._lanes[key]
        return events

    def put_back(self, events: Iterable[Event]) -> None:
        """Return events of a batch that was dissolved to the head of their lane, in their order."""
        for event in reversed(list(events)):
            self._on_way.add(event.lane.datastore_id, -1)
            self._lane(event.lane).append_first(event)

    def release(self, key: RecordKey, size_bytes: int) -> None:
        """Let the record's next event into its lane: the oldest is decided, its outcome committed.

        Args:
            key: the record.
            size_bytes: of the decided event.
        """
        self._on_way.add(key[0], -1)
        self._decide(key, size_bytes)

    def _decide(self, key: RecordKey, size_bytes: int) -> None:
        self.size_bytes -= size_bytes
        waiting = self._undecided[key]
        if not waiting:
            del self._undecided[key]
            return
        event = waiting.popleft()
        self._behind.add(key[0], -1)
        if not waiting:
            self._undecided[key] = None
        self._lane(event.lane).append(event)

    def forget(self, assignments: Collection[Assignment]) -> None:
        """Drop all events of partitions that were revoked or lost; what is on its way is released when it lands."""
        for key, waiting in self._undecided.items():
            if waiting is not None and any(event.assignment in assignments for event in waiting):
                self._keep(key, waiting, assignments)
        dropped = [event for lane in self._lanes.values() for event in lane.drop(assignments)]
        self._lanes = {key: lane for key, lane in self._lanes.items() if lane.events}
        for event in dropped:
            self._decide(event.record_key, event.size_bytes)

    def _keep(self, key: RecordKey, waiting: deque[Event], assignments: Collection[Assignment]) -> None:
        kept = deque(event for event in waiting if event.assignment not in assignments)
        self.size_bytes -= sum(event.size_bytes for event in waiting) - sum(event.size_bytes for event in kept)
        self._behind.add(key[0], len(kept) - len(waiting))
        self._undecided[key] = kept or None

    def _lane(self, key: LaneKey) -> _Lane:
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Lane()
        return lane

    def __len__(self) -> int:
        """Count the events that are ready or behind an older one; those on their way are not counted."""
        return sum(1 for _ in self._all())

    def _all(self) -> Iterator[Event]:
        for lane in self._lanes.values():
            yield from lane.events
        for waiting in self._undecided.values():
            yield from waiting or ()


class _Tally(dict[str, int]):
    """How many events of each datastore; one without any is not kept."""

    def add(self, datastore_id: str, count: int) -> None:
        total = self.get(datastore_id, 0) + count
        if total:
            self[datastore_id] = total
        else:
            self.pop(datastore_id, None)


class _Lane:
    """The ready events of one lane, in the order in which they became ready."""

    __slots__ = ("events", "oldest_s", "record_bytes")

    def __init__(self) -> None:
        self.events: deque[Event] = deque()
        self.oldest_s = math.inf
        self.record_bytes = 0

    def append(self, event: Event) -> None:
        self.events.append(event)
        self._count(event)

    def append_first(self, event: Event) -> None:
        self.events.appendleft(event)
        self._count(event)

    def _count(self, event: Event) -> None:
        self.record_bytes += len(event.record) + 1
        self.oldest_s = min(self.oldest_s, event.arrived_s)

    def is_full(self, limits: BatchLimits) -> bool:
        return len(self.events) >= limits.size or self.record_bytes + ENVELOPE_BYTES >= limits.body_bytes

    def take(self, limits: BatchLimits) -> list[Event]:
        taken: list[Event] = []
        record_bytes, most_bytes = 0, limits.body_bytes - ENVELOPE_BYTES
        while self.events and len(taken) < limits.size:
            next_bytes = record_bytes + len(self.events[0].record) + 1
            if taken and next_bytes > most_bytes:
                break
            record_bytes = next_bytes
            taken.append(self.events.popleft())
        self.record_bytes -= record_bytes
        self._find_oldest(limits)
        return taken

    def _find_oldest(self, limits: BatchLimits) -> None:
        """Look through what is left only where the linger decides: a lane with a full batch left is due anyway.

        Its place among the due is that of its first event: with the time of one long gone it would always be first.
        """
        if self.events and self.is_full(limits):
            self.oldest_s = self.events[0].arrived_s
        else:
            self.oldest_s = min((event.arrived_s for event in self.events), default=math.inf)

    def drop(self, assignments: Collection[Assignment]) -> list[Event]:
        dropped = [event for event in self.events if event.assignment in assignments]
        if dropped:
            self.events = deque(event for event in self.events if event.assignment not in assignments)
            self.record_bytes = sum(len(event.record) + 1 for event in self.events)
            self.oldest_s = min((event.arrived_s for event in self.events), default=math.inf)
        return dropped
