"""What is shown of a run while it lasts: a picture on a terminal, a line a second elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.box import HORIZONTALS
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import RenderableType

_WIDTH: Final = 80


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is to be seen at one moment; `in_flight` are the requests on the wire, `kills` those of the service."""

    phase: str
    elapsed_s: float
    changes: int
    all_changes: int
    messages: int
    outcomes: int
    all_messages: int
    rate: float
    requests: int
    records: int
    in_flight: int
    kills: int
    results: Mapping[str, int]

    @property
    def lag(self) -> int:
        """Messages that have no outcome yet."""
        return max(self.messages - self.outcomes, 0)


def plain_line(snapshot: Snapshot) -> str:
    """Return a moment as one line."""
    return (
        f"{snapshot.elapsed_s:5.1f} s    {snapshot.phase}: {snapshot.changes:,} of {snapshot.all_changes:,} "
        f"statements, {snapshot.messages:,} messages, {snapshot.outcomes:,} of {snapshot.all_messages:,} outcomes, "
        f"lag {snapshot.lag:,}, killed {snapshot.kills}"
    )


def picture(snapshot: Snapshot) -> RenderableType:
    """Draw a moment, for a terminal of 80 columns or more."""
    bars = Table.grid(padding=(0, 2), expand=True)
    bars.add_column()
    bars.add_column(ratio=1)
    bars.add_column(justify="right")
    for name, count, total in (
        ("PostgreSQL, statements", snapshot.changes, snapshot.all_changes),
        ("Debezium, messages", snapshot.messages, snapshot.all_messages),
        ("service, outcomes", snapshot.outcomes, snapshot.all_messages),
    ):
        bar = ProgressBar(total, min(count, total), complete_style="cyan", finished_style="green")
        bars.add_row(name, bar, f"{count:,}")
    facts = Table.grid(padding=(0, 2))
    for name, value in _facts(snapshot):
        facts.add_row(Text(name, style="dim"), Text(value, no_wrap=True, overflow="crop"))
    whole = Table.grid(expand=True)
    for part in (bars, "", facts):
        whole.add_row(part)
    title, took = Text(snapshot.phase, style="bold"), f"{snapshot.elapsed_s:.0f} s"
    return Panel(
        whole, HORIZONTALS, title=title, title_align="left", subtitle=took, subtitle_align="right", width=_WIDTH
    )


def _facts(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    yield "outcomes/s", f"{snapshot.rate:,.0f}"
    yield "lag", f"{snapshot.lag:,} messages without an outcome"
    yield "requests", f"{snapshot.requests:,}, and {snapshot.in_flight} on the wire"
    yield "records", f"{snapshot.records:,} in the datastores"
    yield "results", "  ".join(f"{result} {count:,}" for result, count in sorted(snapshot.results.items())) or "-"
    yield "kill -9", f"{snapshot.kills} of the service so far"
