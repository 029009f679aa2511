"""Which datastores are held, and why (contract section 4.5); the others go on.

A datastore is held when its requests fail in a row, when it answers what nobody can make sense of, or when it refuses
record after record. It is probed by single events until one passes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from .circuit import Change, ChangeKind, Circuit, Probes, first_probe
from .health import UNTRUE_IN_A_ROW, Health, Reaction
from .model import Decided, Result
from .steps import Scope

if TYPE_CHECKING:
    import random

    from .health import Tries
    from .model import Event
    from .steps import Wait

LATELY_S = 10.0
"""A datastore without work that passed something so short ago is only between two bursts: there is no outage."""
MAX_DATASTORES = 4_096
"""Of which what came in a row is remembered, those used last; what is held is bounded by what waits for it."""


@dataclass(frozen=True, slots=True)
class HoldLimits:
    """`STREAM_STOP_AFTER_REFUSED` (0: never) and `STREAM_GIVE_UP_AFTER_S` (None: never)."""

    stop_after_refused: int = 100
    give_up_after_s: float | None = None


class Cause(StrEnum):
    """Why a datastore is held."""

    FAILING = "failing"
    """Its requests end in 5xx, a timeout, a reset."""
    UNEXPECTED = "unexpected_answer"
    """A status that nobody expects, or an applied one whose body cannot be read."""
    ACCESS = "access"
    """There is no valid token, or it lacks a right."""
    REFUSED = "refused"
    """It refuses record after record: a wrong deployment."""
    INTEGRITY = "integrity"
    """What it says of executed requests is not true, time after time."""


OF_THE_MOMENT = frozenset({Cause.FAILING, Cause.UNEXPECTED, Cause.ACCESS})
"""Any verdict ends these; of several the latest counts."""


@dataclass(slots=True)
class Hold:
    """One datastore that is held."""

    cause: Cause
    reason: str
    since_s: float
    probes: Probes


class Holds:
    """All that is held now, and what each datastore's requests came to."""

    def __init__(self, limits: HoldLimits, rng: random.Random) -> None:
        self.held: dict[str, Hold] = {}
        self.changes: list[Change] = []
        """Since somebody last took them."""
        self.circuit = Circuit(self.changes, rng)
        self._stop_after_refused = limits.stop_after_refused
        self._rng = rng
        self._health: dict[str, Health] = {}

    def is_held(self, datastore_id: str) -> bool:
        """Whether no batch of a datastore may start, only probes."""
        return datastore_id in self.held or self.circuit.denies_all

    def is_any_well(self, now_s: float) -> bool:
        """Whether a datastore that is not held has passed something lately."""
        used_last_first = reversed(self._health.items())
        return any(now_s - health.passed_s <= LATELY_S and each not in self.held for each, health in used_last_first)

    def most_records(self, datastore_id: str) -> int | None:
        """Say how large a batch of a datastore may be; None for any size."""
        health = self._health.get(datastore_id)
        return health.most_records if health is not None else None

    def passes(self, datastore_id: str) -> int:
        """Count the verdicts of a datastore."""
        return self._health_of(datastore_id).passes

    def half_of(self, datastore_id: str, tries: Tries) -> Tries:
        """Begin the count of a half of a batch."""
        return self._health_of(datastore_id).half_of(tries)

    def waits(self, datastore_id: str, tries: Tries, records: int, wait: Wait, now_s: float) -> Reaction:
        """Take note of a request without a verdict; hold its datastore, or everything, where it means that.

        Args:
            datastore_id: of the request.
            tries: of its batch.
            records: how many events of the batch have no verdict yet.
            wait: why, and how far that reaches.
            now_s: the loop's clock.

        Returns:
            What to do with the batch.
        """
        if wait.scope is Scope.EVERYTHING:
            self._deny(datastore_id, wait, now_s)
        elif wait.scope is Scope.DATASTORE:
            self.hold(datastore_id, Cause.UNEXPECTED, wait.reason, now_s)
        elif self.is_held(datastore_id):
            if wait.scope is Scope.REQUEST:  # where only everything was held, it is now to show that it works itself
                self.hold(datastore_id, Cause.FAILING, wait.reason, now_s)
        elif wait.scope is Scope.CREDENTIAL:
            return Reaction.WAIT
        else:
            reaction = self._health_of(datastore_id).failed(tries, records)
            if reaction is Reaction.DISSOLVE:
                self.hold(datastore_id, Cause.FAILING, wait.reason, now_s)
            return reaction
        return Reaction.DISSOLVE

    def answered(self, decided: Decided, now_s: float) -> tuple[Event, ...]:
        """Take note of a verdict: it may end a hold, or be one refusal too many.

        Args:
            decided: the request, with what the API made of it.
            now_s: the loop's clock.

        Returns:
            Those of its events that stay undecided: refused, after so many others that it cannot be the records.
        """
        datastore_id, records = decided.batch.lane.datastore_id, len(decided.batch.events)
        health, refused = self._health_of(datastore_id), _refused(decided)
        self.circuit.answered(now_s)
        if self.circuit.outage is not None:
            for each in self.held.values():
                each.probes.hasten(now_s)
        hold = self.held.get(datastore_id)
        if hold is not None and _ends(hold.cause, decided, len(refused)):
            if hold.cause is Cause.FAILING and records == 1 and not hold.probes.failed:
                health.learn_limit(now_s)
            self.release(datastore_id)
        health.passed(records, now_s)
        if not decided.has_line and not health.judge_truth(decided.verdict.result):
            why = f"{UNTRUE_IN_A_ROW} requests in a row were answered as applied, untruly; the last: {_told(decided)}"
            self.hold(datastore_id, Cause.INTEGRITY, why, now_s)
        if len(refused) < len(decided.events):
            health.refused_in_row = 0
        return self._keep_back(datastore_id, health, refused, decided, now_s)

    def hold(self, datastore_id: str, cause: Cause, reason: str, now_s: float) -> None:
        """Hold a datastore; one that is held already for a cause of the moment has another cause now."""
        hold = self.held.get(datastore_id)
        if hold is None:
            self.held[datastore_id] = Hold(cause, reason, now_s, first_probe(now_s, self._rng))
            self.changes.append(Change(ChangeKind.DATASTORE_HELD, reason, now_s, datastore_id))
        elif hold.cause in OF_THE_MOMENT or cause not in OF_THE_MOMENT:
            hold.cause, hold.reason = cause, reason

    def release(self, datastore_id: str) -> None:
        """End a hold: something has passed, or nothing waits any more."""
        hold = self.held.pop(datastore_id)
        self.changes.append(Change(ChangeKind.DATASTORE_RELEASED, hold.reason, hold.since_s, datastore_id))

    def due(self, now_s: float) -> list[str]:
        """Name the held datastores whose next probe is due."""
        return [datastore_id for datastore_id, hold in self.held.items() if hold.probes.next_s <= now_s]

    def probe_failed(self, datastore_id: str, now_s: float, wait: Wait | None) -> None:
        """Take note that a probe has not passed: the next one comes later.

        Args:
            datastore_id: which was probed.
            now_s: the loop's clock.
            wait: what came instead of a verdict. A 429 is no failure; None where the verdict changes nothing.
        """
        hold, outage = self.held.get(datastore_id), self.circuit.outage
        at_least_s = wait.seconds if wait is not None else 0.0
        for probes in (hold.probes if hold else None, outage.probes if outage else None):
            if probes is None:
                continue
            if wait is not None and wait.scope is Scope.CREDENTIAL:
                probes.postpone(now_s + at_least_s)
            else:
                probes.fail(now_s, self._rng, at_least_s)

    def _deny(self, datastore_id: str, wait: Wait, now_s: float) -> None:
        """Hold everything, unless it was this datastore already that was denied while others passed."""
        hold = self.held.get(datastore_id)
        if hold is None or hold.cause is not Cause.ACCESS:
            self.circuit.deny(wait.reason, now_s)
        self.hold(datastore_id, Cause.ACCESS, wait.reason, now_s)

    def _keep_back(
        self, datastore_id: str, health: Health, refused: tuple[Event, ...], decided: Decided, now_s: float
    ) -> tuple[Event, ...]:
        """Count refused records, and say which of them are too many to be believed."""
        limit = self._stop_after_refused
        if not limit or not refused:
            return ()
        hold = self.held.get(datastore_id)
        is_held = hold is not None and hold.cause is Cause.REFUSED
        room = 0 if is_held else max(limit - health.refused_in_row, 0)
        health.refused_in_row += min(room, len(refused))
        if health.refused_in_row >= limit and not is_held:
            why = f"{limit} records in a row were refused (STREAM_STOP_AFTER_REFUSED); the last: {_told(decided)}"
            self.hold(datastore_id, Cause.REFUSED, why, now_s)
        return refused[room:]

    def _health_of(self, datastore_id: str) -> Health:
        health = self._health.pop(datastore_id, None) or Health()
        self._health[datastore_id] = health  # now the one used last
        if len(self._health) > MAX_DATASTORES:
            del self._health[next(iter(self._health))]
        return health


def _ends(cause: Cause, decided: Decided, refused: int) -> bool:
    """Whether a verdict shows that the cause of a hold is gone."""
    match cause:
        case Cause.REFUSED:
            return len(decided.events) > refused
        case Cause.INTEGRITY:
            return decided.verdict.result.succeeded
        case _:
            return True


def _refused(decided: Decided) -> tuple[Event, ...]:
    """List the events of a request whose outcome would be `REJECTED`."""
    usual, rulings = decided.verdict.result, decided.verdict.rulings or {}
    if usual is not Result.REJECTED and all(each.result is not Result.REJECTED for each in rulings.values()):
        return ()
    results = {record_id: ruling.result for record_id, ruling in rulings.items()}
    return tuple(event for event in decided.events if results.get(event.record_id, usual) is Result.REJECTED)


def _told(decided: Decided) -> str:
    defect = decided.verdict.defect
    return defect.message if defect is not None else decided.verdict.result
