"""What the screen shows: one table of the runs, one of the targets, one of the ratios."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from .systems import TITLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .figures import Figures
    from .targets import Ratio, Target

COLUMNS = ("events/s", "s", "CPU s/M", "start CPU s", "peak MiB", "requests", "batch", "p50 ms", "p99 ms")


def runs_table(results: Sequence[Figures]) -> Table:
    """Show every run's figures."""
    table = Table(title="Runs", title_justify="left", caption_justify="left", caption=_caption(results))
    table.add_column("system")
    table.add_column("workload")
    for column in COLUMNS:
        table.add_column(column, justify="right", no_wrap=True)
    for each in results:
        repeats = f" ({each.runs} runs, ±{50 * each.spread:.0f} %)" if each.runs > 1 else ""
        table.add_row(TITLES[each.system], f"{each.label}{repeats}", *cells(each), style="red" if each.doubt else None)
    return table


def cells(each: Figures) -> tuple[str, ...]:
    """Write the figures of one run, as `COLUMNS` names them."""
    return (
        f"{each.events_per_s:,.0f}",
        f"{each.seconds:.1f}",
        f"{each.cpu_s_per_million:.2f}",
        f"{each.start_cpu_s:.2f}",
        f"{each.peak_mib:.0f}",
        f"{each.requests:,.0f}",
        f"{each.mean_batch:.0f}",
        "" if each.p50_ms is None else f"{each.p50_ms:.0f}",
        "" if each.p99_ms is None else f"{each.p99_ms:.0f}",
    )


def targets_table(targets: Sequence[Target]) -> Table:
    """Show what is wanted, and whether it is so."""
    table = Table("target", "found", "", title="Targets", title_justify="left")
    for target in targets:
        verdict = Text("met", style="green") if target.is_met else Text("not met", style="bold red")
        table.add_row(target.wanted, target.found, verdict)
    return table


def ratios_table(ratios: Sequence[Ratio]) -> Table:
    """Show how the service stands to the others."""
    others = list(dict.fromkeys(ratio.other for ratio in ratios))
    table = Table(title="The service as a multiple of", title_justify="left")
    table.add_column("column")
    for other in others:
        table.add_column(TITLES[other], justify="right")
    for column in dict.fromkeys(ratio.column for ratio in ratios):
        row = {ratio.other: ratio for ratio in ratios if ratio.column == column}
        table.add_row(column, *(_shown(row.get(other)) for other in others))
    return table


def _shown(ratio: Ratio | None) -> Text:
    if ratio is None:
        return Text("")
    styles = {True: "green", False: "bold red", None: ""}
    return Text(f"{ratio.ratio:.2f}", style=styles[ratio.is_ahead])


def _caption(results: Sequence[Figures]) -> str:
    doubts = [f"{TITLES[each.system]}, {each.label}: {each.doubt}" for each in results if each.doubt]
    return "\n".join(["CPU s/M: CPU seconds of the process for a million events, from the first request on.", *doubts])
