"""Half an hour at a steady rate with mild faults: does anything grow that should not?

`python -m tests.chaos soak` runs it. Outcomes are counted as they come, by position; nothing of them is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stream.sandbox.faults import Fault

from ..harness.feed import Pace, Population
from ..harness.proxy import Trouble
from ..harness.stage import Layout, Stage, source_of
from ..harness.verify import Census
from ..harness.waiting import eventually, pause
from ..outcome_schema import assert_outcomes_valid
from .samples import Sampler, draw, rates, slope_per_h

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ..harness.cluster import Cluster
    from ..harness.topics import Record
    from .samples import Sample

WITHIN_S = 120.0
FAULTS = (
    Fault("delay", min_s=0.005, max_s=0.015),
    Fault("answer", status=503, probability=0.002),
    Fault("answer", status=500, applied=True, probability=0.001),
    Fault("reset", applied=True, probability=0.001),
    Fault("answer", status=429, retry_after="0", probability=0.0005),
)
NETWORK = Trouble(latency_s=0.001, jitter_s=0.002, resets=0.00001)
MAX_MEMORY_MIB_PER_H = 20.0
MAX_DESCRIPTORS_PER_H = 4.0
MAX_THREADS_PER_H = 2.0
"""What the fit through an hour of a process that is flat may show: the noise of the last collection, a connection."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a soak came to: outcomes judged, and how much rises in an hour (fitted after the warm-up)."""

    lasted_s: float
    rate_per_s: float
    events: int
    lost: int
    doubled: int
    rss_mib: float
    rss_mib_per_h: float
    descriptors: int
    descriptors_per_h: float
    threads: int
    threads_per_h: float
    most_waiting: int

    def failures(self) -> list[str]:
        """Name what breaks a bound."""
        bounds = {
            "lost": 0.0,
            "doubled": 0.0,
            "rss_mib_per_h": MAX_MEMORY_MIB_PER_H,
            "descriptors_per_h": MAX_DESCRIPTORS_PER_H,
            "threads_per_h": MAX_THREADS_PER_H,
        }
        return [f"{name}: {getattr(self, name)}" for name, bound in bounds.items() if getattr(self, name) > bound]


def run_soak(cluster: Cluster, directory: Path, for_s: float, rate_per_s: float, plots: Path | None) -> Figures:
    """Let events flow for a time, and look at the service once a second.

    Args:
        cluster: one broker.
        directory: for logs.
        for_s: how long.
        rate_per_s: of the events.
        plots: directory for `soak-*.svg`.
    """
    census = Census()

    def see(outcome: Record) -> None:
        assert_outcomes_valid([outcome.json])
        census.add(source_of(outcome))

    layout = Layout(see=see, shows_logs=False)
    with Stage(cluster.bootstrap_servers, directory, layout, cluster) as stage:
        for fault in FAULTS:
            stage.sandbox.faults.add(fault)
        cluster.links[0].trouble = NETWORK
        service = stage.start(KAFKA_INSTANCE_ID="one", STREAM_BATCH_LINGER_MS="200")
        pace = Pace(stage.feed, Population(datastores=8, records=100_000), rate_per_s)
        stage.await_outcomes(int(rate_per_s), WITHIN_S)
        with Sampler(stage, service) as sampler:
            pause(for_s)
        pace.stop()
        stage.await_all_committed(WITHIN_S)
        ends = stage.ends()
        eventually(lambda: len(stage.reader) >= sum(ends.values()), WITHIN_S, "all outcomes at the reader")
        outcomes = census.judge(ends)
        assert service.is_running
    samples = sampler.samples
    if plots is not None:
        _draw(plots, samples)
    return Figures(
        lasted_s=for_s,
        rate_per_s=rate_per_s,
        events=outcomes.inputs,
        lost=outcomes.lost,
        doubled=outcomes.doubled,
        rss_mib=round(samples[-1].rss_mib, 1),
        rss_mib_per_h=round(slope_per_h(samples, lambda each: each.rss_mib), 2),
        descriptors=samples[-1].descriptors,
        descriptors_per_h=round(slope_per_h(samples, lambda each: each.descriptors), 2),
        threads=samples[-1].threads,
        threads_per_h=round(slope_per_h(samples, lambda each: each.threads), 2),
        most_waiting=max(each.lag for each in samples),
    )


def _draw(plots: Path, samples: Sequence[Sample]) -> None:
    draw(plots / "soak-memory.svg", [(each.at_s, each.rss_mib) for each in samples], "memory, MiB")
    draw(plots / "soak-descriptors.svg", [(each.at_s, each.descriptors) for each in samples], "descriptors")
    draw(plots / "soak-threads.svg", [(each.at_s, each.threads) for each in samples], "threads")
    draw(plots / "soak-rate.svg", rates(samples), "outcomes per second")
