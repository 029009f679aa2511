"""The dialogue under any replies at all: it never breaks, never forgets, and waits as the answer says."""

from __future__ import annotations

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.model import ConflictResolution, LaneKey, Result, UpdateType
from stream.steps import Answer, NoAnswer, OnConflict, Policy, Read, Renewed, RenewToken, Reply, Scope, Send, Step, Wait

from ..builders import batch
from ..conversation import Conversation, SilenceError, ids, lead, versioned

NAMES = ["a", "b", "c", "d", "e"]
LONGEST_WAIT_S = 660.0
APPLIED, REFUSED, CONFLICT = {200, 201, 202, 204}, {400, 404, 413, 422}, {409}
LANES = [LaneKey("people", UpdateType.UPSERT, each) for each in ConflictResolution]
BATCHES = {
    lane: batch(*(versioned(name, n, lane=lane, suspect=n % 2 == 0) for n, name in enumerate(NAMES)), lane=lane)
    for lane in LANES
}

statuses = st.one_of(
    st.sampled_from([200, 200, 202, 204, 400, 400, 401, 403, 404, 409, 409, 413, 422, 429, 500, 503]),
    st.integers(100, 999),
)
scalars = st.one_of(st.none(), st.booleans(), st.integers(-2, 7), st.integers(-(2**63), 2**64 - 1), st.text(max_size=3))
members = st.sampled_from(["id", "index", "version", "currentVersion", "recordId", "path", "fields", "name", "record"])
json_values = st.recursive(
    st.one_of(scalars, st.sampled_from([*NAMES, "/records/1/fields", *(each.checksum for each in BATCHES.values())])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(members, inner, max_size=4)),
    max_leaves=8,
)
places = st.sampled_from(["checksum", "records", "skipped", "errors", "error", "details", "id", "version", "fields"])
bodies = st.one_of(
    st.none(),
    st.just(b""),
    st.binary(max_size=12),
    json_values.map(orjson.dumps),
    st.dictionaries(places, json_values, max_size=4).map(orjson.dumps),
)
answers = st.builds(
    Answer,
    status=statuses,
    body=bodies,
    latency_ms=st.floats(0.0, 30_000.0),
    token_generation=st.integers(0, 5),
    retry_after=st.one_of(st.none(), st.text(max_size=5), st.integers(0, 10**9).map(str)),
    date=st.one_of(st.none(), st.just("Mon, 23 Nov 2026 04:20:00 GMT")),
)
no_answers = st.builds(
    NoAnswer, reason=st.just("no"), doubtful=st.booleans(), scope=st.sampled_from([Scope.REQUEST, Scope.EVERYTHING])
)
replies = st.lists(st.one_of(answers, answers, answers, no_answers), max_size=60)
renewals = st.lists(st.one_of(st.just(Renewed()), no_answers), max_size=10)
policies = st.builds(
    Policy, on_conflict=st.sampled_from(OnConflict), can_read=st.booleans(), probe_budget=st.integers(1, 20)
)


def check_wait(wait: Wait, asked: Step, reply: Reply) -> None:
    """Hold a wait to the step before it and what came of that."""
    assert 0.0 <= wait.seconds <= LONGEST_WAIT_S
    assert wait.reason
    if isinstance(reply, NoAnswer):
        assert wait.scope is reply.scope
        may_be_done = reply.doubtful and isinstance(asked, Send)
    else:
        assert isinstance(reply, Answer)
        assert wait.http_status == reply.status
        assert (wait.scope is Scope.CREDENTIAL) == (reply.status == 429)
        assert (wait.scope is Scope.EVERYTHING) == (reply.status in {401, 403})
        may_be_done = reply.status not in {401, 403, 429} and isinstance(asked, Send)
    carried = asked.batch.events if isinstance(asked, Send) else ()
    assert wait.doubtful == (carried if may_be_done else ())


def check_steps(steps: list[Step], replies: list[Reply]) -> None:
    """A token is asked for after a 401 alone; with another one the same is asked once more, before any wait."""
    coming, request, reply = iter(replies), None, None
    for before, step in zip([None, *steps], steps, strict=False):
        if isinstance(step, Wait):
            assert before is not None
            assert reply is not None
            check_wait(step, before, reply)
            continue
        if isinstance(step, RenewToken):
            assert isinstance(before, Send | Read)
            assert isinstance(reply, Answer)
            assert (reply.status, reply.token_generation) == (401, step.generation)
        elif isinstance(before, RenewToken):
            assert isinstance(reply, Renewed)
            assert step == request
        request = request if isinstance(step, RenewToken) else step
        reply = next(coming, None)


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(LANES), replies, renewals, policies, st.integers(0, 2**32))
def test_whatever_is_replied_nothing_is_lost_or_said_twice(
    lane: LaneKey, coming: list[Reply], renewing: list[Reply], policy: Policy, seed: int
) -> None:
    """No reply breaks the script; each event is decided once, left undecided at the end, or still being asked for."""
    given_replies: list[Reply] = []

    def perform(step: Send | Read | RenewToken) -> Reply:
        waiting = renewing if isinstance(step, RenewToken) else coming
        if not waiting:
            raise SilenceError
        given_replies.append(waiting.pop(0))
        return given_replies[-1]

    said = lead(BATCHES[lane], perform, policy=policy, seed=seed)
    check_steps(said.steps, given_replies)
    left = [] if said.undecided is None else ids(said.undecided)
    assert set(left).isdisjoint(said.results)
    if said.undecided is not None:
        assert sorted([*left, *said.results]) == NAMES
    for decided in said.told:
        status = decided.verdict.http_status
        assert (decided.verdict.result in {Result.APPLIED, Result.INTEGRITY}) == (status in APPLIED)
        assert (decided.verdict.result is Result.REJECTED) == (status in REFUSED)
        assert (decided.verdict.result is Result.CONFLICT) == (status in CONFLICT)
        assert (decided.verdict.defect is None) == (decided.verdict.result is Result.APPLIED)
    for ruling in said.rulings.values():
        assert (ruling.defect is None) == ruling.result.succeeded
    assert sum(status in REFUSED | CONFLICT for status in lines(said)) <= policy.probe_budget


def lines(said: Conversation) -> list[int | None]:
    """List the statuses of the requests that have a line."""
    return [decided.verdict.http_status for decided in said.told if not decided.has_line]
