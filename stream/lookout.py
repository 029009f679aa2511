"""Looks at where everything stands, about once a second, for whoever observes the loop."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from .observer import SILENT
from .standing import DatastoreStanding, PartitionStanding, Standing

if TYPE_CHECKING:
    from .execution import Execution
    from .partitions import Partition, Partitions
    from .parts import Parts
    from .publication import Publication
    from .status import Tally

LOOK_EVERY_S = 1.0


class Lookout:
    """Tells the observer that the loop turns, and from time to time where everything stands."""

    def __init__(
        self, parts: Parts, partitions: Partitions, execution: Execution, publication: Publication, buffer_bytes: int
    ) -> None:
        self._observer = parts.observer
        self._source = parts.source
        self._partitions = partitions
        self._execution = execution
        self._publication = publication
        self._buffer_bytes = buffer_bytes
        self._next_s = parts.clock.monotonic_s()

    def look(self, tally: Tally, now_s: float) -> None:
        """Look, if it is time; nothing is looked at where nobody observes.

        Args:
            tally: of the requests.
            now_s: the loop's clock.
        """
        if self._observer is SILENT:
            return
        self._observer.turned(now_s)
        if now_s >= self._next_s:
            self._next_s = now_s + LOOK_EVERY_S
            self._observer.stands(self._standing(tally, now_s))

    def _standing(self, tally: Tally, now_s: float) -> Standing:
        execution, outbox = self._execution, self._publication.outbox
        ends = self._source.log_ends([owned.assignment.partition for owned in self._partitions])
        waiting = [len(events) for _, events in execution.lanes.waiting()]
        return Standing(
            now_s=now_s,
            is_member=self._source.is_member(),
            partitions=tuple(_partition(owned, ends.get(owned.assignment.partition)) for owned in self._partitions),
            lanes=len(waiting),
            ready=sum(waiting),
            on_wire=execution.flights.on_wire,
            waiting=len(execution.flights.waiting()),
            most_on_wire=execution.flights.most,
            buffer_used_bytes=execution.lanes.size_bytes + outbox.unfit_bytes,
            buffer_bytes=self._buffer_bytes,
            outbox=len(outbox),
            outbox_state=outbox.state,
            outbox_since_s=outbox.since_s,
            datastores=_datastores(execution),
            status=execution.status(now_s),
            tally=tally,
        )


def _datastores(execution: Execution) -> tuple[DatastoreStanding, ...]:
    ready: Counter[str] = Counter()
    oldest_s: dict[str, float] = {}
    for key, events in execution.lanes.waiting():
        ready[key.datastore_id] += len(events)
        arrived_s = next(iter(events)).arrived_s
        oldest_s[key.datastore_id] = min(arrived_s, oldest_s.get(key.datastore_id, arrived_s))
    on_way = Counter(flight.datastore_id for flight in execution.flights)
    return tuple(DatastoreStanding(name, ready[name], oldest_s.get(name, 0.0), on_way[name]) for name in ready | on_way)


def _partition(owned: Partition, log_end: int | None) -> PartitionStanding:
    committed = owned.ledger.committed if owned.has_begun else None
    return PartitionStanding(
        owned.assignment.partition,
        owned.phase,
        owned.refusal,
        committed,
        max(log_end - committed, 0) if log_end is not None and committed is not None else None,
        owned.ledger.delivered_beyond_commit,
        owned.is_paused,
    )
