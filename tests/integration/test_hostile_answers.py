"""Whatever the API answers, byte for byte: the dialogue is told as much of it as can be believed."""

from __future__ import annotations

import gzip
import random
import time
import zlib
from typing import NamedTuple

import pytest

from stream.answer_body import MAX_ANSWER_NODES
from stream.steps import Answer, NoAnswer

from .raw_api import JSON, Connection, RawApi, answer, client_of, execute, says

DEADLINE_S = 2.0
CHUNKED = b"HTTP/1.1 200 OK\r\n" + JSON + b"Transfer-Encoding: chunked\r\n\r\n"
BOMB = bytes(64 << 20)


def _chunk(text: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(text), text)


def _encoded(encoding: bytes, body: bytes) -> bytes:
    return answer(body, JSON + b"Content-Encoding: %b\r\n" % encoding)


def _typed(content_type: bytes, body: bytes = b"{}") -> bytes:
    return answer(body, b"Content-Type: %b\r\n" % content_type)


class Case(NamedTuple):
    """What is sent once the request was read, and what the dialogue is told: the status and body of the answer."""

    text: bytes
    status: int
    body: bytes | None


ANSWERED = {
    "gzip-bomb": Case(_encoded(b"gzip", gzip.compress(BOMB)), 200, None),
    "deflate-bomb": Case(_encoded(b"deflate", zlib.compress(BOMB)), 200, None),
    "brotli": Case(_encoded(b"br", b"\x0b\x02\x80{}\x03"), 200, None),
    "encoded-twice": Case(_encoded(b"gzip, identity", b"{}"), 200, None),
    "identity": Case(_encoded(b"Identity", b"{}"), 200, b"{}"),
    "html": Case(_typed(b"text/html", b"<html>"), 200, None),
    "json-as-text": Case(_typed(b"text/plain"), 200, None),
    "json-with-charset": Case(_typed(b"Application/JSON; charset=utf-8"), 200, b"{}"),
    "problem-json": Case(answer(b"{}", b"Content-Type: application/problem+json\r\n", b"400 Bad"), 400, b"{}"),
    "no-type": Case(answer(b"{}", b""), 200, b"{}"),
    "nothing-as-html": Case(_typed(b"text/html", b""), 200, b""),
    "broken-json": Case(answer(b'{"checksum":'), 200, b'{"checksum":'),
    "many-nodes": Case(answer(b"[" + b"[[]]," * MAX_ANSWER_NODES + b"{}]"), 200, None),
    "thousands-of-headers": Case(answer(b"{}", JSON + b"a:b\r\n" * 15_000), 200, b"{}"),
    "header-not-utf-8": Case(answer(b"{}", JSON + b"X-Name: \xff\xfe\x80\r\n"), 200, b"{}"),
    "cookies": Case(answer(b"{}", JSON + b"Set-Cookie: a=b; Domain=.example.com\r\n"), 200, b"{}"),
    "informational": Case(b"HTTP/1.1 103 Hint\r\nLink: x\r\n\r\n" * 3 + answer(b"{}"), 200, b"{}"),
    "http-1.0": Case(answer(b"{}", version=b"1.0"), 200, b"{}"),
    "http-1.0-to-the-end": Case(b"HTTP/1.0 200 OK\r\n\r\n{}", 200, b"{}"),
    "unknown-status": Case(answer(b"{}", status=b"999 What"), 999, b"{}"),
    "refused-and-cut-off": Case(answer(b'{"errors":[]}', status=b"413 Large")[:-4], 413, None),
    "throttled-in-bad-chunks": Case(
        b"HTTP/1.1 429 Slow\r\nTransfer-Encoding: chunked\r\n\r\nno-number\r\n{}", 429, None
    ),
}


@pytest.mark.parametrize("case", ANSWERED.values(), ids=ANSWERED)
def test_an_answer_is_told_as_far_as_it_can_be_believed(case: Case) -> None:
    """The dialogue is told the status, and the body unless it is encoded, no JSON by its type, or broken off."""
    with RawApi(says(case.text)) as api, client_of(api.base_url, execute_deadline_s=DEADLINE_S) as client:
        reply = execute(client)
    assert isinstance(reply, Answer)
    assert (reply.status, reply.body) == (case.status, case.body)


UNANSWERED = {
    "nothing": b"",
    "no-http": b"SSH-2.0-OpenSSH_9.6\r\n",
    "upgrade": b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    "status-of-two-digits": b"HTTP/1.1 20 OK\r\n\r\n",
    "applied-and-cut-off": answer(b'{"records":[]}')[:-4],
    "applied-in-bad-chunks": CHUNKED + b"no-number\r\n{}",
    "applied-in-chunks-without-end": CHUNKED + _chunk(b"{}"),
    "header-without-end": b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * (1 << 20),
    "two-lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "transfer-encoding-gzip": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n{}",
    "length-of-5000-digits": b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5_000 + b"\r\n\r\n{}",
    "header-with-a-null": b"HTTP/1.1 200 OK\r\nX-Null: a\x00b\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("text", UNANSWERED.values(), ids=UNANSWERED)
def test_what_is_no_answer_leaves_the_request_in_doubt(text: bytes) -> None:
    """Bytes that are no whole answer to a whole request say nothing: it may have been applied."""
    with RawApi(says(text)) as api, client_of(api.base_url, execute_deadline_s=DEADLINE_S) as client:
        started_s = time.monotonic()
        reply = execute(client)
    assert isinstance(reply, NoAnswer)
    assert reply.doubtful
    assert time.monotonic() - started_s < DEADLINE_S


def _mutated(text: bytes, rng: random.Random) -> bytes:
    """Change a few places of a text: drop, double, swap or overwrite short stretches."""
    for _ in range(rng.randint(1, 4)):
        begin = rng.randrange(len(text) + 1)
        stretch = text[begin : begin + rng.randint(1, 12)]
        other = rng.choice([b"", stretch * 2, stretch[::-1], rng.randbytes(len(stretch)), b"\r\n", b"\x00", b"9" * 30])
        text = text[:begin] + other + text[begin + len(stretch) :]
    return text


def test_mutilated_answers_never_raise() -> None:
    """Whatever becomes of an answer's bytes, the dialogue is told something: no library's error gets through."""
    rng = random.Random(5)
    texts = [answer(b'{"records":[]}', JSON + b"Retry-After: 1\r\nDate: x\r\n"), CHUNKED + _chunk(b"{}") + _chunk(b"")]
    texts += [case.text for case in ANSWERED.values() if len(case.text) < 10_000]
    now = iter([_mutated(rng.choice(texts), rng) for _ in range(1_000)])
    replies: set[type] = set()

    def mutilates(connection: Connection, head: str) -> None:
        says(next(now))(connection, head)

    with (
        RawApi(mutilates) as api,
        client_of(api.base_url, execute_deadline_s=DEADLINE_S) as client,
    ):
        while api.calls("PATCH") < 1_000:
            replies.add(type(execute(client)))
    assert replies == {Answer, NoAnswer}


def test_a_reset_leaves_the_request_in_doubt() -> None:
    """A connection that is reset after the request was read says nothing of it."""

    def reset(connection: Connection, head: str) -> None:
        connection.body(head)
        connection.reset()

    with RawApi(reset) as api, client_of(api.base_url) as client:
        reply = execute(client)
    assert isinstance(reply, NoAnswer)
    assert reply.doubtful
    assert "reset" in reply.reason


REDIRECTS = {
    "elsewhere": b"http://127.0.0.1:%d/execute",
    "relative": b"/execute?again",
    "no-address": b"http://[::bad/",
    "not-http": b"file:///etc/passwd",
}


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
@pytest.mark.parametrize("place", REDIRECTS)
def test_a_redirect_is_an_answer(status: int, place: str) -> None:
    """No redirect is followed, wherever it points, and the token reaches no other place."""
    with RawApi(says(answer())) as other:
        location = REDIRECTS[place].replace(b"%d", str(other.port).encode())
        text = answer(b"{}", JSON + b"Location: " + location + b"\r\n", b"%d Moved" % status)
        with RawApi(says(text)) as api, client_of(api.base_url) as client:
            reply = execute(client)
            assert api.calls("PATCH") == 1
        assert other.connections == []
    assert isinstance(reply, Answer)
    assert (reply.status, reply.body) == (status, b"{}")
