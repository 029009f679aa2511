"""Where everything stands, as one value that observers are given about once a second."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .model import TopicPartition
    from .outbox import State
    from .partitions import Phase
    from .status import Status, Tally


@dataclass(frozen=True, slots=True)
class PartitionStanding:
    """One assigned partition.

    `committed`: the next offset after what is committed, None before it is known. `lag`: how many offsets the log's end
    is beyond it, as far as the consumer knows the end. `window_used`: events delivered past it, of
    `ledger.WINDOW`. `refusal`: why it is not consumed.
    """

    partition: TopicPartition
    phase: Phase
    refusal: str
    committed: int | None
    lag: int | None
    window_used: int
    is_paused: bool


@dataclass(frozen=True, slots=True)
class DatastoreStanding:
    """One datastore with work: `ready` events that could go, the oldest since `oldest_s`; `on_way` its batches."""

    datastore_id: str
    ready: int
    oldest_s: float
    on_way: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Where everything stands at `now_s`.

    `is_member`: of the consumer group. `lanes`: how many have an event that could go. `ready`: events that could go.
    `on_wire`: requests with a worker; `waiting`: batches that wait for a time; `most_on_wire`: `CXONE_MAX_IN_FLIGHT`.
    `buffer_used_bytes` of `buffer_bytes` (`STREAM_BUFFER_BYTES`). `outbox`: outcomes not yet known to be committed,
    its `outbox_state` since `outbox_since_s`. `datastores`: all with work. `status`: what is held. `tally`: requests
    since the start (live).
    """

    now_s: float
    is_member: bool
    partitions: tuple[PartitionStanding, ...]
    lanes: int
    ready: int
    on_wire: int
    waiting: int
    most_on_wire: int
    buffer_used_bytes: int
    buffer_bytes: int
    outbox: int
    outbox_state: State
    outbox_since_s: float
    datastores: tuple[DatastoreStanding, ...]
    status: Status
    tally: Tally
