"""The service with an impatient watchdog: `python -m tests.harness.watched_service`.

It is put together as the real one is, but its loop counts as stuck after two seconds, so that a test can wait for it.
"""

from __future__ import annotations

from dataclasses import replace

from stream.board import Board
from stream.bulletin import Bulletin
from stream.clock import SystemClock
from stream.loop import Loop
from stream.observer import Observers
from stream.settings import HostPort
from stream.watchdog import Watchdog
from stream.web import Facts, Routes, StatusServer, Told

from .sabotage import configured

STUCK_AFTER_S = 2.0
FACTS = Facts("0", {}, 0, "group", None, {}, {}, None)


def main() -> None:
    """Run until killed."""
    parts, bounds = configured()
    board, clock = Board(), SystemClock()
    watchdog = Watchdog(board, lambda: False, STUCK_AFTER_S, look_every_s=0.1)
    StatusServer(HostPort("127.0.0.1", 0), Routes(Told(FACTS, board, watchdog, clock)), clock).start()
    watchdog.start()
    observer = Observers(Bulletin(board, clock, bounds.batch.size))
    Loop(replace(parts, observer=observer), bounds).run(lambda: None)


if __name__ == "__main__":
    main()
