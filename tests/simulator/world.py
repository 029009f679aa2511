"""Virtual time: a queue of happenings, one source of chance, and the trace of what happened.

Everything runs on one thread. An instance that must wait inside of a call (a revocation, a drain, a process that
stands still) lets the world go on from there, so calls of several instances lie upon each other like plates; nothing
depends on the machine's clock or on threads, and a seed gives the same trace for ever.
"""

from __future__ import annotations

import heapq
import math
import random
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

WALL_MS_AT_START = 1_790_000_000_000


class PromiseBrokenError(AssertionError):
    """The judge's finding: which promise, and what broke it."""

    def __init__(self, promise: str, what: str) -> None:
        self.promise = promise
        self.what = what
        super().__init__(f"{promise}: {what}")


def demand(holds: bool, promise: str, what: str, where: object) -> None:  # noqa: FBT001 - an assertion
    """Raise PromiseBrokenError unless something holds."""
    if not holds:
        raise PromiseBrokenError(promise, f"{what} ({where})")


class KilledError(BaseException):
    """The process is gone: unwinds whatever it was doing. Nothing may catch it on the way."""


class Happening(NamedTuple):
    """One line of the trace."""

    at_s: float
    what: str
    facts: tuple[object, ...]

    def __str__(self) -> str:
        """Write it for a person."""
        return f"{self.at_s:10.4f}  {self.what:<12} {' '.join(map(str, self.facts))}"


class Trip(NamedTuple):
    """A step of a script: wherever it goes, it takes this long.

    On its way to a server nobody can stop it any more; on its way back it needs a client that lives.
    """

    delay_s: float
    to_client: bool


class Host(Protocol):
    """Whoever may live, stand still, or be dead when something comes for him."""

    def when_running(self, act: Callable[[], None]) -> None:
        """Act now, or as soon as the process runs again, or never."""
        ...


class World:
    """Time, chance and memory."""

    def __init__(self, seed: int) -> None:
        self.now_s = 0.0
        self.rng = random.Random(seed)
        self.trace: list[Happening] = []
        self.counts: Counter[str] = Counter()
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._sequence = 0

    def monotonic_s(self) -> float:
        """Tell the time: the world is everybody's clock."""
        return self.now_s

    def wall_ms(self) -> int:
        """Tell the date."""
        return WALL_MS_AT_START + round(self.now_s * 1000)

    def at(self, when_s: float, act: Callable[[], None]) -> None:
        """Let something happen."""
        self._sequence += 1
        heapq.heappush(self._queue, (when_s, self._sequence, act))

    def after(self, delay_s: float, act: Callable[[], None]) -> None:
        """Let something happen later."""
        self.at(self.now_s + delay_s, act)

    def play(self, script: Generator[Trip, None, None], host: Host) -> None:
        """Let a script take its next step, and the others when their time has come."""
        trip = next(script, None)
        if trip is None:
            return
        go_on = self._later(script, host)
        self.after(trip.delay_s, (lambda: host.when_running(go_on)) if trip.to_client else go_on)

    def _later(self, script: Generator[Trip, None, None], host: Host) -> Callable[[], None]:
        return lambda: self.play(script, host)

    def run(self, until_s: float, stop: Callable[[], bool] | None = None) -> None:
        """Let time pass: until a moment, or until a condition holds."""
        queue = self._queue
        while queue and queue[0][0] <= until_s:
            if stop is not None and stop():
                return
            when_s, _, act = heapq.heappop(queue)
            self.now_s = max(self.now_s, when_s)
            act()
        if until_s < math.inf and not (stop is not None and stop()):
            self.now_s = max(self.now_s, until_s)

    def note(self, what: str, *facts: object) -> None:
        """Remember what happened, for the trace."""
        self.trace.append(Happening(self.now_s, what, facts))

    def count(self, what: str) -> None:
        """Count what happened, so that nobody believes in a simulator that tests nothing."""
        self.counts[what] += 1

    def chance(self, probability: float) -> bool:
        """Toss a coin."""
        return self.rng.random() < probability
