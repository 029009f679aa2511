"""The workers: threads that lead the dialogues, step by step, until each ends or must wait.

Two queues between them and the loop: a flight goes in, what came of it comes out. A worker never waits for a deadline;
it only waits for an answer.
"""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING

from .model import Decided
from .observer import NO_TRACING
from .ports import Advance, LeaseLost, PermitNeeded
from .steps import Read, Send, Wait

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .clock import Clock
    from .flights import Flight
    from .lease import Lease
    from .observer import Tracing
    from .steps import RenewToken, Reply, Step

    Perform = Callable[[Send | Read | RenewToken, Callable[[], bool]], Reply]
    """Performs a step; the callable says whether the request may still start when its first byte leaves."""


class Workers:
    """So many threads as there may be requests at one time.

    Where requests are metered, the loop permits one with each flight that it hands over, and a dialogue that has more
    to ask comes back for another permit: so one thread alone counts them, and none waits.
    """

    def __init__(
        self,
        count: int,
        perform: Perform,
        lease: Lease,
        clock: Clock,
        *,
        is_metered: bool = False,
        tracing: Tracing = NO_TRACING,
    ) -> None:
        self._perform = perform
        self._is_metered = is_metered
        self._tracing = tracing
        self._lease = lease
        self._clock = clock
        self._flights: queue.SimpleQueue[Flight | None] = queue.SimpleQueue()
        self._finished: queue.SimpleQueue[Advance | BaseException] = queue.SimpleQueue()
        self._stirred = threading.Event()
        self._threads = [threading.Thread(target=self._work, name=f"worker-{n}", daemon=True) for n in range(count)]
        for thread in self._threads:
            thread.start()

    def submit(self, flight: Flight) -> None:
        """Hand over a flight."""
        self._flights.put(flight)

    def finished(self) -> Sequence[Advance]:
        """Take what has been done since the last call; a worker's own failure is raised and must end the process."""
        taken: list[Advance] = []
        while True:
            try:
                end = self._finished.get_nowait()
            except queue.Empty:
                return taken
            if isinstance(end, BaseException):
                raise end
            taken.append(end)

    def rest(self, timeout_s: float) -> None:
        """Wait until something is finished, at most so long."""
        self._stirred.wait(timeout_s)
        self._stirred.clear()

    def wake(self) -> None:
        """End a rest: something else has happened."""
        self._stirred.set()

    def close(self) -> None:
        """Let the workers end; never waits for a request."""
        for _ in self._threads:
            self._flights.put(None)

    def _work(self) -> None:
        while (flight := self._flights.get()) is not None:
            try:
                self._finished.put(self._advance(flight))
            except BaseException as failure:  # noqa: BLE001 - raised in the loop, which ends the process
                self._finished.put(failure)
            self.wake()

    def _advance(self, flight: Flight) -> Advance:
        """Lead a dialogue on: perform each step and tell it the reply, until it ends or says `Wait`.

        What is decided on the way is handed over at once.
        """
        step: Step | None
        self._tracing.leads(flight.number)
        step, flight.step = flight.step, None
        reply: Reply | None = None
        has_permit = True

        def may_send() -> bool:
            return self._lease.holds(flight.assignments, self._clock.monotonic_s())

        while True:
            try:
                step = step or flight.dialogue.send(reply)
            except StopIteration as end:
                return Advance(flight.number, end.value)
            if isinstance(step, Wait):
                return Advance(flight.number, step)
            if isinstance(step, Decided):
                self._finished.put(Advance(flight.number, step))
                self.wake()
                step, reply = None, None
                continue
            if isinstance(step, Send | Read):
                if not may_send():
                    return Advance(flight.number, LeaseLost())
                if not has_permit:
                    flight.step = step
                    return Advance(flight.number, PermitNeeded())
                has_permit = not self._is_metered
            reply = self._perform(step, may_send)
            step = None
