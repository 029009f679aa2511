"""The report: one HTML file that needs nothing else, made of a result alone. Pure."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from . import targets as wanted
from .figures import PERCENTILES
from .page import METHOD, PAGE
from .plots import Bar, Line, Mark, bars, lines
from .systems import RIVALS, TITLES
from .table import COLUMNS, cells

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .figures import Figures
    from .result import Result
    from .targets import Ratio

LAST_PERCENTILE = 99.9


def page(result: Result) -> str:
    """Write the report."""
    met = sum(target.is_met for target in result.targets)
    fills = {
        "VERDICT": _verdict(result.why_void, met, len(result.targets)),
        "FACTS": _facts(result),
        "TARGETS": "".join(
            f"<tr><td>{escape(each.wanted)}</td><td>{escape(each.found)}</td>{_met(is_met=each.is_met)}</tr>"
            for each in result.targets
        ),
        "PLOTS": "".join(_plots(result.results)),
        "COLUMNS": "".join(f"<th>{escape(column)}</th>" for column in ("runs", *COLUMNS, "cores elsewhere")),
        "RUNS": "".join(_row(each) for each in result.results),
        "RATIOS": _ratios(result.ratios),
        "METHOD": METHOD.replace("{API_RECORDS}", f"{result.api_records_per_s:,.0f}"),
    }
    text = PAGE
    for name, filled in fills.items():
        text = text.replace("{" + name + "}", filled)
    return text


def _verdict(why_void: str | None, met: int, count: int) -> str:
    if why_void is not None:
        return f'<p class="verdict bad">This run is void: {escape(why_void)}</p>'
    kind = "good" if met == count else "bad"
    return f'<p class="verdict {kind}">{met} of {count} targets met</p>'


def _facts(result: Result) -> str:
    machine = result.machine
    named = {
        "Machine": f"{machine.cpu}, {machine.cores} cores, {machine.memory_gib} GiB, {machine.system}",
        "Commit": result.commit,
        "Measured": f"{result.measured_at}, in {result.took_s / 60:.1f} minutes",
        "Versions": ", ".join(f"{name} {version}" for name, version in result.versions.items()),
    }
    return "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in named.items())


def _met(*, is_met: bool) -> str:
    return f'<td class="{"good" if is_met else "bad"}">{"met" if is_met else "not met"}</td>'


def _row(each: Figures) -> str:
    values = (str(each.runs), *cells(each), f"{each.elsewhere_cores:.2f}")
    doubt = f'<br><span class="bad">{escape(each.doubt)}</span>' if each.doubt else ""
    shown = "".join(f"<td>{escape(value)}</td>" for value in values)
    return f"<tr><th>{escape(TITLES[each.system])}</th><td>{escape(each.label)}{doubt}</td>{shown}</tr>"


def _ratios(ratios: Sequence[Ratio]) -> str:
    others = list(dict.fromkeys(ratio.other for ratio in ratios))
    found = {(ratio.other, ratio.column): ratio for ratio in ratios}
    head = "".join(f"<th>{escape(TITLES[other])}</th>" for other in others)
    rows = (
        f"<tr><td>{escape(column)}</td>{''.join(_ratio(found.get((other, column))) for other in others)}</tr>"
        for column in dict.fromkeys(ratio.column for ratio in ratios)
    )
    return f"<tr><th></th>{head}</tr>{''.join(rows)}"


def _ratio(ratio: Ratio | None) -> str:
    if ratio is None:
        return "<td></td>"
    kinds = {True: ' class="good"', False: ' class="bad"', None: ""}
    return f"<td{kinds[ratio.is_ahead]}>{ratio.ratio:.2f}</td>"


def _plots(results: Sequence[Figures]) -> Iterator[str]:
    drains = [each for each in results if each.kind in {"drain", "watched", "envelope", "schema"}]
    slow = [each for each in results if each.kind == "slow"]
    paced = [each for each in results if each.kind == "paced" and each.latency_ms]
    if drains:
        yield from _drain_plots(drains)
    if slow:
        yield _figure("API that answers after 100 ms: outcomes over time", _slow_plot(slow))
    if paced:
        text = "From the input's Kafka timestamp to receipt by a read_committed reader, 2,000 events/s, API of 10 ms."
        yield _figure("Latency of a committed outcome", _latency_plot(paced), text)
    if results:
        mark = Mark(wanted.MOST_PEAK_MIB, "400 MiB")
        rows = [Bar(_name(each), each.peak_mib, each.system, each.cloudevents) for each in [*drains, *slow, *paced]]
        yield _figure("Peak memory, MiB", bars(rows, "MiB", mark, lambda value: f"{value:.0f}"))


def _drain_plots(drains: Sequence[Figures]) -> Iterator[str]:
    rates = [Bar(_name(each), each.events_per_s, each.system, each.cloudevents) for each in drains]
    costs = [Bar(_name(each), each.cpu_s_per_million, each.system, each.cloudevents) for each in drains]
    floor = next((each for each in drains if each.system == "floor"), None)
    most = Mark(floor.cpu_s_per_million * wanted.MOST_TIMES_FLOOR, "1.4 times the floor") if floor else None
    least = Mark(wanted.LEAST_EVENTS_PER_S, f"{wanted.LEAST_EVENTS_PER_S:,}")
    text = "A backlog drained as fast as it goes; more is better. The rivals promise less and judge no schema."
    rate_plot = bars(rates, "events/s", least, lambda value: f"{value:,.0f}")
    yield _figure("Drain, events per second", rate_plot, text)
    cost_plot = bars(costs, "CPU s per million", most, lambda value: f"{value:.1f}")
    text = "CPU seconds of the process for a million events; less is better."
    yield _figure("Drain, CPU seconds per million events", cost_plot, text)
    memory = [
        Line(_name(each), [(point.at_s, point.rss_mib) for point in each.curve], each.system, each.cloudevents)
        for each in drains
    ]
    yield _figure("Memory during the drain", lines(memory, "s since its start", "MiB"))


def _slow_plot(slow: Sequence[Figures]) -> str:
    series = [Line(_name(each), [(point.at_s, point.outcomes) for point in each.curve], each.system) for each in slow]
    return lines(series, "s since the process was started", "outcomes")


def _latency_plot(paced: Sequence[Figures]) -> str:
    series = [
        Line(
            f"{TITLES[each.system]}, linger {each.linger_ms} ms",
            [(ms, share) for ms, share in zip(each.latency_ms, PERCENTILES, strict=True) if share <= LAST_PERCENTILE],
            each.system,
            each.linger_ms > min(wanted.MOST_P99_MS),
        )
        for each in paced
        if not each.cloudevents
    ]
    marks = [Mark(ms, f"{ms:.0f} ms") for ms in wanted.MOST_P99_MS.values()]
    return lines(series, "ms", "percent of events", marks, log_x=True)


def _name(each: Figures) -> str:
    named = TITLES[each.system] + (", CloudEvents" if each.cloudevents else "")
    return f"{named} ({each.kind})" if each.system not in RIVALS and each.kind != "drain" else named


def _figure(title: str, plot: str, text: str = "") -> str:
    caption = f"<p>{escape(text)}</p>" if text else ""
    return f"<figure><figcaption><h3>{escape(title)}</h3>{caption}</figcaption>{plot}</figure>"
