"""The watchdog: what counts as a loop that is stuck, and what is told of it."""

from __future__ import annotations

import io
import threading

import orjson

from stream.board import Board
from stream.log import configure_log
from stream.watchdog import Turning, Watchdog, stacks


def never() -> bool:
    """The process was not asked to end."""
    return False


def test_a_loop_is_stuck_when_so_many_looks_in_a_row_saw_no_beat() -> None:
    """Looks without a beat add up; one beat ends it, and the next standstill counts from nothing."""
    board = Board()
    watchdog = Watchdog(board, never, stuck_after_s=3.0, look_every_s=1.0)
    found = []
    for beats in (1, 0, 0, 0, 0, 1, 0, 0):
        board.beats += beats
        watchdog.look()
        found.append(watchdog.turning)
    assert [each.still_s for each in found] == [0.0, 1.0, 2.0, 3.0, 4.0, 0.0, 1.0, 2.0]
    assert [each.is_stuck for each in found] == [False, False, False, True, True, False, False, False]


def test_a_loop_that_never_began_to_turn_is_stuck_too() -> None:
    """A start that hangs is seen as well."""
    watchdog = Watchdog(Board(), never, stuck_after_s=2.0, look_every_s=1.0)
    for _ in range(2):
        watchdog.look()
    assert watchdog.turning.is_stuck


def test_nothing_is_stuck_in_the_end() -> None:
    """Once the process was asked to end, its drain has a bound of its own."""
    watchdog = Watchdog(Board(), lambda: True, stuck_after_s=1.0, look_every_s=1.0)
    for _ in range(5):
        watchdog.look()
    assert watchdog.turning == Turning(5.0, is_stuck=False, is_ending=True)


def test_stacks_are_told_once_for_each_standstill() -> None:
    """One critical line with the place of every thread, one when the loop turns again, and again for the next time."""
    lines = io.StringIO()
    configure_log("info", "json", lines)
    board = Board()
    watchdog = Watchdog(board, never, stuck_after_s=1.0, look_every_s=1.0)
    for beats in (0, 0, 0, 1, 0):
        board.beats += beats
        watchdog.look()
    told = [orjson.loads(line) for line in lines.getvalue().splitlines()]
    assert [each["event"] for each in told] == ["loop_stuck", "loop_turns_again", "loop_stuck"]
    assert told[0]["level"] == "critical"
    own = next(each for each in told[0]["stacks"] if str(each["thread"]).startswith(threading.current_thread().name))
    assert any("test_stacks_are_told_once_for_each_standstill" in frame for frame in own["frames"])


def test_stacks_hold_places_and_no_values() -> None:
    """A local variable of a thread that waits is nowhere in what is told of it."""
    secret = "marker-" + "of-a-value"
    waits, goes_on = threading.Event(), threading.Event()

    def wait(value: str) -> None:
        waits.set()
        assert goes_on.wait(30.0), value

    thread = threading.Thread(target=wait, args=(secret,), name="waiter")
    thread.start()
    assert waits.wait(30.0)
    told = stacks()
    goes_on.set()
    thread.join()
    assert any(str(each["thread"]).startswith("waiter ") for each in told)
    assert secret not in str(told)
