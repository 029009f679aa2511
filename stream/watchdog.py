"""Sees that the loop turns, and writes what all threads are doing into the log when it does not."""

from __future__ import annotations

import sys
import threading
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .log import get_log

if TYPE_CHECKING:
    from collections.abc import Callable

    from .board import Board

LOOK_EVERY_S = 1.0
STUCK_AFTER_S = 30.0
"""A turn that asks a broker for offsets takes a few seconds at worst, a revocation and a drain beat while they wait; on
a machine without CPU time a turn with a thousand large messages may take ten."""
MAX_FRAMES = 50
"""Of each thread, the innermost."""

log = get_log()


@dataclass(frozen=True, slots=True)
class Turning:
    """Whether the loop turns: for how long it has not, whether that is too long, and whether the process ends."""

    still_s: float = 0.0
    is_stuck: bool = False
    is_ending: bool = False


class Watchdog:
    """Counts looks in which the loop has not turned.

    Looks are counted, and no clock is asked: a process that was stopped, or a machine that slept, did not look either,
    so that what wakes up is not stuck.
    """

    def __init__(
        self,
        board: Board,
        is_ending: Callable[[], bool],
        stuck_after_s: float = STUCK_AFTER_S,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        """Prepare to watch.

        Args:
            board: where the loop beats.
            is_ending: whether the process was asked to end: `STREAM_DRAIN_S` bounds that, and nothing is stuck then.
            stuck_after_s: so long without a beat is stuck.
            look_every_s: how often to look.
        """
        self._is_ending = is_ending
        self._board = board
        self._stuck_after_s = stuck_after_s
        self._look_every_s = look_every_s
        self._seen = board.beats
        self._still_s = 0.0

    @property
    def turning(self) -> Turning:
        """What it has seen so far, to the precision of a look."""
        still_s, is_ending = self._still_s, self._is_ending()
        return Turning(still_s, still_s >= self._stuck_after_s and not is_ending, is_ending)

    def start(self) -> None:
        """Watch, on a thread of its own that ends with the process."""
        threading.Thread(target=self._run, name="watchdog", daemon=True).start()

    def look(self) -> None:
        """Look once: tell when the loop has got stuck, with all stacks, and when it turns again."""
        was_stuck, beats = self.turning.is_stuck, self._board.beats
        if beats != self._seen:
            self._seen = beats
            if was_stuck:
                log.warning("loop_turns_again", after_s=round(self._still_s, 1))
            self._still_s = 0.0
            return
        self._still_s += self._look_every_s
        if self.turning.is_stuck and not was_stuck:
            log.critical("loop_stuck", for_s=round(self._still_s, 1), stacks=stacks())

    def _run(self) -> None:
        never = threading.Event()
        while not never.wait(self._look_every_s):
            self.look()


def stacks() -> list[dict[str, str | list[str]]]:
    """Say where each thread stands: places and lines of code, outermost first, without any value."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    return [
        {
            "thread": f"{names.get(number, 'unknown')} ({number})",
            "frames": [
                f"{frame.filename}:{frame.lineno} {frame.name}: {frame.line}"
                for frame in traceback.extract_stack(top)[-MAX_FRAMES:]
            ],
        }
        for number, top in sys._current_frames().items()  # noqa: SLF001 - the documented way
    ]
