"""From the loop's clock to the calendar: spans need both, and only one of them never goes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..clock import Clock

ADJUST_EVERY_S = 60.0
"""The calendar is corrected now and then (NTP); the loop's clock never is."""


class Moments:
    """Turns times of the monotonic clock into nanoseconds since 1970; from any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._adjust()

    def ns(self, at_s: float) -> int:
        """Return a moment of the monotonic clock."""
        if at_s - self._adjusted_s > ADJUST_EVERY_S:
            self._adjust()
        return self._offset_ns + int(at_s * 1e9)

    def now_s(self) -> float:
        """Return the monotonic clock's time."""
        return self._clock.monotonic_s()

    def age_s(self, wall_ms: int) -> float:
        """Return how long ago a calendar time was, at least 0: clocks of machines differ."""
        return max(self._clock.wall_ms() - wall_ms, 0) / 1000

    def _adjust(self) -> None:
        now_s = self._clock.monotonic_s()
        self._offset_ns = self._clock.wall_ms() * 1_000_000 - int(now_s * 1e9)
        self._adjusted_s = now_s
