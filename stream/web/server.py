"""EDGE, HTTP in: a small server for probes and people, with a bound on all that a client could use up.

The standard library reads requests and has the threads; what is added here are the bounds. A client that is slow, or
says too much, loses its connection; where all connections are taken, the one that has been silent for longest does, so
that nobody can keep a probe from its answer.
"""

from __future__ import annotations

import io
import socket
import socketserver
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, Final

from .. import __version__
from ..errors import FatalError
from ..log import get_log
from .routes import EVENTS, NOT_NOW, OK, Answer, text

if TYPE_CHECKING:
    from ..clock import Clock
    from ..settings import HostPort
    from .routes import Routes

MAX_CONNECTIONS = 64
MAX_STREAMS = 8
"""Pages that are open; further ones ask for `/status` instead."""
REQUEST_WITHIN_S = 5.0
"""From the connection to the last byte of a request's head; there is never a body."""
MAX_REQUEST_BYTES = 32_768
WRITE_WITHIN_S = 10.0
"""For one answer, or one event of a stream, to be taken."""
EVENT_EVERY_S = 1.0
LONGEST_STREAM_S = 900.0
"""A page connects again by itself."""
RECONNECT_MS = 2_000
CLOSES_WITHIN_S = 0.1

METHOD_NOT_ALLOWED: Final = 405
TOO_LARGE: Final = 431
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Connection": "close",
}

log = get_log()


class StatusServer:
    """Listens from its making on, and answers on daemon threads once it is started."""

    def __init__(self, address: HostPort, routes: Routes, clock: Clock) -> None:
        """Bind the address.

        Args:
            address: where to listen; port 0 for any free one.
            routes: what is answered.
            clock: bounds how long a client may take.

        Raises:
            FatalError: when the address cannot be bound.
        """
        try:
            self._server = _Server(address.host, address.port, routes, clock)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            what = f"the address {address} of STREAM_HTTP_ADDRESS cannot be listened on: {reason}"
            fix = "set STREAM_HTTP_ADDRESS to a free port, or to off; or end the process that has it"
            raise FatalError(what, fix) from error
        self.address = type(address)(address.host, self._server.server_address[1])
        """Where it listens, with the port that it was given."""

    def start(self) -> None:
        """Begin to answer, on threads that end with the process."""
        threading.Thread(target=self._server.serve_forever, args=(CLOSES_WITHIN_S,), name="http", daemon=True).start()
        log.info("http_listening", address=str(self.address))

    def close(self) -> None:
        """Stop; for tests, the service ends with its process."""
        self._server.shutdown()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, host: str, port: int, routes: Routes, clock: Clock) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.routes = routes
        self.clock = clock
        self.streams = threading.BoundedSemaphore(MAX_STREAMS)
        self._open: dict[socket.socket, bool] = {}
        self._lock = threading.Lock()
        super().__init__((host, port), _Conversation)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as the library has them
        """Take a connection; where there are too many, end the one whose request is awaited for longest."""
        with self._lock:
            if len(self._open) >= MAX_CONNECTIONS:
                slowest = next((each for each, is_silent in self._open.items() if is_silent), request)
                with suppress(OSError):
                    slowest.shutdown(socket.SHUT_RDWR)
                if slowest is request:  # all are being answered: this one finds its end in `readline`
                    return self.shutdown_request(request)
                del self._open[slowest]
            self._open[request] = True
        return super().process_request(request, client_address)

    def has_spoken(self, request: socket.socket) -> None:
        """Take note that a request has come whole: its answer is not cut off by others."""
        with self._lock:
            if request in self._open:
                self._open[request] = False

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401
        """Forget a connection, and close it."""
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, _request: object, _client_address: object) -> None:
        """Tell what went wrong with a connection: mostly its client has gone."""
        failure = sys.exc_info()[1]
        if isinstance(failure, OSError):
            log.debug("http_connection_ended", reason=str(failure))
        else:
            log.error("http_request_failed", exc_info=failure)


class _TooLargeError(Exception):
    """A request's head is longer than any that is meant."""


class _BoundedReads(io.RawIOBase):
    """Reads a request's head within its time and its size, however the bytes are dealt out."""

    def __init__(self, connection: socket.socket, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._until_s = clock.monotonic_s() + REQUEST_WITHIN_S
        self._left = MAX_REQUEST_BYTES

    def readable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - a writable buffer
        """Read what is there, within what is left of both bounds."""
        if self._left <= 0:
            raise _TooLargeError
        left_s = self._until_s - self._clock.monotonic_s()
        if left_s <= 0:
            raise TimeoutError
        self._connection.settimeout(left_s)
        count = self._connection.recv_into(memoryview(buffer)[: self._left])
        self._left -= count
        return count


class _Conversation(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def version_string(self) -> str:
        """Say which program this is, and no word of what runs it."""
        return f"cxone-delta-stream/{__version__}"

    def setup(self) -> None:
        """Read through the bounds."""
        super().setup()
        self.rfile = io.BufferedReader(_BoundedReads(self.connection, self.server.clock))

    def handle(self) -> None:
        """Answer one request."""
        try:
            self.handle_one_request()
        except _TooLargeError:
            self.requestline, self.request_version, self.command = "", self.protocol_version, "GET"
            self._send(text(TOO_LARGE, f"a request's head has at most {MAX_REQUEST_BYTES} bytes here"))

    def do_GET(self) -> None:
        """Answer what is asked for, or begin a stream of events."""
        self._take_turn()
        if self.path.partition("?")[0] == EVENTS:
            self._stream()
        else:
            self._send(self.server.routes.answer(self.path))

    def do_HEAD(self) -> None:
        """Answer with the head alone."""
        self._take_turn()
        self._send(self.server.routes.answer(self.path))

    def refuse(self) -> None:
        """Say that nothing can be changed here."""
        self._take_turn()
        self._send(replace(text(METHOD_NOT_ALLOWED, "nothing can be changed here"), headers={"Allow": "GET, HEAD"}))

    do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = refuse  # noqa: N815 - names of the library

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the library has it
        """Write nothing: probes come every few seconds."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """Answer what the library refuses as everything else is answered, without repeating what was sent."""
        self._send(text(code, "this is no request that is understood here"))

    def _take_turn(self) -> None:
        self.server.has_spoken(self.request)
        self.connection.settimeout(WRITE_WITHIN_S)

    def _head(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in {**HEADERS, **answer.headers, "Content-Type": answer.content_type}.items():
            self.send_header(name, value)

    def _send(self, answer: Answer) -> None:
        self._head(answer)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def _stream(self) -> None:
        if not self.server.streams.acquire(blocking=False):
            self._send(text(NOT_NOW, f"{MAX_STREAMS} pages are open already; ask for /status"))
            return
        try:
            # Without the last header a proxy such as nginx keeps events until it has a buffer full of them.
            headers = {"X-Accel-Buffering": "no"}
            self._head(Answer(OK, "text/event-stream; charset=utf-8", b"", headers))
            self.end_headers()
            self.wfile.write(b"retry: %d\n\n" % RECONNECT_MS)
            self.wfile.write(self.server.routes.event(is_first=True))
            never = threading.Event()
            until_s = self.server.clock.monotonic_s() + LONGEST_STREAM_S
            while self.server.clock.monotonic_s() < until_s:
                never.wait(EVENT_EVERY_S)
                self.wfile.write(self.server.routes.event(is_first=False))
        finally:
            self.server.streams.release()
