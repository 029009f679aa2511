"""Plays a plan: the world outside, the instances and their misfortunes, until everything has come to its end."""

from __future__ import annotations

import hashlib
import logging
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import structlog

from stream.model import TopicPartition

from .api import FakeApi
from .ending import Ending
from .faults import Kind, Misfortune
from .group import Group
from .kafka import TOPIC, Broker, Log
from .model import Model
from .plan import Identity, Plan, draw
from .service import Process
from .wiring import Wiring
from .world import Happening, PromiseBrokenError, World

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterator, Sequence

    from .workload import Arrival

LONGEST_S = 400.0
"""Without one more outcome after the last fault: a transaction that hangs, a producer that hangs at its start, sessions
that must end first."""
AFTERLIFE_S = 15.0
SMALL_STOP = 100
"""A datastore that so few refusals stop may hold nothing else soon, until somebody puts it right."""
FATAL_RESTART_S = 0.5
TWIN_AFTER_S = 0.1
LOOK_AGAIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Report:
    """What a run came to. `broken` is None when every promise was kept."""

    seed: int
    broken: PromiseBrokenError | None
    trace: Sequence[Happening]
    counts: Counter[str]
    events: int
    lasted_s: float

    @property
    def digest(self) -> str:
        """Name the trace: two runs of a seed have the same."""
        return hashlib.sha256("\n".join(map(str, self.trace)).encode()).hexdigest()[:16]


@contextmanager
def silent_logs() -> Iterator[None]:
    """Let no line of the service be written: thousands of runs log nothing but failures."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)


def play(seed: int, wiring: Wiring | None = None) -> Report:
    """Run one seed.

    Args:
        seed: says all.
        wiring: with a planted bug, when the judge is judged.
    """
    return play_plan(draw(seed), wiring)


def play_plan(plan: Plan, wiring: Wiring | None = None) -> Report:
    """Run one plan."""
    scene = Scene(plan, wiring or Wiring())
    broken = None
    try:
        scene.play()
    except PromiseBrokenError as error:
        broken = error
        scene.world.note("BROKEN", error)
    return Report(plan.seed, broken, scene.world.trace, scene.world.counts, len(plan.arrivals), scene.world.now_s)


class Scene:
    """Everybody who takes part in one run."""

    def __init__(self, plan: Plan, wiring: Wiring) -> None:
        self.plan = plan
        self.wiring = wiring
        self.world = World(plan.seed)
        self.model = Model(self.world, plan)
        self.ending = Ending(plan, self.model)
        partitions = [TopicPartition(TOPIC, number) for number in range(plan.partitions)]
        there = partitions if plan.grows_s is None else partitions[:-1]
        self.group = Group(self.world, there, plan.session_timeout_s)
        self.broker = Broker(self.world, self.model, self.group, [Log(each, plan.low) for each in partitions])
        self.api = FakeApi(self.world, self.model, plan)
        self._processes: list[Process] = []
        self._restart_s: dict[str, float] = {}
        self._lives = 0
        self._is_ending = False

    def is_calm(self) -> bool:
        """Whether faults have stopped."""
        return self.world.now_s >= self.plan.calm_s

    def play(self) -> None:
        """Run the plan to its end; raises PromiseBrokenError."""
        world, plan = self.world, self.plan
        self.broker.on_append = self._stir_all
        for arrival in plan.arrivals:
            world.at(arrival.at_s, partial(self._write, arrival))
        for identity in plan.identities:
            world.at(identity.begins_s, partial(self._start, identity))
        if plan.grows_s is not None:
            world.at(plan.grows_s, self._grow)
        for misfortune in plan.misfortunes:
            world.at(misfortune.at_s, partial(self._befall, misfortune))
        for number, foreign in enumerate(plan.foreign_writes):
            world.at(foreign.at_s, partial(self.api.write, foreign, -1 - number))
        world.run(plan.mended_s)
        if plan.mended_s > plan.calm_s:
            world.count("patient_runs")
            self.ending.judge_patience()
            self.ending.judge_status(self._processes)
        stop = plan.rules.hold.stop_after_refused
        outcomes, since_s = 0, plan.mended_s
        while not self._is_finished():
            is_late = world.now_s > plan.mended_s + LONGEST_S / 2
            self.api.records.takes_all = bool(stop) and (is_late or stop < SMALL_STOP)
            if len(self.model.outcomes) > outcomes:
                outcomes, since_s = len(self.model.outcomes), world.now_s
            if world.now_s > since_s + LONGEST_S:
                raise PromiseBrokenError("liveness", self._what_is_left())
            world.run(world.now_s + LOOK_AGAIN_S)
        self.ending.judge(self.broker, self.api.records, self._end_all())
        self._live_once_more()

    def ended(self, process: Process, how: str) -> None:
        """Take note that a process is gone; a supervisor starts it again, unless another has its name."""
        self._processes.remove(process)
        if self._is_ending or any(each.identity is process.identity for each in self._processes):
            return
        delay_s = FATAL_RESTART_S if how == "fatal" else self._restart_s.get(process.identity.name, FATAL_RESTART_S)
        self.world.after(delay_s, lambda: self._start(process.identity))

    def _write(self, arrival: Arrival) -> None:
        partition = TopicPartition(TOPIC, arrival.partition)
        offset = self.broker.logs[partition].high + arrival.gap
        self.model.written((arrival.partition, offset), arrival.message)
        self.broker.append(partition, arrival.gap, arrival.message.key, arrival.message.value)

    def _start(self, identity: Identity) -> None:
        if self._is_ending:
            return
        self._lives += 1
        process = Process(self, identity, self._lives)
        self._processes.append(process)
        self.world.note("start", process.name)

    def _grow(self) -> None:
        self.world.count("partitions_added")
        self.group.grow(TopicPartition(TOPIC, self.plan.partitions - 1))

    def _stir_all(self) -> None:
        for process in self._processes:
            if process.source.has_more():
                process.stir()

    def _befall(self, misfortune: Misfortune) -> None:
        identity = self.plan.identities[misfortune.instance]
        process = next((each for each in reversed(self._processes) if each.identity is identity), None)
        amount_s = misfortune.amount_s
        if misfortune.kind is Kind.CHURN:
            self.group.rebalance(shuffle=True)
        elif misfortune.kind is Kind.REVOCATION:
            self.api.revoke_tokens()
        elif misfortune.kind is Kind.BROKER_DOWN:
            self._break_broker(amount_s)
        elif process is not None:
            self._strike(process, misfortune)

    def _strike(self, process: Process, misfortune: Misfortune) -> None:
        amount_s = misfortune.amount_s
        self._restart_s[process.identity.name] = amount_s
        acts: dict[Kind, Callable[[], None]] = {
            Kind.KILL: process.kill,
            Kind.TERM: process.terminate,
            Kind.FREEZE: lambda: process.freeze(amount_s),
            Kind.TWIN: lambda: self._replace(process, amount_s),
            Kind.STALL: lambda: process.stall(amount_s),
            Kind.CUT: lambda: process.cut(amount_s),
        }
        process.ambush(misfortune.point, misfortune.times, acts[misfortune.kind])

    def _replace(self, process: Process, duration_s: float) -> None:
        """Let a process stand still, and another one take its name meanwhile."""
        if process.is_running:
            self.world.count("twins")
            self.world.after(TWIN_AFTER_S, lambda: self._start(process.identity))
            process.freeze(duration_s)

    def _break_broker(self, duration_s: float) -> None:
        self.world.count("broker_outages")
        self.broker.is_up = self.group.is_up = False
        self.world.note("broker", "down", round(duration_s, 3))
        self.world.after(duration_s, self._mend_broker)

    def _mend_broker(self) -> None:
        self.broker.is_up = self.group.is_up = True
        self.world.note("broker", "up")
        self._stir_all()

    def _is_finished(self) -> bool:
        return (
            bool(self._processes)
            and not self.ending.left()
            and all(each.is_quiet() and each.has_read_all() for each in self._processes)
        )

    def _what_is_left(self) -> str:
        missing = self.ending.left()
        states = [
            f"{each.name}: {each.loop.publication.outbox.state.name}, {len(each.loop.execution.lanes)} in lanes, "
            f"{sorted((owned.assignment.partition.partition, owned.phase.name) for owned in each.loop.partitions)}"
            for each in self._processes
        ]
        return f"no outcome for {missing[:10]} {LONGEST_S:.0f} s after the last fault; {'; '.join(states)}"

    def _end_all(self) -> set[int]:
        """End everybody in order, all at once or one after the other; then name the partitions that are to be clean.

        At once, one waits for the other as it never would: their calls lie upon each other.
        """
        self._is_ending = True
        if self.world.chance(0.3):
            for process in self._processes:
                process.terminate()
            self._run_until(lambda: not self._processes)
            return set()
        owned = {each.assignment.partition.partition for process in self._processes for each in process.flowing()}
        for process in list(self._processes):
            process.terminate(must_end_in_time=True)
            self._run_until(process.is_gone)
        return owned

    def _run_until(self, condition: Callable[[], bool]) -> None:
        self.world.run(self.world.now_s + self.plan.bounds.drain_s + 5.0, condition)
        if not condition():
            raise PromiseBrokenError("drain", "a process has not ended")

    def _live_once_more(self) -> None:
        """Start an instance again: it must find nothing to do."""
        self._is_ending = False
        self._start(self.plan.identities[0])
        self.world.run(self.world.now_s + AFTERLIFE_S)
