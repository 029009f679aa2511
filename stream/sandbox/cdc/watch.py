"""Changes the rows, kills the service meanwhile, and shows how far everything is."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .evidence import Kill
from .screen import Snapshot, picture, plain_line
from .workload import script

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor, Future

    from ..connect import Connect
    from ..cxone import Sandbox
    from ..demo.kafka import Follower
    from ..demo.screen import Screen
    from ..demo.service import Service
    from ..kafka import Kafka
    from ..postgres import Postgres
    from .topics import Written
    from .workload import Change, Workload

PART: Final = 200
"""Statements that are handed to the database at a time."""
STALL_S: Final = 45.0
"""So long without a new outcome, and the run is judged as it stands; a killed process's transaction may hold for 30."""
TICK_S: Final = 0.01
LOOK_S: Final = 0.5
_RATE_WINDOW_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that runs."""

    kafka: Kafka
    postgres: Postgres
    connect: Connect
    sandbox: Sandbox
    service: Service
    follower: Follower
    written: Written
    workload: Workload


class Watch:
    """Leads a run from the first statement to the last outcome."""

    def __init__(self, stage: Stage, screen: Screen, kills: int, starter: Executor) -> None:
        """Begin to watch.

        Args:
            stage: what runs.
            screen: where to show it.
            kills: how often the service is to be killed, at even distances.
            starter: where processes are started and statements carried out.
        """
        self.kills: list[Kill] = []
        self._stage = stage
        self._screen = screen
        self._starter = starter
        self._expected = stage.workload.messages
        self._kill_at = [self._expected * number // (kills + 1) for number in range(1, kills + 1)]
        self._is_ending = False
        self._started_s = time.monotonic()
        self._moments = [(self._started_s, 0)]
        self._changes = len(stage.workload.first)
        self._messages = 0
        self._looked_s = 0.0

    def play(self) -> None:
        """Carry out the statements, and return when every message that they must make has its outcome, or none comes.

        Raises:
            StreamError: the database refused a statement, or a connector failed.
        """
        changing = self._starter.submit(self._change_rows)
        try:
            self._wait(lambda: changing.done() and self._outcomes() >= self._expected, "rows change", changing)
        finally:
            self._is_ending = True
        took_s = time.monotonic() - self._started_s
        done = (
            f"{self._changes:,} statements carried out, {self._outcomes():,} outcomes, {len(self.kills)} times kill -9"
        )
        self._screen.lap("changes", took_s, done)

    def await_rest(self) -> None:
        """Wait until what stands in the topics now has its outcome: a connector may have written too much."""
        self._messages = self._stage.written.count()
        self._wait(lambda: self._outcomes() >= self._messages, "the rest")

    def _change_rows(self) -> None:
        changes: Sequence[Change] = self._stage.workload.then
        for begin in range(0, len(changes), PART):
            if self._is_ending:
                return
            part = changes[begin : begin + PART]
            self._stage.postgres.execute(script(part))
            self._changes += len(part)

    def _wait(self, is_over: Callable[[], bool], phase: str, changing: Future[None] | None = None) -> None:
        moved_s, seen = time.monotonic(), self._outcomes()
        while not is_over():
            now = self._outcomes()
            if now > seen:
                moved_s, seen = time.monotonic(), now
            if time.monotonic() - moved_s > STALL_S:
                break
            if changing is not None:
                self._look()
                if changing.done():
                    changing.result()
            self._kill_when_due()
            self._show(phase)
            time.sleep(TICK_S)
        if changing is not None:
            changing.result()

    def _look(self) -> None:
        """See how far the connectors are, and that they live; not at every turn, for it is a call."""
        if time.monotonic() - self._looked_s > LOOK_S:
            self._messages = self._stage.written.count()
            self._stage.connect.check()
            self._looked_s = time.monotonic()

    def _kill_when_due(self) -> None:
        due = len(self.kills) < len(self._kill_at) and self._outcomes() >= self._kill_at[len(self.kills)]
        if due and (requests := len(self._stage.sandbox.in_flight)):
            self._stage.service.kill()
            self.kills.append(Kill(requests, self._stage.written.count() - self._outcomes()))
            self._starter.submit(self._stage.service.start).result()

    def _outcomes(self) -> int:
        return len(self._stage.follower.readings)

    def _show(self, phase: str) -> None:
        now_s = time.monotonic()
        if self._screen.is_due(now_s):
            snapshot = self._snapshot(phase, now_s)
            self._screen.draw(lambda: picture(snapshot), lambda: plain_line(snapshot))

    def _snapshot(self, phase: str, now_s: float) -> Snapshot:
        sandbox, workload = self._stage.sandbox, self._stage.workload
        return Snapshot(
            phase=phase,
            elapsed_s=now_s - self._started_s,
            changes=self._changes,
            all_changes=len(workload.changes),
            messages=self._messages,
            outcomes=self._outcomes(),
            all_messages=self._expected,
            rate=self._rate(now_s),
            requests=sum(request.call == "execute" for request in sandbox.requests),
            records=sandbox.records.state().records,
            in_flight=len(sandbox.in_flight),
            kills=len(self.kills),
            results=dict(self._stage.follower.results),
        )

    def _rate(self, now_s: float) -> float:
        """Return outcomes per second over the last second."""
        recent = [moment for moment in self._moments if now_s - moment[0] <= _RATE_WINDOW_S]
        since_s, before = (recent or self._moments[-1:])[0]
        outcomes = self._outcomes()
        self._moments = [*recent, (now_s, outcomes)]
        return (outcomes - before) / max(now_s - since_s, TICK_S)
