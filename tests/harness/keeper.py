"""A supervisor, as operators have one: a process that fails is started again."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

    from .service import Service

LOOK_S = 0.05
FAILED = 1
"""The exit code after which the service goes on from the last commit (contract section 6)."""


class Keeper:
    """Keeps one service running, from construction until closed, in a thread of its own."""

    def __init__(self, start: Callable[[], Service]) -> None:
        """Start it.

        Args:
            start: starts one process; called again whenever the last one has ended with 1.
        """
        self.service = start()
        self.restarts = 0
        self._start = start
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)
        self._thread.start()

    def revive(self) -> None:
        """Start it again after it was killed."""
        self.service = self._start()

    def __enter__(self) -> Self:
        """Use it in a `with` block."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Start nothing more."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(LOOK_S):
            if not self.service.is_running and self.service.exit_code(LOOK_S) == FAILED:
                self.restarts += 1
                self.service = self._start()
