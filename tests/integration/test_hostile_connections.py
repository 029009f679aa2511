"""A server that floods, answers early or twice, or breaks connections: what a request costs then, and what counts."""

from __future__ import annotations

import gc
import itertools
import time
import tracemalloc
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from stream.steps import Answer, NoAnswer, RenewToken, Silence

from ..harness.waiting import eventually
from .raw_api import JSON, Connection, RawApi, always, answer, client_of, execute, says

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEADLINE_S = 2.0
MEMORY_BYTES = 24 * 1024 * 1024
"""For one answer: its 4 MiB as they are collected, a copy of them, and what the other side of the test needs."""
CPU_S = 3.0
TAKEN_BYTES = 32 * 1024 * 1024
"""Of a flood: what an answer may have, and what lies in the sockets' buffers when the connection is cut."""
LARGE = 8 * 1024 * 1024
"""A request that fits into no socket's buffer."""
MEGABYTE = b"x" * (1 << 20)
CHUNKED = b"HTTP/1.1 200 OK\r\n" + JSON + b"Transfer-Encoding: chunked\r\n\r\n"


def _floods(head: bytes, text: bytes, times: int) -> Callable[[Connection, str], object]:
    def script(connection: Connection, head_of_request: str) -> None:
        connection.body(head_of_request)
        connection.send(head)
        connection.flood(text, times)

    return script


def _chunk(text: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(text), text)


FLOODS = {
    "100-mb-announced": _floods(b"HTTP/1.1 200 OK\r\n" + JSON + b"Content-Length: 104857600\r\n\r\n", MEGABYTE, 100),
    "100-mb-to-the-end": _floods(b"HTTP/1.1 200 OK\r\n" + JSON + b"\r\n", MEGABYTE, 100),
    "chunks-without-end": _floods(CHUNKED, _chunk(MEGABYTE), 100),
    "one-byte-a-chunk": _floods(CHUNKED, _chunk(b"x") * 10_000, 1_000),
    "long-chunk-extensions": _floods(CHUNKED, (b"1;" + b"x" * 60_000 + b"\r\nx\r\n") * 20, 1_000),
    "100-mb-refused": _floods(b"HTTP/1.1 400 Bad\r\nContent-Length: 104857600\r\n\r\n", MEGABYTE, 100),
}


@pytest.mark.parametrize("script", FLOODS.values(), ids=FLOODS)
def test_a_flood_is_cut_off(script: Callable[[Connection, str], object]) -> None:
    """An answer without end costs neither memory nor CPU time beyond its bound; only its status counts."""
    with RawApi(script) as api, client_of(api.base_url, execute_deadline_s=60.0) as client:
        client.perform(RenewToken(0), always)
        with _costs_little():
            reply = execute(client)
        assert sum(connection.sent_bytes for connection in api.connections) < TAKEN_BYTES
    assert isinstance(reply, Answer)
    assert (reply.status in (200, 400), reply.body) == (True, None)


def test_a_flood_before_the_answer_is_cut_off() -> None:
    """Informational answers without end are none: the call ends long before its deadline."""
    script = _floods(b"", b"HTTP/1.1 102 Processing\r\n\r\n" * 10_000, 1_000)
    with RawApi(script) as api, client_of(api.base_url, execute_deadline_s=60.0) as client:
        client.perform(RenewToken(0), always)
        with _costs_little():
            reply = execute(client)
    assert reply == NoAnswer("the API's answer does not begin", doubtful=True, kind=Silence.UNREADABLE)


@contextmanager
def _costs_little() -> Iterator[None]:
    """Hold that what this thread does ends soon, within bounded memory and CPU time."""
    started_s, cpu_s = time.monotonic(), time.thread_time()
    tracemalloc.start()
    try:
        yield
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < MEMORY_BYTES
    assert time.thread_time() - cpu_s < CPU_S
    assert time.monotonic() - started_s < 20.0


def test_no_cookie_is_kept() -> None:
    """What an answer sets is neither sent with the next request nor kept: it would grow, and bind to one server."""
    numbers = itertools.count()

    def set_cookie(connection: Connection, head: str) -> bool:
        connection.body(head)
        cookie = b"Set-Cookie: grows-%d=%b; Max-Age=100000\r\n" % (next(numbers), b"x" * 50_000)
        connection.send(answer(b"{}", JSON + cookie))
        return True

    with RawApi(set_cookie) as api, client_of(api.base_url) as client:
        execute(client)
        tracemalloc.start()
        try:
            assert all(isinstance(execute(client), Answer) for _ in range(100))
            gc.collect()
            kept_bytes, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert not [head for head in api.heads if "cookie" in head.lower()]
    assert kept_bytes < 2_000_000


@pytest.mark.parametrize("status", [b"400 Bad Request", b"413 Too Large", b"503 Busy"])
@pytest.mark.parametrize("then", ["closes", "resets", "stays"])
def test_an_early_answer_is_heard(status: bytes, then: str) -> None:
    """An answer given before the request was read counts, whether the connection is closed, broken, or left to fill."""

    def early(connection: Connection, _head: str) -> None:
        connection.send(answer(b'{"error":"no"}', status=status))
        if then == "stays":
            time.sleep(DEADLINE_S)
        elif then == "resets":
            connection.reset()

    with RawApi(early) as api, client_of(api.base_url, execute_deadline_s=DEADLINE_S) as client:
        started_s = time.monotonic()
        reply = execute(client, LARGE)
        took_s = time.monotonic() - started_s
    assert isinstance(reply, Answer)
    assert (reply.status, reply.body) == (int(status[:3]), b'{"error":"no"}')
    assert took_s < DEADLINE_S


def test_an_informational_answer_does_not_end_a_request() -> None:
    """A server that says `100 Continue` on its own, while it takes no more, is sent the rest all the same."""
    bodies = []

    def continues(connection: Connection, head: str) -> None:
        time.sleep(0.3)  # until the request has filled the socket's buffers
        connection.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 10")
        time.sleep(0.3)
        connection.send(b"3 Hint\r\n\r\n")
        bodies.append(connection.body(head))
        connection.send(answer(b'{"n":1}'))

    with RawApi(continues) as api, client_of(api.base_url) as client:
        reply = execute(client, LARGE)
    assert isinstance(reply, Answer)
    assert (reply.status, reply.body) == (200, b'{"n":1}')
    assert len(bodies[0]) > LARGE


def test_applied_before_it_was_sent_is_not_believed() -> None:
    """A 200 that comes while most of the request is unread cannot be the answer to it, and nothing was applied."""

    def early(connection: Connection, _head: str) -> None:
        connection.send(answer(b"{}"))
        time.sleep(DEADLINE_S)

    with RawApi(early) as api, client_of(api.base_url, execute_deadline_s=DEADLINE_S) as client:
        reply = execute(client, LARGE)
    assert isinstance(reply, NoAnswer)
    assert not reply.doubtful


def test_a_request_that_did_not_leave_whole_is_not_in_doubt() -> None:
    """A part of a JSON body can never be applied: who breaks the connection in the middle has applied nothing."""

    def breaks(connection: Connection, _head: str) -> None:
        connection.socket.recv(1)
        connection.reset()

    with RawApi(breaks) as api, client_of(api.base_url) as client:
        reply = execute(client, LARGE)
    assert isinstance(reply, NoAnswer)
    assert not reply.doubtful


def test_a_second_answer_is_not_the_next_ones() -> None:
    """What comes beyond an answer is dropped with its connection: the next request has an answer of its own."""
    number = iter(range(100))

    def twice(connection: Connection, head: str) -> bool:
        connection.body(head)
        mine = b'{"n":%d}' % next(number)
        connection.send(answer(mine) + answer(b'{"n":"of nobody"}'))
        return True

    with RawApi(twice) as api, client_of(api.base_url) as client:
        replies = [execute(client) for _ in range(4)]
    assert [reply.body for reply in replies if isinstance(reply, Answer)] == [b'{"n":%d}' % n for n in range(4)]


def test_a_connection_that_was_closed_meanwhile_is_not_used() -> None:
    """A server that closes an idle connection costs no request: the next one goes out on another, without doubt."""
    replies: list[Answer | NoAnswer] = []
    with RawApi(says(answer())) as api, client_of(api.base_url) as client:
        while len(replies) < 20:
            replies.append(execute(client))
            eventually(lambda: api.ended == len(replies), 5.0, "the end of the connection")
    assert {(type(reply), getattr(reply, "status", None)) for reply in replies} == {(Answer, 200)}
    assert api.calls("PATCH") == 20


def test_nothing_listens() -> None:
    """A connection that is refused leaves no doubt, and the reason says what a person needs."""
    with RawApi(says(answer())) as api:
        address = api.base_url
    with client_of(address) as client:
        reply = execute(client)
    assert isinstance(reply, NoAnswer)
    assert not reply.doubtful
    assert "it refuses connections" in reply.reason
