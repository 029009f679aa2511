"""Waits for outcomes and shows how far they are: what stands between the start of the service and the verdict."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import orjson

from .holding import Holding
from .kafka import DemoError, Feed, Follower, Reading
from .screen import ANSWERS, Screen, Snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ..cxone import Sandbox
    from ..kafka import Kafka
    from .events import MadeEvent
    from .service import Service

LIVE_RATE: Final = 2_000
"""Events a second of the live part, and of the outage."""
OUTAGE_S: Final = 3.0
STALL_S: Final = 30.0
"""So long without a new outcome, and the run is judged as it stands."""
TICK_S: Final = 0.01
_RATE_WINDOW_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that runs; `settings` are the service's, `secret` is the client secret, made up for this run."""

    kafka: Kafka
    sandbox: Sandbox
    service: Service
    follower: Follower
    feed: Feed
    settings: Mapping[str, str]
    directory: Path
    secret: str = field(repr=False)


class Watch:
    """Waits for outcomes as long as any come, and shows the moment meanwhile."""

    def __init__(self, stage: Stage, screen: Screen, total: int) -> None:
        """Begin to watch; `total` outcomes are expected in the end."""
        self._stage = stage
        self._screen = screen
        self._total = total
        self._started_s = time.monotonic()
        self._moments = [(self._started_s, 0)]
        self._holding = Holding(stage.service.log_file)
        self._sent = self._backlog = 0

    def drain(self, backlog: int) -> None:
        """Wait for the first outcome, then for those of the whole backlog.

        Raises:
            DemoError: the service gave no outcome at all.
        """
        self._sent = self._backlog = backlog
        self._wait(1, "the service starts and joins its group")
        if not self._stage.follower.readings:
            raise DemoError(f"the service gave no outcome; the end of its log:\n{self._stage.service.log_tail()}")
        started_s = time.monotonic()
        self._screen.lap("service start", started_s - self._started_s, "service started, group joined, first outcome")
        self._wait(backlog, "the service drains the backlog")
        drained = f"{self._outcomes():,} of {backlog:,} events drained"
        self._screen.lap("drain", time.monotonic() - started_s, drained)

    def live(self, events: Sequence[MadeEvent]) -> None:
        """Produce events at `LIVE_RATE` while the service runs, and wait for their outcomes."""
        took_s = self._feed(events, f"live: {LIVE_RATE:,} events a second")
        self._screen.lap("live", took_s, f"{len(events):,} events sent live, {LIVE_RATE:,} a second")

    def outage(self, events: Sequence[MadeEvent]) -> float:
        """Let every call to the API fail for `OUTAGE_S`, send events meanwhile, and wait until they came through.

        Returns:
            When the API answered again, seconds of wall-clock time.
        """
        self._stage.sandbox.faults.begin_outage("503", OUTAGE_S)
        ends_s = time.time() + OUTAGE_S
        took_s = self._feed(events, f"outage: for {OUTAGE_S:.0f} s the API answers 503, and events go on coming")
        done = f"{len(events):,} events sent while the API answered 503 for {OUTAGE_S:.0f} s, "
        self._screen.lap("outage", took_s, f"{done}{self._outcomes():,} of {self._total:,} outcomes in all")
        return ends_s

    def _feed(self, events: Sequence[MadeEvent], phase: str) -> float:
        started_s, sent = time.monotonic(), 0
        while sent < len(events):
            due = min(len(events), int((time.monotonic() - started_s) * LIVE_RATE))
            self._stage.feed.send(events[sent:due])
            self._sent, sent = self._sent + due - sent, due
            self._show(phase)
            time.sleep(TICK_S)
        self._stage.feed.flush()
        self._wait(self._sent, phase)
        return time.monotonic() - started_s

    def _wait(self, count: int, phase: str) -> None:
        """Return when there are `count` outcomes, or none has come for long, or the service has ended."""
        moved_s, seen = time.monotonic(), 0
        while (now := self._outcomes()) < count:
            if now > seen:
                moved_s, seen = time.monotonic(), now
            if time.monotonic() - moved_s > STALL_S or self._stage.service.exit_code is not None:
                return
            self._show(phase)
            time.sleep(TICK_S)

    def _outcomes(self) -> int:
        return len(self._stage.follower.readings)

    def _show(self, phase: str) -> None:
        now_s = time.monotonic()
        if self._screen.is_due(now_s):
            self._screen.show(self._snapshot(phase, now_s))

    def _snapshot(self, phase: str, now_s: float) -> Snapshot:
        sizes = [request.records for request in self._stage.sandbox.requests if request.call == "execute"]
        newest = self._stage.follower.readings[-1:]
        return Snapshot(
            phase=phase,
            elapsed_s=now_s - self._started_s,
            total=self._total,
            produced=self._sent,
            outcomes=self._outcomes(),
            rate=self._rate(now_s),
            requests=len(sizes),
            mean_batch=sum(sizes) / len(sizes) if sizes else 0.0,
            in_flight=[(each.data_store_id or "", each.records) for each in self._stage.sandbox.in_flight],
            latency_ms=latency_ms(newest[0]) if newest and self._outcomes() > self._backlog else None,
            results=dict(self._stage.follower.results),
            api=ANSWERS if self._stage.sandbox.faults.outage() is None else "answers 503 to every call",
            circuit=self._holding.look(),
        )

    def _rate(self, now_s: float) -> float:
        """Return outcomes per second over the last second."""
        recent = [moment for moment in self._moments if now_s - moment[0] <= _RATE_WINDOW_S]
        since_s, before = (recent or self._moments[-1:])[0]
        outcomes = self._outcomes()
        self._moments = [*recent, (now_s, outcomes)]
        return (outcomes - before) / max(now_s - since_s, TICK_S)


def latency_ms(outcome: Reading) -> float:
    """Return the time from an event, by Kafka's timestamp, until its outcome was read."""
    produced_ms: int = orjson.loads(outcome.value or b"{}")["source"]["timestampMs"]
    return outcome.seen_ms - produced_ms
