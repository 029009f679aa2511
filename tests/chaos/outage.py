"""The API is dead for long while events keep coming: memory, members and probes; and then all of it catches up.

`python -m tests.chaos outage` runs it. For a third of the time calls are reset, for one answered 503, for one never.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.plots import Mark
from stream.sandbox.faults import Fault

from ..harness.feed import Pace, Population
from ..harness.judgement import judge
from ..harness.stage import Layout, Stage
from ..harness.waiting import eventually, pause
from .samples import Sampler, draw

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from stream.sandbox.calls import Request

    from ..harness.cluster import Cluster
    from ..harness.judgement import Judgement
    from ..harness.service import Service
    from .samples import Sample

WITHIN_S = 60.0
CATCH_UP_S = 600.0
WARM_S = 20.0
"""Of flow before the outage: until then the process grows because it is new."""
SETTLE_S = 5.0
"""From the beginning of an outage until it is known as one: requests that were under way come to their end."""
MAX_GROWTH_MIB = 50.0


@dataclass(frozen=True, slots=True)
class Figures:
    """What an outage came to.

    `growth_mib` is the most memory during the outage over that before it; `probes` is how many requests came during it,
    and `probes_at_once` how many of them were under way at one moment; `rebalances` counts assignments and losses of
    partitions from its beginning to the end; `caught_up_s` runs from the end of the outage until less than a
    second's events waited.
    """

    dead_for_s: float
    rate_per_s: float
    events: int
    baseline_mib: float
    growth_mib: float
    probes: int
    probes_at_once: int
    rebalances: int
    most_waiting: int
    caught_up_s: float

    def failures(self) -> list[str]:
        """Name what breaks a bound."""
        wrong = []
        if self.growth_mib >= MAX_GROWTH_MIB:
            wrong.append(f"memory grew by {self.growth_mib} MiB")
        if self.probes_at_once > 1:
            wrong.append(f"{self.probes_at_once} probes at once")
        if self.rebalances:
            wrong.append(f"{self.rebalances} rebalances")
        return wrong


def run_outage(
    cluster: Cluster, directory: Path, dead_for_s: float, rate_per_s: float, plots: Path | None
) -> tuple[Figures, Judgement]:
    """Let the API die and come back.

    Args:
        cluster: one broker.
        directory: for logs.
        dead_for_s: how long.
        rate_per_s: of the events, before, during and after.
        plots: directory for `outage-memory.svg` and `outage-waiting.svg`.
    """
    with Stage(cluster.bootstrap_servers, directory, Layout(shows_logs=False), cluster) as stage:
        stage.sandbox.faults.add(Fault("delay", min_s=0.01, max_s=0.03))
        service = stage.start(KAFKA_INSTANCE_ID="one")
        pace = Pace(stage.feed, Population(records=20_000), rate_per_s)
        with Sampler(stage, service) as sampler:
            stage.await_outcomes(int(WARM_S * rate_per_s), WITHIN_S)
            before, members = len(sampler.samples), _member_changes(service)
            gone_s, gone_at_s = time.time(), sampler.now_s
            _die(stage, dead_for_s)
            back_s, back_at_s = time.time(), sampler.now_s
            eventually(lambda: (stage.lag() or rate_per_s) < rate_per_s, CATCH_UP_S, "the end of what had waited")
            caught_up_s = time.time() - back_s
            pace.stop()
            stage.await_all_committed(CATCH_UP_S)
        samples = sampler.samples
        during = [each for each in samples[before:] if each.at_s <= back_at_s]
        baseline_mib = max(each.rss_mib for each in samples[:before])
        probes = [
            request
            for request in stage.sandbox.requests
            if request.call == "execute" and gone_s + SETTLE_S < request.received_s < back_s
        ]
        eventually(lambda: len(stage.reader) >= stage.feed.count, WITHIN_S, "all outcomes at the reader")
        judgement = judge(stage, [gone_s + second for second in range(int(back_s - gone_s) + 1)])
        figures = Figures(
            dead_for_s=dead_for_s,
            rate_per_s=rate_per_s,
            events=judgement.events,
            baseline_mib=round(baseline_mib, 1),
            growth_mib=round(max(each.rss_mib for each in during) - baseline_mib, 1),
            probes=len(probes),
            probes_at_once=_at_once(probes),
            rebalances=_member_changes(service) - members,
            most_waiting=max(each.lag for each in samples),
            caught_up_s=round(caught_up_s, 1),
        )
        if plots is not None:
            _draw(plots, samples, [Mark(gone_at_s, "API gone"), Mark(back_at_s, "API back")])
        return figures, judgement


def _die(stage: Stage, for_s: float) -> None:
    """Be dead in each of three ways."""
    faults = stage.sandbox.faults
    faults.begin_outage("reset")
    pause(for_s / 3)
    faults.begin_outage("503")
    pause(for_s / 3)
    silence = faults.add(Fault("lose", call=None))
    faults.end_outage()
    pause(for_s / 3)
    faults.remove(silence)


def _member_changes(service: Service) -> int:
    return sum(len(service.lines(f"partitions_{change}")) for change in ("assigned", "revoked", "lost"))


def _at_once(requests: Sequence[Request]) -> int:
    """Count the requests that were under way at the fullest moment."""
    moments = [(request.received_s, 1) for request in requests]
    moments += [(request.ended_s, -1) for request in requests if request.ended_s is not None]
    most = now = 0
    for _, change in sorted(moments):
        now += change
        most = max(most, now)
    return most


def _draw(plots: Path, samples: Sequence[Sample], marks: Sequence[Mark]) -> None:
    draw(plots / "outage-memory.svg", [(each.at_s, each.rss_mib) for each in samples], "memory, MiB", marks)
    draw(plots / "outage-waiting.svg", [(each.at_s, each.lag) for each in samples], "events waiting", marks)
