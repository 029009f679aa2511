"""The dialogue under any sequence of replies."""

from __future__ import annotations

import random

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.dialogue import Answer, NoAnswer, Renewed, RenewToken, Reply, Send, Step, Wait, execute
from stream.model import Result

from ..builders import batch, event

BATCH = batch(event("a", offset=0), event("b", offset=1))
APPLIED, REFUSED = {200, 201, 202, 204}, {400, 404, 409, 413, 422}
LONGEST_WAIT_S = 660.0

statuses = st.one_of(
    st.sampled_from([200, 202, 204, 400, 401, 401, 401, 403, 404, 409, 413, 422, 429, 429, 500, 503]),
    st.integers(100, 999),
)
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.text(max_size=5), st.just(BATCH.checksum)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["id", "version", "currentVersion", "a"]), inner, max_size=3),
    ),
    max_leaves=6,
)
bodies = st.one_of(
    st.none(),
    st.just(b""),
    st.binary(max_size=12),
    st.dictionaries(st.sampled_from(["checksum", "records", "skipped", "errors", "error"]), json_values).map(
        orjson.dumps
    ),
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
no_answers = st.builds(NoAnswer, reason=st.just("timeout"), doubtful=st.booleans())
sent_replies = st.lists(st.one_of(answers, no_answers), max_size=25)
renewed_replies = st.lists(st.one_of(st.just(Renewed()), no_answers), max_size=25)


def is_readable(body: bytes | None) -> bool:
    """Whether a body is empty or a JSON object."""
    try:
        return body == b"" or isinstance(orjson.loads(body or b""), dict)
    except orjson.JSONDecodeError:
        return False


def decides(reply: Reply) -> bool:
    """Whether a reply is one that a verdict may rest on."""
    if not isinstance(reply, Answer):
        return False
    return reply.status in REFUSED or (reply.status in APPLIED and is_readable(reply.body))


def check_wait(wait: Wait, before: Step, reply: Reply) -> None:
    """Hold a wait to the reply that caused it."""
    assert 0.0 <= wait.seconds <= LONGEST_WAIT_S
    assert wait.reason
    assert wait.for_all == (isinstance(reply, Answer) and reply.status == 429)
    if isinstance(reply, NoAnswer):
        assert wait.doubtful == (reply.doubtful and isinstance(before, Send))
    else:
        assert isinstance(reply, Answer)
        assert wait.doubtful == (reply.status not in {401, 403, 429})


@settings(max_examples=400)
@given(sent_replies, renewed_replies, st.integers(0, 2**32))
def test_any_replies_end_in_one_verdict_or_none(sent: list[Reply], renewed: list[Reply], seed: int) -> None:
    """The dialogue ends on a verdict's status and on nothing else, and each step follows from the reply before it."""
    dialogue = execute(BATCH, random.Random(seed))
    steps: list[Step] = [next(dialogue)]
    attempts, reply = 0, None
    try:
        while True:
            step = steps[-1]
            if isinstance(step, Wait):
                assert reply is not None
                check_wait(step, steps[-2], reply)
                steps.append(dialogue.send(None))
                assert steps[-1] == Send(BATCH)
                continue
            replies = sent if isinstance(step, Send) else renewed
            if not replies:
                return
            reply = replies.pop(0)
            attempts += 1 if isinstance(step, Send) else -1
            steps.append(dialogue.send(reply))
            assert not decides(reply)
            check_next(steps, reply)
    except StopIteration as end:
        assert reply is not None
        assert isinstance(reply, Answer)
        assert decides(reply)
        ((request, verdict),) = [(decided.batch, decided.verdict) for decided in end.value]
        assert request is BATCH
        assert (verdict.http_status, verdict.latency_ms, verdict.attempts) == (
            reply.status,
            reply.latency_ms,
            attempts,
        )
        assert (verdict.result in {Result.APPLIED, Result.INTEGRITY}) == (reply.status in APPLIED)
        assert (verdict.defect is None) == (verdict.result is Result.APPLIED)


def check_next(steps: list[Step], reply: Reply) -> None:
    """A token is asked for after a 401 only, and never twice without a wait; after it the request goes again."""
    before, step = steps[-2], steps[-1]
    if isinstance(step, RenewToken):
        assert isinstance(before, Send)
        assert isinstance(reply, Answer)
        assert (reply.status, reply.token_generation) == (401, step.generation)
        assert not isinstance(steps[-3], RenewToken) if len(steps) > 2 else True
    elif isinstance(step, Send):
        assert isinstance(before, RenewToken)
        assert isinstance(reply, Renewed)
    else:
        assert isinstance(before, Send) or isinstance(reply, NoAnswer)
