"""A TCP proxy that can do to connections what networks do: be slow, break, fall silent, lose half of a request.

All links of a proxy run on one thread. A test changes a link's `trouble` at any time; it holds from the next piece on.
A piece is what one read gives, on links to Kafka one whole frame.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeVar

from .kafka_wire import LENGTH_BYTES, Conversation, Stop, Tap, Way

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from typing import Any

READ_BYTES = 65_536
BUFFER_BYTES = 1_048_576
MAX_PIECES = 256
"""On their way in one direction of a connection; then the sender is made to wait, as by a full window."""
STEP_S = 0.002
CALL_TIMEOUT_S = 10.0
_LINGER_ZERO = struct.pack("ii", 1, 0)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Trouble:
    """What befalls the connections of a link.

    Every piece waits `latency_s` and up to `jitter_s` more, and passes at `bytes_per_s`. `resets` is the share of
    pieces at which both ends see a reset; `cuts` the share of requests of which the first half arrives, and then a
    reset. On ways that are `silent` nothing passes, and all of it once they no longer are: as packets that are sent
    again and again.
    """

    latency_s: float = 0.0
    jitter_s: float = 0.0
    bytes_per_s: float | None = None
    resets: float = 0.0
    cuts: float = 0.0
    silent: frozenset[Way] = frozenset()


FINE = Trouble()
BLACKHOLE = Trouble(silent=frozenset(Way))
HALF_OPEN = Trouble(silent=frozenset({Way.BACK}))


class Link:
    """One listening address that leads to another one."""

    def __init__(self, target: str, tap: Tap | None, seed: int) -> None:
        self.target = target
        self.tap = tap
        self.trouble = FINE
        self.broken = 0
        """How many connections were reset by trouble so far."""
        self.address = ""
        self.rng = random.Random(seed)
        self.connections: set[_Connection] = set()
        self._origins: dict[str, str] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def origin(self, address: str) -> str:
        """Tell who is behind a connection that the target sees come from `address`."""
        return self._origins.get(address, address)

    def reset(self) -> None:
        """Reset all connections of now."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._reset_all)

    def reset_clients(self) -> None:
        """Reset all connections of now, on the clients' side alone: what is held still reaches the target."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._reset_all, Way.BACK)

    async def listen(self, port: int) -> asyncio.Server:
        """Take connections from now on; 0 for a free port."""
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._connect, "127.0.0.1", port, limit=BUFFER_BYTES)
        self.address = _name(server.sockets[0].getsockname())
        return server

    def _reset_all(self, *ways: Way) -> None:
        for connection in list(self.connections):
            connection.reset(*ways)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.CancelledError):  # the end of the proxy, which asyncio's server cannot have here
            await self._lead(reader, writer)

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _until(lambda: Way.THERE not in self.trouble.silent)
        host, port = self.target.rsplit(":", 1)
        try:
            target = await asyncio.open_connection(host, int(port), limit=BUFFER_BYTES)
        except OSError:
            _abort(writer)
            return
        self._origins[_name(target[1].get_extra_info("sockname"))] = _name(writer.get_extra_info("peername"))
        connection = _Connection(self, (reader, writer), target)
        self.connections.add(connection)
        try:
            await connection.run()
        finally:
            self.connections.discard(connection)


class _Connection:
    """One connection: two ways, each read by one task and written by another, so that a delay is no narrow pipe."""

    def __init__(
        self,
        link: Link,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        target: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self._link = link
        self._readers = {Way.THERE: client[0], Way.BACK: target[0]}
        self._writers = {Way.THERE: target[1], Way.BACK: client[1]}
        self._queues: dict[Way, asyncio.Queue[tuple[float, bytes]]] = {way: asyncio.Queue(MAX_PIECES) for way in Way}
        self._conversation = None if link.tap is None else Conversation(link.tap)

    async def run(self) -> None:
        """Carry both ways until both have ended."""
        try:
            await asyncio.gather(*(step for way in Way for step in (self._read(way), self._write(way))))
        except asyncio.CancelledError:
            self.reset()
            raise
        finally:
            for writer in self._writers.values():
                writer.close()

    def reset(self, *ways: Way) -> None:
        """Break it off; whoever is written to on these ways sees a reset, without any both ends."""
        for way in ways or Way:
            _abort(self._writers[way])

    async def _read(self, way: Way) -> None:
        queue, due_s, clock = self._queues[way], 0.0, asyncio.get_running_loop().time
        try:
            async for piece in self._pieces(self._readers[way]):
                trouble = self._link.trouble
                if self._strikes(trouble.resets):
                    self._break()
                    break
                is_cut = way is Way.THERE and self._strikes(trouble.cuts)
                passed = piece[: len(piece) // 2] if is_cut else await self._tapped(way, piece)
                due_s = max(due_s, clock() + trouble.latency_s + self._link.rng.uniform(0.0, trouble.jitter_s))
                await queue.put((due_s, passed))
                if is_cut:
                    await queue.join()
                    self._break()
                    break
        finally:
            await queue.put((0.0, b""))

    async def _pieces(self, reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            if self._conversation is None:
                while piece := await reader.read(READ_BYTES):
                    yield piece
            while True:
                length = await reader.readexactly(LENGTH_BYTES)
                yield length + await reader.readexactly(int.from_bytes(length))

    async def _tapped(self, way: Way, piece: bytes) -> bytes:
        """Hold or change a frame as the link's tap says; empty when nothing is to pass."""
        if self._conversation is None:
            return piece
        if way is Way.BACK:
            piece, stop = self._conversation.answer(piece)
            return piece if stop is None else await self._held(stop, piece)
        judged = self._conversation.request(piece)
        if isinstance(judged, bytes):
            await self._queues[Way.BACK].put((0.0, judged))
            return b""
        return piece if judged is None else await self._held(judged, piece)

    async def _held(self, stop: Stop, piece: bytes) -> bytes:
        stop.held.set()
        await _until(lambda: stop.passes is not None)
        if stop.passes:
            return piece
        self.reset()
        return b""

    async def _write(self, way: Way) -> None:
        """Pass on what is due until the other end of this way has closed; what nobody takes is thrown away."""
        queue, writer, clock = self._queues[way], self._writers[way], asyncio.get_running_loop().time
        is_open = True
        while True:
            due_s, piece = await queue.get()
            if not piece and not due_s:
                break
            await asyncio.sleep(max(0.0, due_s - clock()))
            if self._link.trouble.bytes_per_s is not None:
                await asyncio.sleep(len(piece) / self._link.trouble.bytes_per_s)
            await _until(lambda: way not in self._link.trouble.silent or writer.is_closing())
            try:
                if is_open and piece:
                    writer.write(piece)
                    await writer.drain()
            except ConnectionError:
                is_open = False
            queue.task_done()
        with suppress(OSError, RuntimeError):
            writer.write_eof()

    def _strikes(self, share: float) -> bool:
        return share > 0 and self._link.rng.random() < share

    def _break(self) -> None:
        self._link.broken += 1
        self.reset()


class Proxy:
    """All links of a test, on a thread of its own; as a context manager it closes them."""

    def __init__(self, seed: int = 1) -> None:
        """Start without links; `seed` fixes the choices of all of them."""
        self._seed = seed
        self._loop = asyncio.new_event_loop()
        self._servers: list[asyncio.Server] = []
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()

    def link(self, target: str, port: int = 0, tap: Tap | None = None) -> Link:
        """Open a link.

        Args:
            target: where it leads, `host:port`; need not listen yet.
            port: to listen on, 0 for a free one.
            tap: given for links to a Kafka broker.
        """
        link = Link(target, tap, self._seed + len(self._servers))
        self._servers.append(self._call(link.listen(port)))
        return link

    def close(self) -> None:
        """Close all links, and reset what is connected."""
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> Self:
        """Use it in a `with` block."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Close it."""
        self.close()

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _call(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(CALL_TIMEOUT_S)


async def _until(holds: Callable[[], bool]) -> None:
    """Wait for what another thread decides."""
    while not holds():  # noqa: ASYNC110 - an event of this loop could not be set from there without a race
        await asyncio.sleep(STEP_S)


def _abort(writer: asyncio.StreamWriter) -> None:
    """Close at once with a reset, unless it is closed already."""
    connection = writer.get_extra_info("socket")
    if not writer.is_closing() and connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
    writer.transport.abort()


def _name(address: tuple[str, int]) -> str:
    return f"{address[0]}:{address[1]}"
