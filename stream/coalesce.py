"""`STREAM_COALESCE=fields`: waiting events of one record merge into one that carries them (contract section 5).

The last event of such a group is its carrier: it is sent with the fields of all, and the outcomes of the others say
`SUPERSEDED`. A group is made when a batch is taken from its lane, of the event that may go and those right behind it,
so that nothing of the order changes: what a group holds would have been sent one after the other, with nothing of the
record in between. Where anything is unclear nothing merges: another partition or assignment, other directives, a
`version`, a `checksum`.

This rests on what partial updates rest on anyway, as those that leave an unchanged long column out: that a request
changes the members of `fields` that it names, each as a whole, and leaves the others as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from .model import Result

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .model import Decided, Event

MAX_GROUP_EVENTS = 1_000
"""Of one record in one request. A transaction holds ten times as many outcomes, and never half a group."""
MAX_GROUP_BYTES = 1_048_576
"""Of their records together: they are read on the loop's thread."""

_MERGEABLE = {"id", "fields"}
_KEEP_GROUP = frozenset({Result.APPLIED, Result.ALREADY_APPLIED, Result.INTEGRITY})
"""What was executed, or is there already: a group with any other result was refused, and is taken apart."""


def merge(first: Event, behind: Iterable[Event], room_bytes: int) -> Event:
    """Merge an event with those right behind it, as far as they can.

    Args:
        first: the oldest undecided event of its record, or the carrier of the oldest ones.
        behind: the next events of the record, in their order.
        room_bytes: by how much the record may become longer.

    Returns:
        The carrier of all that merged; `first` itself where nothing does.
    """
    if goes_alone(first):
        return first
    group, fields, size_bytes = list(first.parts), None, len(first.record)
    for event in behind:
        size_bytes += len(event.record)
        if len(group) == MAX_GROUP_EVENTS or size_bytes > MAX_GROUP_BYTES or not _may_follow(first, event):
            break
        more = _fields(event)
        fields = (fields or _fields(first)) if more is not None else fields
        if more is None or fields is None:
            break
        fields.update(more)
        group.append(event)
    if fields is None or len(group) == len(first.parts):
        return first
    carrier = _carrier(first, group, fields)
    return carrier if len(carrier.record) - len(first.record) <= room_bytes else first


def is_carrier(event: Event) -> bool:
    """Whether other events merged into this one."""
    return len(event.carries) > 1


def goes_alone(event: Event) -> bool:
    """Whether an event was taken out of a refused group: it never merges again."""
    return len(event.carries) == 1


def take_apart(carrier: Event, *, for_good: bool) -> tuple[Event, ...]:
    """Return the events that a carrier carries, each as it came.

    Args:
        carrier: or an event that carries nothing.
        for_good: whether they go one by one from now on.
    """
    if not is_carrier(carrier):
        return (carrier,)
    return tuple(each._replace(carries=(each,)) for each in carrier.carries) if for_good else carrier.carries


def refused_groups(decided: Decided) -> frozenset[str]:
    """Name the records of a request whose group was refused: which of its events is to blame, the API cannot say.

    Args:
        decided: the request, with what the API made of it.
    """
    verdict, rulings = decided.verdict, decided.verdict.rulings or {}
    if not rulings and verdict.result in _KEEP_GROUP:
        return frozenset()
    results = {record_id: ruling.result for record_id, ruling in rulings.items()}
    return frozenset(
        event.record_id
        for event in decided.events
        if is_carrier(event) and results.get(event.record_id, verdict.result) not in _KEEP_GROUP
    )


def _may_follow(first: Event, event: Event) -> bool:
    return event.assignment == first.assignment and event.lane == first.lane and not event.carries


def _fields(event: Event) -> dict[str, Any] | None:
    """Read an event's fields; None for one with a version or a checksum of its own."""
    record = orjson.loads(event.record)
    return record["fields"] if record.keys() == _MERGEABLE else None


def _carrier(first: Event, group: list[Event], fields: dict[str, Any]) -> Event:
    """Put the fields of a group on its last event; the linger counts from its first."""
    return group[-1]._replace(
        record=b"%b" % orjson.dumps({"id": first.record_id, "fields": fields}),  # a copy, as in `intake`
        arrived_s=first.arrived_s,
        suspect=any(each.suspect for each in group),
        size_bytes=sum(each.size_bytes for each in group),
        carries=tuple(group),
    )
