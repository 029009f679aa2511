"""What is wanted of the figures, and whether it is so. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .systems import RIVALS, TITLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .figures import Figures
    from .systems import Name

FLOOR_EVENTS_PER_S = 90_000
FLOOR_CPU_S_PER_MILLION = 9.0
MOST_TIMES_FLOOR = 1.4
LEAST_EVENTS_PER_S = 75_000
MOST_SLOW_S = 5.0
LEAST_OF_NATIVE = {"envelope": 0.6, "schema": 0.3}
"""Events per second of Debezium's envelopes, without and with schema, as a part of those of native events."""
LEAST_OF_UNWATCHED = 0.95
"""Events per second with all telemetry on, as a part of those without any."""
MOST_PEAK_MIB = 400.0
MOST_P99_MS = {5: 120.0, 200: 300.0}


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that is wanted: in words, what was found, and whether it is met."""

    wanted: str
    found: str
    is_met: bool


@dataclass(frozen=True, slots=True)
class Ratio:
    """How the service stands to another system in one column; above 1 it has more of it."""

    other: Name
    column: str
    ratio: float
    is_ahead: bool | None
    """None where nothing is wanted."""


class _Results:
    """Finds runs among the figures."""

    def __init__(self, results: Sequence[Figures]) -> None:
        self._results = results

    def find(
        self, system: Name, kind: str, linger_ms: int | None = None, *, cloudevents: bool = False
    ) -> Figures | None:
        """Find one; None when it was not made or does not count."""
        for each in self._results:
            same = (each.system, each.kind, each.cloudevents) == (system, kind, cloudevents)
            if same and linger_ms in (None, each.linger_ms) and each.doubt is None:
                return each
        return None


def why_void(results: Sequence[Figures]) -> str | None:
    """Say why the whole does not count: the floor itself is too slow here; None when it does, or was not run."""
    floor = _Results(results).find("floor", "drain")
    if floor is None or floor.events_per_s >= FLOOR_EVENTS_PER_S or floor.cpu_s_per_million <= FLOOR_CPU_S_PER_MILLION:
        return None
    return (
        f"the floor reached {floor.events_per_s:,.0f} events/s at {floor.cpu_s_per_million:.1f} CPU s per million; "
        f"a run counts where it reaches {FLOOR_EVENTS_PER_S:,} or needs at most {FLOOR_CPU_S_PER_MILLION:g}"
    )


def targets(results: Sequence[Figures]) -> list[Target]:
    """Judge what was run; targets whose runs were not made are left out."""
    return [*_of_throughput(_Results(results)), *_of_memory(results), *_of_latency(_Results(results)), *_ahead(results)]


def _of_throughput(found: _Results) -> Iterator[Target]:
    floor, drain, slow = found.find("floor", "drain"), found.find("service", "drain"), found.find("service", "slow")
    if floor and drain:
        times = drain.cpu_s_per_million / floor.cpu_s_per_million
        text = f"{times:.2f} ({drain.cpu_s_per_million:.2f} against {floor.cpu_s_per_million:.2f} s per million)"
        yield Target(f"CPU per event ≤ {MOST_TIMES_FLOOR} times the floor", text, times <= MOST_TIMES_FLOOR)
    if drain:
        rate = drain.events_per_s
        yield Target(f"drain ≥ {LEAST_EVENTS_PER_S:,} events/s", f"{rate:,.0f}", rate >= LEAST_EVENTS_PER_S)
    for kind, least in LEAST_OF_NATIVE.items():
        mapped = found.find("service", kind)
        if drain and mapped:
            share = mapped.events_per_s / drain.events_per_s
            text = f"{share:.2f} ({mapped.events_per_s:,.0f} against {drain.events_per_s:,.0f} events/s)"
            extra = " with schema" if kind == "schema" else ""
            yield Target(f"Debezium envelopes{extra} ≥ {least:g} of native throughput", text, share >= least)
    watched = found.find("service", "watched")
    if drain and watched:
        share = watched.events_per_s / drain.events_per_s
        text = f"{share:.3f} ({watched.events_per_s:,.0f} against {drain.events_per_s:,.0f} events/s)"
        yield Target("all telemetry on costs ≤ 5 % of the throughput", text, share >= LEAST_OF_UNWATCHED)
    if slow:
        wanted = f"API of 100 ms, {slow.events:,} events ≤ {MOST_SLOW_S:g} s"
        yield Target(wanted, f"{slow.seconds:.2f} s", slow.seconds <= MOST_SLOW_S)


def _of_memory(results: Sequence[Figures]) -> Iterator[Target]:
    peaks = [each.peak_mib for each in results if each.system == "service"]
    if peaks:
        wanted = f"peak memory ≤ {MOST_PEAK_MIB:.0f} MiB in every run"
        yield Target(wanted, f"{max(peaks):.0f} MiB", max(peaks) <= MOST_PEAK_MIB)


def _of_latency(found: _Results) -> Iterator[Target]:
    for linger_ms, most_ms in MOST_P99_MS.items():
        for cloudevents in (False, True):
            paced = found.find("service", "paced", linger_ms, cloudevents=cloudevents)
            if paced and paced.p99_ms is not None:
                extra = ", CloudEvents" if cloudevents else ""
                wanted = f"p99 ≤ {most_ms:.0f} ms at linger {linger_ms}{extra}"
                yield Target(wanted, f"{paced.p99_ms:.0f} ms", paced.p99_ms <= most_ms)


def _ahead(results: Sequence[Figures]) -> Iterator[Target]:
    for rival in RIVALS:
        judged = [each for each in ratios(results) if each.other == rival and each.is_ahead is not None]
        behind = [f"{each.column} ({each.ratio:.2f})" for each in judged if not each.is_ahead]
        if judged:
            said = f"behind in {', '.join(behind)}" if behind else f"ahead in all {len(judged)}"
            yield Target(f"ahead of {TITLES[rival]} in every column but peak memory", said, not behind)


def ratios(results: Sequence[Figures]) -> list[Ratio]:
    """Compare the service with the floor and with each rival."""
    return [ratio for other in ("floor", *RIVALS) for ratio in _against(_Results(results), other)]


def _against(found: _Results, other: Name) -> Iterator[Ratio]:
    is_rival = other in RIVALS
    for kind, words, linger_ms in (
        ("drain", "drain", None),
        ("slow", "API 100 ms", None),
        ("paced", "paced, linger 5", 5),
    ):
        ours, theirs = found.find("service", kind, linger_ms), found.find(other, kind, linger_ms)
        if ours is None or theirs is None:
            continue
        for column, more_is_better, value in _columns(kind):
            mine, its = value(ours), value(theirs)
            if mine is None or not its:
                continue
            wanted = is_rival and more_is_better is not None
            ahead = (mine > its) == more_is_better if wanted else None
            yield Ratio(other, f"{words}: {column}", mine / its, ahead)


def _columns(kind: str) -> Iterator[tuple[str, bool | None, Callable[[Figures], float | None]]]:
    """Name the columns of a workload, whether more of it is better (None: only reported), and its value."""
    if kind == "paced":
        yield "p50", False, lambda each: each.p50_ms
        yield "p99", False, lambda each: each.p99_ms
    else:
        yield "events/s", True, lambda each: each.events_per_s
    yield "CPU s per million", False, lambda each: each.cpu_s_per_million
    yield "requests per million", False, lambda each: each.requests_per_million
    yield "mean batch", True, lambda each: each.mean_batch
    yield "peak memory", None, lambda each: each.peak_mib
