"""Which datastores are held, by what their requests came to, and what ends that."""

from __future__ import annotations

import random

import pytest

from stream.circuit import ChangeKind
from stream.codes import ErrorCode
from stream.health import DIFFERENT_BATCHES, Reaction, Tries
from stream.holds import MAX_DATASTORES, Cause, HoldLimits, Holds
from stream.model import Decided, Defect, LaneKey, Result, Ruling, Verdict
from stream.steps import Scope, Wait

from ..builders import LANE, batch, event

DEFECTS = {
    Result.REJECTED: Defect(ErrorCode.RECORD_REFUSED, "The API refused the record (400).", None, 400),
    Result.INTEGRITY: Defect(ErrorCode.CHECKSUM_MISMATCH, "Another checksum.", None, 200),
}


def holds(*, stop_after_refused: int = 100) -> Holds:
    """Begin with nothing held."""
    return Holds(HoldLimits(stop_after_refused), random.Random(1))


def said(result: Result, *record_ids: str, datastore: str = "people", decides: bool = True) -> Decided:
    """Build a verdict on a request with these records."""
    lane = LaneKey(datastore, LANE.update_type, LANE.conflict_resolution)
    request = batch(*[event(each, lane=lane) for each in record_ids or ("r0",)], lane=lane)
    return Decided(request, Verdict(result, 200, 1.0, 1, DEFECTS.get(result)), request.events if decides else ())


def wait(scope: Scope, seconds: float = 1.0) -> Wait:
    """Build what comes instead of a verdict."""
    return Wait(seconds, f"for reasons of {scope.name}", scope)


def let_fail(held: Holds, datastore: str = "people", now_s: float = 0.0) -> None:
    """Let different batches of a datastore fail until it is held."""
    for origin in range(DIFFERENT_BATCHES):
        held.waits(datastore, Tries(origin), 10, wait(Scope.REQUEST), now_s)
    assert held.held[datastore].cause is Cause.FAILING


def refuse(held: Holds, count: int) -> int:
    """Refuse records one by one; return how many were believed."""
    return sum(not held.answered(said(Result.REJECTED), 0.0) for _ in range(count))


def test_batches_that_fail_in_a_row_hold_their_datastore_alone() -> None:
    """The others go on (contract section 4.5)."""
    held = holds()
    reactions = [held.waits("people", Tries(each), 10, wait(Scope.REQUEST), 0.0) for each in range(4)]
    assert reactions == [Reaction.WAIT, Reaction.WAIT, Reaction.DISSOLVE, Reaction.DISSOLVE]
    assert (held.is_held("people"), held.is_held("cities")) == (True, False)
    assert held.held["people"].reason == "for reasons of REQUEST"
    assert not held.circuit.denies_all


def test_a_datastore_can_be_held_at_once() -> None:
    """An answer that nobody can make sense of: the status is named (contract section 1)."""
    held = holds()
    assert held.waits("people", Tries(1), 10, wait(Scope.DATASTORE), 0.0) is Reaction.DISSOLVE
    assert held.held["people"].cause is Cause.UNEXPECTED


def test_a_429_is_no_failure() -> None:
    """However often it comes, the batch waits and nothing is held."""
    held = holds()
    for origin in range(50):
        assert held.waits("people", Tries(origin), 10, wait(Scope.CREDENTIAL), 0.0) is Reaction.WAIT
    assert not held.held
    let_fail(held)
    assert held.waits("people", Tries(9), 10, wait(Scope.CREDENTIAL), 0.0) is Reaction.DISSOLVE


@pytest.mark.parametrize("result", [Result.APPLIED, Result.CONFLICT, Result.REJECTED, Result.INTEGRITY])
def test_any_verdict_ends_a_hold_of_the_moment(result: Result) -> None:
    """The API works: what a refused probe says of its record counts as well."""
    held = holds()
    let_fail(held)
    assert held.answered(said(result), 1.0) == ()
    assert not held.held
    assert [change.kind for change in held.changes] == [ChangeKind.DATASTORE_HELD, ChangeKind.DATASTORE_RELEASED]


def test_only_its_own_verdicts_end_a_hold() -> None:
    """What another datastore answers says nothing of this one."""
    held = holds()
    let_fail(held)
    held.answered(said(Result.APPLIED, datastore="cities"), 1.0)
    assert held.is_held("people")


def test_a_verdict_between_failures_ends_their_row() -> None:
    """A half that is refused is a verdict too."""
    held = holds()
    for origin in range(20):
        assert held.waits("people", Tries(origin), 10, wait(Scope.REQUEST), 0.0) is Reaction.WAIT
        held.answered(said(Result.REJECTED, decides=False), 0.0)


def test_so_many_refused_records_in_a_row_are_believed() -> None:
    """`STREAM_STOP_AFTER_REFUSED`: the hundredth holds the datastore, and no further one is rejected."""
    held = holds()
    assert refuse(held, 99) == 99
    assert not held.held
    assert refuse(held, 500) == 1
    assert held.held["people"].cause is Cause.REFUSED
    assert "100 records in a row" in held.held["people"].reason
    assert "(400)" in held.held["people"].reason


def test_one_answer_may_refuse_too_many() -> None:
    """Of the records that it names as many are believed as there is room for; the others stay undecided."""
    held = holds(stop_after_refused=3)
    back = held.answered(said(Result.REJECTED, *"abcdefgh"), 0.0)
    assert [each.record_id for each in back] == list("defgh")
    assert held.is_held("people")


def test_other_results_begin_the_row_anew() -> None:
    """A conflict too: the API has looked at the record, and has not refused it for what it is."""
    held = holds(stop_after_refused=5)
    for result in (Result.APPLIED, Result.CONFLICT, Result.INTEGRITY):
        assert refuse(held, 4) == 4
        held.answered(said(result), 0.0)
        assert not held.held


def test_a_ruling_of_its_own_is_no_refusal() -> None:
    """A suspect of a refused request that was found applied passes; the others are refused."""
    held = holds(stop_after_refused=2)
    verdict = said(Result.REJECTED, "a", "b")
    ruling = Ruling(Result.ALREADY_APPLIED, None, 4, confirmed=True)
    for _ in range(5):
        mixed = Decided(verdict.batch, Verdict(Result.REJECTED, 400, 1.0, 1, rulings={"a": ruling}), verdict.events)
        assert held.answered(mixed, 0.0) == ()
    assert not held.held


def test_without_a_limit_every_refusal_is_believed() -> None:
    """0: never."""
    held = holds(stop_after_refused=0)
    assert refuse(held, 10_000) == 10_000


def test_what_is_held_for_refusals_is_released_by_a_record_that_passes() -> None:
    """Refused probes stay undecided, a half that is refused says nothing; then the count begins anew."""
    held = holds(stop_after_refused=2)
    refuse(held, 2)
    assert refuse(held, 3) == 0
    held.answered(said(Result.REJECTED, "a", "b", decides=False), 0.0)
    assert held.is_held("people")
    held.answered(said(Result.APPLIED), 0.0)
    assert not held.held
    assert refuse(held, 1) == 1


def test_a_hold_for_refusals_that_nothing_waited_for_is_not_forgotten() -> None:
    """The next refused record holds the datastore again, and stays undecided."""
    held = holds(stop_after_refused=2)
    refuse(held, 2)
    held.release("people")
    assert refuse(held, 1) == 0
    assert held.held["people"].cause is Cause.REFUSED


def test_failures_do_not_hide_a_wrong_deployment() -> None:
    """A datastore that is held for refusals stays so, whatever its probes meet in the meantime."""
    held = holds(stop_after_refused=2)
    refuse(held, 2)
    for scope in (Scope.REQUEST, Scope.DATASTORE, Scope.CREDENTIAL):
        held.waits("people", Tries(1), 1, wait(scope), 0.0)
        assert held.held["people"].cause is Cause.REFUSED
    assert refuse(held, 1) == 0


def test_untrue_answers_in_a_row_hold_a_datastore_until_one_is_true() -> None:
    """Three `INTEGRITY` requests; their outcomes stand, for they were executed."""
    held = holds()
    for _ in range(3):
        assert held.answered(said(Result.INTEGRITY), 0.0) == ()
    assert held.held["people"].cause is Cause.INTEGRITY
    for result in (Result.INTEGRITY, Result.REJECTED, Result.CONFLICT):
        held.answered(said(result), 0.0)
        assert held.is_held("people")
    held.answered(said(Result.APPLIED), 0.0)
    assert not held.held


def test_no_valid_token_is_an_outage_at_once() -> None:
    """And so is a missing right (403): everything is held until any request gets a verdict."""
    held = holds()
    assert held.waits("people", Tries(1), 10, wait(Scope.EVERYTHING), 5.0) is Reaction.DISSOLVE
    assert held.circuit.denies_all
    assert held.is_held("cities")
    assert held.held["people"].cause is Cause.ACCESS
    assert held.waits("cities", Tries(2), 10, wait(Scope.REQUEST), 5.0) is Reaction.DISSOLVE
    held.answered(said(Result.APPLIED, datastore="cities"), 9.0)
    assert (held.is_held("people"), held.is_held("cities")) == (True, False)
    assert held.due(9.0) == ["people"], "whoever is held finds out at once whether the end of the outage is its own"


def test_what_fails_while_everything_is_denied_is_held_itself() -> None:
    """The token is good again, and the datastore is not: when the others go on it is probed first."""
    held = holds()
    held.waits("people", Tries(1), 10, wait(Scope.EVERYTHING), 0.0)
    assert held.waits("cities", Tries(2), 1, wait(Scope.REQUEST), 1.0) is Reaction.DISSOLVE
    held.answered(said(Result.APPLIED), 2.0)
    assert (held.is_held("people"), held.held["cities"].cause) == (False, Cause.FAILING)


def test_a_datastore_that_is_forbidden_alone_holds_up_no_other_again() -> None:
    """Others passed while it was denied: from then on it is its own trouble."""
    held = holds()
    held.waits("people", Tries(1), 10, wait(Scope.EVERYTHING), 0.0)
    held.answered(said(Result.APPLIED, datastore="cities"), 1.0)
    held.waits("people", Tries(2), 1, wait(Scope.EVERYTHING), 2.0)
    assert not held.is_held("cities")
    held.answered(said(Result.APPLIED), 3.0)
    held.waits("people", Tries(3), 10, wait(Scope.EVERYTHING), 4.0)
    assert held.is_held("cities"), "it had passed in between"


def test_probes_back_off_and_heed_what_the_api_asks_for() -> None:
    """With full jitter up to a minute; `Retry-After` may ask for more; a 429 asks without being a failure."""
    held = holds()
    let_fail(held)
    probes = held.held["people"].probes
    assert 0.0 <= probes.next_s <= 1.0
    for failed in range(1, 12):
        held.probe_failed("people", 100.0 * failed, wait(Scope.REQUEST, 0.0))
        assert probes.failed == failed
        assert 100.0 * failed <= probes.next_s <= 100.0 * failed + min(60.0, 2.0 ** (failed - 1))
    held.probe_failed("people", 2_000.0, wait(Scope.REQUEST, 600.0))
    assert probes.next_s == 2_600.0
    held.probe_failed("people", 3_000.0, wait(Scope.CREDENTIAL, 90.0))
    assert (probes.next_s, probes.failed) == (3_090.0, 12)
    assert held.due(3_089.0) == []
    assert held.due(3_090.0) == ["people"]


def test_after_failures_of_batches_and_a_probe_that_passes_at_once_batches_are_smaller() -> None:
    """The API was well when they failed: it may be their size. After a real absence they have any size."""
    held = holds()
    let_fail(held)
    held.answered(said(Result.APPLIED), 1.0)
    assert held.most_records("people") == 5
    let_fail(held, "cities")
    held.probe_failed("cities", 1.0, wait(Scope.REQUEST))
    held.answered(said(Result.APPLIED, datastore="cities"), 2.0)
    assert held.most_records("cities") is None


def test_names_from_events_do_not_grow_the_memory() -> None:
    """Of any number of datastores only the last few thousand are remembered, and those used are kept."""
    held = holds(stop_after_refused=2)
    refuse(held, 1)
    for number in range(3 * MAX_DATASTORES):
        held.answered(said(Result.REJECTED, datastore=f"d{number}"), 0.0)
        if number % 1_000 == 0:
            held.waits("people", Tries(number), 1, wait(Scope.CREDENTIAL), 0.0)
            held.answered(said(Result.REJECTED, decides=False), 0.0)
    assert len(held._health) == MAX_DATASTORES  # noqa: SLF001 - nothing else shows it
    assert refuse(held, 2) == 1, "its row was not forgotten"
