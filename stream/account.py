"""What is counted and measured of the loop, and how a snapshot is made of it."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING

from .failures import Failures, Setbacks
from .figures import Datastores, Rates, Samples, quantiles
from .partitions import Phase
from .snapshot import (
    Backlog,
    DatastoreFlow,
    Flow,
    Latency,
    Moment,
    PartitionFlow,
    Publisher,
    Requests,
    Snapshot,
)

if TYPE_CHECKING:
    from .figures import DatastoreCounts
    from .model import Result, TopicPartition
    from .standing import DatastoreStanding, PartitionStanding, Standing

NEWEST = 10
"""Requests that tell how the API is just now."""
MAX_LISTED_DATASTORES = 50
MAX_LISTED_PARTITIONS = 200
MAX_LISTED_KINDS = 30
MOMENT_S = 15.0
MAX_MOMENTS = 60
"""A quarter of an hour."""

_RECEIVED, _SUCCEEDED, _FAILED = "received", "succeeded", "failed"


class Account:
    """The counts since the start, and the figures of the recent past."""

    def __init__(self, batch_size: int) -> None:
        self.received = 0
        self.results: Counter[Result] = Counter()
        self.failures, self.setbacks, self.datastores = Failures(), Setbacks(), Datastores()
        self.sizes, self.waiting_ms, self.request_ms, self.commit_ms, self.total_ms = (Samples() for _ in range(5))
        self.on_wire_since_s: dict[int, float] = {}
        """By the flight's number."""
        self._batch_size = batch_size
        self._rates = Rates()
        self._moment_rates = Rates(MOMENT_S)
        self._history: deque[Moment] = deque(maxlen=MAX_MOMENTS)
        self._next_moment_s: float | None = None
        self._inside_at_s: float | None = None
        self._beginning: dict[TopicPartition, float] = {}

    def snapshot(self, standing: Standing, now_ms: int) -> Snapshot:
        """Make a snapshot.

        Args:
            standing: where everything stands now.
            now_ms: since 1970.
        """
        now_s, partitions = standing.now_s, standing.partitions
        if standing.is_member or self._inside_at_s is None:
            self._inside_at_s = now_s
        lags = [each.lag for each in partitions if each.lag is not None]
        lag = sum(lags) if lags or not partitions else None
        latency = Latency(
            *(each.quantiles(now_s) for each in (self.waiting_ms, self.request_ms, self.commit_ms, self.total_ms))
        )
        self._keep_moment(standing, lag, latency.request_ms.p50, now_ms)
        datastores = self._datastores(standing)
        return Snapshot(
            at_ms=now_ms,
            is_member=standing.is_member,
            outside_for_s=now_s - self._inside_at_s,
            flow=self._flow(now_s),
            requests=self._requests(standing),
            latency=latency,
            backlog=Backlog(standing.ready, standing.buffer_used_bytes, standing.buffer_bytes),
            publisher=Publisher(
                standing.outbox_state.name.lower(), max(now_s - standing.outbox_since_s, 0.0), standing.outbox
            ),
            status=standing.status,
            lag=lag,
            datastores=datastores[:MAX_LISTED_DATASTORES],
            datastore_count=len(datastores),
            partitions=self._partitions(standing),
            partition_count=len(partitions),
            refused_count=sum(each.refusal != "" for each in partitions),
            paused_count=sum(each.is_paused for each in partitions),
            failures=self.failures.last(MAX_LISTED_KINDS),
            setbacks=self.setbacks.last(MAX_LISTED_KINDS),
            history=tuple(self._history),
        )

    def _counts(self) -> dict[str, int]:
        succeeded = sum(count for result, count in self.results.items() if result.succeeded)
        failed = self.results.total() - succeeded
        return {_RECEIVED: self.received, _SUCCEEDED: succeeded, _FAILED: failed}

    def _flow(self, now_s: float) -> Flow:
        results = {result.value: count for result, count in self.results.items()}
        rates = self._rates.look(self._counts() | results, now_s)
        return Flow(
            received=self.received,
            results=results,
            window_s=self._rates.over_s,
            received_per_s=rates[_RECEIVED],
            succeeded_per_s=rates[_SUCCEEDED],
            failed_per_s=rates[_FAILED],
            results_per_s={name: rates[name] for name in results},
        )

    def _requests(self, standing: Standing) -> Requests:
        tally, mean_size = standing.tally, self.sizes.mean
        return Requests(
            count=tally.requests,
            success_rate=tally.success_rate,
            avg_latency_ms=tally.average_latency_ms,
            per_minute=self.sizes.quantiles(standing.now_s).count,
            mean_size=mean_size,
            fill=None if mean_size is None else mean_size / self._batch_size,
            in_flight=standing.on_wire,
            max_in_flight=standing.most_on_wire,
            waiting=standing.waiting,
            newest_ms=self.request_ms.newest(NEWEST, standing.now_s),
            unanswered_for_s=max((standing.now_s - since_s for since_s in self.on_wire_since_s.values()), default=0.0),
        )

    def _keep_moment(self, standing: Standing, lag: int | None, request_p50_ms: float | None, now_ms: int) -> None:
        now_s = standing.now_s
        if self._next_moment_s is not None and now_s < self._next_moment_s:
            return
        self._next_moment_s = now_s + MOMENT_S
        rates = self._moment_rates.look(self._counts(), now_s)
        self._history.append(
            Moment(
                now_ms,
                rates[_RECEIVED],
                rates[_SUCCEEDED],
                rates[_FAILED],
                lag,
                request_p50_ms,
                is_held=not standing.status.is_ready,
            )
        )

    def _partitions(self, standing: Standing) -> tuple[PartitionFlow, ...]:
        """List them by name; of too many those that stand still and those that are behind are kept."""
        now_s, kept = standing.now_s, standing.partitions
        beginning = [each.partition for each in kept if each.phase in (Phase.AWAITING_OFFSET, Phase.MARKING)]
        self._beginning = {each: self._beginning.get(each, now_s) for each in beginning}
        if len(kept) > MAX_LISTED_PARTITIONS:
            worst = sorted(kept, key=lambda each: (not each.refusal, not each.is_paused, -(each.lag or 0)))
            kept = tuple(worst[:MAX_LISTED_PARTITIONS])
        by_name = sorted(kept, key=lambda each: each.partition)
        return tuple(_partition(each, now_s - self._beginning.get(each.partition, now_s)) for each in by_name)

    def _datastores(self, standing: Standing) -> tuple[DatastoreFlow, ...]:
        """List those with work now or lately: held ones first, then those that fail, then by what waits."""
        counts = self.datastores.look(standing.now_s)
        waiting = {each.datastore_id: each for each in standing.datastores}
        held = {each.datastore_id for each in standing.status.held}
        flows = [
            _datastore(name, waiting.get(name), counts.get(name), standing.now_s, is_held=name in held)
            for name in {*counts, *waiting, *held}
        ]
        flows.sort(key=lambda each: (each.state != "held", -bool(each.failed), each.data_store_id))
        return tuple(flows)


def _datastore(
    name: str, waiting: DatastoreStanding | None, counts: DatastoreCounts | None, now_s: float, *, is_held: bool
) -> DatastoreFlow:
    return DatastoreFlow(
        data_store_id=name,
        state="held" if is_held else "flowing",
        waiting=waiting.ready if waiting else 0,
        oldest_waits_s=max(now_s - waiting.oldest_s, 0.0) if waiting and waiting.ready else None,
        in_flight=waiting.on_way if waiting else 0,
        succeeded=counts.succeeded if counts else 0,
        failed=counts.failed if counts else 0,
        latency_ms=quantiles(counts.latencies_ms if counts else ()),
    )


def _partition(standing: PartitionStanding, begins_for_s: float) -> PartitionFlow:
    state, reason = standing.phase.name.lower(), standing.refusal or None
    if state == "flowing" and standing.is_paused:
        state, reason = "paused", "its window or the buffer is full: events are read faster than they are decided"
    return PartitionFlow(
        topic=standing.partition.topic,
        partition=standing.partition.partition,
        state=state,
        begins_for_s=begins_for_s,
        lag=standing.lag,
        committed=standing.committed,
        undecided=standing.window_used,
        reason=reason,
    )
