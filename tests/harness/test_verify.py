"""The checker itself: on sound evidence it is silent, and each planted defect is found."""

from __future__ import annotations

import math

import orjson
import pytest

from stream.sandbox.calls import Ending, Request

from .feed import Sent, event, sent
from .topics import Record
from .verify import (
    Census,
    Executed,
    doubled_inputs,
    execution_verdict,
    late_executions,
    longest_pause_s,
    outcome_breaches,
    request_breaches,
    state_breaches,
    told,
    unlike_applied,
)

INPUTS = [(partition, offset) for partition in range(2) for offset in range(5)]
RECORD = ("store", "record")
THREE = [Sent(0, offset, RECORD, number) for offset, number in enumerate((10, 11, 12))]


def _executed(*numbers: int) -> dict[tuple[str, str], list[Executed]]:
    """Executions of one record, one each ten seconds."""
    return {RECORD: [Executed(number, 100.0 + 10 * index) for index, number in enumerate(numbers)]}


def test_one_outcome_each_is_sound_in_any_order() -> None:
    """Outcomes may come in any order: only their number counts."""
    assert outcome_breaches(INPUTS, reversed(INPUTS)) == []


def test_planted_loss_is_found() -> None:
    """An input without an outcome is named, also when another one has two, so that the sums agree."""
    assert outcome_breaches(INPUTS, INPUTS[1:]) == ["lost: (0, 0) has no outcome"]
    assert outcome_breaches(INPUTS, [*INPUTS[1:], INPUTS[1]]) == [
        "lost: (0, 0) has no outcome",
        "doubled: (0, 1) has 2 outcomes",
    ]


def test_planted_duplicate_is_found() -> None:
    """A second outcome is named, and so is one for an input that there never was."""
    assert outcome_breaches(INPUTS, [*INPUTS, INPUTS[7]]) == ["doubled: (1, 2) has 2 outcomes"]
    assert outcome_breaches(INPUTS, [*INPUTS, (2, 0)]) == ["unknown: (2, 0) is no input"]


def test_executions_in_input_order_are_sound() -> None:
    """Each event once, in order: no breach and no repeat."""
    assert execution_verdict(THREE, _executed(10, 11, 12)) == ([], 0)


def test_repeat_directly_after_itself_needs_an_interruption_between() -> None:
    """An event may come again right after itself if something was interrupted in between, and is counted."""
    assert execution_verdict(THREE, _executed(10, 11, 11, 12), [115.0]) == ([], 1)
    assert execution_verdict(THREE, _executed(10, 10, 10, 11, 12), [105.0, 115.0]) == ([], 2)
    found = execution_verdict(THREE, _executed(10, 11, 11, 12), [105.0, 125.0])
    assert found.breaches == ["('store', 'record'): 11 came again although nothing was interrupted"]


def test_repeat_of_what_had_no_answer_needs_no_other_reason() -> None:
    """An execution whose answer was lost may come again; so may one before a kill, and no other."""
    twice = [Executed(10, 100.0, is_answered=False), Executed(10, 101.5), Executed(11, 110.0), Executed(12, 120.0)]
    assert execution_verdict(THREE, {RECORD: twice}) == ([], 1)
    answered = [each._replace(is_answered=True) for each in twice]
    assert len(execution_verdict(THREE, {RECORD: answered}, [90.0, 102.0]).breaches) == 1
    assert execution_verdict(THREE, {RECORD: answered}, [102.0, 100.5, 90.0]) == ([], 1)


def test_a_census_counts_each_position() -> None:
    """What is missing in the middle, at the end or in a whole partition is lost; what came twice is doubled."""
    census = Census()
    for position in ((0, 0), (0, 2), (0, 2), (0, 3), (1, 0)):
        census.add(position)
    assert census.judge({0: 4, 1: 1}) == (5, 1, 1)
    assert census.judge({0: 6, 1: 1, 2: 7}) == (14, 10, 1)


@pytest.mark.parametrize(
    ("numbers", "told_as"),
    [
        ((11, 10, 12), "11 was executed where 10 was due"),
        ((10, 11, 10, 12), "10 was executed where 12 was due"),
        ((10, 11, 12, 10), "10 was executed where nothing was due"),
        ((10, 12), "12 was executed where 11 was due"),
        ((10, 11), "ends with 2 of 3 events executed"),
        ((), "ends with 0 of 3 events executed"),
        ((10, 11, 12, 13), "13 was executed where nothing was due"),
    ],
    ids=["swapped", "goes back", "old one last", "left out", "last one missing", "none", "invented"],
)
def test_planted_reordering_is_found(numbers: tuple[int, ...], told_as: str) -> None:
    """Every departure from the input's order is found, however many interruptions there were."""
    verdict = execution_verdict(THREE, _executed(*numbers), [100.0 + second for second in range(60)])
    assert verdict.breaches == [f"('store', 'record'): {told_as}"]


def test_an_event_that_the_input_holds_twice_is_due_twice() -> None:
    """The feed's library may double a write when a broker crashes: two offsets, two outcomes, two executions."""
    doubled = [Sent(0, offset, RECORD, number) for offset, number in enumerate((10, 11, 11, 12))]
    assert doubled_inputs(doubled) == [11]
    assert doubled_inputs(THREE) == []
    assert execution_verdict(doubled, _executed(10, 11, 11, 12)) == ([], 0)
    assert execution_verdict(doubled, _executed(10, 11, 11, 11, 12), [125.0]) == ([], 1)
    found = execution_verdict(doubled, _executed(10, 11, 12), [115.0])
    assert found.breaches == ["('store', 'record'): 12 was executed where 11 was due"]


def test_an_outcome_that_says_anything_but_applied_is_found() -> None:
    """An event that was never executed may have one outcome all the same: one that says so."""

    def outcome(result: str) -> Record:
        document = {"source": {"partition": 1, "offset": 7}, "result": result}
        return Record(0, 0, None, orjson.dumps(document), [], 0)

    assert unlike_applied(map(outcome, ("APPLIED", "ALREADY_APPLIED"))) == []
    assert unlike_applied([outcome("INTEGRITY")]) == ["1/7 became INTEGRITY"]


def test_an_execution_of_a_record_that_no_event_names_is_found() -> None:
    """What nobody sent must not reach the API."""
    stranger = {("store", "stranger"): [Executed(1, 1.0)]}
    assert execution_verdict([], stranger).breaches == ["('store', 'stranger') was executed without any event"]


def test_an_execution_after_the_outcome_is_found() -> None:
    """What was decided must not be executed any more; before its outcome an event may have been executed twice."""
    executed = _executed(10, 10, 11)
    assert late_executions(executed, {10: 110.5, 11: 120.0}) == []
    assert late_executions(executed, {10: 105.0, 11: 120.0}) == [
        "('store', 'record'): 10 was executed 5.000 s after its outcome"
    ]


def test_a_record_that_does_not_hold_its_newest_event_is_found() -> None:
    """An older value, and none at all, are both named."""
    assert state_breaches(THREE, {RECORD: 12}) == []
    assert state_breaches(THREE, {RECORD: 11}) == ["('store', 'record') holds 11 where 12 was sent last"]
    assert state_breaches(THREE, {}) == ["('store', 'record') holds None where 12 was sent last"]


def test_overlapping_requests_and_violations_are_found() -> None:
    """Two requests with one record on the wire at once, and whatever the stand-in complained of, are named."""
    calm, overlapping = Request(1, "execute", "c", 1.0), Request(2, "execute", "c", 1.0, overlaps=(1,))
    assert request_breaches([calm], []) == []
    assert request_breaches([calm, overlapping], ["bad"]) == ["bad", "request 2 overlaps 1"]
    assert request_breaches([overlapping], []) == ["request 2 overlaps 1"]


@pytest.mark.parametrize("ending", ["reset", "lost", "gone"])
def test_a_request_that_broke_off_overlaps_nothing(ending: Ending) -> None:
    """Its client may send again before the stand-in has noticed."""
    broken = Request(1, "execute", "c", 1.0, ending=ending)
    assert request_breaches([broken, Request(2, "execute", "c", 1.0, overlaps=(1,))], []) == []


def test_the_longest_pause_is_that_of_one_partition() -> None:
    """Others that flow hide no partition that stands still, and neither do the ends of the time looked at."""
    flowing = [(0, 10.0 + step) for step in range(11)]
    assert longest_pause_s(flowing, 10.0, 20.0) == 1.0
    assert longest_pause_s([*flowing, (1, 12.0), (1, 16.5), (1, 19.0)], 10.0, 20.0) == 4.5
    assert longest_pause_s([*flowing, (1, 9.0), (1, 21.0)], 10.0, 20.0) == 10.0
    assert longest_pause_s([], 10.0, 20.0) == math.inf


def test_many_breaches_are_told_in_short() -> None:
    """The message of a failure tells how many there are and the first of them."""
    assert told([f"breach {n}" for n in range(1000)]).splitlines()[:2] == ["1000 breaches", "breach 0"]
    assert len(told([f"breach {n}" for n in range(1000)]).splitlines()) == 21


def test_what_was_sent_is_read_back() -> None:
    """The checker learns the input from the topic itself: position, record and number."""
    record = Record(3, 7, b"a", event("store", "a", 42, version=1), [], 0)
    assert sent([record]) == [Sent(3, 7, ("store", "a"), 42)]
