"""`STREAM_COALESCE=fields`, judged: what a record carries, in which order, and how what is carried settles.

Where events may merge, each has a field of its own, named after its marker; so a request shows which events its records
carry, whatever else is wrong with them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import orjson

from .workload import BAD_STATUSES
from .world import demand

if TYPE_CHECKING:
    import random
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from .plan import Plan
    from .records import Json, RecordName
    from .request import Input, Position, Request
    from .truth import Outcome
    from .workload import Arrival
    from .world import World

_MARK = re.compile(r"m(\d+)")
_DIRECTIVES = ("updateType", "conflictResolution")
CONFLICTING = 409
COLOURS = 3
"""So many field names are shared by the events of a record: each overwrites one of them."""


def marked(arrival: Arrival, rng: random.Random, versions: float) -> Arrival:
    """Give an event a field of its own and one that others have too; leave it its version with that probability."""
    message = arrival.message
    if message.unfit is not None:
        return arrival
    marker = message.document["fields"]["marker"]
    fields = message.document["fields"] | {f"m{marker}": 1, f"colour{marker % COLOURS}": marker}
    document = message.document | {"fields": fields}
    if rng.random() >= versions:
        for name in ("version", *_DIRECTIVES):
            document.pop(name, None)
        if rng.random() < 0.1:
            document["conflictResolution"] = rng.choice(("OVERWRITE", "FAIL", "IGNORE"))
    return arrival._replace(message=message._replace(value=orjson.dumps(document), document=document))


class Merging:
    """Knows which events there are, and which of them may have gone together."""

    def __init__(self, world: World, plan: Plan, inputs: Mapping[Position, Input]) -> None:
        self._world = world
        self._plan = plan
        self._inputs = inputs
        self._positions: dict[int, Position] = {}
        self._fit: dict[tuple[int, RecordName], list[Position]] = {}
        self._apart: dict[str, set[Position]] = {}
        self._disowned_s: dict[str, float] = {}
        self._executed: set[Position] = set()

    @property
    def is_on(self) -> bool:
        """Whether events may merge at all."""
        return self._plan.bounds.batch.merges

    def written(self, position: Position, message: Input) -> None:
        """Take note of an input."""
        if message.unfit is None:
            self._positions[message.document["fields"]["marker"]] = position
            self._fit.setdefault((position[0], message.name), []).append(position)

    def group_of(self, record: Json) -> tuple[Position, ...]:
        """Say which events a record of a request carries, in their order."""
        marks = [int(found[1]) for name in record["fields"] if (found := _MARK.fullmatch(name))]
        return tuple(sorted(self._positions[each] for each in marks or [record["fields"]["marker"]]))

    def fields_of(self, group: Sequence[Position]) -> Json:
        """Merge the fields of events: later ones win."""
        fields: Json = {}
        for position in group:
            fields |= self._inputs[position].document["fields"]
        return fields

    def sent(self, request: Request) -> None:
        """Judge that what goes together may: of one record and partition, in a row, alike, without a version."""
        for group in request.groups:
            if len(group) == 1:
                continue
            self._world.count("groups")
            told = [self._inputs[each] for each in group]
            listed = self._fit[group[0][0], told[0].name]
            first = listed.index(group[0])
            in_row = tuple(listed[first : first + len(group)]) == group
            demand(self.is_on, "merging", "merged, and nobody has asked for it", group)
            demand(in_row, "merging", "merged with another record, partition, or past an event between", group)
            demand(len({self._directives(each) for each in told}) == 1, "merging", "merged across directives", group)
            is_plain = all(each.document.keys().isdisjoint({"version", "checksum"}) for each in told)
            demand(is_plain, "merging", "merged in spite of a version", group)
            torn = self._apart.get(request.sender, set()) & set(group)
            demand(not torn, "merging", "merged again after it was taken apart", group)

    def arrived(self, group: Sequence[Position], outcomes: Mapping[Position, Outcome], start: int) -> None:
        """Judge the order of what the API reads: nothing of a record goes before an older event is committed."""
        partition, first = group[0]
        older = self._fit[partition, self._inputs[group[0]].name]
        left = [each for each in older if start <= each[1] < first and each not in outcomes]
        demand(not left, "promise 2", f"{left} of the same record is not committed yet", group)
        self._world.counts["groups_replayed"] += len(group) > 1 and not self._executed.isdisjoint(group)

    def carried_out(self, group: Iterable[Position]) -> None:
        """Take note of what was executed."""
        self._executed.update(group)

    def told(self, request: Request) -> None:
        """Take note of a group that was refused alone: its events go one by one from then on."""
        is_refused = request.status in (*BAD_STATUSES, CONFLICTING)
        is_late = request.sent_s <= self._disowned_s.get(request.sender, -1.0)
        if is_refused and not is_late and len(request.groups) == 1 and len(request.groups[0]) > 1:
            self._world.count("groups_refused")
            self._apart.setdefault(request.sender, set()).update(request.groups[0])

    def disowned(self, sender: str) -> None:
        """Take note that partitions were taken from a sender: what it reads anew it has never seen."""
        self._apart.pop(sender, None)
        self._disowned_s[sender] = self._world.now_s

    def settled(self, positions: Collection[Position], outcomes: Mapping[Position, Outcome]) -> None:
        """Judge a transaction: an event and the one that superseded it are settled together, by the same request."""
        for position in positions:
            outcome = outcomes[position]
            by = outcome["supersededBy"]
            demand((by is not None) == (outcome["result"] == "SUPERSEDED"), "truth", "supersededBy", position)
            if by is None:
                continue
            carrier = (by["partition"], by["offset"])
            demand(carrier in positions, "merging", f"superseded by {carrier}, which is not settled with it", position)
            told = outcomes[carrier]
            demand(
                told["result"] in {"APPLIED", "ALREADY_APPLIED"}, "merging", f"carried by {told['result']}", position
            )
            same = ("batchId", "executed", "confirmed", "version", "attempts")
            is_same = all(outcome[name] == told[name] for name in same)
            demand(is_same, "merging", "not settled as its carrier was", position)

    def _directives(self, message: Input) -> tuple[str, ...]:
        return tuple(message.document.get(name, self._plan.directives[name]) for name in _DIRECTIVES)
