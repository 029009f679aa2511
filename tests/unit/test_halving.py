"""A request that alone breaks the API: halved until the record that does it is alone, and parked (contract 4.5)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from stream.flights import Errand
from stream.health import FAILURES_IN_A_ROW
from stream.holds import Cause
from stream.lanes import BatchLimits
from stream.model import Result
from stream.parking import MAX_PARKED_PER_DATASTORE

from .execution_rig import Rig, Said, Sent, applied, silence, status

if TYPE_CHECKING:
    from collections.abc import Callable, Collection


def poisoned(bad: Collection[str], said: Callable[[], Said] = lambda: status(500)) -> Callable[[Sent], Said]:
    """Build an API that breaks at every request with one of these records."""
    return lambda sent: said() if set(sent.record_ids) & set(bad) else status(200, after_s=0.05)


def parked(rig: Rig) -> list[str]:
    """Name the parked records."""
    return [each.event.record_id for each in rig.undecided.parking]


def with_traffic(rig: Rig, for_s: float) -> int:
    """Let other records of the datastore come all the time; return how many."""
    began_s, came = rig.now_s, 0
    while rig.now_s < began_s + for_s:
        came += len(rig.arrive("d", f"other-{rig.now_s}"))
        rig.run(0.1)
    return came


def test_the_record_that_breaks_the_api_is_found_and_parked_alone() -> None:
    """Each level of halving takes one failure more; all others are applied, and go on while it is parked."""
    rig = Rig(poisoned({"r500"}))
    rig.arrive("d", *[f"r{number}" for number in range(1000)])
    came = with_traffic(rig, 30.0)
    assert parked(rig) == ["r500"]
    failed = [each for each in rig.sent if "r500" in each.record_ids and each.errand is Errand.WORK]
    assert len(failed) <= FAILURES_IN_A_ROW + 3 * math.ceil(math.log2(1000))
    assert not rig.execution.holds.changes
    rig.run(1.0)
    assert len(rig.outcomes) == 999 + came
    assert rig.execution.status(rig.now_s).is_ready
    rig.api = applied
    assert rig.run(62.0, lambda: rig.is_idle)
    assert parked(rig) == []
    assert set(rig.results()) == {Result.APPLIED}


def test_a_batch_that_is_all_there_is_comes_apart_too() -> None:
    """Nothing else passes that would tell: its datastore is held now and then, and probes of single events tell."""
    rig = Rig(poisoned({"r7"}))
    rig.arrive("d", *[f"r{number}" for number in range(100)])
    assert rig.run(120.0, lambda: len(rig.outcomes) == 99)
    while not parked(rig):
        assert rig.now_s < 600.0
        rig.arrive("d", f"other-{rig.now_s}")
        rig.run(20.0)
    assert rig.run(62.0, lambda: not rig.execution.holds.held)


def test_one_event_alone_in_an_outage_is_not_parked() -> None:
    """It may be the API: its datastore is held, and nobody is ready."""
    rig = Rig()
    rig.arrive("d", "before")
    rig.run(5.0)
    rig.api = lambda _: status(503)
    rig.arrive("d", "alone")
    assert rig.run(60.0, lambda: rig.execution.holds.circuit.outage is not None)
    assert parked(rig) == []


def test_several_bad_records_are_all_found() -> None:
    """Whatever they cost, the others are applied."""
    bad = {f"r{number}" for number in range(0, 200, 20)}
    rig = Rig(poisoned(bad))
    rig.arrive("d", *[f"r{number}" for number in range(200)])
    with_traffic(rig, 120.0)
    assert set(parked(rig)) == bad
    assert not {record for record, _ in rig.outcomes.values()} & bad


def test_later_events_of_a_parked_record_wait_for_it() -> None:
    """They are executed in their order when it passes."""
    rig = Rig(poisoned({"bad"}))
    first = rig.arrive("d", "bad")
    with_traffic(rig, 20.0)
    later = [*rig.arrive("d", "bad"), *rig.arrive("d", "bad", "fine")]
    rig.run(20.0)
    assert parked(rig) == ["bad"]
    assert [offset in rig.outcomes for offset in (*first, *later)] == [False, False, False, True]
    rig.api = applied
    assert rig.run(62.0, lambda: rig.is_idle)
    assert [offset for offset in rig.order if rig.outcomes[offset][0] == "bad"] == [*first, *later[:2]]


def test_a_parked_record_takes_no_place_from_others() -> None:
    """While it waits for its next try a datastore with one place has it for other batches."""
    rig = Rig(poisoned({"bad"}))
    rig.arrive("d", "bad")
    with_traffic(rig, 20.0)
    assert parked(rig) == ["bad"]
    assert list(rig.execution.flights) == []
    tries = [each.at_s for each in rig.sent if each.errand is Errand.TRY]
    rig.run(600.0)
    later = [each.at_s for each in rig.sent if each.errand is Errand.TRY][len(tries) :]
    assert 10 <= len(later) <= 60, "its tries back off to a minute"


@pytest.mark.parametrize(("most", "sizes"), [(250, {250}), (700, {500}), (1, {1})])
def test_requests_above_a_size_that_time_out_end_in_halves(most: int, sizes: set[int]) -> None:
    """A time-out above so many records: none of them is at fault, and batches become so small that they pass."""
    rig = Rig(lambda sent: silence() if len(sent.record_ids) > most else status(200, after_s=0.05))
    rig.arrive("d", *[f"r{number}" for number in range(5_000)])
    assert rig.run(1_200.0, lambda: rig.is_idle)
    assert parked(rig) == []
    worked = [len(each.record_ids) for each in rig.sent if each.errand is Errand.WORK and len(each.record_ids) <= most]
    assert sizes <= set(worked)
    assert set(rig.results()) == {Result.APPLIED}


def test_an_api_that_goes_away_during_the_halving_takes_nothing_to_pieces() -> None:
    """Halves that fail with everything else mean the datastore: it is held."""
    rig = Rig(poisoned({"r50"}))
    rig.arrive("d", *[f"r{number}" for number in range(100)])
    while not any(1 < len(each.record_ids) < 100 for each in rig.sent):
        with_traffic(rig, 0.1)
    rig.api = lambda _: status(503)
    with_traffic(rig, 60.0)
    assert rig.execution.holds.held["d"].cause is Cause.FAILING
    assert parked(rig) == []


def test_more_bad_records_than_can_be_poison_hold_their_datastore() -> None:
    """So many that break the API one by one mean the API; what is parked stays so, and others pass in between."""
    bad = {f"bad-{number}" for number in range(MAX_PARKED_PER_DATASTORE + 20)}
    rig = Rig(poisoned(bad), batch=BatchLimits(10, 4_194_304, 0.0))
    rig.arrive("d", *sorted(bad))
    held = 0
    for _ in range(1_500):
        with_traffic(rig, 0.5)
        held += len(rig.execution.holds.held)
    assert held
    assert len(rig.undecided.parking) == MAX_PARKED_PER_DATASTORE
    rig.api = applied
    assert rig.run(300.0, lambda: rig.is_idle)
    assert set(rig.results()) == {Result.APPLIED}
