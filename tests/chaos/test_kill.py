"""kill -9 in full flow, again and again: one outcome each, in order, and only the newest event of a record again."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from ..harness.feed import Pace, Population
from ..harness.strikes import Strikes
from ..harness.waiting import eventually

if TYPE_CHECKING:
    from ..harness.service import Service
    from ..harness.stage import Stage

KILLS = 5
VERSIONED_KILLS = 3
MAX_KILLS = 10
RATE_PER_S = 2_000.0
FLOW_REQUESTS = 40
"""How much is done between two kills, at least."""
JOIN_S = 40.0
RECOVERY_S = 60.0
"""A dead member's open transaction can hold its partitions back for 30 s."""


@pytest.mark.chaos
@pytest.mark.timeout(300)
def test_kill_a_static_member_in_full_flow(stage: Stage) -> None:
    """However often a process is killed with requests on the wire: one outcome each, in order; the next is quick."""
    pace = Pace(stage.feed, Population(records=4_000), RATE_PER_S)
    strikes, service = _kill_again_and_again(stage, KILLS)
    pace.stop()
    _judge(stage, strikes, [service])


@pytest.mark.chaos
@pytest.mark.timeout(300)
def test_versions_exclude_that_anything_is_executed_twice(stage: Stage) -> None:
    """Where events carry versions under FAIL, what a killed process had applied is found applied, and not repeated."""
    pace = Pace(stage.feed, Population(records=4_000, is_versioned=True), RATE_PER_S / 2)
    strikes, service = _kill_again_and_again(stage, VERSIONED_KILLS)
    pace.stop()
    assert _judge(stage, strikes, [service]) == 0
    results = {outcome.json["result"] for outcome in stage.reader.records}
    assert results == {"APPLIED", "ALREADY_APPLIED"}


def _kill_again_and_again(stage: Stage, kills: int) -> tuple[Strikes, Service]:
    """Kill a static member and start it again until so many kills count; return the last process as well."""
    service = stage.start(KAFKA_INSTANCE_ID="one")
    stage.await_outcomes(1)
    strikes = Strikes(stage)
    while strikes.counted < kills:
        assert len(strikes.all) < MAX_KILLS, strikes.all
        _flow(stage)
        strikes.kill_one_of([service])
        service = stage.start(KAFKA_INSTANCE_ID="one")
        strikes.await_return(service)
    return strikes, service


@pytest.mark.chaos
@pytest.mark.timeout(300)
def test_dynamic_members_come_are_killed_and_go(stage: Stage) -> None:
    """One instance becomes four, two of these are killed at once, one leaves in order: one outcome each, in order."""
    services = [stage.start("first")]
    pace = Pace(stage.feed, Population(records=4_000), RATE_PER_S)
    stage.await_outcomes(1)
    services += [stage.start(name) for name in ("second", "third", "fourth")]
    eventually(lambda: all(map(_has_partitions, services)), JOIN_S, "a share for each")
    strikes = Strikes(stage)
    for _ in range(2):
        strikes.kill_one_of(services)
    alive = [service for service in services if service.is_running]
    before = {service.name: len(service.lines("partitions_assigned")) for service in alive}
    alive[0].terminate()
    assert alive[0].exit_code(JOIN_S) == 0
    last = alive[1]
    eventually(
        lambda: len(last.lines("partitions_assigned")) > before[last.name], RECOVERY_S, "the partitions of the others"
    )
    pace.stop()
    _judge(stage, strikes, services)
    assert strikes.counted == 2
    assert last.is_running


def _has_partitions(service: Service) -> bool:
    return any(line["partitions"] for line in service.lines("partitions_assigned"))


def _flow(stage: Stage) -> None:
    enough = len(stage.sandbox.requests) + FLOW_REQUESTS
    eventually(lambda: len(stage.sandbox.requests) >= enough, RECOVERY_S, "some requests between two kills")


def _judge(stage: Stage, strikes: Strikes, services: list[Service]) -> int:
    """Let all come to its end and judge it; return how many events were executed again."""
    began_s = time.time()
    stage.await_all_committed(120.0)
    stage.assert_exactly_once()
    _assert_audited(stage, services)
    repeats = stage.assert_in_order(strikes.times_s)
    _show(strikes, repeats, time.time() - began_s)
    return repeats


def _assert_audited(stage: Stage, services: list[Service]) -> None:
    """Every batch with a committed outcome has its one line, whenever its process was killed."""
    lines = Counter(line["batchId"] for service in services for line in service.audit_lines())
    assert {lines[outcome.json["batchId"]] for outcome in stage.reader.records} == {1}


def _show(strikes: Strikes, repeats: int, ended_s: float) -> None:
    outcomes = strikes.stage.reader.records
    waits_s = sorted((each.timestamp_ms - each.json["source"]["timestampMs"]) / 1000 for each in outcomes)
    returns_s = [strike.back_s for strike in strikes.all if strike.back_s is not None] or [0.0]
    print(  # noqa: T201 - the figures of the run
        f"\n{len(outcomes)} events; {strikes.counted} of {len(strikes.all)} kills counted; "
        f"{repeats} events executed again; the next process has outcomes after "
        f"{statistics.median(returns_s):.1f} s (median, longest {max(returns_s):.1f}); from event to outcome "
        f"{statistics.median(waits_s):.1f} s (median, longest {waits_s[-1]:.1f}); at the end {ended_s:.1f} s"
    )
