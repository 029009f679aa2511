"""The one loop: an event's way in ten lines, and what happens when partitions come and go.

It owns the consumer, the lanes and the ledgers, all on one thread, so that the flow needs no lock. It never waits for
HTTP or for a commit, save in a revocation and in the drain, both bounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import audit
from .clock import rfc3339
from .execution import Execution
from .intake import Unfit
from .ledger import Delivery
from .log import get_log
from .partitions import Partitions, Phase
from .publication import Publication
from .start import outside_the_log
from .status import Tally

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Collection, Iterable

    from .audit import AuditLog
    from .clock import Clock
    from .flights import InFlightLimits
    from .intake import Intake
    from .lanes import BatchLimits
    from .lease import Lease
    from .model import Assignment, Decided, Event, Message, TopicPartition
    from .outcome import OutcomeWriter
    from .ports import Pool, Sink, Source
    from .start import Start

log = get_log()

ASK_OFFSETS_AGAIN_S = 1.0
"""After the broker gave no answer: a dead member's open transaction delays it, and each question holds up the loop."""
BUSY_POLL_S = 0.004
IDLE_POLL_S = 0.02
REVOKE_WAIT_S = 3.0
REVOKE_COMMIT_S = 5.0
DRAIN_SHARE_FOR_REQUESTS = 0.7
DRAIN_SHARE_FOR_COMMIT = 0.9


@dataclass(frozen=True, slots=True)
class Parts:
    """All that a loop is put together from: the ports, the pure rooms with settings, and the process's own."""

    source: Source
    pool: Pool
    sink: Sink
    clock: Clock
    rng: random.Random
    intake: Intake
    start: Start
    writer: OutcomeWriter
    audit: AuditLog
    lease: Lease


@dataclass(frozen=True, slots=True)
class Bounds:
    """`STREAM_BATCH_*`, `CXONE_MAX_IN_FLIGHT*`, `STREAM_BUFFER_BYTES` and `STREAM_DRAIN_S`."""

    batch: BatchLimits
    in_flight: InFlightLimits
    buffer_bytes: int
    drain_s: float


class Loop:
    """Moves events from the source to committed outcomes until it is told to stop."""

    def __init__(self, parts: Parts, bounds: Bounds) -> None:
        self.partitions = Partitions()
        self.tally = Tally()
        self.execution = Execution(
            parts.pool, (bounds.batch, bounds.in_flight), parts.rng, self.partitions.owns, self._doubt
        )
        now_s = parts.clock.monotonic_s()
        self.publication = Publication(parts.source, parts.sink, self.partitions, parts.rng, now_s)
        self._ask_offsets_at_s = now_s
        self._asks_in_vain = 0
        self._parts = parts
        self._bounds = bounds

    def run(self, asked_to_stop_at_s: Callable[[], float | None]) -> None:
        """Turn until told to stop, then drain.

        Args:
            asked_to_stop_at_s: called once a turn; None until the process is asked to end.

        Raises:
            FatalError: when going on would break a promise.
        """
        self._parts.source.subscribe(self)
        while (asked_at_s := asked_to_stop_at_s()) is None:
            self.turn()
        self.drain(asked_at_s)

    def turn(self) -> None:
        """Move everything one step on."""
        parts = self._parts
        messages = parts.source.poll(self._patience_s())
        now_s = parts.clock.monotonic_s()
        parts.lease.renew(now_s)
        self._take(messages, now_s)
        self._begin_assigned(now_s)
        self._land(self.execution.take_verdicts(now_s))
        self.execution.release(self.publication.advance(now_s))
        if parts.lease.is_sure(now_s):
            self.execution.hand_out(now_s)
        self._balance(now_s)

    def drain(self, asked_at_s: float) -> None:
        """End in order: no new input, what answers in time is committed, the rest is the next owner's.

        Args:
            asked_at_s: from which `STREAM_DRAIN_S` counts: a revocation may have been under way then.
        """
        parts = self._parts
        requests_until_s = asked_at_s + DRAIN_SHARE_FOR_REQUESTS * self._bounds.drain_s
        commit_until_s = asked_at_s + DRAIN_SHARE_FOR_COMMIT * self._bounds.drain_s
        log.info("drain_begins", requests=self.execution.flights.on_wire, outcomes=len(self.publication.outbox))
        parts.source.pause([owned.assignment.partition for owned in self.partitions.in_phase(Phase.FLOWING)])
        self.execution.recall_parked()
        owned = {partition.assignment for partition in self.partitions}
        self._finish(owned, requests_until_s, commit_until_s)
        self._end(owned)
        parts.pool.close()
        parts.source.close()
        parts.sink.close()
        log.info("drain_ended", outcomes_left=len(self.publication.outbox))

    def assigned(self, partitions: Collection[TopicPartition]) -> None:
        """Take note of an assignment; it flows once its offset is known and marked."""
        self.partitions.assign(partitions)
        self._parts.lease.own([owned.assignment for owned in self.partitions])
        log.info("partitions_assigned", partitions=_names(partitions))

    def revoked(self, partitions: Collection[TopicPartition]) -> None:
        """Give partitions away: wait a little for what is on the wire, commit once, forget."""
        now_s = self._parts.clock.monotonic_s()
        ended = {owned.assignment for each in partitions if (owned := self.partitions.get(each)) is not None}
        if not ended:
            return  # a drain has given them up already
        self._finish(ended, now_s + REVOKE_WAIT_S, now_s + REVOKE_WAIT_S + REVOKE_COMMIT_S)
        self._end(ended)
        log.info("partitions_revoked", partitions=_names(partitions))

    def lost(self, partitions: Collection[TopicPartition]) -> None:
        """Forget partitions that another instance owns already."""
        self._end({owned.assignment for each in partitions if (owned := self.partitions.get(each)) is not None})
        log.warning("partitions_lost", partitions=_names(partitions))

    def _begin_assigned(self, now_s: float) -> None:
        parts = self._parts
        for partition in parts.source.out_of_range():
            self._refuse(partition)
        waiting = [owned.assignment.partition for owned in self.partitions.in_phase(Phase.AWAITING_OFFSET)]
        if not waiting or now_s < self._ask_offsets_at_s:
            return
        if self._asks_in_vain:  # one that an open transaction holds back must not hold back the others
            waiting = [waiting[self._asks_in_vain % len(waiting)]]
        found = parts.source.committed(waiting)
        self._asks_in_vain = 0 if found else self._asks_in_vain + 1
        if len(found) < len(waiting):
            self._ask_offsets_at_s = now_s + ASK_OFFSETS_AGAIN_S
        for partition, committed in found.items():
            parts.start.begin(self.partitions, partition, committed, parts.source, parts.clock.wall_ms())
            owned = self.partitions.get(partition)
            if owned is not None and owned.phase is Phase.REFUSED:
                log.error("partition_refused", partition=_name(partition), reason=owned.refusal)

    def _refuse(self, partition: TopicPartition) -> None:
        found = self._parts.source.committed([partition]).get(partition)
        why = outside_the_log(partition, found)
        self.partitions.refuse(partition, why)
        log.error("partition_refused", partition=_name(partition), reason=why)

    def _take(self, messages: Iterable[Message], now_s: float) -> None:
        """Track, decode, validate; a fit event goes to its lane, an unfit one straight to its outcome."""
        partition, owned = None, None
        for message in messages:
            if message.partition is not partition:  # chunks come in runs of one partition
                partition = message.partition
                owned = self.partitions.get(partition)
            if owned is None or owned.phase is not Phase.FLOWING:
                continue  # fetched before it was taken from us, or refused
            delivery = owned.take(message)
            if delivery is not None:
                self._take_tracked(message, owned.assignment, delivery, now_s)

    def _take_tracked(self, message: Message, assignment: Assignment, delivery: Delivery, now_s: float) -> None:
        if delivery is Delivery.SETTLED:
            return
        parts = self._parts
        event = parts.intake.read(message, assignment, now_s, suspect=delivery is Delivery.SUSPECT)
        if isinstance(event, Unfit):
            timestamp = rfc3339(parts.clock.wall_ms())
            self.publication.outbox.add((parts.writer.of_unfit(message, assignment, event, timestamp),))
        else:
            self.execution.lanes.add(event)

    def _land(self, verdicts: Iterable[Decided]) -> None:
        """Write the outcomes of what was decided; those of ended assignments are dropped when they are published."""
        for decided in verdicts:
            timestamp = rfc3339(self._parts.clock.wall_ms())
            settled = self._parts.writer.of_batch(decided, timestamp)
            succeeded = sum(each.result.succeeded for each in settled)
            self._parts.audit.write(audit.line(decided, succeeded, timestamp))
            self._report(decided, is_success=succeeded == len(settled))
            self.publication.outbox.add(settled)

    def _report(self, decided: Decided, *, is_success: bool) -> None:
        verdict = decided.verdict
        self.tally.count(verdict.latency_ms, succeeded=is_success)
        log.info(
            "execution_completed",
            status="SUCCESS" if is_success else "FAILED",
            latencyMs=round(verdict.latency_ms, 3),
            successRate=round(self.tally.success_rate, 3),
            avgLatencyMs=round(self.tally.average_latency_ms, 3),
            datastore=decided.batch.lane.datastore_id,
            batch_id=decided.batch.batch_id,
            batch_size=len(decided.batch.events),
            attempts=verdict.attempts,
            http_status=verdict.http_status,
        )

    def _doubt(self, event: Event) -> None:
        owned = self.partitions.current(event.assignment)
        if owned is not None:
            owned.ledger.doubt(event.message.offset)

    def _balance(self, now_s: float) -> None:
        """Pause the partitions whose window or the buffer is full, resume those that have room again."""
        buffered = self.execution.lanes.size_bytes + self.publication.outbox.unfit_bytes
        is_full, has_room = buffered >= self._bounds.buffer_bytes, buffered <= self._bounds.buffer_bytes // 2
        for owned in self.partitions.in_phase(Phase.FLOWING):
            if not owned.is_paused and owned.wants_pause(buffer_is_full=is_full):
                owned.is_paused = True
                self._parts.source.pause([owned.assignment.partition])
            elif owned.is_paused and has_room:
                for message, delivery in owned.take_overflow():
                    self._take_tracked(message, owned.assignment, delivery, now_s)
                if owned.wants_resume():
                    owned.is_paused = False
                    self._parts.source.resume([owned.assignment.partition])

    def _finish(self, ending: set[Assignment], requests_until_s: float, commit_until_s: float) -> None:
        """Wait for the answers of requests on the wire, then commit what they settled, each within its time."""
        flights, clock = self.execution.flights, self._parts.clock
        while flights.on_wire_of(ending) and clock.monotonic_s() < requests_until_s:
            self._rest_and_advance(())
        while clock.monotonic_s() < commit_until_s:
            answered = {assignment for assignment in ending if not flights.on_wire_of({assignment})}
            if not self.publication.has_work_for(ending, answered):
                break
            self._rest_and_advance(answered)

    def _rest_and_advance(self, clean: Collection[Assignment]) -> None:
        self._parts.pool.rest(BUSY_POLL_S)
        now_s = self._parts.clock.monotonic_s()
        self._parts.lease.renew(now_s)
        self._land(self.execution.take_verdicts(now_s))
        self.execution.release(self.publication.advance(now_s, clean))

    def _end(self, ended: set[Assignment]) -> None:
        self.partitions.unassign([assignment.partition for assignment in ended])
        self._parts.lease.own([owned.assignment for owned in self.partitions])
        self.execution.forget(ended)
        self.execution.release(self.publication.drop_late())

    def _patience_s(self) -> float:
        """How long a poll may wait: hardly, while answers or reports are awaited."""
        busy = self.execution.flights.on_wire or not self.publication.outbox.is_empty
        return BUSY_POLL_S if busy or self.partitions.in_phase(Phase.MARKING) else IDLE_POLL_S


def _names(partitions: Collection[TopicPartition]) -> list[str]:
    return sorted(map(_name, partitions))


def _name(partition: TopicPartition) -> str:
    return f"{partition.topic}/{partition.partition}"
