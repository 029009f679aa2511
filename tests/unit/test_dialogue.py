"""One request until it is answered: status by status, what is said next, and what an applied request is taken for."""

from __future__ import annotations

import random

import orjson
import pytest

from stream.codes import ErrorCode
from stream.dialogue import execute
from stream.model import Defect, Result, Ruling, Verdict
from stream.steps import NoAnswer, Policy, Renewed, RenewToken, Reply, Scope, Send, Wait

from ..builders import batch, event
from ..conversation import FAIL_LANE, IGNORE_LANE, Conversation, answer, ids, talk

BATCH = batch(event("a", offset=0), event("b", offset=1))
IGNORED = batch(*(event(name, lane=IGNORE_LANE) for name in "ab"), lane=IGNORE_LANE)


def verdict_of(*replies: Reply) -> Verdict:
    """Lead a dialogue that must end with one verdict on all events."""
    said = talk(BATCH, *replies)
    (decided,) = said.told
    assert said.undecided == ()
    assert (decided.batch, ids(decided.events), decided.has_line) == (BATCH, ["a", "b"], False)
    return decided.verdict


def wait_after(*replies: Reply, seed: int = 1) -> Wait:
    """Lead a dialogue that must wait now, and then send the same again."""
    said = talk(BATCH, *replies, seed=seed)
    assert (said.undecided, said.told) == (None, [])
    assert said.steps[-1] == Send(BATCH)
    return said.waits[-1]


APPLIED = [200, 201, 202, 204]
REFUSED = {
    400: ErrorCode.RECORD_REFUSED,
    404: ErrorCode.NOT_FOUND,
    413: ErrorCode.TOO_LARGE,
    422: ErrorCode.UNPROCESSABLE,
}
IN_TROUBLE = [408, 425, *range(500, 505), 507, 520, 599]
UNFORESEEN = [100, 203, 205, 206, *range(300, 305), 307, 402, 405, 406, 407, 410, 411, 412, 415, 418, 451, 600, 999]


@pytest.mark.parametrize("status", APPLIED)
def test_an_applied_request_is_decided_at_once(status: int) -> None:
    """An empty body says applied, and confirms nothing."""
    assert talk(BATCH, answer(status)).steps == [Send(BATCH)]
    assert verdict_of(answer(status)) == Verdict(Result.APPLIED, status, 12.5, 1)


@pytest.mark.parametrize(("status", "code"), REFUSED.items())
@pytest.mark.parametrize("body", [b"", None, b"<html>", b'{"error":"no"}'], ids=["empty", "unreadable", "html", "json"])
def test_a_record_that_is_refused_alone_is_rejected(status: int, code: ErrorCode, body: bytes | None) -> None:
    """Whatever the body is; the defect names the status, and nothing of the body."""
    said = talk(batch(event("a")), answer(status, body))
    ((result, defect, version, confirmed),) = said.rulings.values()
    assert (result, version, confirmed) == (Result.REJECTED, None, False)
    assert defect is not None
    assert (defect.code, defect.path, defect.http_status) == (code, None, status)
    assert str(status) in defect.message
    assert said.undecided == ()


@pytest.mark.parametrize("status", IN_TROUBLE)
def test_an_api_in_trouble_is_asked_again_in_doubt(status: int) -> None:
    """408, 425 and 5xx say nothing about the request: this one waits, and may have been applied."""
    wait = wait_after(answer(status))
    assert (wait.scope, wait.doubtful, wait.http_status) == (Scope.REQUEST, BATCH.events, status)
    assert str(status) in wait.reason
    assert 0.0 <= wait.seconds <= 0.5


@pytest.mark.parametrize("status", UNFORESEEN)
def test_any_other_status_holds_the_datastore(status: int) -> None:
    """Contract section 1, last row: the datastore waits, and the reason names the status and where to look."""
    wait = wait_after(answer(status))
    assert (wait.scope, wait.doubtful, wait.http_status) == (Scope.DATASTORE, BATCH.events, status)
    assert str(status) in wait.reason
    assert "CXONE_" in wait.reason


def test_a_forbidden_call_is_an_outage_and_names_the_scopes() -> None:
    """403: nothing was applied, and a person must mend the client's rights."""
    wait = wait_after(answer(403, None))
    assert (wait.scope, wait.doubtful, wait.http_status) == (Scope.EVERYTHING, (), 403)
    assert all(name in wait.reason for name in ("403", "dataactions:execute dataactions:bulkupdate datastores:read"))


@pytest.mark.parametrize("doubtful", [False, True])
@pytest.mark.parametrize("scope", [Scope.REQUEST, Scope.EVERYTHING])
def test_no_answer_waits_and_sends_again(doubtful: bool, scope: Scope) -> None:  # noqa: FBT001 - a parameter
    """Whoever sent it knows whether it may have reached the API, and whether there was a token to send it with."""
    wait = wait_after(NoAnswer("the API cannot be reached", doubtful, scope))
    doubts = BATCH.events if doubtful else ()
    assert (wait.doubtful, wait.scope, wait.reason) == (doubts, scope, "the API cannot be reached")
    assert wait.http_status is None


def test_a_refused_token_is_renewed_once_and_the_request_sent_again_once() -> None:
    """401: another token than the one that was refused, then the same bytes; no wait."""
    said = talk(BATCH, answer(401, generation=4), Renewed(), answer(200))
    assert said.steps == [Send(BATCH), RenewToken(4), Send(BATCH)]
    assert said.told[0].verdict.attempts == 1, "a token that has expired is no failed attempt"


def test_a_fresh_token_that_is_refused_is_an_outage() -> None:
    """A second 401: nothing was applied; after the wait the script begins anew."""
    said = talk(BATCH, answer(401), Renewed(), answer(401, generation=2), answer(401, generation=2))
    assert [type(step) for step in said.steps] == [Send, RenewToken, Send, Wait, Send, RenewToken]
    (wait,) = said.waits
    assert (wait.scope, wait.doubtful, wait.http_status) == (Scope.EVERYTHING, (), 401)
    assert "401" in wait.reason
    assert said.steps[-1] == RenewToken(2)


def test_a_token_that_cannot_be_renewed_waits_and_is_asked_for_again() -> None:
    """The token call's failure is the reason of the wait; a 401 after it asks for a token again, and blames none."""
    no_token = NoAnswer("no token: refused", doubtful=True, scope=Scope.EVERYTHING)
    said = talk(BATCH, answer(401), no_token, answer(401), Renewed())
    assert [type(step) for step in said.steps] == [Send, RenewToken, Wait, Send, RenewToken, Send]
    (wait,) = said.waits
    assert (wait.reason, wait.scope, wait.doubtful) == ("no token: refused", Scope.EVERYTHING, ())


THROTTLED = {
    "seconds": ("8", 8.0, 8.8),
    "a date": ("Mon, 23 Nov 2026 04:20:30 GMT", 30.0, 33.0),
    "too long": ("86400", 600.0, 660.0),
    "nought": ("0", 0.0, 1.0),
    "garbage": ("soon", 0.0, 1.0),
    "absent": (None, 0.0, 1.0),
}


@pytest.mark.parametrize(("retry_after", "shortest_s", "longest_s"), THROTTLED.values(), ids=THROTTLED)
def test_a_429_holds_back_all_for_the_time_told(retry_after: str | None, shortest_s: float, longest_s: float) -> None:
    """As told, with at most a tenth more, so that not all come back at once; else from one second on."""
    waits = [wait_after(answer(429, None, retry_after=retry_after), seed=seed) for seed in range(20)]
    assert all((wait.scope, wait.doubtful) == (Scope.CREDENTIAL, ()) for wait in waits)
    assert all(shortest_s <= wait.seconds <= longest_s for wait in waits)
    assert len({wait.seconds for wait in waits}) == 20


def test_repeated_429_without_a_time_back_off() -> None:
    """The wait's bound doubles with each, up to a minute."""
    longest = [0.0] * 9
    for seed in range(60):
        waits = [wait.seconds for wait in talk(BATCH, *[answer(429)] * 9, seed=seed).waits]
        longest = list(map(max, longest, waits))
    bounds = [min(60.0, 2.0**n) for n in range(9)]
    assert all(0.7 * bound < seconds <= bound for seconds, bound in zip(longest, bounds, strict=True))


def test_a_busy_service_may_name_the_time_too() -> None:
    """`Retry-After` of a 503 is obeyed where it is longer than the backoff, without holding back the others."""
    wait = wait_after(answer(503, retry_after="20"))
    assert (wait.seconds, wait.scope) == (20.0, Scope.REQUEST)


def test_waits_grow_with_each_failure() -> None:
    """The backoff counts all failures in a row of one request, up to its cap."""
    longest_s = max(wait_after(*[answer(503)] * 12, seed=seed).seconds for seed in range(40))
    assert 5.0 < longest_s <= 10.0


def test_every_request_but_the_one_after_a_renewal_counts() -> None:
    """Attempts are what was needed until the verdict."""
    no_answer = NoAnswer("timeout", doubtful=True)
    verdict = verdict_of(no_answer, answer(503), answer(429), answer(401), Renewed(), answer(500), answer(200))
    assert verdict.attempts == 5


UNREADABLE = [None, b"<html>", b"{", b"[]", b'"ok"', b"null", b" ", b"{}{}", b'{"a":NaN}', b'{"a":"\xff"}']


@pytest.mark.parametrize("status", APPLIED)
@pytest.mark.parametrize("body", UNREADABLE)
def test_an_unreadable_success_is_sent_again_once_then_holds_the_datastore(status: int, body: bytes | None) -> None:
    """A body that cannot be believed is no success, and after the second the fault is not this request's own."""
    said = talk(BATCH, *[answer(status, body)] * 3, answer(status, b"{}"))
    assert [type(step) for step in said.steps] == [Send, Wait, Send, Wait, Send, Wait, Send]
    assert [wait.scope for wait in said.waits] == [Scope.REQUEST, Scope.DATASTORE, Scope.DATASTORE]
    assert all(wait.doubtful == BATCH.events and "cannot be read" in wait.reason for wait in said.waits)
    assert [each.verdict for each in said.told] == [Verdict(Result.APPLIED, status, 12.5, 4)]


def test_other_troubles_after_unreadable_answers_are_their_own() -> None:
    """A 429 is the pace's and a 503 the request's, whatever came before."""
    said = talk(BATCH, *[answer(200, b"<html>")] * 2, answer(429), answer(503), answer(200, b"<html>"))
    assert [wait.scope for wait in said.waits[2:]] == [Scope.CREDENTIAL, Scope.REQUEST, Scope.DATASTORE]


@pytest.mark.parametrize("checksum", [BATCH.checksum, BATCH.checksum.upper()])
def test_the_returned_checksum_confirms_the_request(checksum: str) -> None:
    """The API saw the bytes that were sent; hex has no case."""
    verdict = verdict_of(answer(200, checksum=checksum))
    assert (verdict.result, verdict.checksum_verified, verdict.confirmed) == (Result.APPLIED, True, True)


@pytest.mark.parametrize("checksum", ["", "0" * 64, BATCH.checksum[:-1]])
def test_another_checksum_is_never_silent(checksum: str) -> None:
    """Executed, but not what was sent: `INTEGRITY`, once, without another request."""
    verdict = verdict_of(answer(200, checksum=checksum, records=[{"id": "a", "version": 2}], skipped=[{"id": "b"}]))
    message = "The API reports another checksum than was sent."
    defect = Defect(ErrorCode.CHECKSUM_MISMATCH, message, None, 200)
    assert verdict == Verdict(Result.INTEGRITY, 200, 12.5, 1, defect)


@pytest.mark.parametrize("member", ["errors", "error"])
@pytest.mark.parametrize("errors", [[{"index": 0, "message": "no"}], "no", {"a": 1}, [None], 1])
def test_a_success_with_errors_contradicts_itself(member: str, errors: object) -> None:
    """An error beside a 200 is `INTEGRITY`, whatever the checksum says."""
    verdict = verdict_of(answer(200, orjson.dumps({"checksum": BATCH.checksum, member: errors})))
    assert verdict.result is Result.INTEGRITY
    assert verdict.defect is not None
    assert verdict.defect.code is ErrorCode.ANSWER_CONTRADICTS_STATUS
    assert (verdict.checksum_verified, verdict.confirmed) == (True, False)


@pytest.mark.parametrize("errors", [[], None, {}, "", False])
def test_empty_errors_are_none(errors: object) -> None:
    """An API that always sends the members contradicts nothing."""
    assert verdict_of(answer(200, errors=errors, error=errors)).result is Result.APPLIED


def test_records_are_read_by_id() -> None:
    """Each record that the answer names has its version, or at least its name."""
    named = [{"id": "a", "version": 7}, {"id": "b"}, {"id": 5, "version": 1}, "junk", {"version": 3}]
    said = talk(BATCH, answer(200, records=named))
    applied = Ruling(Result.APPLIED, None, 7, confirmed=True)
    assert said.rulings == {"a": applied, "b": applied._replace(version=None)}


@pytest.mark.parametrize("version", [True, 1.5, "3", [1]])
def test_a_version_is_an_integer(version: object) -> None:
    """Anything else names the record without a version."""
    said = talk(BATCH, answer(200, records=[{"id": "a", "version": version}]))
    assert said.rulings["a"] == Ruling(Result.APPLIED, None, None, confirmed=True)


@pytest.mark.parametrize("junk", [5, "a", {"a": 1}, None, True])
def test_parts_of_another_form_are_as_if_absent(junk: object) -> None:
    """Every part of the body is optional, and one that cannot be read is no evidence."""
    assert verdict_of(answer(200, records=junk, skipped=junk, checksum=5)) == Verdict(Result.APPLIED, 200, 12.5, 1)


def confirmations(said: Conversation) -> list[bool]:
    """Say for each record whether it is confirmed."""
    return [ruling.confirmed for ruling in said.rulings.values()]


def test_accepted_is_confirmed_for_those_that_are_named_only() -> None:
    """202: the checksum shows what was seen, and says nothing of what will be done."""
    said = talk(BATCH, answer(202, checksum=BATCH.checksum, records=[{"id": "b", "version": 2}]))
    assert confirmations(said) == [False, True]
    assert said.told[0].verdict.checksum_verified


def test_ignore_without_a_word_on_who_was_left_out_confirms_nothing() -> None:
    """Under IGNORE the checksum does not say who was applied; `skipped` does, and `records` of those that it names."""
    assert confirmations(talk(IGNORED, answer(200, checksum=IGNORED.checksum))) == [False, False]
    assert confirmations(talk(IGNORED, answer(200, checksum=IGNORED.checksum, skipped=[]))) == [True, True]
    named = [{"id": "b", "version": 2}]
    assert confirmations(talk(IGNORED, answer(200, checksum=IGNORED.checksum, records=named))) == [False, True]
    assert confirmations(talk(IGNORED, answer(200, skipped=[], records=[{"id": "b"}]))) == [False, True]


def test_a_record_that_was_left_out_is_stale() -> None:
    """Listed in `skipped` it is confirmed so, with the current version; ids of other requests are nothing to this."""
    said = talk(IGNORED, answer(200, skipped=[{"id": "b", "currentVersion": 9}, {"id": "x", "currentVersion": 1}]))
    assert said.rulings["b"] == Ruling(Result.SKIPPED_STALE, None, 9, confirmed=True)
    assert said.results["a"] is Result.APPLIED
    assert set(said.told[0].verdict.rulings or {}) == {"b"}


def test_a_driver_that_mixes_up_replies_is_told() -> None:
    """A request ends in an answer or in none: anything else is a fault of whoever leads the dialogue."""
    dialogue = execute(batch(event(lane=FAIL_LANE)), random.Random(1), Policy())
    next(dialogue)
    with pytest.raises(TypeError, match="not in Renewed"):
        dialogue.send(Renewed())
