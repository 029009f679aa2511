"""EDGE, sockets below HTTP: lets every wait of a call keep its deadline, and hears an answer that comes early.

What `httpx` leaves open: its time-outs are for each address, each piece written and each piece read; a name is looked
up without any; and who writes does not look whether the other side has answered already (413) and reads no further.
"""

from __future__ import annotations

import ipaddress
import select
import socket
import ssl
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import httpcore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import httpx

    from .deadline import Deadline

    LookUp = Callable[[str, int], list[str]]
    """Gives the addresses of a name, for a port; may take as long as it likes. Raises OSError."""

READ_AHEAD_BYTES = 65_536
NESTED_WRITE_BYTES = 16_384
"""TLS inside of TLS (a proxy's `https`) is written in pieces of so many bytes: each looks at the deadline once."""


_WORDS: dict[type[BaseException], str] = {
    ssl.SSLCertVerificationError: "its certificate is not trusted",
    socket.gaierror: "its host name is not known",
    ConnectionRefusedError: "it refuses connections",
    ConnectionResetError: "the connection was reset",
    BrokenPipeError: "the connection was reset",
    httpcore.RemoteProtocolError: "what it sends is no HTTP answer, or broke off",
    httpcore.ProxyError: "the proxy that HTTPS_PROXY names refuses to connect to it",
}


def look_up(host: str, port: int) -> list[str]:
    """Ask the system for the addresses of a name, in the order in which they shall be tried."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def impose(deadline: Deadline, client: httpx.Client, look_up: LookUp = look_up) -> None:
    """Let all connections of a client keep a deadline, those through a proxy too.

    `httpx` has no parameter for it: the backends of its pools are replaced in place, which tests with servers that
    misbehave hold.
    """
    names = _Names(look_up)
    transports: list[Any] = [client._transport, *client._mounts.values()]  # noqa: SLF001
    for transport in filter(None, transports):
        pool = transport._pool  # noqa: SLF001
        pool._network_backend = _Backend(pool._network_backend, deadline, names)  # noqa: SLF001


def close_if_surplus(response: httpx.Response) -> None:
    """Use a connection no more on which more came than the answer that has been read to its end.

    `h11` would take what is left for the answer to the next request. To be called before the response is closed.
    """
    stream: Any = response.stream
    connection = stream._stream._httpcore_stream._stream._connection  # noqa: SLF001 - a test with two answers holds it
    surplus, _ = connection._h11_state.trailing_data  # noqa: SLF001 - the same
    if surplus:
        response.extensions["network_stream"].close()


def told(error: BaseException) -> str:
    """Say in a few words why a connection failed: by its cause where that says more than the library's name for it."""
    for cause in _causes(error):
        for kind, words in _WORDS.items():
            if isinstance(cause, kind):
                return f"{words} ({cause.verify_message})" if isinstance(cause, ssl.SSLCertVerificationError) else words
    return type(error).__name__


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


class _Names:
    """Looks names up on threads of their own, one for each name at a time: the system's resolver has no deadline."""

    def __init__(self, look_up: LookUp) -> None:
        self._look_up = look_up
        self._lock = threading.Lock()
        self._running: dict[str, Future[list[str]]] = {}

    def addresses(self, host: str, port: int, within_s: float | None) -> list[str]:
        """Return the addresses of a host; one that is an address already is not looked up.

        Raises:
            OSError: there is no such name.
            TimeoutError: the resolver did not answer in time.
        """
        try:
            return [str(ipaddress.ip_address(host))]
        except ValueError:
            return self._answer(host, port).result(within_s)

    def _answer(self, host: str, port: int) -> Future[list[str]]:
        with self._lock:
            running = self._running.get(host)
            if running is None or running.done():
                running = self._running[host] = Future()
                threading.Thread(target=self._ask, args=(running, host, port), name="names", daemon=True).start()
            return running

    def _ask(self, answer: Future[list[str]], host: str, port: int) -> None:
        try:
            answer.set_result(self._look_up(host, port))
        except BaseException as failure:  # noqa: BLE001 - raised again where the addresses are waited for
            answer.set_exception(failure)


class _Backend(httpcore.NetworkBackend):
    def __init__(self, inner: httpcore.NetworkBackend, deadline: Deadline, names: _Names) -> None:
        self._inner = inner
        self._deadline = deadline
        self._names = names

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address that answers; each may take its share of the time that is left."""
        addresses = self._addresses(host, port, timeout)
        for untried in range(len(addresses), 0, -1):
            left_s = self._deadline.bound(timeout, httpcore.ConnectTimeout)
            share_s = left_s and left_s / untried
            try:
                inner = self._inner.connect_tcp(addresses[-untried], port, share_s, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if untried == 1:
                    raise
            else:
                return _Stream(inner, self._deadline)
        raise httpcore.ConnectError("the host name has no address")

    def _addresses(self, host: str, port: int, timeout: float | None) -> list[str]:
        try:
            return self._names.addresses(host, port, self._deadline.bound(timeout, httpcore.ConnectTimeout))
        except TimeoutError as error:
            raise httpcore.ConnectTimeout("the name server does not answer") from error
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(str(error)) from error


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream, deadline: Deadline, *, is_nested: bool = False) -> None:
        self._inner = inner
        self._deadline = deadline
        self._socket: socket.socket | None = None if is_nested else inner.get_extra_info("socket")
        self._ahead = b""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._ahead:
            data, self._ahead = self._ahead, b""
            return data
        data = self._inner.read(max_bytes, self._deadline.bound(timeout, httpcore.ReadTimeout))
        self._deadline.count(len(data))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if buffer and not buffer.startswith(b"CONNECT "):  # that one asks a proxy for a way, and ends with nothing
            self._deadline.ask_before_sending()
        if self._socket is None:
            self._write_nested(buffer, timeout)
        else:
            self._write(self._socket, buffer, timeout)

    def _write_nested(self, buffer: bytes, timeout: float | None) -> None:
        for begin in range(0, len(buffer), NESTED_WRITE_BYTES):
            left_s = self._deadline.bound(timeout, httpcore.WriteTimeout)
            self._inner.write(buffer[begin : begin + NESTED_WRITE_BYTES], left_s)

    def _write(self, connection: socket.socket, buffer: bytes, timeout: float | None) -> None:
        """Write all of it, unless the other side answers while it takes no more.

        Raises:
            httpcore.WriteError: the connection is broken, or an answer is there: `httpcore` then reads it.
        """
        connection.settimeout(0)
        left = memoryview(buffer)
        while left:
            try:
                left = left[connection.send(left) :]
            except ssl.SSLWantReadError:
                self._wait(connection, select.POLLIN, timeout)
            except (BlockingIOError, ssl.SSLWantWriteError):
                if self._wait(connection, select.POLLIN | select.POLLOUT, timeout) & select.POLLIN:
                    self._read_ahead(connection)
            except OSError as error:
                raise httpcore.WriteError(str(error)) from error

    def _wait(self, connection: socket.socket, events: int, timeout: float | None) -> int:
        """Wait until the connection can be used, and say how."""
        left_s = self._deadline.bound(timeout, httpcore.WriteTimeout)
        waiting = select.poll()
        waiting.register(connection, events)
        ready = waiting.poll(None if left_s is None else 1000.0 * left_s)
        if not ready:
            raise httpcore.WriteTimeout("the other side takes no more")
        return ready[0][1]

    def _read_ahead(self, connection: socket.socket) -> None:
        """Take what has come, which may be part of TLS alone, or an informational answer: then writing goes on."""
        try:
            data = connection.recv(READ_AHEAD_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error
        self._deadline.count(len(data))
        self._ahead += data
        if not data or _is_final(self._ahead):
            raise httpcore.WriteError("the other side answers before it has read the request")

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        timeout = self._deadline.bound(timeout, httpcore.ConnectTimeout)
        inner = self._inner.start_tls(ssl_context, server_hostname, timeout)
        return _Stream(inner, self._deadline, is_nested=not _is_plain(self._socket))

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - as inherited
        return self._inner.get_extra_info(info)


def _is_plain(connection: socket.socket | None) -> bool:
    return connection is not None and not isinstance(connection, ssl.SSLSocket)


def _is_final(ahead: bytes) -> bool:
    """Tell whether a final answer has begun, after whole informational ones (`HTTP/1.1 1..`)."""
    while ahead[9:10] == b"1" and (end := ahead.find(b"\r\n\r\n")) >= 0:
        ahead = ahead[end + 4 :]
    return len(ahead) > 9 and ahead[9:10] != b"1"  # noqa: PLR2004 - where the status begins
