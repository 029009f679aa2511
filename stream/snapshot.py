"""What the loop tells of itself about twice a second, as one frozen value: the source of `/status` and of the page.

No field value of a record and no credential is ever in it. Record ids are, where somebody must act on one record:
those that are parked, and the last example of each kind of failure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .status import Status


@dataclass(frozen=True, slots=True)
class Quantiles:
    """How long something took in the last minute, and how often that was measured; None where it was not."""

    count: int
    p50: float | None
    p99: float | None


@dataclass(frozen=True, slots=True)
class Flow:
    """What came in and what became of it: since the start, and in events a second over the last `window_s`."""

    received: int
    results: Mapping[str, int]
    window_s: float
    received_per_s: float
    succeeded_per_s: float
    failed_per_s: float
    results_per_s: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests with a verdict since the start, those of the last minute, and those that are on the wire now.

    `fill` is the mean share of `STREAM_BATCH_SIZE` that a request carried. `waiting` are batches that wait for a time.
    `newest_ms` is of the last few requests, `unanswered_for_s` how long the oldest one on the wire has had no answer.
    """

    count: int
    success_rate: float
    avg_latency_ms: float
    per_minute: int
    mean_size: float | None
    fill: float | None
    in_flight: int
    max_in_flight: int
    waiting: int
    newest_ms: Quantiles
    unanswered_for_s: float


@dataclass(frozen=True, slots=True)
class Latency:
    """Where an event's time goes, in milliseconds: from its arrival to its request, the request, the commit, and all.

    `produced_to_committed` begins with the time that the message was written, by its writer's or the broker's clock.
    """

    waiting_ms: Quantiles
    request_ms: Quantiles
    commit_ms: Quantiles
    produced_to_committed_ms: Quantiles


@dataclass(frozen=True, slots=True)
class Backlog:
    """Undecided events: how many wait in lanes or behind an older one of their record, and their size."""

    waiting: int
    buffer_bytes: int
    max_buffer_bytes: int


@dataclass(frozen=True, slots=True)
class DatastoreFlow:
    """One datastore: what waits for it, what is on its way, and what became of its events in the last minute.

    `latency_ms` is of its requests. `state` is `flowing` or `held`.
    """

    data_store_id: str
    state: str
    waiting: int
    oldest_waits_s: float | None
    in_flight: int
    succeeded: int
    failed: int
    latency_ms: Quantiles


@dataclass(frozen=True, slots=True)
class PartitionFlow:
    """One partition of ours: how far it is, how far behind, and why it stands still if it does.

    `state` is `awaiting_offset`, `marking`, `flowing`, `paused` or `refused`. `begins_for_s` is how long it has been in
    one of the first two. `undecided`: events delivered past the last committed offset. `lag` is None until the end of
    its log is known, and of a paused one it is what it was when it was fetched last.
    """

    topic: str
    partition: int
    state: str
    begins_for_s: float
    lag: int | None
    committed: int | None
    undecided: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class Example:
    """The last event of a kind of failure: where it stands in the input, and whose it is, where that is known."""

    topic: str
    partition: int
    offset: int
    record_id: str | None


@dataclass(frozen=True, slots=True)
class Failure:
    """A kind of failure, one code of one datastore: how often, when last, an example, and what to do about it.

    `message`, `path` and `http_status` are those of the last one; they never hold a value.
    """

    code: str
    data_store_id: str | None
    result: str
    count: int
    first_ms: int
    last_ms: int
    message: str
    path: str | None
    http_status: int | None
    last: Example
    remedy: str


@dataclass(frozen=True, slots=True)
class Setback:
    """Requests that decided nothing, and why: they go again. `last_ms` is when one did last."""

    data_store_id: str
    reason: str
    count: int
    last_ms: int


@dataclass(frozen=True, slots=True)
class Moment:
    """One point of the recent past, for a chart: rates are per second, over the time since the point before."""

    at_ms: int
    received_per_s: float
    succeeded_per_s: float
    failed_per_s: float
    lag: int | None
    request_p50_ms: float | None
    is_held: bool


@dataclass(frozen=True, slots=True)
class Publisher:
    """How the outcomes get out: `state` is that of the outbox, `idle`, `open`, `rebuilding` or `resolving`."""

    state: str
    for_s: float
    waiting: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All of it. `outside_for_s` is how long it has not been in the consumer group.

    Of datastores, partitions and failures those that matter most are listed, and all are counted.
    """

    at_ms: int
    is_member: bool
    outside_for_s: float
    flow: Flow
    requests: Requests
    latency: Latency
    backlog: Backlog
    publisher: Publisher
    status: Status
    lag: int | None
    datastores: tuple[DatastoreFlow, ...]
    datastore_count: int
    partitions: tuple[PartitionFlow, ...]
    partition_count: int
    refused_count: int
    paused_count: int
    failures: tuple[Failure, ...]
    setbacks: tuple[Setback, ...]
    history: tuple[Moment, ...]
