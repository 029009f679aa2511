"""The API is gone for a while in full flow: everything waits, nothing is dropped, memory stays flat.

`OUTAGE_S=60 make integration ARGS="-k outage"` lets the outage last as long as one wants.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from stream.sandbox.faults import Fault

from ..harness.feed import Pace, Population
from ..harness.waiting import eventually

if TYPE_CHECKING:
    from ..harness.stage import Stage

OUTAGE_S = float(os.environ.get("OUTAGE_S", "10"))
DRAIN_S = 10.0
RATE_PER_S = 2_000.0
RECOVERY_S = 90.0
"""The first probe that passes lets everything go on, and one that failed often waits up to a minute."""
MAX_GROWTH_BYTES = 60 * 1024 * 1024


@pytest.mark.timeout(240 + 4 * OUTAGE_S)
def test_outage_of_the_api_in_full_flow(stage: Stage) -> None:
    """The process lives, holds what it has in bounds, fails nothing, goes on, and can be ended in a second outage."""
    stage.sandbox.faults.add(Fault("delay", min_s=0.01, max_s=0.03))
    service = stage.start(STREAM_DRAIN_S=f"{DRAIN_S:.0f}")
    pace = Pace(stage.feed, Population(records=4_000), RATE_PER_S)
    stage.await_outcomes(4_000)

    outages_s = [time.time()]
    stage.sandbox.stop()
    growth_bytes = service.largest_growth_bytes(OUTAGE_S, "the outage")
    assert service.is_running
    assert growth_bytes < MAX_GROWTH_BYTES
    outages_s.append(time.time())
    seen = len(stage.reader)
    stage.sandbox.start()
    eventually(lambda: len(stage.reader) > seen + 2 * RATE_PER_S, RECOVERY_S, "outcomes after the outage")

    outages_s.append(time.time())
    stage.sandbox.stop()
    waiting = len(service.lines("request_waits"))
    eventually(lambda: len(service.lines("request_waits")) > waiting, RECOVERY_S, "the second outage to be felt")
    began_s = time.monotonic()
    service.terminate()
    assert service.exit_code(DRAIN_S + 5.0) == 0
    ended_after_s = time.monotonic() - began_s
    assert ended_after_s < DRAIN_S
    pace.stop()
    outages_s.append(time.time())
    stage.sandbox.start()

    stage.start("next")
    stage.await_all_committed(RECOVERY_S)
    stage.assert_exactly_once()
    stage.assert_in_order(outages_s)
    assert {outcome.json["result"] for outcome in stage.reader.records} == {"APPLIED"}
    print(f"grew by {growth_bytes >> 20} MiB in {OUTAGE_S:g} s, ended after {ended_after_s:.1f} s")  # noqa: T201


def test_sigterm_while_the_api_is_silent(stage: Stage) -> None:
    """A request that hangs does not hold up the end: exit 0 within the drain, and the next process sends it again."""
    silence = stage.sandbox.faults.add(Fault("lose", applied=True))
    service = stage.start(STREAM_DRAIN_S="3")
    stage.feed.send_event("store", "record")
    eventually(lambda: stage.sandbox.in_flight, RECOVERY_S, "a request on the wire")
    began_s = time.monotonic()
    service.terminate()
    assert service.exit_code(10.0) == 0
    assert time.monotonic() - began_s < 3.0
    stage.sandbox.faults.remove(silence)
    ended_s = time.time()
    stage.start("next")
    stage.await_all_committed()
    stage.assert_exactly_once()
    assert stage.assert_in_order([ended_s]) == 1
