"""Every fault, mixed and seeded, over a long flow: kill -9 by the hundred, crashes of brokers, a tenth of all requests.

Three brokers with everything replicated, three named instances behind the fault proxy, each kept running by a
supervisor. `python -m tests.chaos campaign` runs it; `report.py` says what it came to.
"""

from __future__ import annotations

import gc
import random
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stream.sandbox.faults import Fault

from ..harness.feed import Pace, Population
from ..harness.flow import Flow
from ..harness.kafka_wire import Api, Way
from ..harness.keeper import Keeper
from ..harness.proxy import BLACKHOLE, FINE, HALF_OPEN, Trouble
from ..harness.stage import Layout, Stage
from ..harness.strikes import Strikes
from ..harness.waiting import comes_true, eventually, pause

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from ..harness.cluster import Cluster
    from ..harness.kafka_wire import Stop
    from ..harness.service import Service

NAMES = ("one", "two", "three")
PARTITIONS = 8
WITHIN_S = 60.0
HOLD_S = 10.0
MAX_DOWN_S = 4.0
FREEZE_S = (1.0, 4.0)
"""Shorter than a session: where a half sent request belongs after one nobody can say (`test_freeze.py` is longer)."""
TROUBLE_S = 3.0
CALM_S = 1.0
POINTS = (
    (Api.PRODUCE, Way.THERE),
    (Api.ADD_OFFSETS_TO_TXN, Way.THERE),
    (Api.ADD_OFFSETS_TO_TXN, Way.BACK),
    (Api.TXN_OFFSET_COMMIT, Way.THERE),
    (Api.TXN_OFFSET_COMMIT, Way.BACK),
    (Api.END_TXN, Way.THERE),
    (Api.END_TXN, Way.BACK),
)
HTTP_FAULTS = (
    Fault("answer", status=503, probability=0.02),
    Fault("answer", status=500, applied=True, probability=0.02),
    Fault("reset", probability=0.025),
    Fault("reset", applied=True, probability=0.025),
    Fault("answer", status=408, probability=0.01),
    Fault("answer", status=429, retry_after="0", probability=0.002),
)
"""A tenth of all requests."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of it: at least so many events, counted kills and crashes of brokers."""

    events: int = 1_000_000
    kills: int = 200
    crashes: int = 20
    rate_per_s: float = 800.0
    seed: int = 1


class Campaign:
    """One run, from the first event to the end of the last; all choices are drawn from the plan's seed."""

    def __init__(self, stage: Stage, cluster: Cluster, plan: Plan, say: Callable[[str], None]) -> None:
        self.stage = stage
        self.cluster = cluster
        self.plan = plan
        self.rng = random.Random(plan.seed)
        self.strikes = Strikes(stage)
        self.flow = Flow(stage, plan.rate_per_s / 4)
        self.keepers: dict[str, Keeper] = {}
        self.crash_stalls_s: list[float] = []
        self.others: dict[str, int] = {}
        self._say = say

    def run(self) -> None:
        """Let everything befall it until there was enough, and all of it come to its end."""
        for fault in HTTP_FAULTS:
            self.stage.sandbox.faults.add(fault)
        with ExitStack() as kept:
            for name in NAMES:
                self.keepers[name] = kept.enter_context(Keeper(lambda name=name: self._start(name)))  # type: ignore[misc]
            pace = Pace(self.stage.feed, Population(datastores=4, records=20_000), self.plan.rate_per_s)
            try:
                self.stage.await_outcomes(500, WITHIN_S)
                while not self._is_enough():
                    self._next()
                    gc.freeze()  # what was seen stays: no collection walks over it again
            finally:
                pace.stop()
            self.stage.await_all_committed(4 * WITHIN_S)

    def _is_enough(self) -> bool:
        plan = self.plan
        return (
            self.stage.feed.count >= plan.events
            and self.strikes.counted >= plan.kills
            and len(self.crash_stalls_s) >= plan.crashes
        )

    def _next(self) -> None:
        """Let one thing befall it: kills and crashes as they are due, something else now and then."""
        plan, rng = self.plan, self.rng
        share = self.stage.feed.count / plan.events
        if len(self.crash_stalls_s) < min(plan.crashes, plan.crashes * share + 0.5):
            self._crash()
        elif rng.random() < 0.1:
            self._other()
        elif self.strikes.counted < plan.kills:
            self._kill()
        else:
            pause(CALM_S)
        told = f"{self.stage.feed.count} events, {self.strikes.counted} kills, {len(self.crash_stalls_s)} crashes"
        self._say(f"{told}, {sum(self.others.values())} others, lag {self.stage.lag()}")

    def _start(self, name: str) -> Service:
        return self.stage.start(name, KAFKA_INSTANCE_ID=name, STREAM_BATCH_LINGER_MS="200")

    def _kill(self) -> None:
        """Kill one instance, at a point of its transaction or with a request on the wire; wait for its return."""
        if self.rng.random() < 0.5 and (name := self.rng.choice(NAMES)) and self._kill_in_transaction(name):
            victim = name
        else:
            names = self.rng.sample(NAMES, len(NAMES))
            victim = names[self.strikes.kill_one_of([self.keepers[each].service for each in names])]
        self.keepers[victim].revive()
        self.strikes.await_return(self.keepers[victim].service, 2 * WITHIN_S)

    def _kill_in_transaction(self, name: str) -> bool:
        stops = self._stops(name, *self.rng.choice(POINTS))
        is_held = comes_true(lambda: any(stop.held.is_set() for stop in stops), HOLD_S)
        if is_held:
            self.strikes.kill(self.keepers[name].service, in_transaction=True)
        _end(stops)
        return is_held

    def _crash(self) -> None:
        """Kill the broker that has a transaction of some instance in hand; after a while it comes back."""
        stops = self._stops(self.rng.choice(NAMES), *self.rng.choice(POINTS))
        eventually(lambda: any(stop.held.is_set() for stop in stops), WITHIN_S, "a transaction")
        broker = next(index for index, stop in enumerate(stops) if stop.held.is_set())

        def crash() -> None:
            self.cluster.brokers[broker].kill()
            _end(stops)
            pause(self.rng.uniform(0.0, MAX_DOWN_S))
            self.cluster.brokers[broker].start()

        struck = self.flow.strike(crash)
        self.crash_stalls_s.append(struck.stall_s)
        eventually(self.cluster.is_whole, WITHIN_S, "a whole cluster")

    def _other(self) -> None:
        """Something that is neither a kill nor a crash."""
        name = self.rng.choice(sorted(OTHERS))
        self.others[name] = self.others.get(name, 0) + 1
        self.flow.strike(lambda: OTHERS[name](self))

    def _stops(self, name: str, api: Api, way: Way) -> list[Stop]:
        mark = f"{self.stage.group}.{name}".encode()
        return [tap.stop(api, way, mark) for tap in self.cluster.taps]


def _end(stops: list[Stop]) -> None:
    """Lose what is held, and let the rest be."""
    for stop in stops:
        if stop.held.is_set():
            stop.drop()
        else:
            stop.let_go()


def _freeze_service(campaign: Campaign) -> None:
    service = campaign.keepers[campaign.rng.choice(NAMES)].service
    service.freeze()
    pause(campaign.rng.uniform(*FREEZE_S))
    service.thaw()


def _freeze_broker(campaign: Campaign) -> None:
    broker = campaign.rng.choice(campaign.cluster.brokers)
    broker.freeze()
    pause(campaign.rng.uniform(*FREEZE_S))
    broker.thaw()


def _restart_broker(campaign: Campaign) -> None:
    campaign.rng.choice(campaign.cluster.brokers).restart()
    eventually(campaign.cluster.is_whole, WITHIN_S, "a whole cluster")


def _revoke_tokens(campaign: Campaign) -> None:
    campaign.stage.sandbox.tokens.revoke_all()


def _outage(campaign: Campaign) -> None:
    campaign.stage.sandbox.faults.begin_outage(campaign.rng.choice(("reset", "503")), TROUBLE_S)
    pause(TROUBLE_S)


def _break_connections(campaign: Campaign) -> None:
    links = [*campaign.cluster.links, *([campaign.stage.api] if campaign.stage.api else [])]
    for link in links:
        link.trouble = Trouble(latency_s=0.02, jitter_s=0.05, resets=0.005, cuts=0.005)
    pause(TROUBLE_S)
    for link in links:
        link.trouble = FINE


def _silence_a_broker(campaign: Campaign) -> None:
    link = campaign.rng.choice(campaign.cluster.links)
    link.trouble = campaign.rng.choice((BLACKHOLE, HALF_OPEN))
    pause(TROUBLE_S)
    link.trouble = FINE


OTHERS: Mapping[str, Callable[[Campaign], None]] = {
    "a service stands still": _freeze_service,
    "a broker stands still": _freeze_broker,
    "a broker restarts": _restart_broker,
    "all tokens revoked": _revoke_tokens,
    "the API is gone": _outage,
    "connections break": _break_connections,
    "a broker falls silent": _silence_a_broker,
}


@contextmanager
def staged(cluster: Cluster, directory: Path) -> Iterator[Stage]:
    """Make the stage that a campaign is for."""
    layout = Layout(PARTITIONS, PARTITIONS, shows_logs=False)
    with Stage(cluster.bootstrap_servers, directory, layout, cluster) as stage:
        for applied in (False, True):
            stage.sandbox.faults.add(Fault("delay", applied=applied, min_s=0.005, max_s=0.015))
        yield stage
