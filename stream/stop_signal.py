"""SIGTERM and SIGINT: when the process was asked to end, and that it does end in time.

Python runs its signal handlers between two instructions of the main thread, which may be in a long call then. So the
signal's number goes through a pipe to a thread of its own, which notes the time and counts it down.
"""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from .clock import Clock


class StopSignal(threading.Thread):
    """Listens from its making on; only the main thread may make one."""

    def __init__(self, clock: Clock, within_s: float, overdue: Callable[[], None]) -> None:
        """Take over the signals.

        Args:
            clock: of the loop.
            within_s: how long the process may take to end.
            overdue: called when it took longer.
        """
        super().__init__(name="stop-signal", daemon=True)
        self.asked_at_s: float | None = None
        """When the first signal came."""
        self._clock = clock
        self._within_s = within_s
        self._overdue = overdue
        self._pipe, tell = os.pipe()
        os.set_blocking(tell, False)
        signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        self.start()

    def run(self) -> None:
        """Wait for a signal, then for the end."""
        os.read(self._pipe, 1)
        self.asked_at_s = self._clock.monotonic_s()
        threading.Event().wait(self._within_s)
        self._overdue()
