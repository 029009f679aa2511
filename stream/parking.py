"""Records that break the API alone: each waits for its next try, and with it all later events of the record.

They take no datastore's place while they wait, and the rest goes on (contract section 4.5).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .circuit import Change, ChangeKind, Probes, first_probe
from .steps import Scope

if TYPE_CHECKING:
    import random
    from collections.abc import Collection, Iterator

    from .model import Assignment, Event, RecordKey
    from .steps import Wait

MAX_PARKED_PER_DATASTORE = 100
"""More records that break the API one by one are no poison: their datastore is held instead."""
MAX_PARKED = 1_000
"""In all: each is looked at in every turn of the loop."""
FLIGHTS_ALONE = 3
"""In so many flights of its own a record has failed when it is parked, each time after something else had passed."""
MAX_BLAMED = 10_000
"""Records of which is remembered how often they failed alone, those that failed last."""


@dataclass(slots=True)
class Parked:
    """One record that is parked: its oldest undecided event, and when that is sent again."""

    event: Event
    reason: str
    since_s: float
    probes: Probes
    is_tried: bool = False
    """Whether a worker has it now."""


class Parking:
    """All parked records."""

    def __init__(self, changes: list[Change], rng: random.Random) -> None:
        self._parked: dict[RecordKey, Parked] = {}
        self._blamed: dict[RecordKey, tuple[int, int]] = {}
        self._changes = changes
        self._rng = rng

    def blame(self, key: RecordKey, passes: int) -> bool:
        """Take note that a record failed alone, in another flight than before; say whether that is often enough.

        Where several records break the API, none may come to its fifth failure: they make up a row themselves, and
        their datastore is held before. Their flights then end; what each has failed alone is remembered here.

        Args:
            key: the record.
            passes: how much of its datastore has passed by now: without a pass in between it says nothing new.
        """
        count, passes_then = self._blamed.pop(key, (0, -1))
        count += passes > passes_then
        self._blamed[key] = (count, passes)
        if len(self._blamed) > MAX_BLAMED:
            del self._blamed[next(iter(self._blamed))]
        return count >= FLIGHTS_ALONE

    def has_room(self, datastore_id: str) -> bool:
        """Whether one more record of a datastore may be parked."""
        of_datastore = sum(key[0] == datastore_id for key in self._parked)
        return len(self._parked) < MAX_PARKED and of_datastore < MAX_PARKED_PER_DATASTORE

    def park(self, event: Event, reason: str, now_s: float) -> None:
        """Let a record wait for its next try."""
        self._blamed.pop(event.record_key, None)
        self._parked[event.record_key] = Parked(event, reason, now_s, first_probe(now_s, self._rng))
        self._changes.append(Change(ChangeKind.RECORD_PARKED, reason, now_s, *event.record_key))

    def due(self, now_s: float) -> Iterator[Parked]:
        """Go through the records that are to be tried now: of each datastore one, the longest due first."""
        if not self._parked:
            return
        busy = {key[0] for key, parked in self._parked.items() if parked.is_tried}
        for parked in sorted(self._parked.values(), key=lambda each: each.probes.next_s):
            if parked.probes.next_s > now_s:
                return
            datastore_id = parked.event.lane.datastore_id
            if datastore_id not in busy:
                busy.add(datastore_id)
                yield parked

    def try_failed(self, key: RecordKey, wait: Wait, now_s: float) -> None:
        """Take note of what came of a try instead of a verdict: the next one comes later. A 429 is no failure."""
        parked = self._parked[key]
        if wait.scope is Scope.CREDENTIAL:
            parked.probes.postpone(now_s + wait.seconds)
        else:
            parked.reason = wait.reason
            parked.probes.fail(now_s, self._rng, wait.seconds)

    def put_back(self, event: Event) -> None:
        """Take an event back that was tried, as it is now: perhaps a suspect."""
        parked = self._parked[event.record_key]
        parked.event, parked.is_tried = event, False

    def decided(self, key: RecordKey) -> None:
        """Forget a record: its event has its verdict, or goes another way."""
        parked = self._parked.pop(key)
        self._changes.append(Change(ChangeKind.RECORD_DECIDED, parked.reason, parked.since_s, *key))

    def forget(self, assignments: Collection[Assignment]) -> list[Event]:
        """Drop the events of partitions that were revoked or lost; what a worker has is dropped when it lands."""
        gone = [
            parked.event
            for parked in self._parked.values()
            if not parked.is_tried and parked.event.assignment in assignments
        ]
        for event in gone:
            del self._parked[event.record_key]
        return gone

    def take_parked_before(self, before_s: float) -> list[Parked]:
        """Take out what was parked before a time and waits: it is given up."""
        taken = [each for each in self._parked.values() if each.since_s <= before_s and not each.is_tried]
        for parked in taken:
            self.decided(parked.event.record_key)
        return taken

    def __iter__(self) -> Iterator[Parked]:
        """Go through all parked records, in the order in which they were parked."""
        return iter(list(self._parked.values()))

    def __len__(self) -> int:
        """Count the parked records."""
        return len(self._parked)
