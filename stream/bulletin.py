"""Watches the loop, and puts a snapshot on the board about once a second: what `/status` and the page show.

It is told by the chunk, the batch and the transaction, so that an event costs it nothing but a count.
"""

from __future__ import annotations

from collections import Counter, deque
from operator import attrgetter
from typing import TYPE_CHECKING

import orjson

from .account import Account
from .codes import ErrorCode
from .failures import Failed
from .model import Defect
from .observer import Observer, results_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .board import Board
    from .clock import Clock
    from .flights import Flight
    from .intake import Unfit
    from .model import Decided, Event, Result, Settled
    from .observer import TookIn
    from .outbox import Transaction
    from .standing import Standing
    from .steps import Wait

MAX_UNCOMMITTED = 1_000
"""Requests whose events are not known to be committed, for the time from written to committed; the newest count."""


class Heartbeat(Observer):
    """Only shows that the loop turns: for the watchdog, where nobody looks at more."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def turned(self, now_s: float) -> None:
        """Beat."""
        del now_s
        self._board.beat()


class Bulletin(Heartbeat):
    """Keeps the account, and makes snapshots of it."""

    def __init__(self, board: Board, clock: Clock, batch_size: int) -> None:
        """Begin with nothing.

        Args:
            board: where snapshots go.
            clock: for the time of day.
            batch_size: `STREAM_BATCH_SIZE`.
        """
        super().__init__(board)
        self._account = Account(batch_size)
        self._clock = clock
        self._written_ms: deque[float] = deque(maxlen=MAX_UNCOMMITTED)
        self._in_transaction: tuple[float, ...] = ()
        self._filled_s = 0.0

    def took_in(self, chunk: TookIn) -> None:
        """Count what came in, and what of it is no event."""
        self._account.received += chunk.events
        if not chunk.unfit:
            return
        now_ms = self._clock.wall_ms()
        self._count(chunk.outcomes)
        for (result, defect, datastore_id), (events, last, at) in _kinds(chunk.unfit).items():
            if datastore_id is not None:
                self._account.datastores.count(datastore_id, events, succeeded=result.succeeded)
            if defect is not None:
                offset = chunk.outcomes[at].offset
                failed = Failed(defect, result, datastore_id, last.record_id, chunk.partition, offset, now_ms)
                self._account.failures.add(failed, events)

    def decided(self, decided: Decided, outcomes: Sequence[Settled], now_s: float) -> None:
        """Count what a request decided, and measure how long it took."""
        datastore_id, verdict = decided.batch.lane.datastore_id, decided.verdict
        if not decided.has_line:
            self._measure(decided, now_s)
        for result, events in self._add(results_of(decided, outcomes)).items():
            self._account.datastores.count(datastore_id, events, succeeded=result.succeeded)
        now_ms = self._clock.wall_ms()
        rulings = verdict.rulings or {}
        if verdict.defect is not None:
            usual = [event for event in decided.events if event.record_id not in rulings]
            self._fail(verdict.defect, verdict.result, usual, now_ms)
        if rulings:
            ruled = ((event, rulings[event.record_id]) for event in decided.events if event.record_id in rulings)
            for event, ruling in ruled:
                if ruling.defect is not None:
                    self._fail(ruling.defect, ruling.result, [event], now_ms)

    def handed_out(self, flight: Flight, now_s: float) -> None:
        """Take note of a request that goes out."""
        self._account.on_wire_since_s[flight.number] = now_s

    def landed(self, flight: Flight) -> None:
        """Take note that it is over."""
        self._account.on_wire_since_s.pop(flight.number, None)

    def waits(self, flight: Flight, wait: Wait, now_s: float) -> None:
        """Count a request that has decided nothing."""
        del now_s
        self._account.on_wire_since_s.pop(flight.number, None)
        self._account.setbacks.add(flight.datastore_id, wait.reason, self._clock.wall_ms())

    def gave_up(self, outcomes: Sequence[Settled]) -> None:
        """Count what was held for too long; of each datastore the last one tells why."""
        now_ms = self._clock.wall_ms()
        self._count(outcomes)
        keyed = [(each.record_key, each) for each in outcomes if each.record_key is not None]
        counts = Counter(key[0] for key, _ in keyed)
        last = {key[0]: (key[1], each) for key, each in keyed}
        for datastore_id, (record_id, each) in last.items():
            defect = Defect(ErrorCode.GIVEN_UP, orjson.loads(each.value)["error"]["message"])
            partition = each.assignment.partition
            failed = Failed(defect, each.result, datastore_id, record_id, partition, each.offset, now_ms)
            self._account.failures.add(failed, counts[datastore_id])
            self._account.datastores.count(datastore_id, counts[datastore_id], succeeded=False)

    def filled(self, transaction: Transaction, now_s: float) -> None:
        """Take note of what the next commit is for."""
        del transaction
        self._filled_s = now_s
        self._in_transaction = (*self._written_ms,)
        self._written_ms.clear()

    def committed(self, transaction: Transaction, now_s: float) -> None:
        """Measure how long the commit took, and how long ago its events were written."""
        if transaction.settled:
            self._account.commit_ms.add(1000 * (now_s - self._filled_s), now_s)
        now_ms = self._clock.wall_ms()
        for written_ms in self._in_transaction:
            self._account.total_ms.add(max(now_ms - written_ms, 0.0), now_s)
        self._in_transaction = ()

    def aborted(self, transaction: Transaction, now_s: float) -> None:
        """Take note that the same outcomes go again."""
        del transaction, now_s
        self._written_ms.extendleft(reversed(self._in_transaction))
        self._in_transaction = ()

    def stands(self, standing: Standing) -> None:
        """Put a snapshot on the board."""
        self._board.snapshot = self._account.snapshot(standing, self._clock.wall_ms())

    def _measure(self, decided: Decided, now_s: float) -> None:
        batch, latency_ms = decided.batch, decided.verdict.latency_ms
        middle = batch.events[len(batch.events) // 2]
        self._account.sizes.add(len(batch.events), now_s)
        self._account.request_ms.add(latency_ms, now_s)
        self._account.waiting_ms.add(max(1000 * (now_s - middle.arrived_s) - latency_ms, 0.0), now_s)
        if middle.message.timestamp_ms is not None:
            self._written_ms.append(middle.message.timestamp_ms)
        if counts := self._account.datastores.of(batch.lane.datastore_id):
            counts.latencies_ms.append(latency_ms)

    def _count(self, outcomes: Sequence[Settled]) -> None:
        self._add(Counter(map(attrgetter("result"), outcomes)))

    def _add(self, counts: Mapping[Result, int]) -> Mapping[Result, int]:
        self._account.results.update(counts)
        return counts

    def _fail(self, defect: Defect, result: Result, events: Sequence[Event], now_ms: int) -> None:
        if not events:
            return
        message, datastore_id = events[-1].message, events[-1].lane.datastore_id
        failed = Failed(defect, result, datastore_id, events[-1].record_id, message.partition, message.offset, now_ms)
        self._account.failures.add(failed, len(events))


def _kinds(unfit: Sequence[Unfit]) -> dict[tuple[Result, Defect | None, str | None], tuple[int, Unfit, int]]:
    """Group what is unfit in the same way: how many, the last one, and where that stands among them."""
    kinds: dict[tuple[Result, Defect | None, str | None], tuple[int, Unfit, int]] = {}
    for at, each in enumerate(unfit):
        key = (each.result, each.defect, each.datastore_id)
        count = kinds[key][0] if key in kinds else 0
        kinds[key] = (count + 1, each, at)
    return kinds
