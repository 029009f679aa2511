"""One life of one instance: the real loop on its fake ports, turned by virtual time, and what can end or stop it."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

from stream.errors import FatalError
from stream.outbox import State
from stream.partitions import Phase

from .faults import Point
from .source import MAX_POLL_INTERVAL_S
from .wiring import Ambush, parts_of
from .workload import MAX_EVENT_BYTES
from .world import KilledError, PromiseBrokenError

if TYPE_CHECKING:
    from collections.abc import Callable

    from stream.partitions import Partition

    from .plan import Identity
    from .run import Scene

DRAIN_SHARE_FOR_ALL = 0.97
"""As `stream/service.py` has it: then the process ends, whatever it does."""
BUSY_TICK_S, WAITING_TICK_S, IDLE_TICK_S = 0.4, 1.0, 2.0
"""When a loop turns though nothing has stirred it: coarser than the real one, or a minute would take a second."""


class Process:
    """One life of one instance."""

    def __init__(self, scene: Scene, identity: Identity, life: int) -> None:
        self.world = scene.world
        self.identity = identity
        self.name = f"{identity.name}{life}"
        self.transactional_id = f"group.{identity.static_id or self.name}"
        self.is_alive = self.is_running = self.is_connected = True
        self._scene = scene
        self._bounds = scene.plan.bounds
        self._deferred: list[Callable[[], None]] = []
        self._ambushes: list[Ambush] = []
        self._stalled_until_s = 0.0
        self._in_turn = self._is_stirred = self._is_terminated = self._must_end_in_time = False
        self._turn_at_s, self._ticket = math.inf, 0
        self._terminated_s = math.inf
        wiring, lease = scene.wiring, scene.wiring.lease(scene.plan.session_timeout_s)
        self.source = wiring.source(self, scene.broker, scene.group, scene.plan.chunk)
        self.pool = wiring.pool(self, scene.api, scene.model, lease, self._bounds.in_flight.per_s)
        self.sink = wiring.sink(self, scene.broker, scene.plan.mishaps)
        self.loop = wiring.loop(parts_of(self, lease, scene), self._bounds)
        self.source.subscribe(self.loop)
        if identity.static_id is not None:
            wiring.watch(self, scene.group, identity.static_id)
        self.stir()

    # What the fakes ask.

    @property
    def is_reachable(self) -> bool:
        """Whether it answers to Kafka."""
        return self.is_alive and self.is_running and self.is_connected

    def is_gone(self) -> bool:
        """Whether it has ended."""
        return not self.is_alive

    def is_calm(self) -> bool:
        """Whether faults have stopped."""
        return self._scene.is_calm()

    def when_running(self, act: Callable[[], None]) -> None:
        """Act now, or when the process runs again, or never."""
        if self.is_alive and self.is_running:
            act()
        elif self.is_alive:
            self._deferred.append(act)

    def at_port(self) -> None:
        """Let what was planned strike here, inside of a turn; stand still as long as the process does."""
        self.at_point(Point.PORT)
        if self.is_alive and not self.is_running:
            self.world.run(math.inf, lambda: self.is_running or not self.is_alive)
        if self.is_alive and self.world.now_s < self._stalled_until_s:
            self.world.run(self._stalled_until_s, lambda: not self.is_alive)
        if not self.is_alive:
            raise KilledError

    def at_point(self, point: Point) -> None:
        """Meet a point of the work, where a misfortune may wait."""
        for ambush in self._ambushes:
            if ambush.point is point:
                ambush.times -= 1
                if not ambush.times:
                    self._ambushes.remove(ambush)
                    if not self.is_calm() and self.is_alive:
                        self.world.count(f"at_{point}")
                        ambush.act()
                return

    def rest(self, timeout_s: float) -> None:
        """Let the world go on, until something has happened for this process."""
        if not (self.pool.has_finished() or self.sink.has_reports()):
            self._is_stirred = False
            until_s = self.world.now_s + max(timeout_s, self.world.rng.choice((0.0, 0.05, 0.3)))
            self.world.run(until_s, lambda: self._is_stirred or not self.is_alive)
        self.at_port()

    def stir(self) -> None:
        """Something has happened: the loop turns within its patience."""
        self._is_stirred = True
        if not self._in_turn:
            self._turn_within(self.world.rng.uniform(0.0, 0.02))

    # Turning.

    def _turn_within(self, delay_s: float) -> None:
        at_s = self.world.now_s + delay_s
        if at_s < self._turn_at_s:
            self._turn_at_s = at_s
            self._ticket += 1
            ticket = self._ticket
            self.world.at(at_s, lambda: self.when_running(lambda: self._turn(ticket)))

    def _turn(self, ticket: int) -> None:
        if ticket != self._ticket:
            return
        self._in_turn, self._turn_at_s = True, math.inf
        self.world.count("turns")
        try:
            self._act()
        except KilledError:
            return
        except FatalError as error:
            self.end("fatal")
            self.world.note("reason", self.name, error)
            return
        except PromiseBrokenError:
            raise
        except Exception as error:
            raise PromiseBrokenError("crash", f"{type(error).__name__} in {self.name}: {error}") from error
        finally:
            self._in_turn = False
        if self.source.has_more() or self.pool.has_finished() or self.sink.has_reports() or self._is_terminated:
            self._turn_within(self.source.patience_s)
        else:
            self._turn_within(self._tick_s())

    def _tick_s(self) -> float:
        if self.is_quiet():
            return IDLE_TICK_S
        is_waiting = self.is_calm() and not self.pool.on_wire and self.loop.publication.outbox.is_empty
        return WAITING_TICK_S if is_waiting else BUSY_TICK_S

    def _act(self) -> None:
        if not self._is_terminated:
            self.loop.turn()
            self._judge_bounds()
            return
        self.world.after(DRAIN_SHARE_FOR_ALL * self._bounds.drain_s, self._cut_short)
        self.loop.drain(self.world.now_s)
        self._scene.model.drained(self.name, self._terminated_s)
        self.end("drained")

    def _cut_short(self) -> None:
        if self.is_alive:
            if self._must_end_in_time:
                raise PromiseBrokenError("drain", f"{self.name} has not ended within its time")
            self.end("drains_cut_short")

    def is_quiet(self) -> bool:
        """Whether nothing is under way."""
        loop = self.loop
        outbox = loop.publication.outbox
        return (
            outbox.state is State.IDLE
            and outbox.is_empty
            and not any(True for _ in loop.execution.lanes.waiting())
            and self.pool.on_wire == 0
        )

    def has_read_all(self) -> bool:
        """Whether all that it has been given flows, and nothing is left to read or to be told."""
        is_flowing = len(self.flowing()) == sum(1 for _ in self.loop.partitions)
        return is_flowing and self.source.is_settled() and not self.source.has_more()

    def flowing(self) -> list[Partition]:
        """List the partitions that it owns and reads."""
        return self.loop.partitions.in_phase(Phase.FLOWING)

    def _judge_bounds(self) -> None:
        lanes, plan = self.loop.execution.lanes, self._scene.plan
        size_bytes = lanes.size_bytes + self.loop.publication.outbox.unfit_bytes
        slack_bytes = MAX_EVENT_BYTES * plan.chunk * (1 + plan.partitions)
        if not 0 <= size_bytes <= self._bounds.buffer_bytes + slack_bytes:
            raise PromiseBrokenError("buffer", f"{self.name} holds {size_bytes} bytes of undecided events")
        if self.pool.on_wire > self._bounds.in_flight.total:
            raise PromiseBrokenError("in flight", f"{self.name} has {self.pool.on_wire} requests on the wire")

    # Misfortunes.

    def ambush(self, point: Point, times: int, act: Callable[[], None]) -> None:
        """Let something happen when the process meets a point for so many times more."""
        self._ambushes.append(Ambush(point, times, act))

    def kill(self) -> None:
        """End without a word."""
        self.world.count("kills_on_wire" if self.pool.on_wire else "kills_idle")
        if self.sink.is_open:
            self.world.count("kills_in_transaction")
        self.end("killed")

    def terminate(self, *, must_end_in_time: bool = False) -> None:
        """Send SIGTERM."""
        if not self.is_calm():
            self.world.count("terms")
        self._is_terminated, self._must_end_in_time = True, must_end_in_time
        self._terminated_s = self.world.now_s
        self.stir()

    def freeze(self, duration_s: float) -> None:
        """Stand still, the whole process; a turn that is under way stops at its next port."""
        if not self.is_running:
            return
        self.world.count("freezes")
        self.is_running = False
        self.source.fall_silent()
        self.world.note("freeze", self.name, round(duration_s, 3))
        self.world.after(duration_s, self._thaw)

    def _thaw(self) -> None:
        if not self.is_alive:
            return
        self.world.note("thaw", self.name)
        self.is_running = True
        deferred, self._deferred = self._deferred, []
        for act in deferred:
            self.world.after(self.world.rng.uniform(0.0, 0.005), partial(self.when_running, act))
        self.source.speak_again()

    def stall(self, duration_s: float) -> None:
        """Let the loop's thread stand still."""
        self.world.count("stalls")
        self._stalled_until_s = self.world.now_s + duration_s
        if duration_s > MAX_POLL_INTERVAL_S:
            self.world.after(MAX_POLL_INTERVAL_S, lambda: self.when_running(self.source.poll_is_late))
            self.world.after(duration_s, lambda: self.when_running(self.source.speak_again))

    def cut(self, duration_s: float) -> None:
        """Be cut off from Kafka."""
        if not self.is_connected:
            return
        self.world.count("cuts")
        self.is_connected = False
        self.source.fall_silent()
        self.world.after(duration_s, self._mend)

    def _mend(self) -> None:
        self.is_connected = True
        if self.is_alive and self.is_running:
            self.source.speak_again()

    def end(self, how: str) -> None:
        """Be gone."""
        if not self.is_alive:
            return
        self.is_alive = False
        self.world.count(how)
        self.world.note(how, self.name)
        if how != "drained":
            self.source.fall_silent()
        self._scene.ended(self, how)
