"""From what was seen of a run to its figures, and from repeated runs to one. Pure.

The work of a drain begins with the first request that the API saw and ends when the committed part of the outcome topic
last grew; that of a paced run begins with the first paced event. Events per second and CPU seconds are those of the
work; what a process needs to start stands beside them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from .watch import API, ELSEWHERE, KAFKA

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .measure import Run
    from .plan import Planned
    from .systems import Name
    from .watch import Sample

PERCENTILES = (1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 98, 99, 99.5, 99.9, 100)
CURVE_POINTS = 160
MEBIBYTE = 1_048_576
MILLION = 1_000_000


class Point(NamedTuple):
    """A moment of a run: seconds since the first sample, outcomes so far (markers included), memory."""

    at_s: float
    outcomes: int
    rss_mib: float


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one run, or of several of the same (the median of each); None where there is none.

    `start_cpu_s` is the CPU time before the work. `kafka_cpu_s` and `api_cpu_s` are what broker and API took from the
    start of the system to the end; `elsewhere_cores` is how many cores were taken by what is no part of the benchmark.
    `latency_ms` holds a value for each of `PERCENTILES`, from the input's Kafka timestamp to receipt by a
    `read_committed` reader. `doubt` says why a run does not count, None when it does.
    """

    system: Name
    label: str
    kind: str
    linger_ms: int
    cloudevents: bool
    events: int
    seconds: float
    events_per_s: float
    cpu_s_per_million: float
    start_cpu_s: float
    peak_mib: float
    requests: float
    mean_batch: float
    most_open: float
    kafka_cpu_s: float
    api_cpu_s: float
    elsewhere_cores: float
    p50_ms: float | None
    p99_ms: float | None
    latency_ms: tuple[float, ...]
    curve: tuple[Point, ...]
    doubt: str | None
    runs: int = 1
    spread: float = 0.0
    """Of repeated runs: (largest - smallest) / median of events per second."""

    @property
    def requests_per_million(self) -> float:
        """Requests for a million events."""
        return self.requests * MILLION / self.events


def figures(run: Run) -> Figures:
    """Work out the figures of one run."""
    planned, counts, samples = run.planned, run.load.counts, run.samples
    began_s = counts.first_ns / 1e9 if run.began_s is None else run.began_s
    before = max((sample for sample in samples if sample.at_s <= began_s), default=samples[0])
    last = _end_of_work(samples)
    done = min(run.tally.events, planned.workload.events)
    seconds = max(last.at_s - began_s, 0.001)
    latencies = sorted(seen.seen_ms - seen.sent_ms for seen in run.seen if seen.sent_ms >= began_s * 1000)
    return Figures(
        system=planned.job.system,
        label=planned.label,
        kind=_kind(planned),
        linger_ms=planned.job.linger_ms,
        cloudevents=planned.job.cloudevents,
        events=done,
        seconds=seconds,
        events_per_s=done / seconds,
        cpu_s_per_million=(last.cpu_s - before.cpu_s) * MILLION / max(done, 1),
        start_cpu_s=before.cpu_s,
        peak_mib=run.load.peak_bytes / MEBIBYTE,
        requests=counts.requests,
        mean_batch=counts.mean_batch,
        most_open=counts.most_open,
        kafka_cpu_s=run.load.others_cpu_s[KAFKA],
        api_cpu_s=run.load.others_cpu_s[API],
        elsewhere_cores=run.load.others_cpu_s[ELSEWHERE] / run.load.others_s,
        p50_ms=percentile(latencies, 50),
        p99_ms=percentile(latencies, 99),
        latency_ms=tuple(percentile(latencies, share) or 0.0 for share in PERCENTILES) if latencies else (),
        curve=_curve(samples),
        doubt=_doubt(run),
    )


def _kind(planned: Planned) -> str:
    """Name what a run is compared as."""
    if planned.workload.names_records:
        return "named"
    return "watched" if planned.job.is_watched else planned.workload.kind


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """Return the smallest value that `share` percent of the values do not exceed; None of nothing."""
    if not ordered:
        return None
    rank = -(-len(ordered) * share // 100)
    return ordered[max(int(rank) - 1, 0)]


def combined(repeats: Sequence[Figures]) -> Figures:
    """Make one of repeated runs: the median of each figure, the curve of the one with the median rate."""
    if len(repeats) == 1:
        return repeats[0]
    rates = [each.events_per_s for each in repeats]
    middle = sorted(repeats, key=lambda each: each.events_per_s)[len(repeats) // 2]
    medians = {
        field.name: median(getattr(each, field.name) for each in repeats)
        for field in fields(Figures)
        if field.type == "float" and field.name != "spread"
    }
    spread = (max(rates) - min(rates)) / median(rates)
    doubt = next((each.doubt for each in repeats if each.doubt), None)
    return replace(middle, **medians, runs=len(repeats), spread=spread, doubt=doubt)


def _end_of_work(samples: Sequence[Sample]) -> Sample:
    """Find the sample in which the outcomes were first seen to reach as far as they came."""
    grown = [later for earlier, later in pairwise(samples) if later.end > earlier.end]
    return grown[-1] if grown else samples[-1]


def _curve(samples: Sequence[Sample]) -> tuple[Point, ...]:
    step = max(1, len(samples) // CURVE_POINTS)
    origin_s = samples[0].at_s
    return tuple(
        Point(round(sample.at_s - origin_s, 3), sample.end, round(sample.rss_bytes / MEBIBYTE, 1))
        for sample in samples[::step]
    )


def _doubt(run: Run) -> str | None:
    """Say why a run does not count."""
    events = run.planned.workload.events
    if run.load.counts.refused:
        return f"the API refused {run.load.counts.refused} requests"
    if run.tally.applied != run.tally.outcomes:
        return f"{run.tally.outcomes - run.tally.applied} outcomes are not APPLIED"
    if run.planned.job.system == "service" and run.tally.outcomes != run.tally.events:
        return f"{run.tally.outcomes - run.tally.events} outcomes are doubled"
    if run.tally.events < events and not run.was_cut:
        return f"{events - run.tally.events} events have no outcome"
    if run.was_cut:
        return f"cut off: {run.tally.events:,} of {events:,} events in time"
    return None if run.ended_well else "did not end in an orderly way"
