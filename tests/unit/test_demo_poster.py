"""The demo's picture of itself: whole, of one size, and in need of nothing from elsewhere."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from stream.sandbox.demo import DemoOptions, run_demo
from stream.sandbox.demo.evidence import Line, Section
from stream.sandbox.demo.holding import NOTHING_HELD
from stream.sandbox.demo.kafka import DemoError
from stream.sandbox.demo.poster import poster, two_moments
from stream.sandbox.demo.screen import ANSWERS, Snapshot

if TYPE_CHECKING:
    from pathlib import Path

MOMENT = Snapshot(
    phase="the service drains the backlog",
    elapsed_s=4.2,
    total=100_000,
    produced=92_000,
    outcomes=41_200,
    rate=28_650.4,
    requests=126,
    mean_batch=452.0,
    in_flight=[("customers", 812), ("tickets", 640), ("devices", 100), ("contracts", 5)],
    latency_ms=None,
    results={"APPLIED": 41_100, "INVALID": 49, "UNSUPPORTED": 50, "SKIPPED_STALE": 1, "CONFLICT": 1},
    api=ANSWERS,
    circuit=NOTHING_HELD,
)
HELD = replace(MOMENT, rate=0.0, produced=99_000, circuit="closed; held: customers", api="answers 503 to every call")
SECTIONS = [
    Section("Outcomes in Kafka", [Line("events without an outcome (lost)", "0", holds=True), Line("  APPLIED", "9")]),
    Section("Figures", [Line("not shown", "1")]),
]


def _text(svg: str) -> str:
    root = ET.fromstring(svg)  # noqa: S314 - our own
    return " ".join("".join(text.itertext()).replace("\xa0", " ") for text in root.iter() if text.tag.endswith("text"))


def test_the_picture_shows_two_moments_the_outcomes_and_the_verdict() -> None:
    """The command, the busiest moment, one in which something is held, the first section, the last word."""
    text = _text(poster([replace(MOMENT, rate=1.0), HELD, MOMENT], SECTIONS, "make demo"))
    for expected in ("$ make demo", "28,650", "closed; held: customers", "answers 503 to every call", "lost", "ok"):
        assert expected in text
    assert "Every figure adds up." in text
    assert "not shown" not in text


def test_the_picture_needs_nothing_from_elsewhere() -> None:
    """No address but the name of its own format, no script, and only fonts that each machine has."""
    svg = poster([MOMENT, HELD], SECTIONS, "make demo")
    assert re.findall(r"https?://[^\"\s]+", svg) == ["http://www.w3.org/2000/svg"]
    assert "@font-face" not in svg
    assert "<script" not in svg
    assert "<svg" in svg.splitlines()[0]


def test_pictures_have_one_size_whatever_the_figures() -> None:
    """Larger numbers, more results and longer names make no picture larger."""
    one = poster([MOMENT, HELD], SECTIONS, "make demo")
    few = replace(MOMENT, results={}, in_flight=[], outcomes=3, rate=0.0, circuit="open: everything is held")
    other = poster([few], SECTIONS, "make demo")
    assert _size(one) == _size(other)
    assert poster([MOMENT, HELD], SECTIONS, "make demo") == one


def _size(svg: str) -> str:
    found = re.search(r'viewBox="([^"]+)"', svg)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    ("moments", "chosen"),
    [
        ([], []),
        ([MOMENT], [MOMENT, MOMENT]),
        ([HELD, MOMENT], [MOMENT, HELD]),
        ([MOMENT, HELD, replace(HELD, produced=99_500)], [MOMENT, replace(HELD, produced=99_500)]),
    ],
    ids=["none", "nothing held", "one held", "two held"],
)
def test_the_moments_are_the_busiest_and_the_one_that_holds_most(
    moments: list[Snapshot], chosen: list[Snapshot]
) -> None:
    """The highest rate; then the longest queue while something is held, or of all where nothing ever was."""
    assert two_moments(moments) == chosen


def test_a_picture_that_cannot_be_written_is_told_before_anything_starts(tmp_path: Path) -> None:
    """Nobody waits for a demo whose picture has no place."""
    console = Console(file=io.StringIO())
    with pytest.raises(DemoError, match="is no directory; make it"):
        run_demo(DemoOptions(picture=tmp_path / "nowhere" / "demo.svg"), console)
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == ""
