"""The rig on which the execution runs: workers in virtual time, an API that a test makes up, outcomes that commit."""

from __future__ import annotations

import heapq
import random
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from stream.execution import Execution
from stream.flights import Errand, InFlightLimits
from stream.holds import HoldLimits
from stream.lanes import BatchLimits
from stream.model import Decided, LaneKey, Result
from stream.ports import Advance, LeaseLost, PermitNeeded
from stream.steps import Answer, NoAnswer, Policy, Read, Renewed, RenewToken, Send, Wait
from stream.undecided import Limits, nothing_undecided

from ..builders import ASSIGNMENT, LANE, event

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stream.flights import Flight
    from stream.model import Assignment, Event
    from stream.steps import Reply, Step

TURN_S = 0.02
BATCH = BatchLimits(1000, 4_194_304, 0.0)
IN_FLIGHT = InFlightLimits(8, 4)


class Sent(NamedTuple):
    """A request as it reaches the API; `number` is that of its flight."""

    at_s: float
    datastore_id: str
    record_ids: tuple[str, ...]
    errand: Errand
    number: int


class Said(NamedTuple):
    """What the API says, and after how long."""

    reply: Reply
    after_s: float = 0.01


def status(number: int, *, after_s: float = 0.01, retry_after: str | None = None, body: bytes = b"") -> Said:
    """Answer with a status."""
    return Said(Answer(number, body, 1000.0 * after_s, 1, retry_after), after_s)


def applied(_: Sent) -> Said:
    """Apply everything."""
    return status(200)


def silence(after_s: float = 30.0) -> Said:
    """Never answer; the client gives up."""
    return Said(NoAnswer("the API gave no answer within 30 s", doubtful=True), after_s)


class Rig:
    """An execution with a clock of its own; it is the pool of workers itself."""

    def __init__(
        self,
        api: Callable[[Sent], Said] = applied,
        *,
        batch: BatchLimits = BATCH,
        in_flight: InFlightLimits = IN_FLIGHT,
        hold: HoldLimits | None = None,
        seed: int = 1,
    ) -> None:
        """Begin with nothing undecided.

        Args:
            api: answers requests; may be exchanged at any time.
            batch: limits of a batch.
            in_flight: limits of requests.
            hold: limits of patience.
            seed: of jitter.
        """
        self.api = api
        self.now_s = 0.0
        self.sent: list[Sent] = []
        self.outcomes: dict[int, tuple[str, Result]] = {}
        """By offset: the record and its result."""
        self.order: list[int] = []
        self.doubted: list[Event] = []
        self.ended: set[Assignment] = set()
        self.limits = Limits(batch, in_flight, hold or HoldLimits())
        self._is_metered = in_flight.per_s is not None
        self.undecided = nothing_undecided(self.limits, Policy(), random.Random(seed))
        self.execution = Execution(
            self, self.limits, self.undecided, lambda each: each not in self.ended, self.doubted.append
        )
        self._offsets = count()
        self._finished: list[Advance] = []
        self._due: list[tuple[float, int, Flight, Reply]] = []
        self._tickets = count()
        self._uncommitted: list[Event] = []

    # The port.

    def submit(self, flight: Flight) -> None:
        """Hand over a flight."""
        step, flight.step = flight.step, None
        self._advance(flight, step or self._next(flight, None), has_permit=True)

    def finished(self) -> Sequence[Advance]:
        """Take what the workers have done."""
        finished, self._finished = self._finished, []
        return finished

    def rest(self, timeout_s: float) -> None:
        """Let time go by."""
        self.now_s += timeout_s

    def close(self) -> None:
        """End nothing."""

    # The world.

    def arrive(
        self, datastore_id: str, *record_ids: str, assignment: Assignment = ASSIGNMENT, lane: LaneKey = LANE
    ) -> list[int]:
        """Let one event arrive for each record named; return their offsets."""
        key = LaneKey(datastore_id, lane.update_type, lane.conflict_resolution)
        events = [
            event(each, offset=next(self._offsets), lane=key, assignment=assignment, arrived_s=self.now_s)
            for each in record_ids
        ]
        self.execution.lanes.add(events)
        return [each.message.offset for each in events]

    def turn(self) -> None:
        """Move on by one turn of the loop: answers come, outcomes are committed, requests start."""
        self.now_s += TURN_S
        while self._due and self._due[0][0] <= self.now_s:
            _, _, flight, reply = heapq.heappop(self._due)
            self._advance(flight, self._next(flight, reply), has_permit=not self._is_metered)
        self.execution.lanes.release(self._uncommitted)
        self._uncommitted = []
        for decided in self.execution.take_verdicts(self.now_s):
            rulings = decided.verdict.rulings or {}
            for each in decided.events:
                ruling = rulings.get(each.record_id)
                self._settle(each, ruling.result if ruling else decided.verdict.result)
        for given_up in self.execution.give_up(self.now_s):
            self._settle(given_up.event, Result.ABANDONED)
        self.execution.hand_out(self.now_s)

    def run(self, for_s: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Turn for so long, or until something holds; return whether it does."""
        end_s = self.now_s + for_s
        while not until():
            if self.now_s >= end_s:
                return until()
            self.turn()
        return True

    def revoke(self, assignment: Assignment) -> None:
        """Lose a partition."""
        self.ended.add(assignment)
        self.execution.forget({assignment})

    @property
    def is_idle(self) -> bool:
        """Whether nothing is undecided."""
        return not self.execution.lanes.has_any() and not self._uncommitted

    def sent_to(self, datastore_id: str) -> list[Sent]:
        """List the requests of a datastore."""
        return [each for each in self.sent if each.datastore_id == datastore_id]

    def results(self) -> list[Result]:
        """List the results of all outcomes, by offset."""
        return [self.outcomes[offset][1] for offset in sorted(self.outcomes)]

    @property
    def on_wire(self) -> list[Flight]:
        """What has no answer yet."""
        return [flight for _, _, flight, _ in self._due]

    def _settle(self, each: Event, result: Result) -> None:
        *earlier, last = [part.message.offset for part in each.parts]
        superseded = Result.SUPERSEDED if result is Result.APPLIED else result
        for offset, what in [*((offset, superseded) for offset in earlier), (last, result)]:
            assert offset not in self.outcomes, f"a second outcome for {each.record_id} at {offset}"
            self.outcomes[offset] = (each.record_id, what)
            self.order.append(offset)
        self._uncommitted.append(each)

    def _next(self, flight: Flight, reply: Reply | None) -> Step | tuple[Event, ...]:
        try:
            return flight.dialogue.send(reply)
        except StopIteration as end:
            left: tuple[Event, ...] = end.value
            return left

    def _advance(self, flight: Flight, step: Step | tuple[Event, ...], *, has_permit: bool) -> None:
        while isinstance(step, Decided | RenewToken):
            if isinstance(step, Decided):
                self._finished.append(Advance(flight.number, step))
            step = self._next(flight, None if isinstance(step, Decided) else Renewed())
        if isinstance(step, Wait | tuple):
            self._finished.append(Advance(flight.number, step))
        elif not flight.assignments.isdisjoint(self.ended):
            self._finished.append(Advance(flight.number, LeaseLost()))
        elif not has_permit:
            flight.step = step
            self._finished.append(Advance(flight.number, PermitNeeded()))
        else:
            self._ask(flight, step)

    def _ask(self, flight: Flight, step: Send | Read) -> None:
        ids = tuple(each.record_id for each in step.batch.events) if isinstance(step, Send) else (step.record_id,)
        sent = Sent(self.now_s, flight.datastore_id, ids, flight.errand, flight.number)
        self.sent.append(sent)
        said = self.api(sent)
        heapq.heappush(self._due, (self.now_s + said.after_s, next(self._tickets), flight, said.reply))
