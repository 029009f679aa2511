"""Any mix of records, names, suspects and troubles: every event comes to the one result that is true of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.codes import ErrorCode
from stream.model import ConflictResolution, LaneKey, Result, UpdateType
from stream.steps import OnConflict, Policy, Scope

from ..builders import batch, event
from ..conversation import Conversation, lead
from ..model_api import ABSENT, ModelApi, Naming, Stored, Trouble

if TYPE_CHECKING:
    from stream.model import Event

OURS, THEIRS = {"name": "ours"}, {"name": "theirs"}


@dataclass(frozen=True)
class Case:
    """One event, and what the API has of its record: somebody's or our own earlier change, and how many since.

    `sent`: the version that it was made for, None for any. `ahead`: how far the stored version is past that one.
    """

    sent: int | None
    ahead: int
    holds_ours: bool
    suspect: bool
    bad: bool

    def event(self, name: str, lane: LaneKey) -> Event:
        """Build the event."""
        record = {"id": name, "fields": OURS} | ({} if self.sent is None else {"version": self.sent})
        return event(name, lane=lane, suspect=self.suspect)._replace(record=orjson.dumps(record))

    @property
    def stored(self) -> Stored:
        """The record before."""
        version = (self.sent or 0) + self.ahead
        return Stored(version, OURS if self.holds_ours else THEIRS) if version > 0 else ABSENT


cases = st.builds(
    Case,
    sent=st.one_of(st.none(), st.integers(0, 5)),
    ahead=st.sampled_from([0, 0, 0, -1, 1, 1, 2, 3]),
    holds_ours=st.booleans(),
    suspect=st.booleans(),
    bad=st.sampled_from([False, False, False, True]),
)
policies = st.builds(
    Policy, on_conflict=st.sampled_from(OnConflict), can_read=st.booleans(), probe_budget=st.just(100_000)
)
lanes = st.builds(LaneKey, st.just("people"), st.just(UpdateType.UPSERT), st.sampled_from(ConflictResolution))
troubles = st.lists(st.sampled_from([Trouble.NONE, Trouble.NONE, *Trouble]), max_size=30)
naming = st.sampled_from(Naming)


def begin(chosen: list[Case], lane: LaneKey, naming: Naming) -> tuple[ModelApi, dict[str, Case], list[Event]]:
    """Set the API up, and the events."""
    by_name = {f"r{n}": case for n, case in enumerate(chosen)}
    stored = {name: case.stored for name, case in by_name.items() if case.stored is not ABSENT}
    api = ModelApi(stored, {name: 400 for name, case in by_name.items() if case.bad}, naming)
    return api, by_name, [case.event(name, lane) for name, case in by_name.items()]


def expected(case: Case, lane: LaneKey, policy: Policy, naming: Naming) -> tuple[Result, str | None]:
    """Say what becomes of an event while nothing goes wrong: contract sections 1 and 4.3, once more and by hand."""
    stored, sent, resolution = case.stored, case.sent, lane.conflict_resolution
    if case.bad:
        return Result.REJECTED, ErrorCode.RECORD_REFUSED
    if sent is None or sent == stored.version or resolution is ConflictResolution.OVERWRITE:
        return Result.APPLIED, None
    if case.suspect and policy.can_read and case.holds_ours and stored is not ABSENT:
        return Result.ALREADY_APPLIED, None
    if resolution is ConflictResolution.IGNORE:
        return Result.SKIPPED_STALE, None
    return conflict(case, sent, policy, naming)


def conflict(case: Case, sent: int, policy: Policy, naming: Naming) -> tuple[Result, str | None]:
    """Say what becomes of a mismatch under FAIL that is not our own write."""
    if case.suspect and not policy.can_read:
        return Result.CONFLICT, ErrorCode.CONFLICT_UNVERIFIED
    if case.suspect and case.stored.version > sent + 1:
        return Result.CONFLICT, ErrorCode.CONFLICT_AMBIGUOUS
    is_current_known = policy.can_read or naming in (Naming.ALL, Naming.FIRST)
    if policy.on_conflict is OnConflict.REBASE and is_current_known and case.stored.version > sent:
        return Result.APPLIED, None
    return Result.CONFLICT, ErrorCode.VERSION_CONFLICT


@settings(max_examples=500, deadline=None)
@given(st.lists(cases, min_size=1, max_size=24), lanes, policies, naming)
def test_without_troubles_every_event_comes_to_its_one_result(
    chosen: list[Case], lane: LaneKey, policy: Policy, naming: Naming
) -> None:
    """Exactly one ruling each, the true one; the applied are applied once, all others not at all."""
    api, by_name, events = begin(chosen, lane, naming)
    said = lead(batch(*events, lane=lane), api.perform, policy=policy)
    assert said.undecided == ()
    assert said.waits == []
    assert said.results.keys() == by_name.keys()
    for name, case in by_name.items():
        result, code = expected(case, lane, policy, naming)
        assert (said.results[name], said.codes.get(name)) == (result, code)
        assert api.applied[name] == (result is Result.APPLIED)
        ruling = said.rulings[name]
        if ruling.version is not None:
            assert ruling.version == api.version_of(name)
        if result is Result.APPLIED:
            assert (ruling.version, ruling.confirmed) == (case.stored.version + 1, True)
    check_lines(said)


def check_lines(said: Conversation) -> None:
    """Each request is told first for its line, once, and only of events that it carried."""
    lines = [decided.batch.batch_id for decided in said.told if not decided.has_line]
    assert len(set(lines)) == len(lines) == len(said.told) - sum(decided.has_line for decided in said.told)
    told: set[str] = set()
    for decided in said.told:
        assert decided.has_line == (decided.batch.batch_id in told)
        told.add(decided.batch.batch_id)
        carried = {each.record_id for each in decided.batch.events}
        assert {each.record_id for each in decided.events} <= carried


def without_doubt(chosen: list[Case]) -> list[Case]:
    """Let no event have been executed before, so that what is stored at the beginning is somebody else's."""
    return [replace(case, suspect=False, holds_ours=False) for case in chosen]


@settings(max_examples=500, deadline=None)
@given(st.lists(cases, min_size=1, max_size=16), lanes, policies, naming, troubles)
def test_through_any_troubles_no_result_is_a_lie(
    chosen: list[Case], lane: LaneKey, policy: Policy, naming: Naming, troubles: list[Trouble]
) -> None:
    """Lost answers, garbage, meddling: one ruling each; what is said of a record is true of what the API did."""
    api, by_name, events = begin(without_doubt(chosen), lane, naming)
    api.troubles = list(troubles)
    said = lead(batch(*events, lane=lane), api.perform, policy=policy)
    assert said.undecided == ()
    assert said.results.keys() == by_name.keys()
    unsaid = sum(trouble in (Trouble.ANSWER_LOST, Trouble.FAILED_LATE, Trouble.GARBLED) for trouble in troubles)
    for name, case in by_name.items():
        result, times = said.results[name], api.applied[name]
        assert (result is Result.REJECTED) == case.bad
        assert times <= 1 + unsaid
        if case.sent is not None and lane.conflict_resolution is not ConflictResolution.OVERWRITE:
            assert times <= 1, "a version excludes a second time"
        if result is Result.APPLIED:
            assert times > 0
        if case.bad or said.codes.get(name) == ErrorCode.VERSION_CONFLICT:
            assert times == 0
        if result is Result.ALREADY_APPLIED:
            assert times > 0
            assert api.stored[name].fields["name"] == "ours"
        if times and result is Result.CONFLICT:
            assert said.codes[name] in (ErrorCode.CONFLICT_AMBIGUOUS, ErrorCode.CONFLICT_UNVERIFIED)
    check_lines(said)
    assert all(wait.scope is not Scope.EVERYTHING or wait.http_status == 401 for wait in said.waits)


@settings(max_examples=300, deadline=None)
@given(st.lists(cases, min_size=1, max_size=16), lanes, policies, naming, troubles, st.integers(1, 12))
def test_a_dialogue_that_stops_anywhere_has_lost_nothing(
    chosen: list[Case], lane: LaneKey, policy: Policy, naming: Naming, troubles: list[Trouble], budget: int
) -> None:
    """What comes back undecided was applied only where its wait said so: decided or doubted, never silently done."""
    api, by_name, events = begin(without_doubt(chosen), lane, naming)
    api.troubles = list(troubles)
    said = lead(batch(*events, lane=lane), api.perform, policy=replace(policy, probe_budget=budget))
    assert said.undecided is not None
    left = {each.record_id for each in said.undecided}
    assert left | said.results.keys() == by_name.keys()
    assert left.isdisjoint(said.results)
    doubted = {each.record_id for wait in said.waits for each in wait.doubtful}
    assert {name for name in left if api.applied[name]} <= doubted
