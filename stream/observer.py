"""Who is told of what happened: once per chunk, request, transaction or change, never per event.

The core tells plain values and times; what is made of them (metrics, spans, a page) is the observers' own matter. Times
are those of the monotonic clock (`clock.py`), in seconds. An observer must not block, change what it is given, or
keep it for longer than it needs: events hold memory that counts as free once they are committed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Literal

from .log import get_log

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from .circuit import Change
    from .flights import Flight
    from .intake import Unfit
    from .model import Decided, Message, Result, Settled, TopicPartition
    from .outbox import Transaction
    from .standing import Standing
    from .steps import Wait

_result = attrgetter("result")
MAX_FAILURES_TOLD = 10
"""Of an observer, in the log: one that fails would fail thousands of times."""


@dataclass(frozen=True, slots=True)
class TookIn:
    """Messages of one partition that were read in one go.

    `events`: how many messages there were, `suspects` of them may have been executed by an earlier owner. `unfit` are
    those that are no event to execute, and `outcomes` theirs, in the same order. Read from `began_s` to `ended_s`;
    each event's `arrived_s` is `arrived_s`.
    """

    partition: TopicPartition
    events: int
    suspects: int
    unfit: Sequence[Unfit]
    outcomes: Sequence[Settled]
    arrived_s: float
    began_s: float
    ended_s: float


@dataclass(frozen=True, slots=True)
class Called:
    """One HTTP call.

    `kind`: which call of contract section 1. `batch_id` of a request. `status` None without an answer; then
    `error_type` says which kind of failure it was, from a closed list (`steps.Silence`).
    """

    kind: Literal["execute", "read", "token"]
    method: str
    batch_id: str | None
    status: int | None
    error_type: str | None
    began_s: float
    ended_s: float
    body_bytes: int


def results_of(decided: Decided, outcomes: Sequence[Settled]) -> Mapping[Result, int]:
    """Count the outcomes of a request by their result: one by one only where they differ."""
    if decided.verdict.rulings or len(outcomes) != len(decided.events):
        return Counter(map(_result, outcomes))
    return {decided.verdict.result: len(outcomes)} if outcomes else {}


class Observer:
    """Does nothing; an observer overrides what it wants to know. Told on the loop's thread where nothing else is said.

    What it raises is caught (`Observers`): watching must never change what is watched.
    """

    def turned(self, now_s: float) -> None:
        """Take note that the loop has turned: hundreds of times a second."""

    def rebalanced(self, kind: Literal["assigned", "revoked", "lost"], partitions: Collection[TopicPartition]) -> None:
        """Take note of what the group has decided."""

    def took_in(self, chunk: TookIn) -> None:
        """Take note that messages were read."""

    def handed_out(self, flight: Flight, now_s: float) -> None:
        """Take note that a batch was given to the workers, for the first time or after a wait."""

    def waits(self, flight: Flight, wait: Wait, now_s: float) -> None:
        """Take note that a request has decided nothing: it goes again, halved, or back to its lane."""

    def decided(self, decided: Decided, outcomes: Sequence[Settled], now_s: float) -> None:
        """Take note of a request's verdict, and of the outcomes that it gave."""

    def landed(self, flight: Flight) -> None:
        """Take note that a batch is over; events that are still undecided go elsewhere (lane, halves, parking)."""

    def gave_up(self, outcomes: Sequence[Settled]) -> None:
        """Take note of the outcomes of events that were held for too long."""

    def filled(self, transaction: Transaction, now_s: float) -> None:
        """Take note that a transaction was handed to the publisher."""

    def produced(self, nonce: str) -> None:
        """Take note that all messages of a transaction were given to the producer. Told on the publisher's thread."""

    def committed(self, transaction: Transaction, now_s: float) -> None:
        """Take note that a transaction is committed."""

    def aborted(self, transaction: Transaction, now_s: float) -> None:
        """Take note that nothing of a transaction was written; its outcomes go again."""

    def came_late(self, outcomes: Sequence[Settled]) -> None:
        """Take note of outcomes that are dropped: their partitions are another instance's."""

    def rebuilds(self, reason: str) -> None:
        """Take note that the producer is given up, and another is made."""

    def changed(self, change: Change, now_s: float) -> None:
        """Take note that something is held, parked, or released."""

    def stands(self, standing: Standing) -> None:
        """Look at where everything stands; about once a second."""

    def called(self, call: Called) -> None:
        """Take note that an HTTP call has ended. Told on the thread that made it, a worker's or the token's."""

    def token_renewed(self, failure: str | None) -> None:
        """Take note that a token was asked for. Told on any thread; `failure` is None when there is a new one."""


SILENT = Observer()
"""Nobody is told."""


class Observers(Observer):
    """Several observers, each told everything; one that raises is named in the log, and the others are told."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers
        self.failures = 0
        """How often one has raised something."""

    def turned(self, now_s: float) -> None:
        """Tell all."""
        self._tell(lambda each: each.turned(now_s))

    def rebalanced(self, kind: Literal["assigned", "revoked", "lost"], partitions: Collection[TopicPartition]) -> None:
        """Tell all."""
        self._tell(lambda each: each.rebalanced(kind, partitions))

    def took_in(self, chunk: TookIn) -> None:
        """Tell all."""
        self._tell(lambda each: each.took_in(chunk))

    def handed_out(self, flight: Flight, now_s: float) -> None:
        """Tell all."""
        self._tell(lambda each: each.handed_out(flight, now_s))

    def waits(self, flight: Flight, wait: Wait, now_s: float) -> None:
        """Tell all."""
        self._tell(lambda each: each.waits(flight, wait, now_s))

    def decided(self, decided: Decided, outcomes: Sequence[Settled], now_s: float) -> None:
        """Tell all."""
        self._tell(lambda each: each.decided(decided, outcomes, now_s))

    def landed(self, flight: Flight) -> None:
        """Tell all."""
        self._tell(lambda each: each.landed(flight))

    def gave_up(self, outcomes: Sequence[Settled]) -> None:
        """Tell all."""
        self._tell(lambda each: each.gave_up(outcomes))

    def filled(self, transaction: Transaction, now_s: float) -> None:
        """Tell all."""
        self._tell(lambda each: each.filled(transaction, now_s))

    def produced(self, nonce: str) -> None:
        """Tell all."""
        self._tell(lambda each: each.produced(nonce))

    def committed(self, transaction: Transaction, now_s: float) -> None:
        """Tell all."""
        self._tell(lambda each: each.committed(transaction, now_s))

    def aborted(self, transaction: Transaction, now_s: float) -> None:
        """Tell all."""
        self._tell(lambda each: each.aborted(transaction, now_s))

    def came_late(self, outcomes: Sequence[Settled]) -> None:
        """Tell all."""
        self._tell(lambda each: each.came_late(outcomes))

    def rebuilds(self, reason: str) -> None:
        """Tell all."""
        self._tell(lambda each: each.rebuilds(reason))

    def changed(self, change: Change, now_s: float) -> None:
        """Tell all."""
        self._tell(lambda each: each.changed(change, now_s))

    def stands(self, standing: Standing) -> None:
        """Tell all."""
        self._tell(lambda each: each.stands(standing))

    def called(self, call: Called) -> None:
        """Tell all."""
        self._tell(lambda each: each.called(call))

    def token_renewed(self, failure: str | None) -> None:
        """Tell all."""
        self._tell(lambda each: each.token_renewed(failure))

    def _tell(self, tell: Callable[[Observer], None]) -> None:
        for each in self._observers:
            try:
                tell(each)
            except Exception:  # noqa: BLE001 - watching must never end what is watched
                self.failures += 1
                if self.failures <= MAX_FAILURES_TOLD:
                    get_log().error("observer_failed", observer=type(each).__name__, exc_info=True)


class Tracing:
    """Gives the trace context that requests and outcomes carry; this one gives none, for tracing is off."""

    def leads(self, flight_number: int) -> None:
        """Take note that this thread leads a flight's dialogue from now on."""

    def calling(self, call: Literal["execute", "read", "token"], batch_id: str | None) -> Mapping[str, str]:
        """Begin a call on this thread; return the headers that it shall carry. `Observer.called` ends it."""
        del call, batch_id
        return {}

    def of_outcomes(self, decided: Decided) -> bytes | None:
        """Return the `traceparent` of a request's outcomes; None: each carries its input's own.

        `Observer.decided` is told of the same request next.
        """
        del decided
        return None

    def without_request(self, messages: Sequence[Message], began_s: float) -> bytes | None:
        """Return the `traceparent` of outcomes that no request decides; `took_in` or `gave_up` is told of them next.

        Args:
            messages: that are no events to execute, or were held for too long.
            began_s: when somebody began to look at them.
        """
        del messages, began_s
        return None


NO_TRACING = Tracing()
"""Tracing is off."""
