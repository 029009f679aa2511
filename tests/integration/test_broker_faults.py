"""A broker that dies or stands still in full flow: the service waits, goes on by itself, loses and doubles nothing."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from stream.recurring import FORGET_AFTER_S, kind_of
from stream.sandbox.faults import Fault

from ..harness.feed import Pace, Population
from ..harness.stage import Stage
from ..harness.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from stream.sandbox.kafka import Kafka

    from ..harness.service import Service

RATE_PER_S = 1_000.0
FREEZE_S = 10.0
RECOVERY_S = 90.0
CLOCKS_APART_S = 1.0


@pytest.fixture
def own_stage(own_kafka: Kafka, tmp_path: Path) -> Iterator[Stage]:
    """A stage on a broker of its own, with an API that takes 10 to 40 ms."""
    with Stage(own_kafka.bootstrap_servers, tmp_path) as stage:
        stage.sandbox.faults.add(Fault("delay", min_s=0.005, max_s=0.02))
        stage.sandbox.faults.add(Fault("delay", applied=True, min_s=0.005, max_s=0.02))
        yield stage


def _through_a_fault(stage: Stage, fault: Callable[[], None]) -> None:
    """Run one service through a fault of the broker in full flow, and judge all of it afterwards."""
    service = stage.start()
    pace = Pace(stage.feed, Population(records=2_000), RATE_PER_S)
    stage.await_outcomes(2_000)
    began_s = time.time()
    fault()
    seen = len(stage.reader)
    eventually(lambda: len(stage.reader) > seen + RATE_PER_S, RECOVERY_S, "outcomes after the fault")
    pace.stop()
    stage.await_all_committed(RECOVERY_S)
    assert service.is_running
    _assert_told_once(service)
    stage.assert_exactly_once()
    # Where the group took its partitions away meanwhile, an event may come again, at any time of the recovery.
    stage.assert_in_order([began_s + second / 2 for second in range(2 * int(time.time() - began_s + 1))])
    service.terminate()
    assert service.exit_code(25.0) == 0


def _assert_told_once(service: Service) -> None:
    """Hold that each complaint is told once, and what lasts once a minute."""
    told_s: dict[str, float] = {}
    for line in service.complaints():
        kind = "a reminder" if "left_out" in line else kind_of(f"{line['event']} {line.get('reason')}")
        at_s = datetime.fromisoformat(line["timestamp"]).timestamp()
        assert at_s - told_s.get(kind, 0.0) > FORGET_AFTER_S - CLOCKS_APART_S, line
        told_s[kind] = at_s
    assert told_s, "nobody complained of the fault"


@pytest.mark.timeout(240)
def test_a_broker_that_is_killed_and_comes_back(own_stage: Stage, own_kafka: Kafka) -> None:
    """After kill -9 of the broker and its restart the same process goes on: one outcome each, in order."""

    def kill_and_restart() -> None:
        own_kafka.kill()
        own_kafka.restart()

    _through_a_fault(own_stage, kill_and_restart)


@pytest.mark.timeout(240)
def test_a_broker_that_stands_still(own_stage: Stage, own_kafka: Kafka) -> None:
    """After the broker was frozen for longer than a session the same process goes on: one outcome each, in order."""

    def freeze() -> None:
        own_kafka.freeze()
        thaw_s = time.monotonic() + FREEZE_S
        eventually(lambda: time.monotonic() > thaw_s, 2 * FREEZE_S, "the time to thaw")
        own_kafka.thaw()

    _through_a_fault(own_stage, freeze)
