"""The nouns: every value that crosses from one room into another.

Values are immutable. Those of which one is made per event are `NamedTuple`s, all others frozen and slotted
dataclasses: a frozen dataclass of six fields takes 0.8 µs to make, a tuple 0.26 µs, and each event needs three.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .codes import ErrorCode

Headers = list[tuple[str, bytes | None]]
RecordKey = tuple[str, str]
"""What order is kept for: (dataStoreId, record id)."""


class TopicPartition(NamedTuple):
    """A partition of a topic."""

    topic: str
    partition: int


class Assignment(NamedTuple):
    """One stretch of time in which this instance owns a partition.

    `epoch` counts this process's assignments of it. What was handed out under an older epoch is late: another
    instance may own the partition by now.
    """

    partition: TopicPartition
    epoch: int


class UpdateType(StrEnum):
    """Whether a record may be created (contract section 1)."""

    __hash__ = str.__hash__  # Enum's own is written in Python: 0.3 µs, several times an event

    UPSERT = "UPSERT"
    UPDATE = "UPDATE"


class ConflictResolution(StrEnum):
    """What the API does when the sent version is not the stored one (contract section 1)."""

    __hash__ = str.__hash__

    OVERWRITE = "OVERWRITE"
    FAIL = "FAIL"
    IGNORE = "IGNORE"


class Result(StrEnum):
    """What became of an event (contract section 3)."""

    __hash__ = str.__hash__

    APPLIED = "APPLIED"
    ALREADY_APPLIED = "ALREADY_APPLIED"
    SKIPPED_STALE = "SKIPPED_STALE"
    SUPERSEDED = "SUPERSEDED"
    IGNORED = "IGNORED"
    CONFLICT = "CONFLICT"
    REJECTED = "REJECTED"
    INVALID = "INVALID"
    UNSUPPORTED = "UNSUPPORTED"
    INTEGRITY = "INTEGRITY"
    ABANDONED = "ABANDONED"

    @property
    def succeeded(self) -> bool:
        """Whether the outcome's `status` is `SUCCESS`."""
        return self in SUCCESSES


EVENT_OVERHEAD_BYTES = 512
HEADER_OVERHEAD_BYTES = 16
MESSAGE_OVERHEAD_BYTES = 256
"""What a record batch of one message needs beside key, value and headers."""


def headers_bytes(headers: Headers) -> int:
    """Estimate the size of headers from above."""
    return sum(len(name) * 4 + len(value or b"") + HEADER_OVERHEAD_BYTES for name, value in headers)


def message_bytes(key: bytes | None, value: bytes | None, headers: Headers) -> int:
    """Estimate a message's size from above, as the broker judges it."""
    return MESSAGE_OVERHEAD_BYTES + len(key or b"") + len(value or b"") + headers_bytes(headers)


SUCCESSES = frozenset({Result.APPLIED, Result.ALREADY_APPLIED, Result.SKIPPED_STALE, Result.SUPERSEDED, Result.IGNORED})


class Message(NamedTuple):
    """One Kafka message of an input topic, as it came."""

    partition: TopicPartition
    offset: int
    timestamp_ms: int | None
    key: bytes | None
    value: bytes | None
    headers: Headers | None

    @property
    def size_bytes(self) -> int:
        """The bytes that it keeps alive, and a round figure for the objects."""
        size = EVENT_OVERHEAD_BYTES + len(self.value or b"") + len(self.key or b"")
        return size + headers_bytes(self.headers) if self.headers else size


class Run(NamedTuple):
    """Messages of one partition that were fetched one after the other."""

    partition: TopicPartition
    messages: Sequence[Message]


class LaneKey(NamedTuple):
    """Events that may share a request: one datastore, one pair of directives."""

    datastore_id: str
    update_type: UpdateType
    conflict_resolution: ConflictResolution


class Event(NamedTuple):
    """A valid change event on its way to the API.

    `record` is its record of the request body, already serialised: lanes then hold bytes, not dictionaries, which
    spares the garbage collector more than the dump costs. `suspect` says that it may have been executed already
    (contract section 4.3). `size_bytes` is its share of `STREAM_BUFFER_BYTES`.

    `carries` is empty unless events of one record merge (`STREAM_COALESCE`): then those that its record holds the
    fields of, oldest first, itself as it came the last. One that carries itself alone was taken out of such a group
    that the API refused, and never merges again.
    """

    message: Message
    assignment: Assignment
    lane: LaneKey
    record_id: str
    record: bytes
    arrived_s: float
    suspect: bool
    size_bytes: int
    carries: tuple[Event, ...] = ()

    @property
    def record_key(self) -> RecordKey:
        """What order is kept for."""
        return (self.lane.datastore_id, self.record_id)

    @property
    def parts(self) -> tuple[Event, ...]:
        """The events that are executed with it, oldest first: itself, or all that it carries."""
        return self.carries or (self,)

    def as_suspect(self) -> Event:
        """Return it as one that may have been executed already, with all that it carries."""
        return self._replace(suspect=True, carries=tuple(each._replace(suspect=True) for each in self.carries))


class Defect(NamedTuple):
    """Why an event failed: `code` from the closed list, `path` a JSON Pointer into the received value."""

    code: ErrorCode
    message: str
    path: str | None = None
    http_status: int | None = None


@dataclass(frozen=True)  # without slots: `checksum` is kept
class Batch:
    """One request: its events, each of another record, and the exact bytes that carry them."""

    batch_id: str
    lane: LaneKey
    events: tuple[Event, ...]
    body: bytes

    @cached_property
    def checksum(self) -> str:
        """The SHA-256 of `body`, in hex."""
        return hashlib.sha256(self.body).hexdigest()


class Rebase(NamedTuple):
    """A record that is sent again on the current version, and the version that it was sent with before."""

    record_id: str
    sent: int | None
    current: int


class Ruling(NamedTuple):
    """What becomes of one record whose result is not that of its whole request."""

    result: Result
    defect: Defect | None
    version: int | None
    confirmed: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the API's last answer means for the records of a request.

    `result` and `defect` hold for each record that `rulings` does not name, by record id; so does `confirmed`: the
    answer is evidence for all of them. `versions` maps record ids that the answer names to their versions.
    `rebased` are those of the request's records that it carried on another version than their event's own.
    """

    result: Result
    http_status: int | None
    latency_ms: float
    attempts: int
    defect: Defect | None = None
    checksum_verified: bool = False
    confirmed: bool = False
    versions: Mapping[str, int | None] | None = None
    rulings: Mapping[str, Ruling] | None = None
    rebased: tuple[Rebase, ...] = ()


@dataclass(frozen=True, slots=True)
class Decided:
    """A request with its verdict.

    `events` are those of its events whose outcome it decides: all of an applied one's, none of a refused one's whose
    records all go again. A request may be told of several times, as its records are read back; all but the first say
    that it `has_line` in the audit already.
    """

    batch: Batch
    verdict: Verdict
    events: tuple[Event, ...]
    has_line: bool = False


class DeadLetter(NamedTuple):
    """A copy for the dead letter topic: the input byte for byte, and in further headers why it failed."""

    key: bytes | None
    value: bytes | None
    headers: Headers
    reasons: Headers


class Settled(NamedTuple):
    """A decided event, ready to be published: exactly one for each input event.

    `record_key` is what its commit releases in the lanes: None for an event that never got so far.
    """

    assignment: Assignment
    offset: int
    key: bytes
    value: bytes
    headers: Headers
    result: Result
    record_key: RecordKey | None
    size_bytes: int
    dead_letter: DeadLetter | None

    @property
    def published_bytes(self) -> int:
        """Its share of a transaction."""
        letter = self.dead_letter
        size = len(self.key) + len(self.value)
        if letter is None:
            return size
        return size + len(letter.key or b"") + len(letter.value or b"") + headers_bytes(letter.headers)

    @property
    def position(self) -> bytes:
        """The input's position, which is the key where the input's own cannot be."""
        return position(self.assignment.partition, self.offset)


def position(partition: TopicPartition, offset: int) -> bytes:
    """Write `{topic}/{partition}/{offset}`."""
    return b"%b/%d/%d" % (partition.topic.encode(), partition.partition, offset)
