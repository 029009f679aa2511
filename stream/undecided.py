"""All undecided events, wherever they are, and what holds them up; several rooms look at these together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from .flights import Flights
from .holds import Holds
from .lanes import Lanes
from .parking import Parking

if TYPE_CHECKING:
    import random

    from .flights import InFlightLimits
    from .holds import HoldLimits
    from .lanes import BatchLimits
    from .steps import Policy


class Limits(NamedTuple):
    """Of batches, of what is on its way, of patience."""

    batch: BatchLimits
    in_flight: InFlightLimits
    hold: HoldLimits


@dataclass(frozen=True, slots=True)
class Undecided:
    """`lanes` hold what waits, `flights` what is on its way, `parking` what breaks the API; `holds` is why."""

    lanes: Lanes
    flights: Flights
    holds: Holds
    parking: Parking


def nothing_undecided(limits: Limits, policy: Policy, rng: random.Random) -> Undecided:
    """Begin without an event.

    Args:
        limits: from the configuration.
        policy: of the dialogues.
        rng: draws jitter and names.
    """
    holds = Holds(limits.hold, rng)
    return Undecided(Lanes(limits.batch), Flights(limits.in_flight, policy, rng), holds, Parking(holds.changes, rng))
