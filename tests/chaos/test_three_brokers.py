"""Three brokers with everything replicated: restarts, crashes, standstills, and too few left to write to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stream.consumer import FATAL_FIX

from ..harness.flow import flowing, rebuilds
from ..harness.kafka_wire import Api, Way
from ..harness.keeper import Keeper
from ..harness.waiting import eventually, pause

if TYPE_CHECKING:
    from ..harness.cluster import Cluster
    from ..harness.flow import Struck
    from ..harness.kafka_wire import Stop
    from ..harness.stage import Stage

WITHIN_S = 60.0
MAX_STALL_S = 60.0
"""No stall may be longer after any fault of a broker."""
MAX_ROLLING_STALL_S = 20.0
DOWN_S = 3.0
POINTS = {
    "outcomes written": (Api.PRODUCE, Way.THERE),
    "offsets announced": (Api.ADD_OFFSETS_TO_TXN, Way.BACK),
    "offsets sent": (Api.TXN_OFFSET_COMMIT, Way.THERE),
    "offsets written": (Api.TXN_OFFSET_COMMIT, Way.BACK),
    "commit asked for": (Api.END_TXN, Way.THERE),
    "committed": (Api.END_TXN, Way.BACK),
}


@pytest.mark.long
@pytest.mark.timeout(300)
def test_rolling_restart(wide_stage: Stage, replicated: Cluster) -> None:
    """Each broker is restarted in turn while two services work: outcomes hardly pause, nothing is lost or doubled."""
    services = [wide_stage.start(name, KAFKA_INSTANCE_ID=name) for name in ("one", "two")]
    with flowing(wide_stage) as flow:
        struck = flow.strike(lambda: _tell("restarted at", replicated.roll()))
    _show("rolling restart", [struck], flow.repeats, [reason for each in services for reason in rebuilds(each)])
    assert all(service.is_running for service in services)
    assert struck.stall_s < MAX_ROLLING_STALL_S


@pytest.mark.long
@pytest.mark.timeout(600)
def test_crash_of_the_broker_that_has_the_transaction_in_hand(wide_stage: Stage, replicated: Cluster) -> None:
    """Whichever broker dies with whichever request of a transaction: the service goes on by itself within a minute."""
    service = wide_stage.start(KAFKA_INSTANCE_ID="one")
    stalls = []
    with flowing(wide_stage) as flow:
        for api, way in POINTS.values():
            stalls.append(flow.strike(lambda api=api, way=way: _crash(wide_stage, replicated, api, way)))  # type: ignore[misc]
            eventually(replicated.is_whole, WITHIN_S, "a whole cluster")
    _show("crash in mid-transaction", stalls, flow.repeats, rebuilds(service))
    assert service.is_running
    assert max(struck.stall_s for struck in stalls) < MAX_STALL_S


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("for_s", [6.0, 40.0], ids=["about a session", "longer than a session"])
def test_a_broker_that_stands_still(wide_stage: Stage, replicated: Cluster, for_s: float) -> None:
    """A broker with a transaction in hand is frozen, perhaps expelled, and comes back: the work goes on by itself.

    With a supervisor, as every process has one: for about a session the member may become its own rival, which ends
    the process with 1 and says that it need only be started again (docs/faults.md, limits).
    """

    def freeze() -> None:
        held, stops = _hold(wide_stage, replicated, Api.TXN_OFFSET_COMMIT, Way.THERE)
        broker = replicated.brokers[held]
        broker.freeze()
        for stop in stops:
            stop.let_go()
        pause(for_s)
        broker.thaw()

    with Keeper(lambda: wide_stage.start(KAFKA_INSTANCE_ID="one")) as keeper:
        first = keeper.service
        with flowing(wide_stage) as flow:
            struck = flow.strike(freeze)
        _show(f"frozen for {for_s:g} s, {keeper.restarts} restarts", [struck], flow.repeats, rebuilds(keeper.service))
        assert keeper.service.is_running
        assert keeper.restarts <= 1
        assert len(first.lines("service_failed")) == keeper.restarts
        assert all(FATAL_FIX in line["reason"] for line in first.lines("service_failed"))
    assert struck.stall_s < MAX_STALL_S


@pytest.mark.long
@pytest.mark.timeout(300)
def test_too_few_brokers_to_write_to(wide_stage: Stage, replicated: Cluster) -> None:
    """With two of three brokers gone nothing can be committed: all is held, and goes on when they are back."""
    service = wide_stage.start(KAFKA_INSTANCE_ID="one")
    gone_for_s = 15.0

    def lose_two() -> None:
        for broker in replicated.brokers[1:]:
            broker.kill()
        pause(gone_for_s)
        replicated.start()

    with flowing(wide_stage) as flow:
        struck = flow.strike(lose_two)
    _show(f"two of three gone for {gone_for_s:g} s", [struck], flow.repeats, rebuilds(service))
    assert service.is_running
    assert struck.stall_s < gone_for_s + MAX_STALL_S


def _hold(stage: Stage, cluster: Cluster, api: Api, way: Way) -> tuple[int, list[Stop]]:
    """Hold the next request or answer of a kind at whichever broker it meets; return which, and all breakpoints."""
    stops = [tap.stop(api, way, f"{stage.group}.one".encode()) for tap in cluster.taps]
    eventually(lambda: any(stop.held.is_set() for stop in stops), WITHIN_S, "a request of a transaction")
    return next(index for index, stop in enumerate(stops) if stop.held.is_set()), stops


def _crash(stage: Stage, cluster: Cluster, api: Api, way: Way) -> None:
    """Kill the broker that has the transaction in hand, and start it again when it has been missed for a while."""
    held, stops = _hold(stage, cluster, api, way)
    cluster.brokers[held].kill()
    for index, stop in enumerate(stops):
        if index == held:
            stop.drop()
        else:
            stop.let_go()
    pause(DOWN_S)
    cluster.brokers[held].start()


def _tell(what: str, value: object) -> None:
    print(f"{what} {value}")  # noqa: T201 - the figures of the run


def _show(what: str, stalls: list[Struck], repeats: int, reasons: list[str]) -> None:
    silent = ", ".join(f"{struck.stall_s:.1f}" for struck in stalls)
    _tell(f"\n{what}:", f"silent for {silent} s; {repeats} events executed again; rebuilt {len(reasons)}: {reasons}")
