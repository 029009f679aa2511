"""Which events are given up: they were held, or parked, for longer than `STREAM_GIVE_UP_AFTER_S` (contract section 5).

Each event is given that time: one that arrives while its datastore has long been held waits as long as those before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .codes import ErrorCode
from .model import Defect

if TYPE_CHECKING:
    from .model import Event
    from .undecided import Undecided


class GivenUp(NamedTuple):
    """An event that no request decides any more, and why."""

    event: Event
    defect: Defect


def take_given_up(undecided: Undecided, before_s: float) -> list[GivenUp]:
    """Take out the events that were held or parked since before a time; those on their way are left alone.

    Args:
        undecided: all that waits.
        before_s: the loop's clock, less what an event is given.

    Returns:
        The events; their records are released when their outcomes are committed.
    """
    lanes, holds = undecided.lanes, undecided.holds
    found = []
    outage = holds.circuit.outage
    if outage is not None and outage.is_access and outage.since_s < before_s:
        found += [_given_up(event, outage.reason) for event in lanes.take_arrived_before(before_s)]
    for datastore_id, hold in holds.held.items():
        if hold.since_s < before_s:
            found += [_given_up(event, hold.reason) for event in lanes.take_arrived_before(before_s, datastore_id)]
    found += [_given_up(parked.event, parked.reason) for parked in undecided.parking.take_parked_before(before_s)]
    return found


def _given_up(event: Event, reason: str) -> GivenUp:
    doubt = " An earlier request with it may have been applied." if event.suspect else ""
    return GivenUp(event, Defect(ErrorCode.GIVEN_UP, f"Given up after STREAM_GIVE_UP_AFTER_S: {reason}.{doubt}"))
