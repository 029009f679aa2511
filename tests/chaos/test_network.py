"""What networks do between the service and its two neighbours: slow, narrow, broken, cut in half, silent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ..harness.flow import Struck, flowing, rebuilds
from ..harness.kafka_wire import Api, Way
from ..harness.proxy import BLACKHOLE, FINE, HALF_OPEN, Trouble
from ..harness.waiting import eventually, pause

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..harness.cluster import Cluster
    from ..harness.proxy import Link
    from ..harness.stage import Stage

WITHIN_S = 60.0
MAX_STALL_S = 60.0
SLOW = Trouble(latency_s=0.25, jitter_s=0.25)
KAFKA = {
    "slow": (SLOW, 20.0),
    "narrow": (Trouble(bytes_per_s=200_000), 15.0),
    "resets": (Trouble(resets=0.01), 15.0),
    "cut in the middle": (Trouble(cuts=0.01), 15.0),
    "blackhole shorter than a session": (BLACKHOLE, 4.0),
    "blackhole longer than a session": (BLACKHOLE, 15.0),
    "half open": (HALF_OPEN, 15.0),
}
API = {
    "slow": (SLOW, 15.0),
    "narrow": (Trouble(bytes_per_s=100_000), 15.0),
    "resets": (Trouble(resets=0.05), 15.0),
    "cut in the middle": (Trouble(cuts=0.05), 15.0),
    # shorter than the deadline of a request: one that arrives after it was given up is a limit that no client can lift
    "blackhole": (BLACKHOLE, 12.0),
    "half open": (HALF_OPEN, 12.0),
}


def _befall(links: Sequence[Link], trouble: Trouble, for_s: float) -> None:
    """Let links have trouble for a time."""
    for link in links:
        link.trouble = trouble
    pause(for_s)
    for link in links:
        link.trouble = FINE


def _show(what: str, struck: Struck, repeats: int, more: object) -> None:
    lasted_s = struck.ended_s - struck.began_s
    print(f"\n{what}: silent for {struck.stall_s:.1f} of {lasted_s:.1f} s; {repeats} again; {more}")  # noqa: T201


@pytest.mark.long
@pytest.mark.timeout(240)
@pytest.mark.parametrize(("trouble", "for_s"), KAFKA.values(), ids=KAFKA)
def test_trouble_on_the_way_to_the_broker(stage: Stage, cluster: Cluster, trouble: Trouble, for_s: float) -> None:
    """Nothing is lost or doubled, and outcomes come again within a minute after it ends."""
    service = stage.start(KAFKA_INSTANCE_ID="one")
    with flowing(stage) as flow:
        struck = flow.strike(lambda: _befall(cluster.links, trouble, for_s))
    _show(f"{trouble}", struck, flow.repeats, rebuilds(service))
    assert service.is_running
    assert struck.stall_s < for_s + MAX_STALL_S


@pytest.mark.long
@pytest.mark.timeout(240)
@pytest.mark.parametrize(("trouble", "for_s"), API.values(), ids=API)
def test_trouble_on_the_way_to_the_api(stage: Stage, trouble: Trouble, for_s: float) -> None:
    """Nothing is lost, doubled or refused, and outcomes come again within a minute after it ends."""
    assert stage.api is not None
    service = stage.start(KAFKA_INSTANCE_ID="one")
    links = [stage.api]
    with flowing(stage) as flow:
        struck = flow.strike(lambda: _befall(links, trouble, for_s))
    _show(f"{trouble}", struck, flow.repeats, f"{stage.api.broken} connections broken")
    assert service.is_running
    assert {outcome.json["result"] for outcome in stage.reader.records} == {"APPLIED"}
    assert struck.stall_s < for_s + MAX_STALL_S


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("broker", range(3))
def test_silence_of_one_broker_of_three(wide_stage: Stage, replicated: Cluster, broker: int) -> None:
    """Whichever broker cannot be reached from the service for half a minute: leader, coordinator of group or writes."""
    service = wide_stage.start(KAFKA_INSTANCE_ID="one")
    with flowing(wide_stage) as flow:
        struck = flow.strike(lambda: _befall([replicated.links[broker]], BLACKHOLE, 30.0))
    _show(f"broker {broker} silent", struck, flow.repeats, rebuilds(service))
    assert service.is_running
    assert struck.stall_s < 30.0 + MAX_STALL_S


@pytest.mark.long
@pytest.mark.timeout(240)
def test_a_commit_that_arrives_late(stage: Stage, cluster: Cluster) -> None:
    """The request that ends a transaction is lost on its way, and arrives when its sender has gone on long since.

    Without KIP-890 it could end a later transaction of the same producer: what is written then would count in part.
    """
    service = stage.start(KAFKA_INSTANCE_ID="one")
    with flowing(stage) as flow:

        def delay_a_commit() -> None:
            stop = cluster.taps[0].stop(Api.END_TXN, Way.THERE, f"{stage.group}.one".encode())
            assert stop.held.wait(WITHIN_S)
            seen = len(stage.reader)
            eventually(lambda: len(stage.reader) > seen + 1_000, WITHIN_S, "later transactions")
            stop.let_go()

        struck = flow.strike(delay_a_commit)
    _show("commit delayed", struck, flow.repeats, rebuilds(service))
    assert service.is_running
    assert struck.stall_s < MAX_STALL_S


@pytest.mark.chaos
@pytest.mark.timeout(240)
def test_a_commit_that_is_sent_twice_and_arrives_late(stage: Stage, cluster: Cluster) -> None:
    """The connection breaks under a commit, the library sends it again by itself, and then the first one arrives.

    It would commit the next transaction's offsets before its outcomes are written. librdkafka tells of the broken
    connection in its log alone: this holds that the service still understands that log (`stream/connections.py`).
    """
    service = stage.start(KAFKA_INSTANCE_ID="one")
    with flowing(stage) as flow:

        def double_a_commit() -> None:
            stop = cluster.taps[0].stop(Api.END_TXN, Way.THERE, f"{stage.group}.one".encode())
            assert stop.held.wait(WITHIN_S)
            cluster.links[0].reset_clients()
            seen = len(stage.reader)
            eventually(lambda: len(stage.reader) > seen, WITHIN_S, "a later transaction")
            stop.let_go()

        for _ in range(5):
            struck = flow.strike(double_a_commit)
    _show("commit doubled", struck, flow.repeats, rebuilds(service))
    assert service.is_running
    assert struck.stall_s < MAX_STALL_S
