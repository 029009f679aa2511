"""The records of one datastore with undecided events, and what waits behind the oldest event of each."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from .model import Assignment, Event, LaneKey


class DatastoreRecords:
    """The undecided records of one datastore, in whatever lane: each with the events behind its oldest, if any.

    `on_way` counts the records whose oldest event is in a batch or was given up, `behind` all events that wait.
    """

    __slots__ = ("behind", "datastore_id", "lane_keys", "on_way", "undecided")

    def __init__(self, datastore_id: str) -> None:
        self.datastore_id = datastore_id
        self.lane_keys: list[LaneKey] = []
        self.undecided: dict[str, deque[Event] | None] = {}
        self.on_way = 0
        self.behind = 0

    def add_behind(self, event: Event) -> None:
        """Let an event wait behind all others of its record."""
        waiting = self.undecided[event.record_id]
        if waiting is None:
            self.undecided[event.record_id] = deque((event,))
        else:
            waiting.append(event)
        self.behind += 1

    def pop_behind(self, record_id: str, waiting: deque[Event]) -> Event:
        """Take the first event that waits for a record."""
        event = waiting.popleft()
        if not waiting:
            self.undecided[record_id] = None
        self.behind -= 1
        return event

    def pop_many_behind(self, record_id: str, count: int) -> None:
        """Take out the first events that wait for a record: another one carries them."""
        while count and (waiting := self.undecided[record_id]) is not None:
            self.pop_behind(record_id, waiting)
            count -= 1

    def put_back_behind(self, events: Sequence[Event]) -> None:
        """Let events of one record wait before all others of it, in their order."""
        if events:
            record_id = events[0].record_id
            waiting = self.undecided[record_id] or deque()
            waiting.extendleft(reversed(events))
            self.undecided[record_id] = waiting
            self.behind += len(events)

    def drop_behind(self, assignments: Collection[Assignment]) -> int:
        """Drop the waiting events of ended assignments; return their size in bytes."""
        dropped_bytes = 0
        for record_id, waiting in self.undecided.items():
            if waiting is None or not any(event.assignment in assignments for event in waiting):
                continue
            kept = deque(event for event in waiting if event.assignment not in assignments)
            dropped_bytes += sum(event.size_bytes for event in waiting) - sum(event.size_bytes for event in kept)
            self.behind -= len(waiting) - len(kept)
            self.undecided[record_id] = kept or None
        return dropped_bytes
