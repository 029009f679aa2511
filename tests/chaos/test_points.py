"""kill -9 at each point of a transaction that is worth a name: one outcome each, in order, whatever was half done.

The points on the wire are breakpoints of the proxy: the shipped service runs, and dies while a request or an answer of
its transaction is held. The others lie between two steps of the loop and need a service that is wrapped.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from ..harness import failing_service as failing
from ..harness.feed import Pace, Population
from ..harness.kafka_wire import Api, Stop, Way
from ..harness.service import RUN
from ..harness.waiting import eventually

if TYPE_CHECKING:
    from ..harness.cluster import Cluster
    from ..harness.service import Service
    from ..harness.stage import Stage

FAILING = ("-m", "tests.harness.failing_service")
STATIC = {"KAFKA_INSTANCE_ID": "one"}
RATE_PER_S = 1_000.0
WITHIN_S = 30.0
LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class Point:
    """Where a transaction's request or answer is held, and what of its outcomes then lies in the log undecided.

    None: that may be either, for they travel behind the request that is held.
    """

    api: Api
    way: Way
    is_open: bool | None


POINTS = {
    "outcomes written, offsets not": Point(Api.ADD_OFFSETS_TO_TXN, Way.THERE, is_open=True),
    "offsets announced, not written": Point(Api.TXN_OFFSET_COMMIT, Way.THERE, is_open=None),
    "offsets written, not committed": Point(Api.END_TXN, Way.THERE, is_open=True),
    "committed, and not told": Point(Api.END_TXN, Way.BACK, is_open=False),
}


@pytest.fixture
def pace(stage: Stage) -> Pace:
    """Events at a steady pace, until the test stops them."""
    return Pace(stage.feed, Population(records=2_000), RATE_PER_S)


def _judge(stage: Stage, pace: Pace, killed_s: float) -> int:
    """Let all come to its end, and judge it; return how many events were executed again."""
    pace.stop()
    stage.await_all_committed()
    stage.assert_exactly_once()
    return stage.assert_in_order([killed_s])


def _is_open(stage: Stage) -> bool | None:
    unstable = stage.unstable()
    return None if unstable is None else unstable > 0


def _kill(stage: Stage, service: Service) -> float:
    assert stage.lag(), "a kill counts only with work in flight"
    killed_s = time.time()
    service.kill()
    return killed_s


@pytest.mark.chaos
@pytest.mark.parametrize("point", POINTS.values(), ids=POINTS)
def test_kill_inside_of_a_transaction(stage: Stage, cluster: Cluster, pace: Pace, point: Point) -> None:
    """What was not committed is nowhere to be seen and comes once later; what was, is not published again."""
    service = stage.start(**STATIC)
    stage.await_outcomes(500)
    stop = _hold(stage, cluster, point)
    killed_s = _kill(stage, service)
    stop.drop()
    stage.start(**STATIC)
    _judge(stage, pace, killed_s)


def _hold(stage: Stage, cluster: Cluster, point: Point) -> Stop:
    """Hold a transaction at its point, in the state that is wanted: its outcomes may travel behind what is held."""
    deadline_s = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline_s:
        stop = cluster.taps[0].stop(point.api, point.way, f"{stage.group}.one".encode())
        assert stop.held.wait(WITHIN_S)
        look_until_s = time.monotonic() + LOOK_S
        while time.monotonic() < look_until_s:
            if point.is_open is None or _is_open(stage) is point.is_open:
                return stop
        stop.let_go()
    raise AssertionError("no transaction was held in the state that is wanted")


@pytest.mark.chaos
def test_kill_between_answer_and_transaction(stage: Stage, pace: Pace) -> None:
    """What the API has answered and nobody was told of is executed again, directly after itself, and told once."""
    service = stage.start(arguments=(*FAILING, f"{failing.BEFORE_BEGIN}:20"), **STATIC)
    eventually(lambda: not service.is_running, WITHIN_S, "the end at the point")
    killed_s = time.time()
    assert stage.lag(), "a kill counts only with work in flight"
    stage.start(arguments=RUN, **STATIC)
    assert _judge(stage, pace, killed_s) > 0


@pytest.mark.chaos
def test_kill_while_partitions_are_given_away(stage: Stage, pace: Pace) -> None:
    """An owner that dies in the callback of a revocation leaves all its work to the one that stays."""
    service = stage.start(arguments=(*FAILING, failing.REVOKING), **STATIC)
    stage.await_outcomes(500)
    other = stage.start("other", KAFKA_INSTANCE_ID="other")
    eventually(lambda: not service.is_running, WITHIN_S, "the end at the point")
    killed_s = time.time()
    assert stage.lag(), "a kill counts only with work in flight"
    eventually(lambda: _has_partitions(other), WITHIN_S, "the dead one's partitions, once its session has expired")
    stage.start(**STATIC)
    _judge(stage, pace, killed_s)


@pytest.mark.long
def test_a_static_member_that_dies_while_it_gives_away_and_returns_at_once(stage: Stage, pace: Pace) -> None:
    """Back before its session expires, it is no reason for Kafka to look again who owns what: no partition is lost."""
    service = stage.start(arguments=(*FAILING, failing.REVOKING), **STATIC)
    stage.await_outcomes(500)
    stage.start("other", KAFKA_INSTANCE_ID="other")
    eventually(lambda: not service.is_running, WITHIN_S, "the end at the point")
    killed_s = time.time()
    stage.start(**STATIC)
    _judge(stage, pace, killed_s)


def _has_partitions(service: Service) -> bool:
    return any(line["partitions"] for line in service.lines("partitions_assigned"))


@pytest.mark.chaos
def test_a_callback_that_fails_ends_the_process(stage: Stage, pace: Pace) -> None:
    """An exception inside of a callback, which drops what was fetched, ends the process with 1; the next goes on."""
    service = stage.start(arguments=(*FAILING, failing.RAISING), **STATIC)
    assert service.exit_code(WITHIN_S) == 1
    killed_s = time.time()
    stage.start(**STATIC)
    assert _judge(stage, pace, killed_s) == 0
