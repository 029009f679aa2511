"""How throughput follows the number of instances, and what happens while that number changes.

`python -m tests.chaos scaling` runs it. The API takes 50 ms for a request, and each instance is given one request at a
time of 50 records: so the API's latency is the limit, 1,000 events/s for an instance, and not the machine's cores.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from stream.sandbox.faults import Fault

from ..harness.feed import Pace, Population
from ..harness.judgement import judge
from ..harness.stage import Layout, Stage, source_of
from ..harness.verify import longest_pause_s
from ..harness.waiting import eventually, pause
from .samples import draw

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from ..harness.cluster import Cluster
    from ..harness.service import Service

PARTITIONS = 8
NAMES = ("a", "b", "c", "d")
INSTANCES = (1, 2, 4)
API_S = 0.050
BATCH_SIZE = 50
IN_FLIGHT = 1
LIMIT_PER_S = BATCH_SIZE * IN_FLIGHT / API_S
"""What an instance can do at most when nothing but the API takes time."""
NARROW = {"STREAM_BATCH_SIZE": f"{BATCH_SIZE}", "CXONE_MAX_IN_FLIGHT": f"{IN_FLIGHT}"}
SLOW_API_S = (0.050, 1.0)
"""How long requests take while instances are restarted."""
LOAD_PER_S = 1_000.0
STEP_S = 8.0
WARM_S = 3.0
WITHIN_S = 90.0
CATCH_UP_S = 180.0
MIN_EFFICIENCY = 0.8
MAX_RESTART_PAUSE_S = 5.0


@dataclass(frozen=True, slots=True)
class Throughput:
    """What so many instances did, and how many cores these processes kept busy."""

    instances: int
    events_per_s: float
    cores: float


@dataclass(frozen=True, slots=True)
class Change:
    """What befell a flow while instances came and went, each ended in its orderly way.

    `longest_pause_s` is the longest time without an outcome for events of any one partition, `most_s` what it may be:
    where partitions change hands it is told, but depends on what else the machine does, so that there is no bound.
    """

    what: str
    events: int
    executed_again: int
    longest_pause_s: float
    most_s: float | None
    breaches: list[str]

    def failures(self) -> list[str]:
        """Name what breaks a promise or the bound."""
        wrong = [f"{self.what}: {breach}" for breach in self.breaches]
        if self.executed_again:
            wrong.append(f"{self.what}: {self.executed_again} events executed again")
        if self.most_s is not None and self.longest_pause_s >= self.most_s:
            wrong.append(f"{self.what}: a partition paused for {self.longest_pause_s} s")
        return wrong


@dataclass(frozen=True, slots=True)
class Figures:
    """All of it; `limit_per_s` is what one instance can do at most."""

    limit_per_s: float
    throughput: list[Throughput]
    changes: list[Change]

    def failures(self) -> list[str]:
        """Name what breaks a promise or a bound."""
        one = self.throughput[0].events_per_s
        wrong = [
            f"{each.instances} instances: {each.events_per_s} events/s, {each.instances} times {one} wanted"
            for each in self.throughput
            if each.events_per_s < MIN_EFFICIENCY * each.instances * one
        ]
        return [*wrong, *(failure for change in self.changes for failure in change.failures())]


def run_scaling(cluster: Cluster, directory: Path, for_s: float, plots: Path | None) -> Figures:
    """Measure throughput, then change the number of instances and restart them under load.

    Args:
        cluster: one broker.
        directory: for logs.
        for_s: how long each throughput is measured.
        plots: directory for `scaling.svg`.
    """
    throughput = [_throughput(cluster, directory / f"{count}", count, for_s) for count in INSTANCES]
    if plots is not None:
        points = [(0.0, 0.0), *((float(each.instances), each.events_per_s) for each in throughput)]
        draw(plots / "scaling.svg", points, "events/s", x_name="instances")
    changes = [_come_and_go(cluster, directory / "dynamic"), _roll(cluster, directory / "static")]
    return Figures(LIMIT_PER_S, throughput, changes)


def _throughput(cluster: Cluster, directory: Path, instances: int, for_s: float) -> Throughput:
    """Let instances work off what is there, and count what they do once all of them have a share."""
    with _stage(cluster, directory) as stage:
        stage.sandbox.faults.add(Fault("delay", min_s=API_S, max_s=API_S))
        started_s = 10.0 + 2.0 * instances
        stage.feed.draw(_population(), int(instances * LIMIT_PER_S * (for_s + WARM_S + started_s)))
        stage.feed.flush()
        services = [stage.start(f"{number}", **NARROW) for number in range(instances)]
        _await_balance(services)
        pause(WARM_S)
        seen, began_s, busy_s = len(stage.reader), time.monotonic(), _cpu_s(services)
        pause(for_s)
        lasted_s = time.monotonic() - began_s
        rate_per_s = (len(stage.reader) - seen) / lasted_s
        cores = (_cpu_s(services) - busy_s) / lasted_s
        assert stage.lag(), "there was not enough to do"
        return Throughput(instances, round(rate_per_s, 1), round(cores, 2))


def _come_and_go(cluster: Cluster, directory: Path) -> Change:
    """One dynamic member becomes two and four, and two and one again, under load."""
    with _stage(cluster, directory) as stage:
        stage.sandbox.faults.add(Fault("delay", min_s=API_S, max_s=API_S))
        services = [stage.start("0")]
        pace = Pace(stage.feed, _population(), LOAD_PER_S)
        stage.await_outcomes(int(LOAD_PER_S), WITHIN_S)
        began_s = time.time()
        for wanted in (2, 4, 2, 1):
            while len(services) < wanted:
                services.append(stage.start(f"{len(services)}"))
            while len(services) > wanted:
                leaving = services.pop()
                leaving.terminate()
                assert leaving.exit_code(WITHIN_S) == 0
            pause(STEP_S)
        return _judged("from 1 to 2, 4, 2 and 1 dynamic members", stage, pace, began_s, None)


def _roll(cluster: Cluster, directory: Path) -> Change:
    """Four static members are restarted in turn under load, each when the one before it works again."""
    with _stage(cluster, directory) as stage:
        stage.sandbox.faults.add(Fault("delay", min_s=SLOW_API_S[0], max_s=SLOW_API_S[1]))
        services = {name: stage.start(name, KAFKA_INSTANCE_ID=name) for name in NAMES}
        _await_balance(services.values())
        pace = Pace(stage.feed, _population(), LOAD_PER_S)
        eventually(lambda: all(map(_has_worked, services.values())), WITHIN_S, "work for each")
        stage.await_outcomes(int(LOAD_PER_S), WITHIN_S)
        began_s = time.time()
        for name in NAMES:
            services[name].terminate()
            assert services[name].exit_code(WITHIN_S) == 0
            services[name] = stage.start(name, KAFKA_INSTANCE_ID=name)
            eventually(lambda name=name: _has_worked(services[name]), WITHIN_S, f"work of {name}")  # type: ignore[misc]
        return _judged("4 static members restarted in turn", stage, pace, began_s, MAX_RESTART_PAUSE_S)


def _judged(what: str, stage: Stage, pace: Pace, began_s: float, most_s: float | None) -> Change:
    ended_s = time.time()
    pace.stop()
    stage.await_all_committed(CATCH_UP_S)
    eventually(lambda: len(stage.reader) >= stage.feed.count, WITHIN_S, "all outcomes at the reader")
    judgement = judge(stage, ())
    written = [(source_of(each)[0], each.timestamp_ms / 1000) for each in stage.reader.records]
    longest_s = longest_pause_s(written, began_s, ended_s)
    return Change(what, judgement.events, judgement.executed_again, round(longest_s, 2), most_s, judgement.breaches)


def _stage(cluster: Cluster, directory: Path) -> Stage:
    directory.mkdir(parents=True, exist_ok=True)
    return Stage(cluster.bootstrap_servers, directory, Layout(partitions=PARTITIONS, shows_logs=False), cluster)


def _population() -> Population:
    return Population(datastores=1, records=200_000)


def _await_balance(services: Iterable[Service]) -> None:
    """Wait until each has its share of the partitions."""
    share = PARTITIONS // len(list(services))
    eventually(lambda: all(_owned(service) == share for service in services), WITHIN_S, f"{share} partitions for each")


def _owned(service: Service) -> int:
    taken = sum(len(line["partitions"]) for line in service.lines("partitions_assigned"))
    return taken - sum(len(line["partitions"]) for line in service.lines("partitions_revoked"))


def _has_worked(service: Service) -> bool:
    return bool(service.lines("execution_completed"))


def _cpu_s(services: Sequence[Service]) -> float:
    times = [psutil.Process(service.pid).cpu_times() for service in services]
    return float(sum(each.user + each.system for each in times))
