"""Plots as inline SVG: bars and lines, coloured by classes that the page defines. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

WIDTH = 720
LABEL_WIDTH = 210
VALUE_WIDTH = 70
BAR = 22
GAP = 10
TOP = 26
HEIGHT = 300
LEFT, RIGHT, BOTTOM = 60, 16, 42
TICKS = 5


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its label, its value, the system that colours it, whether it is hatched as a variant."""

    label: str
    value: float
    system: str
    is_variant: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its label, its points, the system that colours it, whether it is dashed as a variant."""

    label: str
    points: Sequence[tuple[float, float]]
    system: str
    is_variant: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A value that is wanted, drawn as a line across the plot."""

    value: float
    label: str


@dataclass(frozen=True, slots=True)
class Axis:
    """From which value to which, where on the page, with what name; logarithmic or not."""

    low: float
    high: float
    begin: float
    end: float
    name: str
    is_log: bool = False

    def place(self, value: float) -> float:
        """Say where on the page a value stands."""
        if self.is_log:
            share = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.begin + min(max(share, 0.0), 1.0) * (self.end - self.begin)

    def ticks(self) -> list[float]:
        """Choose round values along the axis."""
        if self.is_log:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            candidates = [step * 10.0**power for power in powers for step in (1, 2, 5)]
        else:
            step = _round_step((self.high - self.low) / TICKS)
            candidates = [step * number for number in range(int(self.high / step) + 1)]
        return [value for value in candidates if self.low <= value <= self.high]


def bars(rows: Sequence[Bar], unit: str, mark: Mark | None, shown: Callable[[float], str]) -> str:
    """Draw horizontal bars from zero, each with its value behind it.

    Args:
        rows: from top to bottom.
        unit: of the values, for readers who cannot see the plot.
        mark: a value that is wanted, or None.
        shown: writes a value.
    """
    most = max([row.value for row in rows] + ([mark.value] if mark else []))
    axis = Axis(0.0, most or 1.0, LABEL_WIDTH, WIDTH - VALUE_WIDTH, unit)
    height = TOP + len(rows) * (BAR + GAP)
    parts = [part for number, row in enumerate(rows) for part in _bar(row, TOP + number * (BAR + GAP), axis, shown)]
    if mark:
        at = axis.place(mark.value)
        parts += [
            f'<line class="mark" x1="{at:.1f}" x2="{at:.1f}" y1="{TOP - 6}" y2="{height}"/>',
            f'<text class="mark-label" x="{at:.1f}" y="{TOP - 10}" text-anchor="middle">{escape(mark.label)}</text>',
        ]
    return _svg(height, f"bars, {unit}", parts)


def _bar(row: Bar, y: int, axis: Axis, shown: Callable[[float], str]) -> Iterator[str]:
    middle = y + BAR / 2 + 4
    length = axis.place(row.value) - axis.begin
    variant = " variant" if row.is_variant else ""
    yield f'<text class="label" x="{axis.begin - 10}" y="{middle}" text-anchor="end">{escape(row.label)}</text>'
    yield (
        f'<rect class="{row.system}{variant}" x="{axis.begin}" y="{y}" width="{length:.1f}" height="{BAR}" rx="2">'
        f"<title>{escape(row.label)}: {escape(shown(row.value))} {escape(axis.name)}</title></rect>"
    )
    yield f'<text class="value" x="{axis.begin + length + 6:.1f}" y="{middle}">{escape(shown(row.value))}</text>'


def lines(series: Sequence[Line], x_name: str, y_name: str, marks: Sequence[Mark] = (), *, log_x: bool = False) -> str:
    """Draw lines over two axes with a legend; marks are values of the horizontal axis."""
    xs = [x for line in series for x, _ in line.points] + [mark.value for mark in marks]
    ys = [y for line in series for _, y in line.points]
    low = max(min(xs), 1.0) if log_x else 0.0
    across = Axis(low, max([*xs, low * 1.1, 0.001]), LEFT, WIDTH - RIGHT, x_name, log_x)
    up = Axis(0.0, max([*ys, 0.001]), HEIGHT - BOTTOM, TOP, y_name)
    parts = [*_grid(across, up), *_marks(marks, across), *(_line(line, across, up) for line in series)]
    return _svg(HEIGHT, f"{y_name} over {x_name}", parts) + _legend(series)


def _grid(across: Axis, up: Axis) -> Iterator[str]:
    for value in up.ticks():
        y = up.place(value)
        yield f'<line class="grid" x1="{across.begin}" x2="{across.end}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text class="tick" x="{across.begin - 8}" y="{y + 4:.1f}" text-anchor="end">{_short(value)}</text>'
    for value in across.ticks():
        x = across.place(value)
        yield f'<text class="tick" x="{x:.1f}" y="{up.begin + 16}" text-anchor="middle">{_short(value)}</text>'
    yield f'<text class="tick" x="{across.end}" y="{up.begin + 34}" text-anchor="end">{escape(across.name)}</text>'
    yield f'<text class="tick" x="{across.begin - 50}" y="{TOP - 12}">{escape(up.name)}</text>'


def _marks(marks: Sequence[Mark], across: Axis) -> Iterator[str]:
    for mark in marks:
        x = across.place(mark.value)
        yield f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 4}" y2="{HEIGHT - BOTTOM}"/>'
        yield f'<text class="mark-label" x="{x:.1f}" y="{TOP - 10}" text-anchor="middle">{escape(mark.label)}</text>'


def _line(line: Line, across: Axis, up: Axis) -> str:
    points = " ".join(f"{across.place(x):.1f},{up.place(y):.1f}" for x, y in line.points)
    variant = " variant" if line.is_variant else ""
    return f'<polyline class="{line.system}{variant}" points="{points}"><title>{escape(line.label)}</title></polyline>'


def _legend(series: Sequence[Line]) -> str:
    entries = "".join(
        f'<li><i class="{line.system}{" variant" if line.is_variant else ""}"></i>{escape(line.label)}</li>'
        for line in series
    )
    return f'<ul class="legend">{entries}</ul>'


def _svg(height: float, described: str, parts: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(described)}">{"".join(parts)}</svg>'


def _round_step(wanted: float) -> float:
    power = 10.0 ** math.floor(math.log10(wanted))
    return next((step * power for step in (1, 2, 5) if step * power >= wanted), 10 * power)


def _short(value: float) -> str:
    if value >= 1_000_000:  # noqa: PLR2004 - one million
        return f"{value / 1_000_000:g} M"
    return f"{value / 1000:g} k" if value >= 1000 else f"{value:g}"  # noqa: PLR2004 - one thousand
