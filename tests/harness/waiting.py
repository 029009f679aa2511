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
    assert comes_true(holds, within_s), f"not within {within_s:g} s: {what}"


def comes_true(holds: Callable[[], object], within_s: float) -> bool:
    """Wait until a condition holds, and tell whether it came to hold in time."""
    deadline_s = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(STEP_S)
    return True


def pause(for_s: float) -> None:
    """Let a time pass that is itself the fault, or its measure; nothing is awaited."""
    time.sleep(for_s)
