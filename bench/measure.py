"""Makes one run: starts a system, samples it until its work is done, and returns what was seen."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stream.sandbox.kafka import create_topics

from .api import BenchError
from .systems import Places, RunningSystem
from .topics import Ends, Follower, Seen, Tally, delete, tally
from .watch import Others, Watch
from .workload import PARTITIONS, Feed, Pacer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from .api import ApiStandIn, Counts
    from .plan import Planned
    from .systems import Name
    from .watch import Sample

LIMIT_S = 60.0
"""A run that takes longer is cut off; its rate is that of what was done."""
WARM_UP_EVENTS = 200
WARM_UP_S = 30.0


@dataclass(frozen=True, slots=True)
class Load:
    """What a run was for the others: requests at the API, CPU seconds by name in so many seconds, its most memory."""

    counts: Counts
    others_cpu_s: Mapping[str, float]
    others_s: float
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Run:
    """What was seen of one run.

    `was_cut`: it did not end in time. Paced runs have `seen`, each outcome as it came, and `began_s`, when the first
    event was sent to a system that was ready (seconds since 1970).
    """

    planned: Planned
    samples: Sequence[Sample]
    load: Load
    tally: Tally
    was_cut: bool
    ended_well: bool
    seen: Sequence[Seen] = ()
    began_s: float | None = None


@dataclass(frozen=True, slots=True)
class Bench:
    """What all runs share: the broker, the API, the directories."""

    bootstrap_servers: str
    kafka_pid: int
    api: ApiStandIn
    schemas_dir: Path
    directory: Path
    rival_pythons: Mapping[Name, Path]


def make_run(bench: Bench, planned: Planned, number: int) -> Run:
    """Make one run on an outcome topic of its own.

    Args:
        bench: what all runs share.
        planned: the run; the topic of a drain holds its events already.
        number: of the run, for the names of its files and topics.

    Raises:
        BenchError: the system ended by itself, or did not begin.
    """
    load = planned.workload
    outcome_topic = f"outcomes-{number:02d}-{planned.job.system}"
    input_topic = load.input_topic if load.rate_per_s is None else f"deltas-{number:02d}"
    created = [outcome_topic] if load.rate_per_s is None else [outcome_topic, input_topic]
    create_topics(bench.bootstrap_servers, dict.fromkeys(created, PARTITIONS))
    places = Places(
        bench.bootstrap_servers, bench.api.base_url, input_topic, outcome_topic, bench.schemas_dir, bench.directory
    )
    bench.api.begin(load.delay_ms, names_records=load.names_records)
    make = _drained if load.rate_per_s is None else _paced
    try:
        return make(bench, planned, places)
    finally:
        for topic in created:
            delete(bench.bootstrap_servers, topic)


def _drained(bench: Bench, planned: Planned, places: Places) -> Run:
    others = Others(bench.kafka_pid, bench.api.pid)
    ends = Ends(bench.bootstrap_servers, places.outcome_topic)
    with RunningSystem(planned.job, places, bench.rival_pythons) as system:
        watch = Watch(system, ends)
        in_time = watch.until(lambda: watch.is_quiet(planned.workload.events), LIMIT_S)
        load = Load(bench.api.counts(), others.cpu_s(watch.samples[-1].cpu_s), others.seconds, watch.peak_bytes())
    return Run(
        planned,
        watch.samples,
        load,
        tally(bench.bootstrap_servers, places.outcome_topic),
        was_cut=not in_time,
        ended_well=system.ended_well,
    )


def _paced(bench: Bench, planned: Planned, places: Places) -> Run:
    workload = planned.workload
    rate_per_s = workload.rate_per_s or 0.0
    feed = Feed(bench.bootstrap_servers, places.input_topic)
    follower = Follower(bench.bootstrap_servers, places.outcome_topic)
    follower.start()
    pacer = Pacer(feed, rate_per_s, workload.events)
    ends = Ends(bench.bootstrap_servers, places.outcome_topic)
    try:
        with RunningSystem(planned.job, places, bench.rival_pythons) as system:
            watch = Watch(system, ends)
            feed.send(WARM_UP_EVENTS)
            if not watch.until(lambda: follower.count >= WARM_UP_EVENTS, WARM_UP_S):
                raise BenchError(f"no outcomes within {WARM_UP_S:.0f} s; the end of its log:\n{system.log_tail()}")
            bench.api.begin(workload.delay_ms)
            began_s, others = time.time(), Others(bench.kafka_pid, bench.api.pid)
            before_cpu_s = watch.samples[-1].cpu_s
            pacer.start()
            expected = WARM_UP_EVENTS + workload.events
            in_time = watch.until(lambda: follower.count >= expected, workload.events / rate_per_s + LIMIT_S)
            taken_s = watch.samples[-1].cpu_s - before_cpu_s
            load = Load(bench.api.counts(), others.cpu_s(taken_s), others.seconds, watch.peak_bytes())
    finally:
        pacer.stop()
        seen = follower.stop()
    return Run(
        planned,
        watch.samples,
        load,
        tally(bench.bootstrap_servers, places.outcome_topic),
        was_cut=not in_time,
        ended_well=system.ended_well,
        seen=seen,
        began_s=began_s,
    )
