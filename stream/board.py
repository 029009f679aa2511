"""Where the loop leaves what it tells, and whoever wants to know reads it: one slot and a count, no lock.

The loop's thread alone writes; a reader sees a whole snapshot or the one before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .snapshot import Snapshot


class Board:
    """The slot."""

    def __init__(self) -> None:
        self.beats = 0
        """Grows with each turn of the loop, and inside of its bounded waits."""
        self.snapshot: Snapshot | None = None
        """The last one; None before the loop's first turn."""

    def beat(self) -> None:
        """Show that the loop turns."""
        self.beats += 1
