"""Members of the group that come, go, stand still and die, while requests and transactions of theirs are under way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stream.sandbox.faults import Fault

from ..harness import failing_service as failing
from ..harness.feed import Population
from ..harness.flow import flowing
from ..harness.kafka_wire import Api, Way
from ..harness.proxy import BLACKHOLE, FINE
from ..harness.stage import Layout, Stage
from ..harness.strikes import Strikes
from ..harness.waiting import eventually, pause
from .conftest import slow_down

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ..harness.cluster import Cluster
    from ..harness.service import Service

STEP_S = 5.0
ROUNDS = 3
WITHIN_S = 60.0
TRANSACTION_TIMEOUT_S = 30.0
SESSION_S = 6.0


@pytest.fixture
def eight(cluster: Cluster, tmp_path: Path) -> Iterator[Stage]:
    """A stage of eight partitions on the shared broker."""
    with Stage(cluster.bootstrap_servers, tmp_path, Layout(partitions=8), cluster) as stage:
        slow_down(stage)
        yield stage


def _has_worked(service: Service) -> bool:
    return bool(service.lines("execution_completed"))


def _has_partitions(service: Service) -> bool:
    return any(line["partitions"] for line in service.lines("partitions_assigned"))


@pytest.mark.long
@pytest.mark.timeout(600)
def test_dynamic_members_from_one_to_four_and_back(eight: Stage) -> None:
    """Every five seconds one comes, until there are four, or leaves, until there is one; nothing is executed twice."""
    services = [eight.start("member-0")]
    with flowing(eight, 1_500.0):
        for _ in range(ROUNDS):
            for number in (1, 2, 3):
                services.append(eight.start(f"member-{number}"))
                pause(STEP_S)
            while len(services) > 1:
                leaving = services.pop(0)
                leaving.terminate()
                assert leaving.exit_code(WITHIN_S) == 0
                pause(STEP_S)
            services[0].name = "member-0"
    assert services[0].is_running


@pytest.mark.long
@pytest.mark.timeout(600)
def test_static_members_are_restarted_in_turn(eight: Stage) -> None:
    """Three named instances, each ended in order and started again: no rebalance, nothing executed twice."""
    names = ("one", "two", "three")
    services = {name: eight.start(name, KAFKA_INSTANCE_ID=name) for name in names}
    eventually(lambda: all(map(_has_partitions, services.values())), WITHIN_S, "a share for each")
    with flowing(eight, 1_500.0):
        for name in names * 2:
            services[name].terminate()
            assert services[name].exit_code(WITHIN_S) == 0
            services[name] = eight.start(name, KAFKA_INSTANCE_ID=name)
            eventually(lambda name=name: _has_worked(services[name]), WITHIN_S, f"work of {name}")  # type: ignore[misc]
    assert all(service.is_running for service in services.values())
    assert not any(service.lines("partitions_revoked") for service in services.values())


@pytest.mark.long
@pytest.mark.timeout(300)
def test_partitions_are_taken_while_requests_last_ten_seconds(eight: Stage) -> None:
    """A request that outlives the callback of its revocation is its old owner's no more: nothing is lost or doubled."""
    slow = eight.sandbox.faults.add(Fault("delay", applied=True, min_s=10.0, max_s=10.0, probability=0.3))
    services = [eight.start("first")]
    with flowing(eight, 500.0, warm=500, may_overlap=True) as flow:
        flow.strike(lambda: services.append(eight.start("second")))
        flow.strike(lambda: services.append(eight.start("third")))
        eventually(lambda: _has_worked(services[2]), WITHIN_S, "a share for each")
        eight.sandbox.faults.remove(slow)
    assert all(service.is_running for service in services)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_paused_partitions_change_hands_and_flow_again(eight: Stage) -> None:
    """With the buffer full and all partitions paused, others take them over and give them back: all of them flow."""
    small = {"STREAM_BUFFER_BYTES": "1048576", "STREAM_BATCH_BYTES": "262144"}
    eight.feed.draw(Population(4, 2_000, padding_bytes=2_000), 6_000)
    eight.feed.flush()
    silence = eight.sandbox.faults.add(Fault("answer", status=503))
    first = eight.start("first", **small)
    eventually(lambda: first.lines("request_waits"), WITHIN_S, "a full buffer, and refused requests")
    second = eight.start("second", **small)
    eventually(lambda: second.lines("request_waits"), WITHIN_S, "a share of the second")
    first.terminate()
    assert first.exit_code(WITHIN_S) == 0
    eight.start("third", **small)
    eight.sandbox.faults.remove(silence)
    eight.await_all_committed(120.0)
    eight.assert_exactly_once()
    eight.assert_in_order()


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_dynamic_member_dies_with_an_open_transaction(eight: Stage, cluster: Cluster) -> None:
    """Its partitions wait for the end of its transaction, no longer; those of others flow all the time."""
    dying = eight.start("dying", KAFKA_CONFIG_CLIENT_ID="the-dying-one")
    other = eight.start("other")
    eventually(lambda: _has_partitions(dying) and _has_partitions(other), WITHIN_S, "a share for each")
    strikes = Strikes(eight)
    with flowing(eight) as flow:

        def kill() -> None:
            stop = cluster.taps[0].stop(Api.END_TXN, Way.THERE, b"the-dying-one")
            assert stop.held.wait(WITHIN_S)
            strikes.kill(dying)
            stop.drop()
            eventually(lambda: (eight.unstable() or 0) > 0, WITHIN_S, "an open transaction of the dead one")
            eventually(lambda: (eight.lag() or 0) < 2_000, 2 * WITHIN_S, "the work of the dead one")

        struck = flow.strike(kill)
    took_s = struck.ended_s - struck.began_s
    print(f"\nthe dead one's partitions were worked up after {took_s:.1f} s; {flow.repeats} again")  # noqa: T201
    assert took_s < TRANSACTION_TIMEOUT_S + SESSION_S + 15.0


@pytest.mark.long
@pytest.mark.timeout(300)
def test_the_loop_stands_still_for_longer_than_a_poll_may_be_away(eight: Stage) -> None:
    """While heartbeats go on: the group takes its partitions, and it goes on without doubling anything."""
    stalling = eight.start(
        "stalling",
        arguments=("-m", "tests.harness.failing_service", f"{failing.STALLING}:200"),
        KAFKA_CONFIG_MAX_POLL_INTERVAL_MS="10000",
    )
    with flowing(eight) as flow:
        flow.strike(lambda: eventually(lambda: stalling.lines("partitions_lost"), WITHIN_S, "the loss of partitions"))
    assert stalling.is_running


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_member_that_cannot_reach_the_group_any_more(eight: Stage, cluster: Cluster) -> None:
    """Cut off alone for longer than its session, it loses all to others, and comes back without doubling anything."""
    cut_off = eight.start("cut off")
    direct = {"KAFKA_BOOTSTRAP_SERVERS": cluster.bootstrap_servers}
    other = eight.start("other", **direct)
    eventually(lambda: _has_partitions(cut_off) and _has_partitions(other), WITHIN_S, "a share for each")
    with flowing(eight) as flow:

        def cut() -> None:
            cluster.links[0].trouble = BLACKHOLE
            pause(3 * SESSION_S)
            cluster.links[0].trouble = FINE
            lost = len(cut_off.lines("execution_completed"))
            eventually(lambda: len(cut_off.lines("execution_completed")) > lost, 2 * WITHIN_S, "its return")

        flow.strike(cut)
    assert cut_off.lines("partitions_lost")


@pytest.mark.long
@pytest.mark.timeout(300)
def test_idle_for_longer_than_a_transaction_may_last(stage: Stage) -> None:
    """Without events no transaction is open that could time out: the next event has its outcome at once."""
    service = stage.start()
    stage.feed.send_event("store", "before")
    stage.feed.flush()
    stage.await_outcomes(1)
    pause(2 * TRANSACTION_TIMEOUT_S)
    assert stage.unstable() == 0
    stage.feed.send_event("store", "after")
    stage.feed.flush()
    stage.await_outcomes(2, 2.0)
    stage.await_all_committed()
    stage.assert_exactly_once()
    assert service.lines("producer_rebuild") == []
