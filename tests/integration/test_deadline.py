"""Every call of the API ends in time and in bounded memory, whatever the server does."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from stream.clock import SystemClock
from stream.cxone import MAX_ANSWER_BYTES, Api, CxoneClient
from stream.dialogue import Answer, NoAnswer, Send
from stream.payload import build

from ..builders import LANE, event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOKEN = b'{"access_token":"abc","expires_in":3600,"token_type":"Bearer"}'
DEADLINE_S = 1.0
IN_TIME_S = 3.0


def _drip(connection: socket.socket, text: bytes) -> None:
    for byte in text:
        connection.sendall(bytes([byte]))
        time.sleep(0.05)


def _answer(head: bytes, body: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\n" + head + b"Content-Length: %d\r\n\r\n" % len(body) + body


@contextmanager
def _api(execute: Callable[[socket.socket], None]) -> Iterator[CxoneClient]:
    """Serve the token call as it should be, and the execute call by `execute`; give a client of it."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.1)
    ended = threading.Event()

    def serve_one(connection: socket.socket) -> None:
        with connection:
            try:
                while head := connection.recv(65_536):
                    if head.startswith(b"POST"):
                        connection.sendall(_answer(b"Content-Type: application/json\r\n", TOKEN))
                    else:
                        execute(connection)
                        return
            except OSError:
                return  # the client gave up, as it should

    def serve() -> None:
        while not ended.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return  # closed: the test is over
            connection.settimeout(30)
            threading.Thread(target=serve_one, args=(connection,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    api = Api(address, "/oauth/token", "/execute", 2, lambda: ("id", "secret"), execute_deadline_s=DEADLINE_S)
    client = CxoneClient(api, SystemClock())
    try:
        yield client
    finally:
        client.close()
        ended.set()
        listener.close()


def _execute(client: CxoneClient, may_send: Callable[[], bool] = lambda: True) -> tuple[Answer | NoAnswer, float]:
    started_s = time.monotonic()
    reply = client.perform(Send(build("batch", LANE, (event(),))), may_send)
    assert isinstance(reply, Answer | NoAnswer)
    return reply, time.monotonic() - started_s


@pytest.mark.parametrize(
    "serve",
    [
        pytest.param(lambda connection: _drip(connection, _answer(b"X-Long: " + b"x" * 500 + b"\r\n")), id="header"),
        pytest.param(lambda connection: _drip(connection, _answer(b"", b"x" * 500)), id="body"),
        pytest.param(lambda _: time.sleep(5), id="nothing"),
    ],
)
def test_an_answer_byte_by_byte_ends_at_the_deadline(serve: Callable[[socket.socket], None]) -> None:
    """A server that drips its header or its body, or says nothing, holds a worker no longer than the deadline."""
    with _api(serve) as client:
        reply, took_s = _execute(client)
    assert isinstance(reply, NoAnswer)
    assert reply.doubtful
    assert DEADLINE_S * 0.9 <= took_s < IN_TIME_S


def test_an_endless_body_is_not_kept() -> None:
    """A body beyond the bound is dropped: the answer has a status, and nothing that could be believed."""
    megabytes = b"x" * (1 << 20)

    def flood(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n")
        for _ in range(100):
            connection.sendall(megabytes)

    with _api(flood) as client:
        reply, _ = _execute(client)
    assert isinstance(reply, Answer)
    assert (reply.status, reply.body) == (200, None)
    assert 100 * len(megabytes) > MAX_ANSWER_BYTES


def test_an_encoded_body_is_not_unpacked() -> None:
    """A gzip answer that nobody asked for is not looked at."""
    with _api(lambda connection: connection.sendall(_answer(b"Content-Encoding: gzip\r\n", b"bomb"))) as client:
        reply, _ = _execute(client)
    assert isinstance(reply, Answer)
    assert (reply.status, reply.body) == (200, None)


def test_a_redirect_is_not_followed() -> None:
    """The token goes to no other place: a redirect is an answer like any other."""
    text = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    with _api(lambda connection: connection.sendall(text)) as client:
        reply, _ = _execute(client)
    assert isinstance(reply, Answer)
    assert reply.status == 307
