"""What the demo shows while it runs: a live picture on a terminal, plain lines everywhere else."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import Console, RenderableType

PLAIN_EVERY_S: Final = 1.0
LIVE_EVERY_S: Final = 0.125
_WIDTH: Final = 80
_MOST_IN_FLIGHT_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is to be seen at one moment.

    `rate` is outcomes per second lately; `in_flight` are the requests on the wire (datastore, records), as the stand-in
    sees them; `latency_ms` is how long the newest outcome took from its event, None before the first.
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

    @property
    def lag(self) -> int:
        """Events that have no outcome yet."""
        return self.produced - self.outcomes


class Screen:
    """Where the demo speaks; it asks the console what it is, and never draws where that cannot be seen."""

    def __init__(self, console: Console) -> None:
        """Speak to this console."""
        self.console = console
        self.is_live = console.is_terminal and not console.is_dumb_terminal
        self.laps: list[tuple[str, float]] = []
        """What took how long, in seconds."""
        self._live: Live | None = None
        self._next_s = 0.0

    def say(self, line: str) -> None:
        """Print a line; text is never taken for markup."""
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
        if self._live is not None:
            self._live.update(picture(snapshot), refresh=True)
        else:
            self.say(plain_line(snapshot))


def plain_line(snapshot: Snapshot) -> str:
    """Return a moment as one line."""
    return (
        f"{snapshot.elapsed_s:5.1f} s    {snapshot.phase}: {snapshot.outcomes:,} of {snapshot.total:,} outcomes, "
        f"{snapshot.rate:,.0f}/s, lag {snapshot.lag:,}, {len(snapshot.in_flight)} in flight"
    )


def picture(snapshot: Snapshot) -> RenderableType:
    """Draw a moment, for a terminal of 80 columns or more."""
    bars = Table.grid(padding=(0, 2), expand=True)
    bars.add_column()
    bars.add_column(ratio=1)
    bars.add_column(justify="right")
    bars.add_row("produced", ProgressBar(snapshot.total, snapshot.produced), f"{snapshot.produced:,}")
    bars.add_row("outcomes", ProgressBar(snapshot.total, snapshot.outcomes), f"{snapshot.outcomes:,}")
    facts = Table.grid(padding=(0, 2))
    for name, value in _facts(snapshot):
        facts.add_row(Text(name, style="dim"), Text(value))
    whole = Table.grid(expand=True)
    whole.add_row(bars)
    whole.add_row("")
    whole.add_row(facts)
    title = Text(f" {snapshot.phase} ", style="bold")
    return Panel(whole, title=title, title_align="left", subtitle=f"{snapshot.elapsed_s:.0f} s", width=_WIDTH)


def _facts(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    yield "events/s", f"{snapshot.rate:,.0f}"
    yield "lag", f"{snapshot.lag:,} events without an outcome"
    latency = "-" if snapshot.latency_ms is None else f"{snapshot.latency_ms:,.0f} ms from event to outcome, the newest"
    yield "latency", latency
    yield "batches", f"{snapshot.requests:,} requests of {snapshot.mean_batch:,.0f} records on average"
    yield "in flight", _in_flight(snapshot.in_flight)
    counts = sorted(snapshot.results.items(), key=lambda pair: -pair[1])
    yield "results", "  ".join(f"{result} {count:,}" for result, count in counts) or "-"


def _in_flight(requests: Sequence[tuple[str, int]]) -> str:
    if not requests:
        return "-"
    # One whose body is still being received names no datastore yet.
    shown = [f"{datastore} {records:,}" for datastore, records in requests if datastore][:_MOST_IN_FLIGHT_SHOWN]
    more = [f"{len(requests) - len(shown)} more"] if len(requests) > len(shown) else []
    return f"{len(requests)}: {', '.join(shown + more)}" if shown else str(len(requests))
