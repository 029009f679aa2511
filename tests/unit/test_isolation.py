"""A refused request loses only its bad records: which requests follow it, and what each of them decides."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import orjson
import pytest

from stream.codes import ErrorCode
from stream.model import Result
from stream.steps import Answer, NoAnswer, Policy, Scope, Send

from ..builders import batch, event
from ..conversation import PLAIN, SilenceError, answer, ids, lead, talk

if TYPE_CHECKING:
    from collections.abc import Callable

    from stream.steps import Read, RenewToken, Reply

    from ..conversation import Conversation


def send(names: str, judge: Callable[[list[str]], Reply], *, policy: Policy = PLAIN) -> Conversation:
    """Lead a dialogue about records with these one-letter ids; `judge` answers a request by its ids."""

    def perform(step: Send | Read | RenewToken) -> Reply:
        assert isinstance(step, Send)
        return judge(ids(step.batch.events))

    return lead(batch(*(event(name, offset=n) for n, name in enumerate(names))), perform, policy=policy)


def refusing(bad: str, status: int = 400) -> Callable[[list[str]], Answer]:
    """Refuse every request with one of these records, and name nobody."""
    return lambda names: answer(status if set(bad) & set(names) else 200)


def test_named_records_are_rejected_and_the_others_applied() -> None:
    """Two requests: the refused one decides those that it names, the next all others."""
    said = talk(batch(*map(event, "abcd")), answer(400, errors=[{"index": 1, "id": "b"}, {"id": "d"}]), answer(200))
    assert said.sent == [["a", "b", "c", "d"], ["a", "c"]]
    assert [(ids(each.events), each.verdict.result) for each in said.told] == [
        (["b", "d"], Result.REJECTED),
        (["a", "c"], Result.APPLIED),
    ]
    assert said.codes == {"b": ErrorCode.RECORD_REFUSED, "d": ErrorCode.RECORD_REFUSED}
    assert said.rulings["b"].confirmed, "the answer named it"


def test_what_is_refused_after_the_named_ones_are_gone_goes_on_as_usual() -> None:
    """The rest may be refused for another reason: with other names, or with none."""
    replies = [answer(400, errors=[{"id": "a"}]), answer(422, errors=[{"id": "d"}]), answer(400)]
    said = talk(batch(*map(event, "abcd")), *replies, answer(200), answer(400))
    assert said.sent == [["a", "b", "c", "d"], ["b", "c", "d"], ["b", "c"], ["b"], ["c"]]
    assert said.codes == {
        "a": ErrorCode.RECORD_REFUSED,
        "d": ErrorCode.UNPROCESSABLE,
        "c": ErrorCode.RECORD_REFUSED,
    }
    assert said.results["b"] is Result.APPLIED


def test_all_may_be_named() -> None:
    """Then nothing is left to send."""
    said = talk(batch(*map(event, "ab")), answer(404, errors=[{"id": "a"}, {"id": "b"}]))
    assert set(said.results.values()) == {Result.REJECTED}
    assert said.undecided == ()


def test_the_first_half_goes_first() -> None:
    """So that the records that were taken in first are decided first."""
    said = send("abcdefgh", refusing("b"))
    assert said.sent == [list("abcdefgh"), list("abcd"), list("ab"), ["a"], ["b"], list("cd"), list("efgh")]
    assert list(said.results) == list("abcdefgh")
    assert said.codes == {"b": ErrorCode.RECORD_REFUSED}


def test_the_half_that_must_hold_the_bad_record_is_not_sent_whole() -> None:
    """What was refused together, and half of it applied: the other half would be refused for certain."""
    said = send("abcdefgh", refusing("h"))
    assert said.sent == [list("abcdefgh"), list("abcd"), list("ef"), ["g"], ["h"]]
    assert said.results["h"] is Result.REJECTED


def test_a_half_that_lost_its_bad_records_says_nothing_of_the_other() -> None:
    """The first half was refused, and its rest applied: the second may well be good, and is sent whole."""
    said = talk(batch(*map(event, "abcd")), answer(400), answer(400, errors=[{"id": "a"}]), answer(200), answer(200))
    assert said.sent == [list("abcd"), list("ab"), ["b"], list("cd")]


def test_no_record_is_rejected_on_suspicion() -> None:
    """The last one left is asked for by itself, and may turn out to be good."""
    asked: list[list[str]] = []

    def judge(names: list[str]) -> Answer:
        asked.append(names)
        return answer(400 if len(asked) == 1 else 200)

    said = send("ab", judge)
    assert said.sent == [["a", "b"], ["a"], ["b"]]
    assert set(said.results.values()) == {Result.APPLIED}


def test_each_request_is_one_of_its_own() -> None:
    """Another UUID, its own bytes and checksum, one verdict that is its audit line, and attempts counted anew."""
    said = send("abc", refusing("c"))
    requests = [step.batch for step in said.steps if isinstance(step, Send)]
    assert len({request.batch_id for request in requests}) == len(requests)
    assert all(str(uuid.UUID(request.batch_id)) == request.batch_id for request in requests)
    assert len({request.checksum for request in requests}) == len(requests)
    for request in requests:
        assert orjson.loads(request.body)["batchSize"] == len(request.events)
    assert [each.batch for each in said.told] == requests
    assert [(len(each.events), each.verdict.attempts, each.has_line) for each in said.told] == [
        (0, 1, False),
        (2, 1, False),
        (1, 1, False),
    ]


def test_the_defect_is_that_of_the_request_that_decides() -> None:
    """Refused together with 400, alone with 404: not found is what it is."""
    said = send("ab", lambda names: answer(400 if len(names) == 2 else 404 if names == ["a"] else 200))
    assert said.codes == {"a": ErrorCode.NOT_FOUND}


def test_a_request_too_large_is_halved_by_its_bytes() -> None:
    """413: the part that is sent next has at most half of the bytes, and at least one record."""
    large = [event(name, name_length=length) for name, length in zip("abcd", (10, 10, 400, 10), strict=True)]
    said = talk(batch(*large), answer(413), answer(200), answer(413), answer(200), answer(200))
    assert said.sent == [list("abcd"), list("ab"), list("cd"), ["c"], ["d"]]
    assert set(said.results.values()) == {Result.APPLIED}
    first = [event("a", name_length=900), event("b"), event("c")]
    assert talk(batch(*first), answer(413), answer(413), answer(200)).sent == [list("abc"), ["a"], list("bc")]


def test_a_size_says_nothing_of_the_other_half() -> None:
    """After 413 the second half is sent whole even though the first was applied."""
    said = send("abcd", lambda names: answer(413 if len(names) > 2 else 200))
    assert said.sent == [list("abcd"), list("ab"), list("cd")]
    assert set(said.results.values()) == {Result.APPLIED}


def test_one_record_that_is_too_large_is_rejected() -> None:
    """The floor is one record."""
    said = send("ab", lambda names: answer(413 if "b" in names else 200))
    assert said.codes == {"b": ErrorCode.TOO_LARGE}


@pytest.mark.parametrize("budget", [1, 2, 5, 11, 12])
def test_a_spent_budget_returns_the_rest_undecided(budget: int) -> None:
    """So many refused requests and no more; what was decided before stays decided, nothing is rejected unasked."""
    names = "abcdefghijklmnop"
    said = send(names, refusing(names), policy=Policy(probe_budget=budget))
    assert len(said.sent) == budget
    assert said.undecided is not None
    assert list(said.results) + ids(said.undecided) == list(names)
    assert len(said.told) == budget


def test_the_default_budget_always_decides_something() -> None:
    """So that a batch of bad records comes to its end, batch after batch."""
    rest = [event(f"r{n}") for n in range(1_000)]
    refused = 0
    for _ in range(40):
        said = lead(batch(*rest), lambda _: answer(400))
        assert said.undecided is not None
        assert len(said.results) + len(said.undecided) == len(rest)
        assert len(said.undecided) < len(rest)
        assert len(said.sent) <= PLAIN.probe_budget
        rest, refused = list(said.undecided), refused + len(said.sent)
        if not rest:
            break
    assert rest == []
    assert refused < 2_200


def test_waits_and_doubts_are_those_of_the_part() -> None:
    """What is decided has been told before the wait; only what was just sent may have been applied."""
    replies: list[Reply] = [answer(400), answer(200), NoAnswer("timeout", doubtful=True)]
    said = talk(batch(*map(event, "abcd")), *replies)
    (wait,) = said.waits
    assert ids(wait.doubtful) == ["c"]
    assert wait.scope is Scope.REQUEST
    assert list(said.results) == ["a", "b"]


def test_failures_are_counted_for_each_part_anew() -> None:
    """A part's first failure waits as briefly as any first failure."""
    longest_s = 0.0
    for seed in range(30):
        replies = [*[answer(503)] * 8, answer(400), answer(503)]
        longest_s = max(longest_s, talk(batch(*map(event, "ab")), *replies, seed=seed).waits[-1].seconds)
    assert 0.3 < longest_s <= 0.5


def test_an_integrity_answer_is_the_parts_alone() -> None:
    """Contract section 1: executed, and never silent; the other half is decided by itself."""
    said = talk(batch(*map(event, "abcd")), answer(400), answer(200, checksum="0" * 64), answer(200), answer(200))
    assert said.sent == [list("abcd"), list("ab"), ["c"], ["d"]]
    assert said.codes == dict.fromkeys("ab", ErrorCode.CHECKSUM_MISMATCH)


def test_silence_leaves_the_rest_undecided() -> None:
    """A dialogue that is dropped in the middle has told everything that it knew."""

    def judge(names: list[str]) -> Answer:
        if names == ["d"]:
            raise SilenceError
        return answer(400 if "d" in names else 200)

    said = send("abcd", judge)
    assert list(said.results) == ["a", "b", "c"]
    assert said.undecided is None
