"""Waiting for what other processes do: a condition that is asked again and again, never a fixed time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

STEP_S = 0.01


def eventually(holds: Callable[[], object], within_s: float, what: str) -> None:
    """Wait until a condition holds.

    Args:
        holds: asked again and again.
        within_s: how long; generous, for a busy machine is no failure.
        what: is awaited, for the failure's message.

    Raises:
        AssertionError: it did not come to hold in time.
    """
    deadline_s = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline_s, f"not within {within_s:g} s: {what}"
        time.sleep(STEP_S)
