"""Every call of the API ends in time: whichever part of it the other side draws out, and whoever waits for a token."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest

from stream.deadline import Deadline
from stream.steps import Answer, NoAnswer, Renewed, RenewToken, Scope
from stream.wire import impose

from ..harness.waiting import eventually
from .raw_api import TOKEN, Connection, RawApi, always, answer, client_of, execute, grant, says

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEADLINE_S = 1.0
IN_TIME_S = 2.5
LARGE = 8 * 1024 * 1024
"""A request that fits into no socket's buffer."""


@contextmanager
def _ends_at_the_deadline() -> Iterator[None]:
    started_s = time.monotonic()
    yield
    assert DEADLINE_S * 0.9 <= time.monotonic() - started_s < IN_TIME_S


def _silent(connection: Connection, head: str) -> None:
    connection.body(head)
    connection.wait_until_left()


def _drips(text: bytes) -> Callable[[Connection, str], object]:
    def script(connection: Connection, head: str) -> None:
        connection.body(head)
        connection.drip(text)

    return script


def _reads_slowly(connection: Connection, _head: str) -> None:
    for _ in range(1000):
        connection.socket.recv(2048)
        time.sleep(0.005)


DRAWN_OUT = {
    "header": _drips(answer(b"{}", b"X-Long: " + b"x" * 500 + b"\r\n")),
    "body": _drips(answer(b"x" * 500)),
    "chunks": _drips(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 200),
    "silence": _silent,
}


@pytest.mark.parametrize("script", DRAWN_OUT.values(), ids=DRAWN_OUT)
def test_an_answer_drawn_out_ends_at_the_deadline(script: Callable[[Connection, str], object]) -> None:
    """A server that drips its header or its body, or says nothing, holds a worker no longer than the deadline."""
    with RawApi(script) as api, client_of(api.base_url, execute_deadline_s=DEADLINE_S) as client:
        client.perform(RenewToken(0), always)
        with _ends_at_the_deadline():
            reply = execute(client)
    assert isinstance(reply, NoAnswer)
    assert reply.doubtful
    assert reply.reason == "the API did not answer within 1 s"


def test_a_refusal_drawn_out_counts() -> None:
    """A status other than applied says all that counts, so that the rest is not worth another request."""

    def refuses(connection: Connection, head: str) -> None:
        connection.body(head)
        connection.send(b"HTTP/1.1 413 Large\r\nContent-Length: 500\r\n\r\n")
        connection.drip(b"x" * 500)

    with RawApi(refuses) as api, client_of(api.base_url, execute_deadline_s=DEADLINE_S) as client:
        client.perform(RenewToken(0), always)
        with _ends_at_the_deadline():
            reply = execute(client)
    assert isinstance(reply, Answer)
    assert (reply.status, reply.body) == (413, None)


@pytest.mark.parametrize("script", [_reads_slowly, lambda *_: time.sleep(2 * DEADLINE_S)], ids=["slowly", "nothing"])
def test_a_request_that_is_not_taken_ends_at_the_deadline(script: Callable[[Connection, str], object]) -> None:
    """A server that reads little of a large request, or none, holds a worker no longer; and it applied nothing."""
    with RawApi(script) as api, client_of(api.base_url, execute_deadline_s=DEADLINE_S) as client:
        client.perform(RenewToken(0), always)
        with _ends_at_the_deadline():
            reply = execute(client, LARGE)
    assert isinstance(reply, NoAnswer)
    assert not reply.doubtful


def test_a_handshake_that_does_not_begin_ends_at_the_deadline() -> None:
    """A server that accepts the connection, and says nothing when TLS should begin, holds nobody any longer."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        client_of(f"https://127.0.0.1:{listener.getsockname()[1]}", token_deadline_s=DEADLINE_S) as client,
        _ends_at_the_deadline(),
    ):
        reply = execute(client)
    assert isinstance(reply, NoAnswer)
    assert (reply.doubtful, reply.scope) == (False, Scope.EVERYTHING)


def test_a_name_server_that_hangs_is_asked_once() -> None:
    """A look-up without end holds no call beyond its deadline, and many calls wait for one look-up together."""
    asked = []
    over = threading.Event()

    def hangs(host: str, _port: int) -> list[str]:
        asked.append(host)
        over.wait(20.0)
        return ["127.0.0.1"]

    deadline = Deadline(time.monotonic)
    with httpx.Client(trust_env=False) as client:
        impose(deadline, client, hangs)

        def ends_in_time(_: int) -> None:
            with deadline.within(DEADLINE_S, always), pytest.raises(httpx.ConnectTimeout), _ends_at_the_deadline():
                client.get("http://api.example/")

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(ends_in_time, range(4)))
    over.set()
    assert asked == ["api.example"]


def test_an_address_that_is_dead_leaves_time_for_the_next() -> None:
    """Of a name with two addresses the first may swallow its share of the deadline, no more."""
    deadline = Deadline(time.monotonic)
    with RawApi(says(answer())) as api, _dead("127.0.0.2", api.port), httpx.Client(trust_env=False) as client:
        impose(deadline, client, lambda *_: ["127.0.0.2", "127.0.0.1"])
        with deadline.within(2 * DEADLINE_S, always), _ends_at_the_deadline():
            assert client.get(f"http://api.example:{api.port}/").status_code == 200


@contextmanager
def _dead(host: str, port: int) -> Iterator[None]:
    """An address that answers no connection: a listener with a full queue."""
    with socket.create_server((host, port), backlog=0) as listener:
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)  # noqa: FBT003 - the only way to say it
            one.connect_ex(listener.getsockname())
        yield
        for one in waiting:
            one.close()


def test_a_call_that_was_withdrawn_leaves_nothing() -> None:
    """Whether a request may leave is asked once, with its connection open; if not, no byte of it is sent."""
    asked = []

    def may_not() -> bool:
        asked.append(1)
        return False

    with RawApi(says(answer())) as api, client_of(api.base_url) as client:
        reply = execute(client, may_send=may_not)
        assert api.calls("PATCH") == 0
        assert isinstance(execute(client), Answer)
    assert isinstance(reply, NoAnswer)
    assert not reply.doubtful
    assert len(asked) == 1


@pytest.mark.parametrize("token", [_silent, _drips(answer(TOKEN))], ids=["silent", "dripping"])
def test_a_slow_token_endpoint_is_asked_once_and_left_in_time(token: Callable[[Connection, str], object]) -> None:
    """Of many workers that need a token one asks; when its deadline has passed all are told, together."""
    workers = 8
    with (
        RawApi(says(answer()), token) as api,
        client_of(api.base_url, workers=workers, token_deadline_s=DEADLINE_S) as client,
        ThreadPoolExecutor(workers) as threads,
    ):
        with _ends_at_the_deadline():
            replies = list(threads.map(lambda _: execute(client), range(workers)))
        assert api.calls("POST") == 1
        assert api.calls("PATCH") == 0
    assert {getattr(reply, "reason", None) for reply in replies} == {"no token: the API did not answer within 1 s"}
    assert {getattr(reply, "scope", None) for reply in replies} == {Scope.EVERYTHING}


def test_a_token_never_waits_behind_requests() -> None:
    """With every worker's request hanging, the call for a token has a connection of its own."""
    workers = 4
    with (
        RawApi(_silent) as api,
        client_of(api.base_url, workers=workers, execute_deadline_s=2 * DEADLINE_S) as client,
        ThreadPoolExecutor(workers) as threads,
    ):
        hanging = [threads.submit(execute, client) for _ in range(workers)]
        eventually(lambda: api.calls("PATCH") == workers, 5.0, "all requests on the wire")
        started_s = time.monotonic()
        assert isinstance(client.perform(RenewToken(1), always), Renewed)
        assert time.monotonic() - started_s < DEADLINE_S
        assert not any(one.done() for one in hanging)
    assert api.calls("POST") == 2


def test_a_connection_is_used_again() -> None:
    """A token and ten requests, one after the other, need no more than one connection."""
    with RawApi(grant) as api, client_of(api.base_url) as client:
        assert all(isinstance(execute(client), Answer) for _ in range(10))
        assert (len(api.connections), api.calls("PATCH")) == (1, 10)
