"""The checker of the kill tests, on a real Kafka, against a service with a planted defect and against the real one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stream.sandbox.faults import Fault

from ..harness.service import RUN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..harness.stage import Stage

SABOTAGE = ("-m", "tests.harness.sabotage")
STATIC = {"KAFKA_INSTANCE_ID": "one"}
FAST_EVENTS = 50


def _kill_past_a_gap(stage: Stage, arguments: Sequence[str]) -> None:
    """Kill while one event has no answer and fifty behind it have their outcomes; then let another process finish."""
    slow = stage.sandbox.faults.add(Fault("lose", data_store_id="slow"))
    stage.feed.send_event("slow", "first", partition=0)
    for index in range(FAST_EVENTS):
        stage.feed.send_event("fast", f"record-{index}", partition=0)
    stage.feed.flush()
    service = stage.start(arguments=arguments, **STATIC)
    stage.await_outcomes(FAST_EVENTS)
    service.kill()
    stage.sandbox.faults.remove(slow)
    stage.start(arguments=arguments, **STATIC)
    stage.await_all_committed()


@pytest.mark.chaos
def test_the_real_service_knows_what_is_settled_past_a_gap(stage: Stage) -> None:
    """Outcomes beyond the committed offset are not written again after kill -9, nor are their events executed."""
    _kill_past_a_gap(stage, RUN)
    stage.assert_exactly_once()
    assert stage.assert_in_order() == 0


@pytest.mark.chaos
def test_a_dropped_settled_set_is_found(stage: Stage) -> None:
    """A service that forgets the settled set doubles outcomes after kill -9, and the checker tells which."""
    _kill_past_a_gap(stage, (*SABOTAGE, "forget"))
    with pytest.raises(AssertionError) as found:
        stage.assert_exactly_once()
    told = str(found.value)
    assert f"{FAST_EVENTS} breaches" in told
    assert "doubled: (0, 1) has 2 outcomes" in told
    assert "lost" not in told


@pytest.mark.chaos
def test_a_swallowed_outcome_is_found(stage: Stage) -> None:
    """A service that loses one outcome, but commits its offset, is found out, though its offsets look perfect."""
    for index in range(FAST_EVENTS):
        stage.feed.send_event("fast", f"record-{index}", partition=0)
    stage.feed.flush()
    stage.start(arguments=(*SABOTAGE, "swallow"), **STATIC)
    stage.await_all_committed()
    with pytest.raises(AssertionError) as found:
        stage.assert_exactly_once()
    assert "1 breaches\nlost: (0, 0) has no outcome" in str(found.value)
