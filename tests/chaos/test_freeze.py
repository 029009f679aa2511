"""A process that stands still for longer than its session, and comes back when others own its partitions."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from stream.sandbox.faults import Fault

from ..harness.feed import Pace, Population
from ..harness.waiting import eventually

if TYPE_CHECKING:
    from ..harness.stage import Stage

FREEZE_S = 12.0
WITHIN_S = 60.0


@pytest.mark.chaos
@pytest.mark.timeout(300)
def test_a_process_that_stood_still_doubles_nothing(stage: Stage) -> None:
    """What another instance took over meanwhile is not published again by the one that comes back; it then helps on.

    The order at the API is not judged: a request that stood still half sent arrives late, which no client can prevent.
    """
    stage.sandbox.faults.add(Fault("delay", min_s=0.02, max_s=0.05))
    frozen = stage.start("frozen")
    pace = Pace(stage.feed, Population(records=4_000), 1_000.0)
    stage.await_outcomes(2_000)
    frozen.freeze()
    thaw_s = time.monotonic() + FREEZE_S
    other = stage.start("other")
    eventually(lambda: other.lines("execution_completed"), WITHIN_S, "requests of the other instance")
    eventually(lambda: time.monotonic() > thaw_s, 2 * FREEZE_S, "the time to thaw")
    completed = len(frozen.lines("execution_completed"))
    frozen.thaw()
    eventually(lambda: frozen.lines("partitions_lost"), WITHIN_S, "that it learns of its loss")
    eventually(
        lambda: len(frozen.lines("execution_completed")) > completed + 20, WITHIN_S, "requests of the one that is back"
    )
    pace.stop()
    stage.await_all_committed()
    stage.assert_exactly_once()
    for service in (frozen, other):
        service.terminate()
        assert service.exit_code(25.0) == 0
