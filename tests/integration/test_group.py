"""Several instances of one group that come and go in full flow, in order and by mistake."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from stream.sandbox.faults import Fault

from ..harness.feed import Pace, Population
from ..harness.stage import Layout, Stage
from ..harness.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stream.sandbox.kafka import Kafka

    from ..harness.service import Service

DRAIN_S = 25.0
JOIN_S = 40.0
RATE_PER_S = 1_500.0
POPULATION = Population(datastores=4, records=2_000)


@pytest.fixture
def wide_stage(kafka: Kafka, tmp_path: Path) -> Iterator[Stage]:
    """Topics of six partitions, and an API that takes 10 to 40 ms."""
    with Stage(kafka.bootstrap_servers, tmp_path, Layout(partitions=6)) as stage:
        stage.sandbox.faults.add(Fault("delay", min_s=0.005, max_s=0.02))
        stage.sandbox.faults.add(Fault("delay", applied=True, min_s=0.005, max_s=0.02))
        yield stage


def _join(stage: Stage, name: str, **settings: str) -> Service:
    """Start an instance in full flow and wait until it has partitions and has executed something."""
    service = stage.start(name, **settings)
    eventually(lambda: service.lines("execution_completed"), JOIN_S, f"requests of {name}")
    return service


def _leave(service: Service) -> None:
    service.terminate()
    assert service.exit_code(DRAIN_S) == 0


def test_three_dynamic_instances_join_and_leave_in_full_flow(wide_stage: Stage) -> None:
    """Three instances come, one restarts and two leave in order: one outcome each, in order, nothing executed twice."""
    stage = wide_stage
    pace = Pace(stage.feed, POPULATION, RATE_PER_S)
    first = _join(stage, "first")
    second = _join(stage, "second")
    third = _join(stage, "third")
    _leave(first)
    first = _join(stage, "first")
    _leave(third)
    _leave(second)
    _flow_to_the_end(stage, pace)
    _leave(first)


def test_two_static_instances_join_and_leave_in_full_flow(wide_stage: Stage) -> None:
    """The same with stable names: one comes back at once to its partitions, the other's go on after the session."""
    stage = wide_stage
    pace = Pace(stage.feed, POPULATION, RATE_PER_S)
    first = _join(stage, "first", KAFKA_INSTANCE_ID="first")
    second = _join(stage, "second", KAFKA_INSTANCE_ID="second")
    _leave(first)
    first = _join(stage, "first", KAFKA_INSTANCE_ID="first")
    _leave(second)
    _flow_to_the_end(stage, pace)
    _leave(first)


def _flow_to_the_end(stage: Stage, pace: Pace) -> None:
    """See that those who are left go on, then judge all of it; handed over in order, no event may come again."""
    seen = len(stage.reader)
    eventually(lambda: len(stage.reader) > seen + RATE_PER_S, JOIN_S, "outcomes of those who are left")
    pace.stop()
    stage.await_all_committed()
    stage.assert_exactly_once()
    assert stage.assert_in_order() == 0


def test_sigterm_in_full_flow_ends_in_order(wide_stage: Stage) -> None:
    """SIGTERM under load: exit 0 in time, what was answered is committed, and the next owner executes nothing twice."""
    stage = wide_stage
    pace = Pace(stage.feed, POPULATION, 2 * RATE_PER_S)
    for turn in range(2):
        service = stage.start(f"turn-{turn}")
        stage.await_outcomes(len(stage.reader) + 3_000)
        eventually(lambda: stage.sandbox.in_flight, 10.0, "requests on the wire")
        began_s = time.monotonic()
        _leave(service)
        assert time.monotonic() - began_s < DRAIN_S
        assert service.lines("service_ended")
        assert stage.sandbox.in_flight == []
    pace.stop()
    stage.start("last")
    stage.await_all_committed()
    stage.assert_exactly_once()
    assert stage.assert_in_order() == 0


@pytest.mark.timeout(180)
def test_two_processes_with_one_instance_id_do_no_harm(wide_stage: Stage) -> None:
    """Of two processes that were given one name at most one lives on, and no outcome is doubled or lost.

    What both had on the wire at once may have been executed twice: nothing in the group tells the first one in time.
    """
    stage = wide_stage
    pace = Pace(stage.feed, POPULATION, 500.0)
    twins = [stage.start("twin", KAFKA_INSTANCE_ID="twin")]
    eventually(lambda: twins[0].lines("execution_completed"), JOIN_S, "requests of the first")
    twins.append(stage.start("other-twin", KAFKA_INSTANCE_ID="twin"))
    eventually(lambda: sum(twin.is_running for twin in twins) <= 1, 90.0, "the end of one of the two")
    assert {twin.exit_code(1.0) for twin in twins if not twin.is_running} == {1}
    pace.stop()
    stage.start("third", KAFKA_INSTANCE_ID="third")
    stage.await_all_committed(90.0)
    stage.assert_exactly_once()
