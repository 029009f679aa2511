"""The one loop: an event's way in ten lines, and what happens when partitions come and go.

It owns the consumer, the lanes and the ledgers, all on one thread, so that the flow needs no lock. It never waits for
HTTP or for a commit, save in a revocation and in the drain, both bounded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import audit
from .clock import rfc3339
from .execution import Execution
from .log import get_log
from .lookout import Lookout
from .partitions import Partitions, Phase
from .publication import Publication
from .reception import BUSY_POLL_S, Reception
from .start import outside_the_log
from .status import Tally
from .superseded import write_merged
from .undecided import nothing_undecided

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from .model import Assignment, Decided, Event, TopicPartition
    from .parts import Bounds, Parts

log = get_log()

ASK_OFFSETS_AGAIN_S = 1.0
"""After the broker gave no answer: a dead member's open transaction delays it, and each question holds up the loop."""
REVOKE_WAIT_S = 3.0
REVOKE_COMMIT_S = 5.0
DRAIN_SHARE_FOR_REQUESTS = 0.7
DRAIN_SHARE_FOR_COMMIT = 0.9


class Loop:
    """Moves events from the source to committed outcomes until it is told to stop."""

    def __init__(self, parts: Parts, bounds: Bounds) -> None:
        self.partitions = Partitions()
        self.tally = Tally()
        limits = bounds.limits
        undecided = nothing_undecided(limits, bounds.policy, parts.rng)
        self.execution = Execution(parts.pool, limits, undecided, self.partitions.owns, self._doubt, parts.observer)
        now_s = parts.clock.monotonic_s()
        self.publication = Publication(parts.source, parts.sink, self.partitions, parts.rng, now_s, parts.observer)
        self._lookout = Lookout(parts, self.partitions, self.execution, self.publication, bounds.buffer_bytes)
        self._ask_offsets_at_s = now_s
        self._asks_in_vain = 0
        outbox = self.publication.outbox
        self._reception = Reception(parts, self.partitions, self.execution, outbox, bounds.buffer_bytes)
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
        runs = self._reception.fetch()
        now_s = parts.clock.monotonic_s()
        parts.lease.renew(now_s)
        self._reception.take(runs, now_s)
        self._begin_assigned(now_s)
        self._land(self.execution.take_verdicts(now_s), now_s)
        self._give_up(now_s)
        self.execution.release(self.publication.advance(now_s))
        if parts.lease.is_sure(now_s):
            self.execution.hand_out(now_s)
        self._reception.balance(now_s)
        self._lookout.look(self.tally, now_s)

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
        self.execution.recall_waiting()
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
        self._parts.observer.rebalanced("assigned", partitions)
        log.info("partitions_assigned", partitions=_names(partitions))

    def revoked(self, partitions: Collection[TopicPartition]) -> None:
        """Give partitions away: wait a little for what is on the wire, commit once, forget.

        No request starts meanwhile, not even one more of a dialogue under way: the client may tell of a revocation
        where the partitions are lost, and another instance has executed their events since.
        """
        now_s = self._parts.clock.monotonic_s()
        ended = {owned.assignment for each in partitions if (owned := self.partitions.get(each)) is not None}
        if not ended:
            return  # a drain has given them up already
        self._parts.lease.own([owned.assignment for owned in self.partitions if owned.assignment not in ended])
        self._finish(ended, now_s + REVOKE_WAIT_S, now_s + REVOKE_WAIT_S + REVOKE_COMMIT_S)
        self._end(ended)
        self._parts.observer.rebalanced("revoked", partitions)
        log.info("partitions_revoked", partitions=_names(partitions))

    def lost(self, partitions: Collection[TopicPartition]) -> None:
        """Forget partitions that another instance owns already."""
        self._end({owned.assignment for each in partitions if (owned := self.partitions.get(each)) is not None})
        self._parts.observer.rebalanced("lost", partitions)
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
            parts.observer.turned(now_s)  # each may ask the broker something more
            parts.start.begin(self.partitions, partition, committed, parts.source, parts.clock.wall_ms())
            owned = self.partitions.get(partition)
            if owned is not None and owned.phase is Phase.REFUSED:
                log.error("partition_refused", partition=_name(partition), reason=owned.refusal)

    def _refuse(self, partition: TopicPartition) -> None:
        found = self._parts.source.committed([partition]).get(partition)
        why = outside_the_log(partition, found)
        self.partitions.refuse(partition, why)
        log.error("partition_refused", partition=_name(partition), reason=why)

    def _land(self, verdicts: Iterable[Decided], now_s: float) -> None:
        """Write the outcomes of what was decided; those of ended assignments are dropped when they are published."""
        for decided in verdicts:
            timestamp = rfc3339(self._parts.clock.wall_ms())
            if not decided.has_line:
                self._parts.audit.write(audit.line(decided, timestamp))
                self._report(decided)
            traceparent = self._parts.tracing.of_outcomes(decided)
            writer = self._parts.writer
            if self._bounds.batch.merges:
                outcomes = write_merged(writer, decided, timestamp, traceparent)
            else:
                outcomes = writer.of_batch(decided, timestamp, traceparent)
            self.publication.outbox.add(outcomes)
            self._parts.observer.decided(decided, outcomes, now_s)

    def _give_up(self, now_s: float) -> None:
        """Write the outcomes of what was held for too long (`STREAM_GIVE_UP_AFTER_S`)."""
        if given_up := self.execution.give_up(now_s):
            timestamp = rfc3339(self._parts.clock.wall_ms())
            write = self._parts.writer.of_given_up
            traceparent = self._parts.tracing.without_request([each.event.message for each in given_up], now_s)
            outcomes = [write(each.event, each.defect, timestamp, traceparent) for each in given_up]
            self.publication.outbox.add(outcomes)
            self._parts.observer.gave_up(outcomes)

    def _report(self, decided: Decided) -> None:
        verdict = decided.verdict
        is_success = verdict.result.succeeded
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
            for each in event.parts:
                owned.ledger.doubt(each.message.offset)

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
        """Move on what is under way; after a standstill no request starts, as no poll would tell of a loss."""
        self._parts.pool.rest(BUSY_POLL_S)
        now_s = self._parts.clock.monotonic_s()
        if self._parts.lease.is_sure(now_s):
            self._parts.lease.renew(now_s)
        self._land(self.execution.take_verdicts(now_s), now_s)
        self.execution.release(self.publication.advance(now_s, clean))
        self._lookout.look(self.tally, now_s)

    def _end(self, ended: set[Assignment]) -> None:
        self.partitions.unassign([assignment.partition for assignment in ended])
        self._parts.lease.own([owned.assignment for owned in self.partitions])
        self.execution.forget(ended)
        self.execution.release(self.publication.drop_late())


def _names(partitions: Collection[TopicPartition]) -> list[str]:
    return sorted(map(_name, partitions))


def _name(partition: TopicPartition) -> str:
    return f"{partition.topic}/{partition.partition}"
