"""The fault proxy itself: what each trouble does to a connection, and breakpoints on the way to a broker."""

from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import pytest

from .kafka_wire import Api, Tap, Way, call_of, number_of
from .proxy import BLACKHOLE, FINE, HALF_OPEN, Proxy, Trouble
from .waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .proxy import Link

WITHIN_S = 5.0
SOON_S = 0.1


class Echo:
    """A server that gives back what it gets, and knows what it got."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "{}:{}".format(*self._listener.getsockname())
        self.got = bytearray()
        self.clients: list[str] = []
        self.ends: list[str] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, peer = self._listener.accept()
            except OSError:
                return
            self.clients.append("{}:{}".format(*peer))
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                while piece := connection.recv(65_536):
                    self.got += piece
                    connection.sendall(piece)
                self.ends.append("closed")
            except ConnectionError:
                self.ends.append("reset")


@pytest.fixture
def echo() -> Iterator[Echo]:
    """A server behind the proxy."""
    with closing(Echo()) as server:
        yield server


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """A proxy without links."""
    with Proxy() as one:
        yield one


def _connect(link: Link) -> socket.socket:
    host, port = link.address.split(":")
    return socket.create_connection((host, int(port)), timeout=WITHIN_S)


def _read(connection: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count and (piece := connection.recv(count - len(found))):
        found += piece
    return found


def _is_silent(connection: socket.socket) -> bool:
    connection.settimeout(SOON_S)
    try:
        connection.recv(1)
    except TimeoutError:
        return True
    finally:
        connection.settimeout(WITHIN_S)
    return False


def test_without_trouble_all_passes_and_ends_as_it_would(proxy: Proxy, echo: Echo) -> None:
    """A megabyte goes there and back, the server sees a close as a close, and who is behind it is known."""
    link = proxy.link(echo.address)
    with _connect(link) as client:
        sent = bytes(range(256)) * 4_096
        writer = threading.Thread(target=client.sendall, args=(sent,))
        writer.start()
        assert _read(client, len(sent)) == sent
        writer.join()
        assert link.origin(echo.clients[0]) == "{}:{}".format(*client.getsockname())
        assert link.origin("elsewhere:1") == "elsewhere:1"
    eventually(lambda: echo.ends == ["closed"], WITHIN_S, "the end of the connection")


def test_latency_delays_and_bandwidth_narrows(proxy: Proxy, echo: Echo) -> None:
    """Latency counts once each way, however many pieces are under way; bandwidth spreads them over time."""
    link = proxy.link(echo.address)
    with _connect(link) as client:
        link.trouble = Trouble(latency_s=0.1, jitter_s=0.01)
        began_s = time.monotonic()
        for _ in range(10):
            client.sendall(b"x")
            time.sleep(0.005)
        assert _read(client, 10) == b"x" * 10
        assert 0.2 <= time.monotonic() - began_s < 0.6
        link.trouble = Trouble(bytes_per_s=100_000)
        began_s = time.monotonic()
        client.sendall(b"y" * 10_000)
        client.sendall(b"z")
        assert _read(client, 10_001)[-1:] == b"z"
        assert time.monotonic() - began_s >= 0.1


def test_a_reset_is_seen_by_both_ends(proxy: Proxy, echo: Echo) -> None:
    """By trouble at the next piece, or by word at once; new connections work again."""
    link = proxy.link(echo.address)
    with _connect(link) as client:
        client.sendall(b"x")
        assert _read(client, 1) == b"x"
        link.reset()
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    link.trouble = Trouble(resets=1.0)
    with _connect(link) as client:
        client.sendall(b"x")
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    eventually(lambda: echo.ends == ["reset", "reset"], WITHIN_S, "two resets at the server")
    assert link.broken == 1
    link.trouble = FINE
    with _connect(link) as client:
        client.sendall(b"x")
        assert _read(client, 1) == b"x"


def test_a_cut_loses_half_of_a_request(proxy: Proxy, echo: Echo) -> None:
    """The server gets the first half, and then a reset."""
    link = proxy.link(echo.address)
    link.trouble = Trouble(cuts=1.0)
    with _connect(link) as client:
        client.sendall(b"0123456789")
        eventually(lambda: echo.ends == ["reset"], WITHIN_S, "the reset at the server")
        assert bytes(echo.got) == b"01234"


def test_silence_keeps_everything_back_until_it_ends(proxy: Proxy, echo: Echo) -> None:
    """In a blackhole nothing arrives, not even a connection; half open, only the answers are missing."""
    link = proxy.link(echo.address)
    with _connect(link) as client:
        client.sendall(b"a")
        assert _read(client, 1) == b"a"
        link.trouble = BLACKHOLE
        with _connect(link) as late:
            client.sendall(b"b")
            late.sendall(b"c")
            assert _is_silent(client)
            assert bytes(echo.got) == b"a"
            assert len(echo.clients) == 1
            link.trouble = HALF_OPEN
            eventually(lambda: sorted(echo.got) == sorted(b"abc"), WITHIN_S, "the requests at the server")
            assert _is_silent(client)
            link.trouble = FINE
            assert (_read(client, 1), _read(late, 1)) == (b"b", b"c")


def test_a_target_that_does_not_listen_is_a_reset(proxy: Proxy, echo: Echo) -> None:
    """A connection to nobody ends at once, as where nothing listens; the link works when there is somebody."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = "{}:{}".format(*taken.getsockname())
    link = proxy.link(address)
    with pytest.raises(ConnectionResetError), _connect(link) as client:
        client.recv(1)
    link.target = echo.address
    with _connect(link) as client:
        client.sendall(b"x")
        assert _read(client, 1) == b"x"


def _frame(message: bytes) -> bytes:
    return len(message).to_bytes(4) + message


def _request(api: Api, number: int, rest: bytes = b"", version: int = 1) -> bytes:
    return _frame(struct.pack(">hhi", api, version, number) + rest)


class Broker(Echo):
    """An echo that answers each request of ten bytes or more with its number and no error."""

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(ConnectionError):
            while head := _read(connection, 4):
                frame = head + _read(connection, int.from_bytes(head))
                self.got += frame
                connection.sendall(_frame(struct.pack(">iih", call_of(frame).number, 0, 0)))


@pytest.fixture
def broker() -> Iterator[Broker]:
    """Something like a broker behind the proxy."""
    with closing(Broker()) as server:
        yield server


def _answer(connection: socket.socket) -> tuple[int, int]:
    """Read an answer's number and error."""
    frame = _read(connection, 14)
    return number_of(frame), int.from_bytes(frame[12:14])


def test_a_breakpoint_holds_one_request(proxy: Proxy, broker: Broker) -> None:
    """Only the kind and the mark that were named are held; let go, the request arrives and is answered."""
    tap = Tap()
    link = proxy.link(broker.address, tap=tap)
    with _connect(link) as client, _connect(link) as other:
        stop = tap.stop(Api.END_TXN, Way.THERE, b"mine")
        other.sendall(_request(Api.END_TXN, 7, b"yours"))
        assert _answer(other) == (7, 0)
        client.sendall(_request(Api.HEARTBEAT, 1, b"mine") + _request(Api.END_TXN, 2, b"mine"))
        assert _answer(client) == (1, 0)
        assert stop.held.wait(WITHIN_S)
        assert _is_silent(client)
        assert b"mine" not in bytes(broker.got).split(b"yours")[1][18:]
        stop.let_go()
        assert _answer(client) == (2, 0)
        client.sendall(_request(Api.END_TXN, 3, b"mine"))
        assert _answer(client) == (3, 0)


def test_a_held_request_outlives_its_client(proxy: Proxy, broker: Broker) -> None:
    """A request whose client has died meanwhile still arrives when it is let go: a late packet."""
    tap = Tap()
    link = proxy.link(broker.address, tap=tap)
    stop = tap.stop(Api.END_TXN, Way.THERE)
    with _connect(link) as client:
        client.sendall(_request(Api.END_TXN, 1, b"late"))
        assert stop.held.wait(WITHIN_S)
    assert b"late" not in broker.got
    stop.let_go()
    eventually(lambda: b"late" in broker.got, WITHIN_S, "the late request")


def test_a_breakpoint_holds_or_drops_one_answer(proxy: Proxy, broker: Broker) -> None:
    """The broker has done what was asked for, but the client does not hear of it; dropped, its connection breaks."""
    tap = Tap()
    link = proxy.link(broker.address, tap=tap)
    stop = tap.stop(Api.END_TXN, Way.BACK)
    with _connect(link) as client:
        client.sendall(_request(Api.END_TXN, 1, b"done"))
        assert stop.held.wait(WITHIN_S)
        assert b"done" in broker.got
        assert _is_silent(client)
        stop.drop()
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_a_lie_tells_an_error_so_many_times(proxy: Proxy, broker: Broker) -> None:
    """The error comes in place of the broker's answer, with the request done or not, and then the truth again."""
    tap = Tap()
    link = proxy.link(broker.address, tap=tap)
    with _connect(link) as client:
        tap.lie(Api.END_TXN, 47, times=2)
        tap.lie(Api.ADD_OFFSETS_TO_TXN, 51, is_done=False)
        for number, error in ((1, 47), (2, 47), (3, 0)):
            client.sendall(_request(Api.END_TXN, number, b"%d" % number))
            assert _answer(client) == (number, error)
        client.sendall(_request(Api.ADD_OFFSETS_TO_TXN, 4, b"never"))
        assert _answer(client) == (4, 51)
        assert b"never" not in broker.got
        assert bytes(broker.got).endswith(b"3")
