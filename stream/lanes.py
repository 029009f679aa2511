"""Where events wait: one lane for each datastore and pair of directives, filled from all partitions.

The one rule (design, "Lanes, batches, order"): an event may enter a batch only while it is the oldest undecided event
of its record, and decided means committed. So a batch holds a record at most once, a record on its way is never sent
again before it is decided, and batches of one lane may be on their way side by side.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING

from .coalesce import merge, take_apart
from .records import DatastoreRecords

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from .model import Assignment, Event, LaneKey, Settled

ENVELOPE_BYTES = 320
"""What the request body holds beside its records, at most."""


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """When a batch is full, how long one that is not full waits, and whether waiting events of one record merge."""

    size: int
    body_bytes: int
    linger_s: float
    merges: bool = False


class Lanes:
    """All undecided events, each either ready in its lane, on its way, or behind an older one of its record."""

    def __init__(self, limits: BatchLimits) -> None:
        self._limits = limits
        self._datastores: dict[str, DatastoreRecords] = {}
        self._lanes: dict[LaneKey, _Lane] = {}
        self.size_bytes = 0
        """The undecided events' share of `STREAM_BUFFER_BYTES`."""

    def add(self, events: Iterable[Event]) -> None:
        """Take in events that have just arrived, those of one record in their order."""
        size_bytes = 0
        lanes = self._lanes
        for event in events:  # written out: of all that is done for an event this is the most
            size_bytes += event.size_bytes
            lane = lanes.get(event.lane) or self._lane(event.lane)
            record_id = event.record_id
            undecided = lane.datastore.undecided
            if record_id in undecided:
                lane.datastore.add_behind(event)
            else:
                undecided[record_id] = None
                lane.append(event)
        self.size_bytes += size_bytes

    def due(self, now_s: float) -> list[LaneKey]:
        """Name the lanes whose next batch is due, the longest waiting first."""
        due = [
            (lane.oldest_s, key)
            for key, lane in self._lanes.items()
            if lane.events and (lane.is_full(self._limits) or lane.oldest_s + self._limits.linger_s <= now_s)
        ]
        due.sort(key=itemgetter(0))
        return [key for _, key in due]

    def full(self) -> Iterator[tuple[LaneKey, int]]:
        """Name the lanes with full batches, and how many each has."""
        for key, lane in self._lanes.items():
            count = len(lane.events) // self._limits.size
            if count:
                yield key, count

    def grows_soon(self, key: LaneKey) -> bool:
        """Whether a lane's batch is not full, while as many events wait behind records that are on their way.

        Where a datastore has few records and many events, those others come back as a crowd. A batch that leaves just
        before splits the crowd in two, and each half keeps making batches of its own, for as long as both have events.
        """
        lane = self._lanes[key]
        is_crowd = lane.datastore.on_way and lane.datastore.behind >= len(lane.events)
        return bool(is_crowd) and not lane.is_full(self._limits)

    def take(self, key: LaneKey, most: int | None = None) -> tuple[Event, ...]:
        """Take the next batch out of a lane: at most the limits or `most`, at least one, each of another record."""
        lane = self._lanes[key]
        events = tuple(lane.take(self._limits, min(most or self._limits.size, self._limits.size)))
        lane.datastore.on_way += len(events)
        return events

    def gather(self, events: Iterable[Event]) -> tuple[Event, ...]:
        """Let each event of a batch carry those right behind it (`STREAM_COALESCE`), as far as the body has room."""
        events = tuple(events)
        datastore = self._datastores[events[0].lane.datastore_id]
        room_bytes = self._limits.body_bytes - ENVELOPE_BYTES - sum(len(event.record) + 1 for event in events)
        carriers = []
        for event in events:
            carrier = event
            if behind := datastore.undecided[event.record_id]:
                carrier = merge(event, behind, room_bytes)
                datastore.pop_many_behind(event.record_id, len(carrier.parts) - len(event.parts))
                room_bytes -= len(carrier.record) - len(event.record)
            carriers.append(carrier)
        return tuple(carriers)

    def take_to_probe(self, key: LaneKey) -> Event:
        """Take a lane's next probe: by turns its first, which waits longest for that, and what has arrived last.

        A crowd of bad events hides what came after it; the first ones alone would be at the crowd for long. Each lane
        has turns of its own: a count that lanes share could come to each of them at the same turn, time after time.
        """
        lane = self._lanes[key]
        lane.probes += 1
        if lane.probes % 2:
            return self.take(key, 1)[0]
        newest = max(lane.events, key=lambda event: (event.arrived_s, event.message.offset))
        lane.datastore.on_way += 1
        return lane.drop(lambda event: event is newest)[0]

    def put_back(self, events: Iterable[Event], *, last: bool = False) -> None:
        """Return events of a batch that was dissolved to the head of their lane, in their order, or to its end."""
        for event in events if last else reversed(list(events)):
            lane = self._lanes[event.lane]
            lane.datastore.on_way -= 1
            (lane.append if last else lane.append_first)(event)

    def put_back_apart(self, carriers: Iterable[Event], *, last: bool = False) -> None:
        """Return each event of groups that were refused: from now on they go one by one."""
        self.put_back([self._apart(carrier, for_good=True) for carrier in carriers], last=last)

    def _apart(self, carrier: Event, *, for_good: bool) -> Event:
        """Let the first event of a group go on alone; the others wait behind it."""
        first, *others = take_apart(carrier, for_good=for_good)
        self._datastores[first.lane.datastore_id].put_back_behind(others)
        return first

    def waiting(self, datastore_id: str | None = None) -> Iterator[tuple[LaneKey, Collection[Event]]]:
        """Go through the lanes with events that could go, of one datastore or of all."""
        keys: Iterable[LaneKey] = self._lanes
        if datastore_id is not None:
            keys = self._datastores[datastore_id].lane_keys if datastore_id in self._datastores else ()
        return ((key, lane.events) for key in keys if (lane := self._lanes[key]).events)

    def next_to_probe(self, after: LaneKey | None, datastore_id: str | None = None) -> LaneKey | None:
        """Name the lane that the next probe comes from, of one datastore or of all, in turn; None if nothing waits."""
        keys = [key for key, _ in self.waiting(datastore_id)]
        return min([key for key in keys if after is not None and key > after] or keys, default=None)

    def take_arrived_before(self, before_s: float, datastore_id: str | None = None) -> list[Event]:
        """Take out the events of one datastore, or of all, that arrived before a time: they are given up."""
        taken: list[Event] = []
        for key, _ in self.waiting(datastore_id):
            lane = self._lanes[key]
            if lane.oldest_s < before_s:
                dropped = lane.drop(lambda event: event.arrived_s < before_s)
                lane.datastore.on_way += len(dropped)
                taken += [self._apart(event, for_good=False) for event in dropped]
        return taken

    def has_any(self, datastore_id: str | None = None) -> bool:
        """Whether there are undecided events, of one datastore or at all, those on their way included."""
        return bool(self._datastores) if datastore_id is None else datastore_id in self._datastores

    def release(self, decided: Iterable[Event | Settled]) -> None:
        """Let the next event of each record into its lane: the oldest is decided, its outcome committed.

        Args:
            decided: events that were on their way, or their outcomes; those that never were an event are passed over.
        """
        for each in decided:
            key = each.record_key
            if key is not None:
                datastore = self._datastores[key[0]]
                datastore.on_way -= 1
                self._decide(datastore, key[1], each.size_bytes)

    def _decide(self, datastore: DatastoreRecords, record_id: str, size_bytes: int) -> None:
        self.size_bytes -= size_bytes
        waiting = datastore.undecided[record_id]
        if waiting is not None:
            event = datastore.pop_behind(record_id, waiting)
            self._lanes[event.lane].append(event)
            return
        del datastore.undecided[record_id]
        if not datastore.undecided:
            self._drop(datastore)

    def _drop(self, datastore: DatastoreRecords) -> None:
        """Forget a datastore without undecided events: names come from events, so that there may be any number."""
        del self._datastores[datastore.datastore_id]
        for key in datastore.lane_keys:
            del self._lanes[key]

    def forget(self, assignments: Collection[Assignment]) -> None:
        """Drop all events of partitions that were revoked or lost; what is on its way is released when it lands."""
        for datastore in self._datastores.values():
            self.size_bytes -= datastore.drop_behind(assignments)
        dropped = [
            event for lane in self._lanes.values() for event in lane.drop(lambda event: event.assignment in assignments)
        ]
        for event in dropped:
            self._decide(self._datastores[event.lane.datastore_id], event.record_id, event.size_bytes)

    def _lane(self, key: LaneKey) -> _Lane:
        datastore = self._datastores.get(key.datastore_id)
        if datastore is None:
            datastore = self._datastores[key.datastore_id] = DatastoreRecords(key.datastore_id)
        lane = self._lanes[key] = _Lane(datastore)
        datastore.lane_keys.append(key)
        return lane

    def __len__(self) -> int:
        """Count the events that are ready or behind an older one; those on their way are not counted."""
        return sum(len(event.parts) for event in self._all())

    def _all(self) -> Iterator[Event]:
        for lane in self._lanes.values():
            yield from lane.events
        for datastore in self._datastores.values():
            for waiting in datastore.undecided.values():
                yield from waiting or ()


class _Lane:
    """The ready events of one lane, in the order in which they became ready."""

    __slots__ = ("datastore", "events", "oldest_s", "probes", "record_bytes")

    def __init__(self, datastore: DatastoreRecords) -> None:
        self.datastore = datastore
        self.events: deque[Event] = deque()
        self.oldest_s = math.inf
        self.record_bytes = 0
        self.probes = 0

    def append(self, event: Event) -> None:
        self.events.append(event)
        self.record_bytes += len(event.record) + 1
        if event.arrived_s < self.oldest_s:  # noqa: PLR1730 - a call for each event
            self.oldest_s = event.arrived_s

    def append_first(self, event: Event) -> None:
        self.append(event)
        self.events.rotate(1)

    def is_full(self, limits: BatchLimits) -> bool:
        return len(self.events) >= limits.size or self.record_bytes + ENVELOPE_BYTES >= limits.body_bytes

    def take(self, limits: BatchLimits, most: int) -> list[Event]:
        events, most_bytes = self.events, limits.body_bytes - ENVELOPE_BYTES
        if self.record_bytes <= most_bytes and len(events) <= most:
            taken = list(events)
            events.clear()
            self.record_bytes = 0
        else:
            taken = self._take_within(most, most_bytes)
        self._find_oldest(limits)
        return taken

    def _take_within(self, most_events: int, most_bytes: int) -> list[Event]:
        events = self.events
        taken = list(islice(events, most_events))
        sizes_bytes = [len(event.record) + 1 for event in taken]
        taken_bytes = sum(sizes_bytes)
        while taken_bytes > most_bytes and len(taken) > 1:
            taken.pop()
            taken_bytes -= sizes_bytes.pop()
        for _ in taken:
            events.popleft()
        self.record_bytes -= taken_bytes
        return taken

    def _find_oldest(self, limits: BatchLimits) -> None:
        """Look through what is left only where the linger decides: a lane with a full batch left is due anyway.

        Its place among the due is that of its first event: with the time of one long gone it would always be first.
        """
        if self.events and self.is_full(limits):
            self.oldest_s = self.events[0].arrived_s
        else:
            self.oldest_s = min((event.arrived_s for event in self.events), default=math.inf)

    def drop(self, is_due: Callable[[Event], bool]) -> list[Event]:
        dropped = [event for event in self.events if is_due(event)]
        if dropped:
            self.events = deque(event for event in self.events if not is_due(event))
            self.record_bytes = sum(len(event.record) + 1 for event in self.events)
            self.oldest_s = min((event.arrived_s for event in self.events), default=math.inf)
        return dropped
