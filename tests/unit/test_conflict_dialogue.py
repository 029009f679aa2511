"""Conflicts as they are talked about: contract section 4.3, from the answer to what each record comes to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from stream.codes import ErrorCode
from stream.dialogue import READ_TRIES
from stream.model import Batch, Rebase, Result, Ruling
from stream.steps import NoAnswer, OnConflict, Policy, Read, Renewed, RenewToken, Scope, Send, Wait
from stream.talk import MAX_REBASES

from ..builders import LANE, batch
from ..conversation import FAIL_LANE, IGNORE_LANE, answer, ids, talk, versioned

if TYPE_CHECKING:
    from stream.steps import Answer, Reply

READING = Policy(can_read=True)
REBASING = Policy(OnConflict.REBASE, can_read=True)
TIMEOUT = NoAnswer("timeout", doubtful=True)


def request(names: str, *, suspects: str = "", lane: Any = FAIL_LANE, version: int | None = 3) -> Batch:  # noqa: ANN401
    """Build a request of records with these one-letter ids, made for a version."""
    events = [versioned(name, version, lane=lane, suspect=name in suspects) for name in names]
    return batch(*events, lane=lane)


def conflict(**versions: int | None) -> Answer:
    """Refuse a request for these records' versions."""
    return answer(409, errors=[{"id": name, "currentVersion": version} for name, version in versions.items()])


def stored(name: str, version: int | None, *, fields: dict[str, Any] | None = None) -> Answer:
    """Give a stored record; with the values that were sent where no others are given."""
    return answer(200, id=name, version=version, fields={"name": name} if fields is None else fields)


OTHERS: dict[str, Any] = {"name": "another"}


def sent_versions(said: Any) -> list[dict[str, int | None]]:  # noqa: ANN401
    """Read the version of each record of each request."""
    bodies = [orjson.loads(step.batch.body) for step in said.steps if isinstance(step, Send)]
    return [{record["id"]: record.get("version") for record in body["records"]} for body in bodies]


def test_named_conflicts_are_reported_and_the_others_applied() -> None:
    """Nobody's doubt: no read, the current version is told, the rest goes again."""
    said = talk(request("abc"), conflict(b=8), answer(200), policy=READING)
    assert said.sent == [["a", "b", "c"], ["a", "c"]]
    assert said.read == []
    ruling = said.rulings["b"]
    assert (ruling.result, ruling.version, ruling.confirmed) == (Result.CONFLICT, 8, True)
    assert said.codes == {"b": ErrorCode.VERSION_CONFLICT}
    assert [ids(each.events) for each in said.told] == [["b"], ["a", "c"]]


def test_a_conflict_that_names_nobody_is_isolated() -> None:
    """Like a 400; of the record that is alone in the end no version is known."""
    said = talk(request("abcd"), answer(409), answer(200), answer(409), answer(200))
    assert said.sent == [list("abcd"), ["a", "b"], ["c"], ["d"]]
    assert said.rulings["c"].version is None
    assert not said.rulings["c"].confirmed
    assert said.codes == {"c": ErrorCode.VERSION_CONFLICT}


SUSPECT_ROWS = {
    "ours": (stored("b", 4), Result.ALREADY_APPLIED, None, 4),
    "ours, and more since": (stored("b", 9, fields={"name": "b", "x": 1}), Result.ALREADY_APPLIED, None, 9),
    "changed since": (stored("b", 5, fields=OTHERS), Result.CONFLICT, ErrorCode.CONFLICT_AMBIGUOUS, 5),
    "somebody else's": (stored("b", 4, fields=OTHERS), Result.CONFLICT, ErrorCode.VERSION_CONFLICT, 4),
    "not there": (answer(404), Result.CONFLICT, ErrorCode.VERSION_CONFLICT, 0),
    "forbidden": (answer(403), Result.CONFLICT, ErrorCode.CONFLICT_UNVERIFIED, 4),
    "no such call": (answer(405), Result.CONFLICT, ErrorCode.CONFLICT_UNVERIFIED, 4),
    "refused": (answer(400), Result.CONFLICT, ErrorCode.CONFLICT_UNVERIFIED, 4),
    "moved": (answer(302), Result.CONFLICT, ErrorCode.CONFLICT_UNVERIFIED, 4),
    "no readable version": (stored("b", None, fields=OTHERS), Result.CONFLICT, ErrorCode.CONFLICT_UNVERIFIED, 4),
}


@pytest.mark.parametrize(("read", "result", "code", "version"), SUSPECT_ROWS.values(), ids=SUSPECT_ROWS)
def test_a_suspect_is_read_back(read: Answer, result: Result, code: ErrorCode | None, version: int) -> None:
    """Each row of contract section 4.3; the refused request told its line before, and tells of the suspect again."""
    said = talk(request("ab", suspects="b"), conflict(b=4), read, answer(200), policy=READING)
    assert [type(step) for step in said.steps] == [Send, Read, Send]
    ruling = said.rulings["b"]
    assert (ruling.result, ruling.defect and ruling.defect.code, ruling.version) == (result, code, version)
    assert ruling.confirmed
    assert [(ids(each.events), each.has_line) for each in said.told] == [([], False), (["b"], True), (["a"], False)]
    assert said.told[0].batch is said.told[1].batch


@pytest.mark.parametrize("name", [".", ".."])
def test_some_ids_are_never_read(name: str) -> None:
    """Clients fold such paths into another one's."""
    events = (versioned(name, 3, suspect=True),)
    said = talk(batch(*events, lane=FAIL_LANE), answer(409), policy=READING)
    assert said.codes == {name: ErrorCode.CONFLICT_UNVERIFIED}


@pytest.mark.parametrize("on_conflict", OnConflict)
def test_without_a_read_call_a_suspect_is_unverified(on_conflict: OnConflict) -> None:
    """`CXONE_RECORD_PATH=off`: never rebased, for it may have been applied."""
    said = talk(request("b", suspects="b"), conflict(b=4), policy=Policy(on_conflict))
    assert said.read == []
    assert said.codes == {"b": ErrorCode.CONFLICT_UNVERIFIED}
    assert said.rulings["b"].version == 4


def test_a_lost_answer_makes_a_suspect_within_the_dialogue() -> None:
    """Sent, no answer, sent again, refused: it may have been ours."""
    said = talk(request("ab"), TIMEOUT, conflict(a=4, b=4), stored("a", 4), stored("b", 4), policy=READING)
    assert said.read == ["a", "b"]
    assert set(said.results.values()) == {Result.ALREADY_APPLIED}
    assert [(ids(each.events), each.has_line) for each in said.told] == [([], False), (["a"], True), (["b"], True)]


def test_a_doubt_stays_with_the_parts() -> None:
    """What was in doubt as a whole is so in halves too."""
    said = talk(request("ab"), TIMEOUT, answer(409), answer(409), stored("a", 4), answer(200), policy=READING)
    assert said.results == {"a": Result.ALREADY_APPLIED, "b": Result.APPLIED}


@pytest.mark.parametrize("reply", [answer(503), answer(429), NoAnswer("refused", doubtful=False)])
def test_only_a_lost_answer_leaves_a_doubt(reply: Reply) -> None:
    """429 and a connection that was refused leave none; a 503 does."""
    is_doubtful = reply == answer(503)
    said = talk(request("a"), reply, conflict(a=4), *[stored("a", 4)] * is_doubtful, policy=READING)
    assert said.read == ["a"] * is_doubtful


def test_a_conflict_is_rebased_on_the_version_told() -> None:
    """The others and the rebased one go again together, in their order; the audit has the history."""
    said = talk(request("abc"), conflict(b=8), answer(200, records=[{"id": "b", "version": 9}]), policy=REBASING)
    assert sent_versions(said) == [{"a": 3, "b": 3, "c": 3}, {"a": 3, "b": 8, "c": 3}]
    assert said.rulings["b"] == Ruling(Result.APPLIED, None, 9, confirmed=True)
    assert [each.verdict.rebased for each in said.told] == [(), (Rebase("b", 3, 8),)]
    assert [ids(each.events) for each in said.told] == [[], ["a", "b", "c"]]


def test_a_record_is_rebased_three_times_at_most() -> None:
    """Then the conflict is reported, with the version that is current by then."""
    said = talk(request("a"), conflict(a=5), conflict(a=6), conflict(a=7), conflict(a=8), policy=REBASING)
    assert [versions["a"] for versions in sent_versions(said)] == [3, 5, 6, 7]
    assert len(said.sent) == 1 + MAX_REBASES
    assert (said.codes, said.rulings["a"].version) == ({"a": ErrorCode.VERSION_CONFLICT}, 8)
    assert [each.verdict.rebased for each in said.told] == [
        (),
        (Rebase("a", 3, 5),),
        (Rebase("a", 5, 6),),
        (Rebase("a", 6, 7),),
    ]


def test_a_version_that_is_not_told_is_read() -> None:
    """For the rebase only, and of no suspect it does not matter what is stored."""
    said = talk(request("a"), answer(409), stored("a", 8), answer(200), policy=REBASING)
    assert [versions["a"] for versions in sent_versions(said)] == [3, 8]
    assert said.results == {"a": Result.APPLIED}
    assert talk(request("a"), answer(409), policy=READING).read == []


def test_a_version_that_is_neither_told_nor_read_is_reported() -> None:
    """There is nothing to rebase on."""
    said = talk(request("a"), answer(409), answer(405), policy=REBASING)
    assert said.codes == {"a": ErrorCode.VERSION_CONFLICT}
    assert talk(request("a"), answer(409), policy=Policy(OnConflict.REBASE)).codes == said.codes


def test_nothing_is_rebased_on_an_earlier_version() -> None:
    """Absent counts as version 0. After a crash nobody could tell that such an event was applied, and not another."""
    for current in (0, 2):
        said = talk(request("a"), conflict(a=current), policy=REBASING)
        assert (said.codes, said.rulings["a"].version) == ({"a": ErrorCode.VERSION_CONFLICT}, current)


def test_an_answer_that_names_one_conflict_at_a_time_is_followed_to_the_end() -> None:
    """A rebase needs no budget: else a batch with more conflicts than that would go back, and begin anew for ever."""
    records = "abcdefgh"
    replies = [conflict(**{each: 8}) for each in records]
    said = talk(request(records), *replies, answer(200), policy=replace(REBASING, probe_budget=3))
    assert said.results == dict.fromkeys(records, Result.APPLIED)
    assert said.undecided == ()


def test_a_suspect_that_was_certainly_not_applied_is_rebased() -> None:
    """On the version that was read; it is no suspect any more then, until another answer is lost."""
    replies: list[Reply] = [conflict(a=4), stored("a", 4, fields=OTHERS), conflict(a=9), answer(200)]
    said = talk(request("a", suspects="a"), *replies, policy=REBASING)
    assert said.read == ["a"]
    assert [versions["a"] for versions in sent_versions(said)] == [3, 4, 9]
    lost: list[Reply] = [conflict(a=4), stored("a", 4, fields=OTHERS), TIMEOUT, conflict(a=5), stored("a", 5)]
    assert talk(request("a", suspects="a"), *lost, policy=REBASING).results == {"a": Result.ALREADY_APPLIED}


def test_an_ambiguous_suspect_is_never_rebased() -> None:
    """Whatever the configuration says."""
    said = talk(request("a", suspects="a"), conflict(a=5), stored("a", 5, fields=OTHERS), policy=REBASING)
    assert said.codes == {"a": ErrorCode.CONFLICT_AMBIGUOUS}


@pytest.mark.parametrize("lane", [LANE, IGNORE_LANE])
def test_only_checked_writes_are_rebased(lane: Any) -> None:  # noqa: ANN401
    """A 409 where none should be is a conflict, and is not argued with."""
    said = talk(request("a", lane=lane), conflict(a=5), policy=REBASING)
    assert said.codes == {"a": ErrorCode.VERSION_CONFLICT}


def skip(**versions: int) -> Answer:
    """Apply a request but for these records."""
    skipped = [{"id": name, "currentVersion": version} for name, version in versions.items()]
    return answer(200, skipped=skipped, records=[])


def test_a_skipped_suspect_is_read_back_after_the_others_are_told() -> None:
    """What was applied must not be sent again, whatever becomes of the read."""
    said = talk(request("abc", suspects="ab", lane=IGNORE_LANE), skip(b=7, c=9), stored("b", 7), policy=READING)
    assert said.results == {"a": Result.APPLIED, "b": Result.ALREADY_APPLIED, "c": Result.SKIPPED_STALE}
    assert [(ids(each.events), each.has_line) for each in said.told] == [(["a", "c"], False), (["b"], True)]
    assert said.rulings["b"] == Ruling(Result.ALREADY_APPLIED, None, 7, confirmed=True)


@pytest.mark.parametrize("read", [stored("b", 7, fields=OTHERS), answer(404), answer(403), answer(405)])
@pytest.mark.parametrize("policy", [READING, REBASING])
def test_a_skipped_suspect_that_is_not_ours_is_stale_and_never_rebased(read: Answer, policy: Policy) -> None:
    """Everything but equal values, also where they cannot be read."""
    said = talk(request("b", suspects="b", lane=IGNORE_LANE), skip(b=7), read, policy=policy)
    assert said.rulings["b"] == Ruling(Result.SKIPPED_STALE, None, 7, confirmed=True)
    assert talk(request("b", suspects="b", lane=IGNORE_LANE), skip(b=7)).rulings == said.rulings


def test_a_read_that_fails_waits_and_the_request_shows_whether_the_api_is_well() -> None:
    """What is decided is told, then the wait; the request is answered as before, and the record read again."""
    replies: list[Reply] = [conflict(a=4, b=4), stored("a", 4), answer(503), conflict(b=4), stored("b", 4), answer(200)]
    said = talk(request("abc", suspects="ab"), *replies, policy=READING)
    assert [type(step) for step in said.steps] == [Send, Read, Read, Wait, Send, Read, Send]
    assert said.sent == [["a", "b", "c"], ["b", "c"], ["c"]]
    (wait,) = said.waits
    assert (wait.scope, wait.doubtful, wait.http_status) == (Scope.REQUEST, (), 503)
    assert "read back" in wait.reason
    assert set(said.results.values()) == {Result.ALREADY_APPLIED, Result.APPLIED}


@pytest.mark.parametrize("failure", [answer(503), TIMEOUT, answer(200, b"<html>"), answer(408)])
def test_a_read_that_only_fails_while_the_api_is_well_is_given_up(failure: Reply) -> None:
    """Three in a row; the records after it are tried once each, until one can be read."""
    rounds: list[Reply] = [conflict(a=4, b=4, c=4, d=4), failure] * (READ_TRIES - 1)
    last: list[Reply] = [conflict(a=4, b=4, c=4, d=4), failure, failure, stored("c", 4), failure]
    again = [conflict(d=4), stored("d", 4)]
    said = talk(request("abcd", suspects="abcd"), *rounds, *last, *again, policy=READING)
    assert said.codes == dict.fromkeys("ab", ErrorCode.CONFLICT_UNVERIFIED)
    assert [said.results[name] for name in "cd"] == [Result.ALREADY_APPLIED] * 2
    assert len(said.waits) == READ_TRIES


def test_an_outage_in_the_middle_of_a_read_gives_nothing_up() -> None:
    """While requests fail too it is not the read call; pace and tokens do not count at all."""
    no_token = NoAnswer("no token", doubtful=False, scope=Scope.EVERYTHING)
    failing: list[Reply] = [conflict(a=4), answer(503), *[answer(503)] * 20, conflict(a=4), answer(503)]
    not_its_fault: list[Reply] = [conflict(a=4), answer(429), conflict(a=4), no_token] * 5
    said = talk(request("a", suspects="a"), *failing, *not_its_fault, conflict(a=4), stored("a", 4), policy=READING)
    assert said.results == {"a": Result.ALREADY_APPLIED}
    assert [wait.scope for wait in said.waits][-2:] == [Scope.CREDENTIAL, Scope.EVERYTHING]


def test_a_read_renews_a_refused_token() -> None:
    """Once, as a request does."""
    replies: list[Reply] = [conflict(a=4), answer(401, generation=7), Renewed(), stored("a", 4)]
    said = talk(request("a", suspects="a"), *replies, policy=READING)
    assert [type(step) for step in said.steps] == [Send, Read, RenewToken, Read]
    assert RenewToken(7) in said.steps
    assert said.results == {"a": Result.ALREADY_APPLIED}
    again = talk(request("a", suspects="a"), conflict(a=4), answer(401), Renewed(), answer(401), policy=READING)
    assert again.waits[-1].scope is Scope.EVERYTHING


def test_a_skipped_suspect_whose_read_fails_goes_again_alone() -> None:
    """The others of its request were applied, and are never part of another."""
    replies: list[Reply] = [skip(b=7), TIMEOUT, skip(b=7), stored("b", 7)]
    said = talk(request("ab", suspects="ab", lane=IGNORE_LANE), *replies, policy=READING)
    assert said.sent == [["a", "b"], ["b"]]
    assert said.results == {"a": Result.APPLIED, "b": Result.ALREADY_APPLIED}


def test_conflicts_cost_the_budget_too() -> None:
    """An API that only ever names the next conflict is not asked for ever."""
    names = "abcdefgh"
    replies: list[Reply] = [answer(409, errors=[{"index": 0, "currentVersion": 9}])] * 5
    said = talk(request(names), *replies, policy=Policy(probe_budget=5))
    assert list(said.results) == list("abcde")
    assert said.undecided is not None
    assert ids(said.undecided) == list("fgh")
