"""Messages in: fetched, tracked, read, and no more of them than there is room and work for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .clock import rfc3339
from .intake import Unfit
from .ledger import Delivery
from .model import Event
from .observer import TookIn
from .partitions import Phase

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .execution import Execution
    from .model import Assignment, Message, Run, Settled
    from .outbox import Outbox
    from .partitions import Partitions, Taken
    from .parts import Parts

BUSY_POLL_S = 0.004
IDLE_POLL_S = 0.02
LONGEST_WITHOUT_POLL_S = 0.1
"""A poll serves rebalances too, however much work there is."""


class Reception:
    """The way from the source to the lanes, and the ways to hold it back.

    Where there is work enough, nothing is fetched: what waits in the consumer costs less than what waits here. Where a
    window or the buffer is full, the partition is paused; that is the last resort, because what was fetched ahead of a
    pause is thrown away, and it takes about 0.4 s until a resumed partition flows again (measured).
    """

    def __init__(
        self, parts: Parts, partitions: Partitions, execution: Execution, outbox: Outbox, buffer_bytes: int
    ) -> None:
        self._parts = parts
        self._partitions = partitions
        self._execution = execution
        self._outbox = outbox
        self._buffer_bytes = buffer_bytes
        self._observer = parts.observer
        self._poll_by_s = parts.clock.monotonic_s()

    def fetch(self) -> Sequence[Run]:
        """Take the next chunk, unless there is work enough.

        Raises:
            FatalError: when the consumer cannot go on.
        """
        now_s = self._parts.clock.monotonic_s()
        if now_s < self._poll_by_s and (self._execution.has_plenty() or self._outbox.is_behind):
            self._parts.pool.rest(BUSY_POLL_S)
            return ()
        self._poll_by_s = now_s + LONGEST_WITHOUT_POLL_S
        return self._parts.source.poll(self._patience_s())

    def take(self, runs: Iterable[Run], now_s: float) -> None:
        """Track what was fetched, and read what is new."""
        for run in runs:
            owned = self._partitions.get(run.partition)
            if owned is not None and owned.phase is Phase.FLOWING:  # else it was fetched before it was taken from us
                self._read(owned.take(run.messages), owned.assignment, now_s)

    def balance(self, now_s: float) -> None:
        """Read what a full window has held back; pause and resume partitions."""
        buffered = self._execution.lanes.size_bytes + self._outbox.unfit_bytes
        is_full, has_room = buffered >= self._buffer_bytes, buffered <= self._buffer_bytes // 2
        for owned in self._partitions.in_phase(Phase.FLOWING):
            if owned.overflow and not is_full:
                self._read(owned.take_overflow(), owned.assignment, now_s)
            if not owned.is_paused and (is_full or owned.wants_pause):
                owned.is_paused = True
                self._parts.source.pause([owned.assignment.partition])
            elif owned.is_paused and has_room and owned.wants_resume:
                owned.is_paused = False
                self._parts.source.resume([owned.assignment.partition])

    def _read(self, taken: Iterable[Taken], assignment: Assignment, now_s: float) -> None:
        """Decode, validate; a fit event goes to its lane, an unfit one straight to its outcome."""
        began_s = self._parts.clock.monotonic_s()
        count = suspects = 0
        unfit: list[tuple[Message, Unfit]] = []
        for delivery, messages in taken:
            if delivery is Delivery.SETTLED:
                continue
            suspect = delivery is Delivery.SUSPECT
            count += len(messages)
            suspects += len(messages) if suspect else 0
            found = self._parts.intake.read_all(messages, assignment, now_s, suspect=suspect)
            events = [each for each in found if type(each) is Event]
            self._execution.lanes.add(events)
            if len(events) < len(found):
                pairs = zip(messages, found, strict=True)
                unfit += [(message, each) for message, each in pairs if type(each) is Unfit]
        if count:
            outcomes = self._refuse(unfit, assignment, began_s) if unfit else ()
            why = [each for _, each in unfit]
            ended_s = self._parts.clock.monotonic_s()
            chunk = TookIn(assignment.partition, count, suspects, why, outcomes, now_s, began_s, ended_s)
            self._observer.took_in(chunk)

    def _refuse(self, unfit: Sequence[tuple[Message, Unfit]], assignment: Assignment, began_s: float) -> list[Settled]:
        """Write the outcomes of messages that are no events."""
        timestamp = rfc3339(self._parts.clock.wall_ms())
        traceparent = self._parts.tracing.without_request([message for message, _ in unfit], began_s)
        write = self._parts.writer.of_unfit
        outcomes = [write(message, assignment, each, timestamp, traceparent) for message, each in unfit]
        for outcome in outcomes:
            self._outbox.add_unfit(outcome)
        return outcomes

    def _patience_s(self) -> float:
        """How long a poll may wait: hardly, while answers or reports are awaited."""
        busy = self._execution.flights.on_wire or not self._outbox.is_empty
        return BUSY_POLL_S if busy or self._partitions.in_phase(Phase.MARKING) else IDLE_POLL_S
