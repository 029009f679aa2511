"""From the loop's clock to the calendar: spans need both, and only one of them never goes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..clock import Clock

LOOK_EVERY_S = 60.0
"""The calendar is corrected now and then (NTP); the loop's clock never is."""
ADJUST_FROM_NS = 10_000_000
"""Calendar times come in milliseconds: by less than some of them, two looks differ although nothing was corrected."""


class Moments:
    """Turns times of the monotonic clock into nanoseconds since 1970; from any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset_ns = 0
        self._look()

    def ns(self, at_s: float) -> int:
        """Return a moment of the monotonic clock."""
        if at_s - self._looked_s > LOOK_EVERY_S:
            self._look()
        return self._offset_ns + int(at_s * 1e9)

    def now_s(self) -> float:
        """Return the monotonic clock's time."""
        return self._clock.monotonic_s()

    def age_s(self, wall_ms: int) -> float:
        """Return how long ago a calendar time was, at least 0: clocks of machines differ."""
        return max(self._clock.wall_ms() - wall_ms, 0) / 1000

    def _look(self) -> None:
        self._looked_s = self._clock.monotonic_s()
        offset_ns = self._clock.wall_ms() * 1_000_000 - int(self._looked_s * 1e9)
        if abs(offset_ns - self._offset_ns) > ADJUST_FROM_NS:
            self._offset_ns = offset_ns
