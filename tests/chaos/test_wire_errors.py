"""Every error that a broker can answer to a step of a transaction, told to a service that works on a real one.

The proxy changes the answer: in one half of the cases the broker has done what was asked for and the service is told
that it has not, in the other the broker has never heard of it. Numbers are those of Kafka's protocol guide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from ..harness.flow import flowing, rebuilds
from ..harness.kafka_wire import Api
from ..harness.waiting import eventually

if TYPE_CHECKING:
    from ..harness.cluster import Cluster
    from ..harness.stage import Stage

WITHIN_S = 60.0
MAX_STALL_S = 60.0


class Told(NamedTuple):
    """An error, to what, how often in a row, and whether the broker did what was asked for."""

    name: str
    api: Api
    error: int
    times: int = 1
    is_done: bool = True


TOLD = [
    Told("coordinator loads", Api.END_TXN, 14, 2, is_done=False),
    Told("concurrent transactions", Api.END_TXN, 51, 2, is_done=False),
    Told("producer id mapping, done", Api.END_TXN, 49),
    Told("producer id mapping", Api.END_TXN, 49, is_done=False),
    Told("transaction abortable, done", Api.END_TXN, 120),
    Told("transaction abortable", Api.END_TXN, 120, is_done=False),
    Told("invalid transaction state, done", Api.END_TXN, 48),
    Told("invalid transaction state", Api.END_TXN, 48, is_done=False),
    Told("old epoch, done", Api.END_TXN, 47),
    Told("producer fenced", Api.END_TXN, 90, is_done=False),
    Told("not coordinator", Api.ADD_OFFSETS_TO_TXN, 16, is_done=False),
    Told("transaction state at offsets", Api.ADD_OFFSETS_TO_TXN, 48, is_done=False),
    Told("illegal generation", Api.TXN_OFFSET_COMMIT, 22),
    Told("unknown member", Api.TXN_OFFSET_COMMIT, 25),
    Told("rebalance in progress", Api.TXN_OFFSET_COMMIT, 27),
    Told("stale member epoch", Api.TXN_OFFSET_COMMIT, 113),
    Told("instance fenced", Api.TXN_OFFSET_COMMIT, 82),
    Told("metadata too large", Api.TXN_OFFSET_COMMIT, 12),
    Told("coordinator loads at offsets", Api.TXN_OFFSET_COMMIT, 14, 2),
    Told("topic not authorised", Api.ADD_PARTITIONS_TO_TXN, 29),
    Told("concurrent transactions at partitions", Api.ADD_PARTITIONS_TO_TXN, 51, 2),
    Told("not enough replicas", Api.PRODUCE, 19, 2),
    Told("message too large", Api.PRODUCE, 10),
    Told("invalid record", Api.PRODUCE, 87),
    Told("out of order sequence", Api.PRODUCE, 45),
    Told("not leader", Api.PRODUCE, 6),
]


@pytest.mark.long
@pytest.mark.timeout(600)
def test_every_error_inside_of_a_transaction(stage: Stage, cluster: Cluster) -> None:
    """Whatever the service is told: it goes on by itself within a minute, with one outcome for each event."""
    service = stage.start(KAFKA_INSTANCE_ID="one")
    with flowing(stage) as flow:
        for told in TOLD:
            lie = cluster.taps[0].lie(told.api, told.error, told.times, is_done=told.is_done)
            made = len(rebuilds(service))
            aborted = len(service.lines("transaction_aborted"))
            struck = flow.strike(lambda lie=lie: eventually(lambda: not lie.left, WITHIN_S, "the error"))  # type: ignore[misc]
            print(  # noqa: T201 - the figures of the run
                f"{told.name}: silent for {struck.stall_s:.1f} s, "
                f"{len(service.lines('transaction_aborted')) - aborted} aborted, {rebuilds(service)[made:]}"
            )
            assert service.is_running, told.name
            assert struck.stall_s < MAX_STALL_S, told.name
    assert flow.repeats == 0
