"""What the demo shows: at most 80 columns, drawn on terminals only, and WRONG where a figure is."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from stream.sandbox.demo.evidence import Line, Section
from stream.sandbox.demo.holding import NOTHING_HELD
from stream.sandbox.demo.screen import Screen, Snapshot, picture, plain_line
from stream.sandbox.demo.table import keep_steps, laps, next_steps, table, verdict

MOMENT = Snapshot(
    phase="the service drains the backlog",
    elapsed_s=4.2,
    total=100_000,
    produced=92_000,
    outcomes=41_200,
    rate=28_650.4,
    requests=126,
    mean_batch=452.0,
    in_flight=[("customers", 812), ("tickets", 640), ("devices", 100), ("contracts", 5), ("", 0)],
    latency_ms=3_145.0,
    results={"INVALID": 49, "APPLIED": 41_100, "UNSUPPORTED": 50, "SKIPPED_STALE": 1},
    api="answers",
    circuit=NOTHING_HELD,
)
HELD = replace(MOMENT, phase="outage", rate=0.0, outcomes=60_000, circuit="closed; held: customers, tickets, 6 more")
GOOD = Section("Outcomes", [Line("events sent", "1,000"), Line("lost", "0", holds=True, remark="first: 1")])
BAD = Section("Records", [Line("changes in all", "999", holds=False, remark="first: customers/1001")])


def _drawn(renderable: RenderableType, width: int = 80, **options: bool) -> str:
    console = Console(file=io.StringIO(), width=width, **options)  # type: ignore[arg-type] # all are of type bool
    console.print(renderable)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("renderable", [picture(MOMENT), table([GOOD, BAD])], ids=["picture", "table"])
def test_everything_fits_into_80_columns(renderable: RenderableType) -> None:
    """On a terminal of 80 columns no line is longer, and no word is cut off."""
    text = _drawn(renderable)
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text


@pytest.mark.parametrize("renderable", [picture(MOMENT), table([GOOD, BAD])], ids=["picture", "table"])
def test_no_colour_is_no_colour(renderable: RenderableType) -> None:
    """With NO_COLOR, as rich reads it, not one escape sequence for a colour is written, on a terminal either."""
    text = _drawn(renderable, force_terminal=True, no_color=True)
    assert not any(f"\x1b[{code}m" in text for code in (31, 32, "1;31", "1;32"))


def test_a_table_says_what_is_wrong_and_why() -> None:
    """A line that holds says ok, one that does not says WRONG with its remark below; a mere figure says nothing."""
    lines = _drawn(table([GOOD, BAD])).splitlines()
    told = {line.split()[0]: line.rstrip() for line in lines if line.strip()}
    assert told["lost"].endswith("0 ok")
    assert told["events"].endswith("1,000")
    assert told["changes"].endswith("999 WRONG")
    assert told["first:"].strip() == "first: customers/1001"
    assert sum("first:" in line for line in lines) == 1


def test_the_verdict_names_the_lines_that_fail() -> None:
    """The last word is that every figure adds up, or which do not."""
    assert verdict([GOOD]).plain == "Every figure adds up."
    assert verdict([GOOD, BAD]).plain == "NOT every figure adds up: changes in all."


def test_the_picture_shows_the_moment() -> None:
    """Rate, lag, latency, batches, what is in flight and the results by number are all to be seen."""
    text = _drawn(picture(MOMENT))
    for expected in (
        "the service drains the backlog",
        "92,000",
        "41,200",
        "28,650",
        "50,800 events without an outcome",
        "3,145 ms",
        "126 requests of 452 records",
        "5: customers 812, tickets 640, devices 100, 2 more",
        "APPLIED 41,100  SKIPPED_STALE 1",
        "UNSUPPORTED 50  INVALID 49",
        "closed: nothing is held",
    ):
        assert expected in text
    assert "closed; held: customers, tickets, 6 more" in _drawn(picture(HELD))
    at_first = _drawn(picture(replace(MOMENT, latency_ms=None, in_flight=[("", 0)], results={})))
    assert "in flight  1 " in at_first


def test_without_a_terminal_a_moment_is_one_line() -> None:
    """In a log file progress is plain text: no bars, no cursor movements."""
    console = Console(file=io.StringIO(), width=80)
    screen = Screen(console)
    with screen.watching(), screen.doing("drain", "drained [bold]"):
        screen.show(MOMENT)
    assert isinstance(console.file, io.StringIO)
    first, second = console.file.getvalue().splitlines()
    assert first == plain_line(MOMENT)
    assert first.endswith("41,200 of 100,000 outcomes, 28,650/s, lag 50,800, 5 in flight")
    assert plain_line(HELD).endswith(", circuit closed; held: customers, tickets, 6 more")
    assert second.endswith(" s  drained [bold]")
    assert [name for name, _ in screen.laps] == ["drain"]
    assert screen.said == [second]
    assert list(screen.moments) == [MOMENT]


def test_on_a_terminal_the_picture_is_drawn_and_taken_away() -> None:
    """The picture replaces itself; what remains is what was said."""
    console = Console(file=io.StringIO(), width=80, force_terminal=True, _environ={"TERM": "xterm"})
    screen = Screen(console)
    with screen.watching():
        screen.show(MOMENT)
        screen.show(replace(MOMENT, outcomes=92_000))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "the service drains the backlog" in text
    assert plain_line(MOMENT) not in text
    erase_line = "\x1b[2K"
    assert text.rindex(erase_line) > text.rindex("the service drains the backlog")


def test_a_dumb_terminal_is_not_drawn_on() -> None:
    """Where the cursor cannot be moved the demo speaks in lines."""
    console = Console(file=io.StringIO(), force_terminal=True, _environ={"TERM": "dumb"})
    assert not Screen(console).is_live


def test_snapshots_are_due_now_and_then() -> None:
    """A moment is shown once a second in lines, however often it is asked."""
    screen = Screen(Console(file=io.StringIO()))
    assert [screen.is_due(now_s) for now_s in (10.0, 10.5, 11.0, 11.9, 12.1)] == [True, False, True, False, True]


def test_laps_say_where_the_time_went() -> None:
    """What took no time to speak of is left out."""
    assert laps([("jars", 0.01), ("Kafka", 3.14), ("drain", 5.0)], 8.2) == "8.2 s in all: Kafka 3.1, drain 5.0."


def test_what_to_try_next_names_real_places() -> None:
    """After a run: the logs and the next command; while it is kept: addresses and commands to copy."""
    after = "\n".join(next_steps("bin/cxone-stream", Path("runs/1")))
    assert "runs/1/service.log" in after
    assert "bin/cxone-stream demo --keep" in after
    kept = "\n".join(keep_steps("127.0.0.1:9", "http://127.0.0.1:8", "http://127.0.0.1:7/", Path("a b")))
    assert "| 'a b'/send 7" in kept
    assert "http://127.0.0.1:8/_sandbox/faults" in kept
    assert "kcat -C -e -b 127.0.0.1:9" in kept
    assert "export KAFKA=127.0.0.1:9 API=http://127.0.0.1:8\n" in kept
