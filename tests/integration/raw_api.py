"""An API of bare sockets, for answers that no HTTP library would send, and a client of the service's own for it."""

from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

from stream.clock import SystemClock
from stream.cxone import Api, CxoneClient
from stream.steps import Answer, NoAnswer, Read, Send

from ..builders import batch, event

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

TOKEN = b'{"access_token":"abc","expires_in":3600,"token_type":"Bearer"}'
JSON = b"Content-Type: application/json\r\n"
PATIENCE_S = 20.0
"""Of a connection's other side: longer than any deadline of a test."""


def answer(body: bytes = b"{}", headers: bytes = JSON, status: bytes = b"200 OK", version: bytes = b"1.1") -> bytes:
    """Write an answer as it should be, but for what is given."""
    return b"HTTP/%b %b\r\n%bContent-Length: %d\r\n\r\n%b" % (version, status, headers, len(body), body)


class Connection:
    """One connection, from the server's side."""

    def __init__(self, one: socket.socket) -> None:
        self.socket = one
        self.sent_bytes = 0
        self._read = b""

    def head(self) -> str:
        """Read the next request's line and headers; empty when the client has closed."""
        while b"\r\n\r\n" not in self._read:
            piece = self.socket.recv(65_536)
            if not piece:
                return ""
            self._read += piece
        head, _, self._read = self._read.partition(b"\r\n\r\n")
        return head.decode("latin-1")

    def body(self, head: str) -> bytes:
        """Read the body of the request with this head."""
        length = next((int(line[15:]) for line in head.split("\r\n") if line.lower().startswith("content-length:")), 0)
        while len(self._read) < length:
            piece = self.socket.recv(65_536)
            assert piece, "the client closed in the middle of a body"
            self._read += piece
        body, self._read = self._read[:length], self._read[length:]
        return body

    def send(self, text: bytes) -> None:
        """Send bytes as they are."""
        self.socket.sendall(text)
        self.sent_bytes += len(text)

    def drip(self, text: bytes, every_s: float = 0.05) -> None:
        """Send byte by byte."""
        for byte in text:
            self.send(bytes([byte]))
            time.sleep(every_s)

    def flood(self, text: bytes, times: int) -> None:
        """Send the same again and again."""
        for _ in range(times):
            self.send(text)

    def reset(self) -> None:
        """Break the connection (RST)."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def wait_until_left(self) -> None:
        """Take no more and say no more, until the client gives up."""
        with suppress(OSError):
            while self.socket.recv(65_536):
                pass


def grant(connection: Connection, head: str) -> bool:
    """Give a token as one should."""
    connection.body(head)
    connection.send(answer(TOKEN))
    return True


def says(text: bytes, *, then_closes: bool = True) -> Callable[[Connection, str], object]:
    """Read the request and send these bytes."""

    def script(connection: Connection, head: str) -> bool:
        connection.body(head)
        connection.send(text)
        return not then_closes

    return script


class Loopback:
    """Listens on a loopback port, and serves each connection on a thread of its own; encrypted where it has `tls`."""

    tls: ssl.SSLContext | None

    def talk(self, connection: Connection) -> None:
        """Say what this server says on a connection; it is closed afterwards."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        """Listen."""
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        threading.Thread(target=self._accept, name=type(self).__name__, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        """Listen no more; connections end by themselves."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def scheme(self) -> str:
        """Of its URL."""
        return "https" if self.tls else "http"

    def _accept(self) -> None:
        while True:
            try:
                one, _ = self._listener.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._serve, args=(one,), name=type(self).__name__, daemon=True).start()

    def _serve(self, one: socket.socket) -> None:
        one.settimeout(PATIENCE_S)
        with suppress(OSError):  # the other side gave up, as it should
            if self.tls is not None:
                one = self.tls.wrap_socket(one, server_side=True)
            with one:
                self.talk(Connection(one))


@dataclass
class RawApi(Loopback):
    """Serves on a loopback port: calls for a token by `token`, all others by `script`.

    A script answers one request, whose head was read; the connection stays open only if it returns True.

    `heads` are those of all requests in the order in which they came; `ended` counts the connections that the
    server has closed.
    """

    script: Callable[[Connection, str], object]
    token: Callable[[Connection, str], object] = grant
    tls: ssl.SSLContext | None = None
    heads: list[str] = field(default_factory=list)
    connections: list[Connection] = field(default_factory=list)
    ended: int = 0

    @property
    def base_url(self) -> str:
        """The value for `CXONE_BASE_URL`."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def calls(self, method: str) -> int:
        """Count the requests of a method."""
        return sum(head.startswith(f"{method} ") for head in self.heads)

    def talk(self, connection: Connection) -> None:
        """Answer its requests by the scripts."""
        self.connections.append(connection)
        while head := connection.head():
            self.heads.append(head)
            if not (self.token if head.startswith("POST ") else self.script)(connection, head):
                break

    def _serve(self, one: socket.socket) -> None:
        super()._serve(one)
        self.ended += 1


@contextmanager
def client_of(base_url: str, *, workers: int = 2, **changes: object) -> Iterator[CxoneClient]:
    """Make the service's client of an API; `changes` are fields of `Api`."""
    paths = ("/oauth/token", "/execute", "/stores/{dataStoreId}/records/{recordId}")
    api = replace(Api(base_url, *paths, workers, lambda: ("id", "secret")), **changes)  # type: ignore[arg-type]
    client = CxoneClient(api, SystemClock())
    try:
        yield client
    finally:
        client.close()


def always() -> bool:
    """Let every request leave."""
    return True


def execute(client: CxoneClient, size_bytes: int = 3, may_send: Callable[[], bool] = always) -> Answer | NoAnswer:
    """Send one batch, whose only field is so long."""
    reply = client.perform(Send(batch(event(name_length=size_bytes))), may_send)
    assert isinstance(reply, Answer | NoAnswer)
    return reply


def read(client: CxoneClient, record_id: str, datastore_id: str = "people") -> Answer | NoAnswer:
    """Read one record back."""
    reply = client.perform(Read(datastore_id, record_id), always)
    assert isinstance(reply, Answer | NoAnswer)
    return reply
