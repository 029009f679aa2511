"""The only place where a clock is read: the loop and the workers are given it, all others are given its time."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the loop needs of time; the simulator has its own."""

    def monotonic_s(self) -> float:
        """Seconds that never go back."""
        ...

    def wall_ms(self) -> int:
        """Milliseconds since 1970, UTC."""
        ...


_BOOT_TIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SystemClock:
    """The machine's clocks."""

    def monotonic_s(self) -> float:
        """Seconds that never go back, those of a suspended machine included: a lease must not outlive a sleep."""
        return time.clock_gettime(_BOOT_TIME)

    def wall_ms(self) -> int:
        """Milliseconds since 1970, UTC."""
        return time.time_ns() // 1_000_000


def rfc3339(wall_ms: int) -> str:
    """Write a time as RFC 3339, in UTC, with milliseconds."""
    moment = datetime.fromtimestamp(wall_ms / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{wall_ms % 1000:03d}Z"
