"""The dialogue with the API, status by status: what is said next, and what an answer means."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import orjson
import pytest

from stream.codes import ErrorCode
from stream.dialogue import Answer, NoAnswer, Renewed, RenewToken, Send, Step, Wait, execute
from stream.model import Decided, Defect, Result, Verdict

from ..builders import batch, event

if TYPE_CHECKING:
    from stream.dialogue import Reply

BATCH = batch(event("a", offset=0), event("b", offset=1))
SENT = "Mon, 23 Nov 2026 04:20:00 GMT"


def answer(status: int, body: bytes | None = b"", *, generation: int = 1, retry_after: str | None = None) -> Answer:
    """Build an answer that took 12.5 ms."""
    return Answer(status, body, 12.5, generation, retry_after, SENT)


def said(**members: object) -> bytes:
    """Write an answer's body."""
    return orjson.dumps(members)


def talk(*replies: Reply, seed: int = 1) -> tuple[list[Step], Verdict | None]:
    """Lead a dialogue with these replies; waits pass at once. Returns its steps, and the verdict if it has ended."""
    dialogue = execute(BATCH, random.Random(seed))
    waiting = list(replies)
    steps: list[Step] = []
    try:
        step = next(dialogue)
        while True:
            steps.append(step)
            if not isinstance(step, Wait) and not waiting:
                return steps, None
            step = dialogue.send(None if isinstance(step, Wait) else waiting.pop(0))
    except StopIteration as end:
        (decided,) = end.value
        assert isinstance(decided, Decided)
        assert decided.batch is BATCH
        assert not waiting, "the dialogue ended before its last reply"
        return steps, decided.verdict


def verdict_of(*replies: Reply) -> Verdict:
    """Lead a dialogue that must end."""
    _, verdict = talk(*replies)
    assert verdict is not None
    return verdict


def wait_after(*replies: Reply, seed: int = 1) -> Wait:
    """Lead a dialogue that must wait now, and then send again."""
    steps, verdict = talk(*replies, seed=seed)
    assert verdict is None
    assert isinstance(steps[-1], Send)
    wait = steps[-2]
    assert isinstance(wait, Wait)
    return wait


APPLIED = [200, 201, 202, 204]
REFUSED = {
    400: (Result.REJECTED, ErrorCode.RECORD_REFUSED),
    404: (Result.REJECTED, ErrorCode.NOT_FOUND),
    409: (Result.CONFLICT, ErrorCode.VERSION_CONFLICT),
    413: (Result.REJECTED, ErrorCode.TOO_LARGE),
    422: (Result.REJECTED, ErrorCode.UNPROCESSABLE),
}
UNKNOWN = [100, 203, 206, *range(300, 305), 307, 402, *range(405, 409), 410, 415, 425, 428, *range(500, 505), 599, 999]


@pytest.mark.parametrize("status", APPLIED)
def test_an_applied_request_is_decided_at_once(status: int) -> None:
    """An empty body says applied, and confirms nothing."""
    steps, verdict = talk(answer(status))
    assert steps == [Send(BATCH)]
    assert verdict == Verdict(Result.APPLIED, status, 12.5, 1, versions={}, skipped={})


@pytest.mark.parametrize("status", REFUSED)
@pytest.mark.parametrize("body", [b"", None, b"<html>", said(error="no")], ids=["empty", "unreadable", "html", "json"])
def test_a_refused_request_is_decided_whatever_its_body(status: int, body: bytes | None) -> None:
    """The status alone decides; the defect names it, and nothing of the body."""
    result, code = REFUSED[status]
    steps, verdict = talk(answer(status, body))
    assert steps == [Send(BATCH)]
    assert verdict is not None
    assert verdict.defect is not None
    assert (verdict.result, verdict.http_status, verdict.attempts, verdict.confirmed) == (result, status, 1, False)
    assert (verdict.defect.code, verdict.defect.path, verdict.defect.http_status) == (code, None, status)
    assert str(status) in verdict.defect.message


@pytest.mark.parametrize("status", UNKNOWN)
def test_any_other_status_waits_in_doubt_and_sends_again(status: int) -> None:
    """It says nothing about the request: not decided, not forgotten, and named."""
    wait = wait_after(answer(status))
    assert wait.doubtful
    assert not wait.for_all
    assert str(status) in wait.reason
    assert 0.0 <= wait.seconds <= 0.5


def test_a_forbidden_call_waits_without_doubt() -> None:
    """403: nothing was applied, and a person must mend the client's rights."""
    wait = wait_after(answer(403, None))
    assert not wait.doubtful
    assert not wait.for_all
    assert "403" in wait.reason
    assert "scope" in wait.reason


@pytest.mark.parametrize("doubtful", [False, True])
def test_no_answer_waits_and_sends_again(doubtful: bool) -> None:  # noqa: FBT001 - a parameter
    """Doubtful only when the request may have reached the API; whoever sent it knows."""
    wait = wait_after(NoAnswer("the API cannot be reached", doubtful=doubtful))
    assert (wait.doubtful, wait.for_all, wait.reason) == (doubtful, False, "the API cannot be reached")


def test_a_refused_token_is_renewed_once_and_the_request_sent_again_once() -> None:
    """401: another token than the one that was refused, then the same bytes; no wait."""
    steps, verdict = talk(answer(401, generation=4), Renewed(), answer(200))
    assert steps == [Send(BATCH), RenewToken(4), Send(BATCH)]
    assert verdict is not None
    assert verdict.attempts == 1, "a token that has expired is no failed attempt"


def test_a_fresh_token_that_is_refused_waits() -> None:
    """A second 401 is an outage: nothing was applied; after the wait the script begins anew."""
    steps, _ = talk(answer(401), Renewed(), answer(401, generation=2), answer(401, generation=2))
    assert [type(step) for step in steps] == [Send, RenewToken, Send, Wait, Send, RenewToken]
    wait = steps[3]
    assert isinstance(wait, Wait)
    assert "401" in wait.reason
    assert not wait.doubtful
    assert not wait.for_all
    assert steps[-1] == RenewToken(2)


def test_a_token_that_cannot_be_renewed_waits_and_is_asked_for_again() -> None:
    """The token call's failure is the reason of the wait; a 401 after it asks for a token again, and blames none."""
    steps, _ = talk(answer(401), NoAnswer("no token: refused", doubtful=False), answer(401), Renewed())
    assert [type(step) for step in steps] == [Send, RenewToken, Wait, Send, RenewToken, Send]
    assert isinstance(steps[2], Wait)
    assert steps[2].reason == "no token: refused"
    assert not steps[2].doubtful


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
    assert all(wait.for_all and not wait.doubtful for wait in waits)
    assert all(shortest_s <= wait.seconds <= longest_s for wait in waits)
    assert len({wait.seconds for wait in waits}) == 20


def test_repeated_429_without_a_time_back_off() -> None:
    """The wait's bound doubles with each, up to a minute."""
    longest = [0.0] * 9
    for seed in range(60):
        steps, _ = talk(*[answer(429)] * 9, seed=seed)
        waits = [step.seconds for step in steps if isinstance(step, Wait)]
        longest = list(map(max, longest, waits))
    bounds = [min(60.0, 2.0**n) for n in range(9)]
    assert all(0.7 * bound < seconds <= bound for seconds, bound in zip(longest, bounds, strict=True))


def test_a_busy_service_may_name_the_time_too() -> None:
    """`Retry-After` of a 503 is obeyed where it is longer than the backoff, without holding back the others."""
    wait = wait_after(answer(503, retry_after="20"))
    assert (wait.seconds, wait.for_all) == (20.0, False)


@pytest.mark.parametrize("status", APPLIED)
@pytest.mark.parametrize(
    "body", [None, b"<html>", b"{", b"[]", b'"ok"', b"null", b" ", b"{}{}", b'{"a":NaN}', b'{"a":"\xff"}']
)
def test_an_unreadable_success_is_no_success(status: int, body: bytes | None) -> None:
    """A body that cannot be believed: sent again as a suspect, and only a readable answer decides."""
    steps, verdict = talk(answer(status, body), answer(status, b"{}"))
    assert [type(step) for step in steps] == [Send, Wait, Send]
    assert isinstance(steps[1], Wait)
    assert steps[1].doubtful
    assert verdict == Verdict(Result.APPLIED, status, 12.5, 2, versions={}, skipped={})


@pytest.mark.parametrize("checksum", [BATCH.checksum, BATCH.checksum.upper()])
def test_the_returned_checksum_confirms_the_request(checksum: str) -> None:
    """The API saw the bytes that were sent; hex has no case."""
    verdict = verdict_of(answer(200, said(checksum=checksum)))
    assert (verdict.result, verdict.checksum_verified, verdict.confirmed) == (Result.APPLIED, True, True)


@pytest.mark.parametrize("checksum", ["", "0" * 64, BATCH.checksum[:-1]])
def test_another_checksum_is_never_silent(checksum: str) -> None:
    """Executed, but not what was sent: `INTEGRITY`, once, without another request."""
    verdict = verdict_of(answer(200, said(checksum=checksum, records=[{"id": "a", "version": 2}])))
    message = "The API reports another checksum than was sent."
    defect = Defect(ErrorCode.CHECKSUM_MISMATCH, message, None, 200)
    assert verdict == Verdict(Result.INTEGRITY, 200, 12.5, 1, defect)


@pytest.mark.parametrize("errors", [[{"index": 0, "message": "no"}], "no", {"a": 1}, [None], 1])
def test_a_success_with_errors_contradicts_itself(errors: object) -> None:
    """Contract section 1: a non-empty `errors` beside a 200 is `INTEGRITY`, whatever the checksum says."""
    verdict = verdict_of(answer(200, said(checksum=BATCH.checksum, errors=errors)))
    assert verdict.result is Result.INTEGRITY
    assert verdict.defect is not None
    assert verdict.defect.code is ErrorCode.ANSWER_CONTRADICTS_STATUS


@pytest.mark.parametrize("errors", [[], None, {}])
def test_empty_errors_are_none(errors: object) -> None:
    """An API that always sends the member contradicts nothing."""
    assert verdict_of(answer(200, said(errors=errors))).result is Result.APPLIED


def test_records_and_skipped_are_read_by_id() -> None:
    """Each record that the answer names has its version, or at least its name."""
    body = said(
        records=[{"id": "a", "version": 7}, {"id": "c"}, {"id": 5, "version": 1}, "junk", {"version": 3}],
        skipped=[{"id": "b", "currentVersion": 9}, {"id": "d"}, {"id": "e", "currentVersion": "9"}, None],
    )
    verdict = verdict_of(answer(200, body))
    assert verdict.versions == {"a": 7, "c": None}
    assert verdict.skipped == {"b": 9, "d": None, "e": None}
    assert not verdict.confirmed, "each record is confirmed by itself"


@pytest.mark.parametrize("junk", [5, "a", {"a": 1}, None, True])
def test_parts_of_another_form_are_as_if_absent(junk: object) -> None:
    """Every part of the body is optional, and one that cannot be read is no evidence."""
    verdict = verdict_of(answer(200, said(records=junk, skipped=junk, checksum=5)))
    assert verdict == Verdict(Result.APPLIED, 200, 12.5, 1, versions={}, skipped={})


def test_a_version_is_an_integer() -> None:
    """`true` and `1.5` are no versions."""
    body = said(records=[{"id": "a", "version": True}, {"id": "b", "version": 1.5}])
    assert verdict_of(answer(200, body)).versions == {"a": None, "b": None}


def test_every_request_but_the_one_after_a_renewal_counts() -> None:
    """Attempts are what was needed until the verdict."""
    no_answer = NoAnswer("timeout", doubtful=True)
    verdict = verdict_of(no_answer, answer(503), answer(429), answer(401), Renewed(), answer(500), answer(200))
    assert verdict.attempts == 5
    assert verdict_of(answer(500), answer(500), answer(409)).attempts == 3


def test_waits_grow_with_each_failure() -> None:
    """The backoff counts all failures in a row of one batch, up to its cap."""
    longest_s = max(wait_after(*[answer(503)] * 12, seed=seed).seconds for seed in range(40))
    assert 5.0 < longest_s <= 10.0


def test_a_driver_that_mixes_up_replies_is_told() -> None:
    """A request ends in an answer or in none: anything else is a fault of whoever leads the dialogue."""
    dialogue = execute(BATCH, random.Random(1))
    next(dialogue)
    with pytest.raises(TypeError, match="not in Renewed"):
        dialogue.send(Renewed())
