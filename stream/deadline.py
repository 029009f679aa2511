"""One bound for all of a call: its total time, what it may read, and a last question before its first byte.

HTTP libraries bound each single wait, so that an answer of one byte a second never ends. Here the bound is the call's:
every connect, read and write of a thread asks what is left of it (`wire.py`).
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SHORTEST_WAIT_S = 0.001
MAX_HEAD_BYTES = 256 * 1024
"""What a call reads at most before its answer has begun: heads of informational answers and of a proxy included."""


class WithdrawnError(Exception):
    """The call must not be made any more; nothing of it was sent."""


class TooLongError(Exception):
    """The other side sends more than the call may read."""


@dataclass(slots=True)
class Call:
    """One call under way: when it must have ended, who is asked before its first byte, how much it may still read."""

    until_s: float
    may_send: Callable[[], bool] | None
    room_bytes: int = MAX_HEAD_BYTES


class Deadline:
    """The bounds of the current thread's call; a call runs on one thread from its begin to its end."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._of_thread = threading.local()

    @contextmanager
    def within(self, seconds: float, may_send: Callable[[], bool]) -> Iterator[Call]:
        """Bound all that this thread does inside of the block.

        Args:
            seconds: from now.
            may_send: asked once, when the first byte of the request is about to leave.

        Yields:
            The call: its `room_bytes` may be raised once the answer has begun.
        """
        call = Call(self._now_s() + seconds, may_send)
        self._of_thread.call = call
        try:
            yield call
        finally:
            self._of_thread.call = None

    def ask_before_sending(self) -> None:
        """Ask whether the call may still be made, if that was not asked yet.

        Raises:
            WithdrawnError: when it may not.
        """
        call = self._call()
        if call is None or call.may_send is None:
            return
        may_send, call.may_send = call.may_send, None
        if not may_send():
            raise WithdrawnError

    def bound(self, timeout_s: float | None, error: type[Exception]) -> float | None:
        """Shorten the time-out of one wait to what is left of the deadline.

        Raises:
            error: when nothing is left.
        """
        call = self._call()
        if call is None:
            return timeout_s
        left_s = call.until_s - self._now_s()
        if left_s <= 0:
            raise error
        left_s = max(left_s, SHORTEST_WAIT_S)
        return left_s if timeout_s is None else min(timeout_s, left_s)

    def count(self, read_bytes: int) -> None:
        """Count what was read from the other side.

        Raises:
            TooLongError: when it is more than the call may read.
        """
        call = self._call()
        if call is None:
            return
        call.room_bytes -= read_bytes
        if call.room_bytes < 0:
            raise TooLongError

    def _call(self) -> Call | None:
        call: Call | None = getattr(self._of_thread, "call", None)
        return call
