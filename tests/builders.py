"""Small builders of the nouns, each sound where a test says nothing, and the ports of the loop in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from stream.intake import Defaults, Intake
from stream.model import (
    Assignment,
    Batch,
    ConflictResolution,
    Decided,
    Event,
    Headers,
    LaneKey,
    Message,
    Result,
    Settled,
    TopicPartition,
    UpdateType,
    Verdict,
)
from stream.partitions import CommittedOffset, Offset
from stream.payload import build
from stream.schema_files import load_schemas

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from stream.model import Run
    from stream.outbox import Transaction
    from stream.ports import Rebalance, Report
    from stream.validate import Schemas

SCHEMAS_DIR = Path(__file__).parents[1] / "schemas"
PARTITION = TopicPartition("deltas", 0)
OTHER_PARTITION = TopicPartition("deltas", 1)
ASSIGNMENT = Assignment(PARTITION, 1)
LANE = LaneKey("people", UpdateType.UPSERT, ConflictResolution.OVERWRITE)
TIMESTAMP = "2026-11-23T04:20:00.000Z"
OUTCOME_FIELDS = [
    "specVersion",
    "eventType",
    "status",
    "result",
    "executed",
    "confirmed",
    "dataStoreId",
    "recordId",
    "version",
    "batchId",
    "batchSize",
    "checksum",
    "checksumVerified",
    "latencyMs",
    "attempts",
    "timestamp",
    "source",
    "supersededBy",
    "error",
]
"""In the order of contract section 3."""
DEFAULTS = Defaults(None, UpdateType.UPSERT, ConflictResolution.OVERWRITE)


def message(
    value: bytes | None = b'{"id":"r0","fields":{"name":"Ada"}}',
    *,
    offset: int = 0,
    partition: TopicPartition = PARTITION,
    key: bytes | None = b"r0",
    timestamp_ms: int | None = 1_790_000_000_000,
    headers: Headers | None = None,
) -> Message:
    """Build a message as Kafka gives it."""
    return Message(partition, offset, timestamp_ms, key, value, headers)


def event(
    record_id: str = "r0",
    *,
    offset: int = 0,
    lane: LaneKey = LANE,
    assignment: Assignment = ASSIGNMENT,
    arrived_s: float = 0.0,
    name_length: int = 3,
    suspect: bool = False,
    fields: dict[str, Any] | None = None,
) -> Event:
    """Build a valid event; `name_length` makes its record longer."""
    record = orjson.dumps({"id": record_id, "fields": fields or {"name": "n" * name_length}})
    came = message(record, offset=offset, partition=assignment.partition, key=record_id.encode())
    size_bytes = len(record) + came.size_bytes
    return Event(came, assignment, lane, record_id, record, arrived_s, suspect, size_bytes)


def batch(*events: Event, lane: LaneKey = LANE) -> Batch:
    """Build the request of these events, or of one."""
    return build("11111111-2222-4333-8444-555555555555", lane, events or (event(lane=lane),))


def decided(result: Result = Result.APPLIED, *events: Event) -> Decided:
    """Build a batch with a plain verdict."""
    request = batch(*events)
    return Decided(request, Verdict(result, 200, 12.5, 1), request.events)


def settled(offset: int = 0, *, assignment: Assignment = ASSIGNMENT, fit: bool = True) -> Settled:
    """Build an outcome that waits for its transaction; an unfit one has no record to release."""
    key = ("people", f"r{offset}") if fit else None
    result = Result.APPLIED if fit else Result.INVALID
    return Settled(assignment, offset, b"k%d" % offset, b'{"n":%d}' % offset, [], result, key, 600, None)


@cache
def packaged_schemas() -> Schemas:
    """Load the schemas of this project, once."""
    schemas, _ = load_schemas(SCHEMAS_DIR, SCHEMAS_DIR, require=False)
    return schemas


def intake(*, datastore_id: str | None = None) -> Intake:
    """Build an intake with the packaged schemas."""
    return Intake(packaged_schemas(), Defaults(datastore_id, DEFAULTS.update_type, DEFAULTS.conflict_resolution))


def nothing_committed(low: int = 0, high: int = 1_000) -> CommittedOffset:
    """Build what the broker says of a partition that the group has never read."""
    return CommittedOffset(None, "", low, high)


@dataclass
class MemorySource:
    """Kafka in, in memory. `answers` false: the broker does not answer within its time."""

    group_offsets: dict[TopicPartition, CommittedOffset] = field(default_factory=dict)
    group_metadata: object | None = "group of generation 1"
    answers: bool = True
    texts: list[str] = field(default_factory=list)
    first_at_ms: dict[int, int] = field(default_factory=dict)
    begun: list[tuple[TopicPartition, int]] = field(default_factory=list)

    def subscribe(self, rebalance: Rebalance) -> None:
        """Join nothing."""

    def poll(self, timeout_s: float) -> Sequence[Run]:  # noqa: ARG002 - the port's name
        """Have no message."""
        return ()

    def out_of_range(self) -> Sequence[TopicPartition]:
        """Lose no position."""
        return ()

    def committed(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, CommittedOffset]:
        """Say what is committed, and where the log begins and ends."""
        return {each: self.group_offsets.get(each, nothing_committed()) for each in partitions} if self.answers else {}

    def offsets(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, Offset] | None:
        """Say what is committed."""
        found = self.committed(partitions)
        return {each: Offset(known.offset, known.text) for each, known in found.items()} if self.answers else None

    def committed_texts(self, topic: str) -> list[str] | None:  # noqa: ARG002 - the port's name
        """Say what stands beside the committed offsets of a topic."""
        return self.texts if self.answers else None

    def offset_at(self, partition: TopicPartition, timestamp_ms: int) -> int | None:  # noqa: ARG002 - the port's name
        """Look a time up."""
        return self.first_at_ms[timestamp_ms] if self.answers else None

    def begin(self, partition: TopicPartition, offset: int) -> None:
        """Remember what flows from where."""
        self.begun.append((partition, offset))

    def pause(self, partitions: Collection[TopicPartition]) -> None:
        """Fetch nothing anyway."""

    def resume(self, partitions: Collection[TopicPartition]) -> None:
        """Fetch nothing anyway."""

    def is_member(self) -> bool:
        """Be one as long as there is metadata."""
        return self.group() is not None

    def log_ends(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        """Know nothing."""
        del partitions
        return {}

    def group(self) -> object | None:
        """Give the group metadata."""
        return self.group_metadata

    def close(self) -> None:
        """Leave nothing."""


@dataclass
class MemorySink:
    """Kafka out, in memory: what was handed over, and the reports that a test lets come."""

    published: list[Transaction] = field(default_factory=list)
    coming: list[Report] = field(default_factory=list)
    replaced: int = 0

    def publish(self, transaction: Transaction) -> None:
        """Remember a transaction."""
        self.published.append(transaction)

    def reports(self) -> Sequence[Report]:
        """Give each report once."""
        reports, self.coming = self.coming, []
        return reports

    def replace(self) -> None:
        """Count the producers; what the old one has not told, it never tells."""
        self.replaced += 1
        self.coming.clear()

    def close(self) -> None:
        """End nothing."""
