"""What the demo shows while it runs: a live picture on a terminal, plain lines everywhere else."""

from __future__ import annotations

import time
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.box import HORIZONTALS
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from .holding import NOTHING_HELD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from rich.console import Console, RenderableType

PLAIN_EVERY_S: Final = 1.0
LIVE_EVERY_S: Final = 0.125
_WIDTH: Final = 80
_MOST_IN_FLIGHT_SHOWN: Final = 3
_SUCCESSES: Final = frozenset({"APPLIED", "ALREADY_APPLIED", "SKIPPED_STALE", "SUPERSEDED", "IGNORED"})
"""Contract section 3."""
ANSWERS: Final = "answers"
_MOST_MOMENTS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is to be seen at one moment.

    `rate` is outcomes per second lately; `in_flight` are the requests on the wire (datastore, records), as the stand-in
    sees them; `latency_ms` is how long the newest outcome took from its event, None where that says nothing: events of
    the backlog waited for the service to start. `api` is how the stand-in answers, `circuit` what the service holds.
    """

    phase: str
    elapsed_s: float
    total: int
    produced: int
    outcomes: int
    rate: float
    requests: int
    mean_batch: float
    in_flight: Sequence[tuple[str, int]]
    latency_ms: float | None
    results: Mapping[str, int]
    api: str
    circuit: str

    @property
    def lag(self) -> int:
        """Events that have no outcome yet."""
        return self.produced - self.outcomes

    @property
    def is_held(self) -> bool:
        """Whether the service holds anything back."""
        return self.circuit != NOTHING_HELD


class Screen:
    """Where the demo speaks; it asks the console what it is, and never draws where that cannot be seen."""

    def __init__(self, console: Console) -> None:
        """Speak to this console."""
        self.console = console
        self.is_live = console.is_terminal and not console.is_dumb_terminal
        self.laps: list[tuple[str, float]] = []
        """What took how long, in seconds."""
        self.said: list[str] = []
        """Every line that was said, without the moments."""
        self.moments: deque[Snapshot] = deque(maxlen=_MOST_MOMENTS)
        """What was shown, the last of it."""
        self._live: Live | None = None
        self._next_s = 0.0

    def say(self, line: str) -> None:
        """Print a line; text is never taken for markup."""
        self.said.append(line)
        self._print(line)

    def _print(self, line: str) -> None:
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def doing(self, lap: str, done: str) -> Iterator[None]:
        """Show that something is being done, then what has been done and how long it took."""
        started_s = time.monotonic()
        if self.is_live:
            with self.console.status(Text(f"{lap} …")):
                yield
        else:
            yield
        self.lap(lap, time.monotonic() - started_s, done)

    def lap(self, lap: str, took_s: float, done: str) -> None:
        """Note and print what took how long."""
        self.laps.append((lap, took_s))
        self.say(f"{took_s:5.1f} s  {done}")

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Keep a place for the picture, and take it away afterwards."""
        if not self.is_live:
            yield
            return
        with Live(console=self.console, auto_refresh=False, transient=True) as self._live:
            yield
        self._live = None

    def is_due(self, now_s: float) -> bool:
        """Tell whether the next snapshot may be shown; counts it as shown."""
        if now_s < self._next_s:
            return False
        self._next_s = now_s + (LIVE_EVERY_S if self.is_live else PLAIN_EVERY_S)
        return True

    def show(self, snapshot: Snapshot) -> None:
        """Show a moment: the picture anew, or one more line."""
        self.moments.append(snapshot)
        self.draw(lambda: picture(snapshot), lambda: plain_line(snapshot))

    def draw(self, drawn: Callable[[], RenderableType], line: Callable[[], str]) -> None:
        """Show a moment by its picture where that can be seen, else by its line."""
        if self._live is not None:
            self._live.update(drawn(), refresh=True)
        else:
            self._print(line())


def plain_line(snapshot: Snapshot) -> str:
    """Return a moment as one line."""
    return (
        f"{snapshot.elapsed_s:5.1f} s    {snapshot.phase}: {snapshot.outcomes:,} of {snapshot.total:,} outcomes, "
        f"{snapshot.rate:,.0f}/s, lag {snapshot.lag:,}, {len(snapshot.in_flight)} in flight"
        f"{f', circuit {snapshot.circuit}' if snapshot.is_held else ''}"
    )


def picture(snapshot: Snapshot) -> RenderableType:
    """Draw a moment, for a terminal of 80 columns or more."""
    bars = Table.grid(padding=(0, 2), expand=True)
    bars.add_column()
    bars.add_column(ratio=1)
    bars.add_column(justify="right")
    for name, count in (("produced", snapshot.produced), ("outcomes", snapshot.outcomes)):
        bar = ProgressBar(snapshot.total, count, complete_style="cyan", finished_style="green")
        bars.add_row(name, bar, f"{count:,}")
    facts = Table.grid(padding=(0, 2))
    for name, value, style in _facts(snapshot):
        facts.add_row(Text(name, style="dim"), Text(value, style=style, no_wrap=True, overflow="crop"))
    whole = Table.grid(expand=True)
    whole.add_row(bars)
    whole.add_row("")
    whole.add_row(facts)
    title = Text(snapshot.phase, style="bold")
    took = f"{snapshot.elapsed_s:.0f} s"
    return Panel(
        whole, HORIZONTALS, title=title, title_align="left", subtitle=took, subtitle_align="right", width=_WIDTH
    )


def _facts(snapshot: Snapshot) -> Iterator[tuple[str, str, str]]:
    yield "events/s", f"{snapshot.rate:,.0f}", ""
    yield "lag", f"{snapshot.lag:,} events without an outcome", ""
    yield "latency", _latency(snapshot.latency_ms), ""
    yield "batches", f"{snapshot.requests:,} requests of {snapshot.mean_batch:,.0f} records on average", ""
    yield "in flight", _in_flight(snapshot.in_flight), ""
    yield "API", snapshot.api, "green" if snapshot.api == ANSWERS else "red"
    yield "circuit", snapshot.circuit, "yellow" if snapshot.is_held else "green"
    for name, results in (("succeeded", _SUCCESSES), ("failed", snapshot.results.keys() - _SUCCESSES)):
        counts = sorted(((snapshot.results.get(result, 0), result) for result in results), reverse=True)
        yield name, "  ".join(f"{result} {count:,}" for count, result in counts if count) or "-", ""


def _latency(newest_ms: float | None) -> str:
    if newest_ms is None:
        return "- (these events waited for the service to start)"
    return f"{newest_ms:,.0f} ms from event to outcome, the newest"


def _in_flight(requests: Sequence[tuple[str, int]]) -> str:
    if not requests:
        return "-"
    # One whose body is still being received names no datastore yet.
    shown = [f"{datastore} {records:,}" for datastore, records in requests if datastore][:_MOST_IN_FLIGHT_SHOWN]
    more = [f"{len(requests) - len(shown)} more"] if len(requests) > len(shown) else []
    return f"{len(requests)}: {', '.join(shown + more)}" if shown else str(len(requests))
