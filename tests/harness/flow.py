"""Events at a steady pace through the services of a stage, faults in between, and what came of it."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .feed import Pace, Population, sent
from .verify import MAX_TOLD, doubled_inputs, told, unlike_applied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .service import Service
    from .stage import Stage

RECOVERY_S = 120.0
STEP_S = 0.5
"""An event may be executed again at any time of a fault and of the recovery from it: one moment of each half second."""
AFTER_S = 10.0
"""A request that was given up during a fault may be the reason for the next one so much later."""


@dataclass(frozen=True, slots=True)
class Struck:
    """A fault: from when to when outcomes came again (seconds since the epoch), and the longest time without any."""

    began_s: float
    ended_s: float
    stall_s: float


@dataclass(slots=True)
class Flow:
    """A flow of events that faults befall."""

    stage: Stage
    rate_per_s: float
    faults: list[Struck] = field(default_factory=list)
    repeats: int = 0
    """How many events were executed again, known at the end."""

    def strike(self, fault: Callable[[], None], within_s: float = RECOVERY_S) -> Struck:
        """Let a fault befall it, and wait until it flows again: as much as a second brings.

        Raises:
            AssertionError: nothing was in flight at the beginning, so that the fault would prove nothing; or nothing
                flows within the time.
        """
        assert self.stage.lag() != 0, "a fault counts only with work in flight"
        began_s = time.time()
        fault()
        self.stage.await_outcomes(len(self.stage.reader) + int(self.rate_per_s), within_s)
        ended_s = time.time()
        struck = Struck(began_s, ended_s, self.stage.reader.longest_silence_s(began_s, ended_s))
        self.faults.append(struck)
        return struck

    def interruptions_s(self) -> list[float]:
        """When events may have been interrupted, in seconds since the epoch."""
        return [
            fault.began_s + number * STEP_S
            for fault in self.faults
            for number in range(int((fault.ended_s + AFTER_S - fault.began_s) / STEP_S) + 1)
        ]


@contextmanager
def flowing(
    stage: Stage,
    rate_per_s: float = 1_000.0,
    population: Population | None = None,
    warm: int = 1_000,
    *,
    may_overlap: bool = False,
) -> Iterator[Flow]:
    """Let events flow; afterwards let all of them come to their end, and judge: one outcome each, in order.

    Args:
        stage: its services have been started.
        rate_per_s: of the events.
        population: what they are about.
        warm: how many outcomes there must be before faults begin.
        may_overlap: see `Stage.assert_requests_sound`.

    Raises:
        AssertionError: a promise was broken.
    """
    flow = Flow(stage, rate_per_s)
    pace = Pace(stage.feed, population or Population(records=4_000), rate_per_s)
    try:
        stage.await_outcomes(warm, RECOVERY_S)
        yield flow
    finally:
        pace.stop()
    stage.await_all_committed(RECOVERY_S)
    stage.assert_exactly_once()
    unlike = unlike_applied(stage.reader.records)
    assert not unlike, told(unlike)
    twice = doubled_inputs(sent(stage.records()))
    if twice:
        print(f"\nthe input itself holds {len(twice)} events twice: {twice[:MAX_TOLD]}")  # noqa: T201 - for the figures
    flow.repeats = stage.assert_in_order(flow.interruptions_s(), may_overlap=may_overlap)


def rebuilds(service: Service) -> list[str]:
    """Why a service made another producer, each time."""
    return [str(line["reason"]) for line in service.lines("producer_rebuild")]
