"""EDGE, sockets below HTTP: one total deadline for a call, and a last question before its first byte.

`httpx` bounds each single wait, so that an answer of one byte a second never ends. Here the bound is the call's: every
connect, read and write of a thread may last only as long as is left of the deadline that the thread has set. A connect
may take long, too; so whether the call may still be made is asked when its first byte is about to leave.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpcore

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Iterator

    import httpx

SHORTEST_WAIT_S = 0.001


class WithdrawnError(Exception):
    """The call must not be made any more; nothing of it was sent."""


class Deadline:
    """The time left to the call of the current thread; a call runs on one thread from its begin to its end."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._of_thread = threading.local()

    @contextmanager
    def within(self, seconds: float, may_send: Callable[[], bool]) -> Iterator[None]:
        """Bound all that this thread does inside of the block.

        Args:
            seconds: from now.
            may_send: asked once, when the first byte of the request is about to leave.
        """
        self._of_thread.until_s = self._now_s() + seconds
        self._of_thread.may_send = may_send
        try:
            yield
        finally:
            del self._of_thread.until_s
            self._of_thread.may_send = None

    def ask_before_sending(self) -> None:
        """Ask whether the call may still be made, if that was not asked yet.

        Raises:
            WithdrawnError: when it may not.
        """
        may_send: Callable[[], bool] | None = getattr(self._of_thread, "may_send", None)
        self._of_thread.may_send = None
        if may_send is not None and not may_send():
            raise WithdrawnError

    def bound(self, timeout_s: float | None, error: type[Exception]) -> float | None:
        """Shorten the time-out of one wait to what is left of the deadline.

        Raises:
            error: when nothing is left.
        """
        until_s: float | None = getattr(self._of_thread, "until_s", None)
        if until_s is None:
            return timeout_s
        left_s = until_s - self._now_s()
        if left_s <= 0:
            raise error
        left_s = max(left_s, SHORTEST_WAIT_S)
        return left_s if timeout_s is None else min(timeout_s, left_s)


def impose(deadline: Deadline, client: httpx.Client) -> None:
    """Let all connections of a client keep a deadline, those through a proxy too.

    `httpx` has no parameter for it: the backends of its pools are replaced in place, which a test with a server that
    answers byte by byte holds.
    """
    transports: list[Any] = [client._transport, *client._mounts.values()]  # noqa: SLF001
    for transport in filter(None, transports):
        pool = transport._pool  # noqa: SLF001
        pool._network_backend = _Backend(pool._network_backend, deadline)  # noqa: SLF001


class _Backend(httpcore.NetworkBackend):
    def __init__(self, inner: httpcore.NetworkBackend, deadline: Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        timeout = self._deadline.bound(timeout, httpcore.ConnectTimeout)
        return _Stream(self._inner.connect_tcp(host, port, timeout, local_address, socket_options), self._deadline)


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._deadline.bound(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._deadline.ask_before_sending()
        self._inner.write(buffer, self._deadline.bound(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        timeout = self._deadline.bound(timeout, httpcore.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, timeout), self._deadline)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - as inherited
        return self._inner.get_extra_info(info)
