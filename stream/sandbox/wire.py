"""The stand-in's wire: uvicorn in a thread, and the ways a call can end there, answered or not."""

import asyncio
import socket
import struct
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

import uvicorn
from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from .calls import Ending

# Longer than any pause of a test: a connection that the server closes as idle is a fault nobody asked for.
KEEP_ALIVE_S: Final = 600
START_S: Final = 10.0
PIECE_BYTES: Final = 65_536
_TRANSPORT: Final = "sandbox.transport"
_LINGER_ZERO: Final = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: status, body (none for None) and headers.

    `size_bytes` above 0: the body is repeated until it is so long, and its length is not announced. `drip_s` above 0:
    it is sent byte by byte, with so many seconds between.
    """

    status: int
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    size_bytes: int = 0
    drip_s: float = 0.0

    def pieces(self) -> Iterator[bytes]:
        """Cut the body into what is sent at a time."""
        text = self.body or b""
        size_bytes, step_bytes = self.size_bytes or len(text), 1 if self.drip_s else PIECE_BYTES
        repeated = text * (step_bytes // max(1, len(text)) + 2)
        for begin in range(0, size_bytes, step_bytes):
            yield repeated[begin % len(text) :][: min(step_bytes, size_bytes - begin)]


class Cut(Enum):
    """An end without an answer: by a reset, by silence until the client gives up, or because the client has gone."""

    RESET = auto()
    SILENCE = auto()
    GONE = auto()


def ending_of(reply: Reply | Cut, scope: Scope) -> Ending:
    """Foresee how a call ends with this reply, on the connection as it is now."""
    if reply is Cut.SILENCE:
        return "lost"
    if reply is Cut.GONE or has_left(scope):
        return "gone"
    return "reset" if reply is Cut.RESET else "answered"


async def deliver(reply: Reply | Cut, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a call, or end it without an answer; returns when the answer is sent or the connection is gone."""
    if isinstance(reply, Reply) and not has_left(scope):
        headers = {"content-type": "application/json"} if reply.body is not None else {}
        headers |= dict(reply.headers)
        if reply.size_bytes or reply.drip_s:
            response: Response = StreamingResponse(_slowly(reply), reply.status, headers)
        else:
            response = Response(reply.body, reply.status, headers)
        await response(scope, receive, send)
        return
    if reply is Cut.RESET:
        _reset(scope["state"][_TRANSPORT])
    await until_gone(receive)


async def _slowly(reply: Reply) -> AsyncIterator[bytes]:
    for piece in reply.pieces():
        yield piece
        await asyncio.sleep(reply.drip_s)


async def until_gone(receive: Receive) -> None:
    """Wait until the connection of a call whose body has been read is closed, from whichever side."""
    while (await receive())["type"] != "http.disconnect":
        pass


def has_left(scope: Scope) -> bool:
    """Tell whether the client has closed the connection of a call whose body has been read."""
    return bool(scope["state"][_TRANSPORT].is_closing())


def _reset(transport: asyncio.BaseTransport) -> None:
    # Lingering for zero seconds makes the kernel send RST instead of FIN: the client sees "connection reset by peer".
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()


def _listener(host: str, port: int) -> socket.socket:
    # The protocol is named because asyncio turns Nagle's algorithm off only where it is: an answer took 40 ms without.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener


class _Protocol(H11Protocol):
    """HTTP/1.1 as uvicorn speaks it, with the connection within reach of the application."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self.app_state = {**self.app_state, _TRANSPORT: transport}


class _Server(uvicorn.Server):
    """uvicorn that says when it listens, stops at once, and resets what is still connected then."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        self.listening.set()

    async def main_loop(self) -> None:
        await self._stopping.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop without the grace that uvicorn gives: an outage resets what is open."""
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        while self.server_state.connections:
            for connection in list(self.server_state.connections):
                _reset(connection.transport)
            await asyncio.sleep(0)
        # What waits for a fault's delay need not be waited for: nobody is there to be answered.
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def stop(self) -> None:
        """Ask it to stop, from any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)


class HttpThread:
    """An ASGI application served in a thread of its own, from construction until `stop`."""

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        """Listen on `host` and `port` (0: a free one) and serve.

        Raises:
            OSError: the address is in use, or not of this machine.
        """
        listener = _listener(host, port)
        self.port: int = listener.getsockname()[1]
        config = uvicorn.Config(
            app,
            http=_Protocol,
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            date_header=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
        )
        self._server = _Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, name="cxone-sandbox", daemon=True
        )
        self._thread.start()
        if not self._server.listening.wait(START_S):
            raise OSError(f"the sandbox did not listen on {host}:{self.port} within {START_S:.0f} s")

    def stop(self) -> None:
        """Refuse new connections, reset the open ones, and wait until the thread has ended."""
        self._server.stop()
        self._thread.join()
