"""What the loop needs of the world: three ports, which the edges implement for real and the simulator in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from .flights import Flight
    from .model import Decided, Event, Run, TopicPartition
    from .outbox import Transaction
    from .partitions import CommittedOffset, Offset
    from .steps import Wait


class Rebalance(Protocol):
    """Who is told of the group's decisions, inside of `Source.poll`."""

    def assigned(self, partitions: Collection[TopicPartition]) -> None:
        """These are ours now."""
        ...

    def revoked(self, partitions: Collection[TopicPartition]) -> None:
        """These are ours until the call returns."""
        ...

    def lost(self, partitions: Collection[TopicPartition]) -> None:
        """These are another's already."""
        ...


class Source(Protocol):
    """Kafka in: the consumer. Only the loop's thread calls it."""

    def subscribe(self, rebalance: Rebalance) -> None:
        """Join the group."""
        ...

    def poll(self, timeout_s: float) -> Sequence[Run]:
        """Take the next chunk; serves rebalances meanwhile. Raises FatalError."""
        ...

    def out_of_range(self) -> Sequence[TopicPartition]:
        """Name partitions whose position has left the log, since the last call."""
        ...

    def committed(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, CommittedOffset]:
        """Read committed offsets and the log's ends, of those for which the broker answers at once."""
        ...

    def offsets(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, Offset] | None:
        """Read committed offsets alone; None without an answer, a partition in doubt is left out."""
        ...

    def committed_texts(self, topic: str) -> list[str] | None:
        """Read the metadata of all partitions of a topic that have a committed offset; None without an answer."""
        ...

    def offset_at(self, partition: TopicPartition, timestamp_ms: int) -> int | None:
        """Find the first offset written at or after a time, or the end; None without an answer."""
        ...

    def begin(self, partition: TopicPartition, offset: int) -> None:
        """Let an assigned partition flow from an offset."""
        ...

    def pause(self, partitions: Collection[TopicPartition]) -> None:
        """Stop fetching."""
        ...

    def resume(self, partitions: Collection[TopicPartition]) -> None:
        """Go on fetching."""
        ...

    def log_ends(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        """Say where logs end, as far as this is known without asking the broker."""
        ...

    def is_member(self) -> bool:
        """Whether this instance is a member of the group."""
        ...

    def group(self) -> object | None:
        """Take the group metadata for a transaction; None while this instance is not a member."""
        ...

    def close(self) -> None:
        """Leave the group (a static member does not leave)."""
        ...


@dataclass(frozen=True, slots=True)
class LeaseLost:
    """A worker did not send a request because the lease was gone."""


@dataclass(frozen=True, slots=True)
class PermitNeeded:
    """A dialogue has one more request to make, and each needs a permit of its own (`CXONE_MAX_REQUESTS_PER_S`)."""


@dataclass(frozen=True, slots=True)
class Advance:
    """What a worker tells of a flight.

    A `Decided` is one of perhaps many, and the worker goes on. With a `Wait`, a `LeaseLost`, a `PermitNeeded`, or the
    events that the ended dialogue left undecided (mostly none), the flight is the loop's again.
    """

    number: int
    news: Decided | Wait | LeaseLost | PermitNeeded | tuple[Event, ...]


class Pool(Protocol):
    """The workers, who talk to the API."""

    def submit(self, flight: Flight) -> None:
        """Hand over a flight: a worker advances its dialogue until it ends or must wait."""
        ...

    def finished(self) -> Sequence[Advance]:
        """Take what the workers have done since the last call."""
        ...

    def rest(self, timeout_s: float) -> None:
        """Wait until something is finished, at most so long."""
        ...

    def close(self) -> None:
        """Let the workers end; never waits for a request."""
        ...


@dataclass(frozen=True, slots=True)
class Ready:
    """The producer works: all transactions of its predecessors have ended."""


@dataclass(frozen=True, slots=True)
class Committed:
    """The transaction is committed."""

    nonce: str


@dataclass(frozen=True, slots=True)
class Aborted:
    """Nothing of the transaction was written."""

    nonce: str
    reason: str


@dataclass(frozen=True, slots=True)
class Broken:
    """The producer cannot go on, and the end of its transaction is not known. `fenced`: another one has its id."""

    reason: str
    fenced: bool


Report = Ready | Committed | Aborted | Broken


class Sink(Protocol):
    """Kafka out: the publisher thread with its producer."""

    def publish(self, transaction: Transaction) -> None:
        """Hand over one transaction; its end comes as a report."""
        ...

    def reports(self) -> Sequence[Report]:
        """Take the reports since the last call; those of abandoned producers never come."""
        ...

    def replace(self) -> None:
        """Abandon the producer, which may hang, and make another with the same id; `Ready` comes as a report."""
        ...

    def close(self) -> None:
        """End the thread, if it is not stuck."""
        ...
