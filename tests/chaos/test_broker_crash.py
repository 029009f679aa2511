"""kill -9 of a broker in the middle of a transaction: the service goes on by itself, and within a minute.

That is what hangs librdkafka's `send_offsets_to_transaction` for ever (its issues 5511 and 5456); then only another
producer helps, and the committed offsets tell whether the old one's transaction counts.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from ..harness.feed import Pace, Population
from ..harness.kafka_wire import Api, Way

if TYPE_CHECKING:
    from ..harness.cluster import Cluster
    from ..harness.stage import Stage

RATE_PER_S = 1_000.0
WITHIN_S = 30.0
MAX_STALL_S = 60.0
CRASHES = {
    "offsets sent": (Api.TXN_OFFSET_COMMIT, Way.BACK),
    "commit asked for": (Api.END_TXN, Way.THERE),
}


def _crash(stage: Stage, cluster: Cluster, api: Api, way: Way) -> float:
    """Kill the broker while it has a transaction of the service in hand, and start it again; return when."""
    stop = cluster.taps[0].stop(api, way, f"{stage.group}.one".encode())
    assert stop.held.wait(WITHIN_S)
    assert stage.lag(), "a crash counts only with work in flight"
    crashed_s = time.time()
    cluster.brokers[0].kill()
    stop.drop()
    cluster.brokers[0].restart()
    return crashed_s


@pytest.mark.chaos
@pytest.mark.timeout(240)
def test_a_broker_that_crashes_in_mid_transaction(stage: Stage, cluster: Cluster) -> None:
    """After each of two crashes outcomes come again within a minute: one each, in order."""
    service = stage.start(KAFKA_INSTANCE_ID="one")
    pace = Pace(stage.feed, Population(records=2_000), RATE_PER_S)
    stage.await_outcomes(1_000)
    stalls_s, times_s = [], []
    for api, way in CRASHES.values():
        times_s.append(_crash(stage, cluster, api, way))
        stage.await_outcomes(len(stage.reader) + int(RATE_PER_S), 2 * MAX_STALL_S)
        stalls_s.append(stage.reader.longest_silence_s(times_s[-1], time.time()))
    pace.stop()
    stage.await_all_committed()
    stage.assert_exactly_once()
    repeats = stage.assert_in_order(times_s)
    assert service.is_running
    assert max(stalls_s) < MAX_STALL_S
    rebuilds = [line["reason"] for line in service.lines("producer_rebuild")]
    told = ", ".join(f"{stall_s:.1f} s" for stall_s in stalls_s)
    print(f"\nsilent for {told}; {len(rebuilds)} rebuilds: {rebuilds}; {repeats} events executed again")  # noqa: T201
