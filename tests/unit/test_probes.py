"""The probes: what is live, what is ready, and the reason a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from stream.account import Account
from stream.holds import Cause
from stream.outbox import State
from stream.partitions import Phase
from stream.watchdog import Turning
from stream.web.probes import Probe, kafka_ready, live, ready

from ..standings import holding, parking, partition_standing, snapshot

if TYPE_CHECKING:
    from stream.snapshot import Snapshot

WELL = Probe(())
TURNS = Turning()
OUTSIDE = "the committed offset 5 of deltas/0 is outside the log"


def test_live_is_only_about_the_loop() -> None:
    """A loop that stands for a while is live; one that is stuck is not, and the line says where to look."""
    assert live(Turning(29.0)) == WELL
    (reason,) = live(Turning(31.0, is_stuck=True)).reasons
    assert "31 s" in reason
    assert "loop_stuck" in reason


def test_it_is_ready_when_all_is_well() -> None:
    """In the group, with or without partitions, and with a parked record, which holds up nothing but itself."""
    for well in (snapshot(), snapshot(partitions=()), snapshot(status=parking())):
        assert ready(well, TURNS) == WELL
        assert kafka_ready(well, TURNS) == WELL


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status": holding(Cause.FAILING)}, "datastore people is held: the API answered 503"),
        ({"status": holding(Cause.ACCESS, is_outage=True)}, "outage: the API answered 503"),
        (
            {"partitions": (partition_standing(phase=Phase.REFUSED, refusal=OUTSIDE),)},
            f"partition deltas/0 is not consumed: {OUTSIDE}",
        ),
        (
            {"outbox_state": State.REBUILDING, "outbox_since_s": 980.0},
            "no outcome has got out for 20 s: a producer is being made; look at the brokers",
        ),
    ],
)
def test_what_holds_it_up_counts_in_the_full_answer_only(changes: dict[str, Any], reason: str) -> None:
    """Whatever the API or one partition does, the scope of Kafka stays ready."""
    told = snapshot(**changes)
    assert ready(told, TURNS).reasons[0] == reason
    assert kafka_ready(told, TURNS) == WELL


def test_a_partition_that_does_not_begin_is_told() -> None:
    """Not at once: a dead member's open transaction may delay it."""
    account, waits = Account(1000), (partition_standing(phase=Phase.AWAITING_OFFSET, committed=None, lag=None),)
    reasons = [
        ready(snapshot(account, partitions=waits, now_s=now_s), TURNS).reasons for now_s in (1_000.0, 1_040.0, 1_050.0)
    ]
    assert reasons[:2] == [(), ()]
    assert "partition deltas/0 has not begun for 50 s" in reasons[2][0]


@pytest.mark.parametrize(
    ("told", "turning", "reason"),
    [
        (None, TURNS, "starting: the loop has not turned yet"),
        (snapshot(), Turning(is_ending=True), "draining: it was asked to end"),
        (snapshot(), Turning(12.0), "the loop has not turned for 12 s"),
        (snapshot(is_member=False), TURNS, "not in the consumer group: it is joining, or no broker answers"),
    ],
)
def test_without_kafka_neither_is_ready(told: Snapshot | None, turning: Turning, reason: str) -> None:
    """Before the first turn, in the end, when the loop stands, and outside of the group."""
    for judge in (ready, kafka_ready):
        assert judge(told, turning).reasons == (reason,)


def test_of_many_refused_partitions_some_are_named_and_all_are_counted() -> None:
    """A topic of a thousand partitions gives no page of text."""
    refused = tuple(partition_standing(phase=Phase.REFUSED, refusal=OUTSIDE) for _ in range(1_000))
    reasons = ready(snapshot(partitions=refused), TURNS).reasons
    assert len(reasons) == 21
    assert reasons[-1] == "1000 partitions in all are not consumed"
