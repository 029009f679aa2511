"""The brokers: input logs with gaps, transactions with epochs, committed offsets, and what a reader of outcomes sees.

As measured on real ones (anchors): a second producer with one id fences the first and ends its transaction; a
transaction that lasts too long is aborted and its producer fenced; offsets of an open transaction make the committed
ones of the partition unreadable; the group's generation is looked at when offsets are sent, never who owns what.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from stream.model import Message, TopicPartition

from .world import PromiseBrokenError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stream.outbox import Transaction

    from .group import Group, Membership
    from .model import Model
    from .world import World

TOPIC = "in"
TRANSACTION_TIMEOUT_S = 30.0
MAX_METADATA_CHARACTERS = 3_564
"""The bound of contract section 4.4 for the settled set, and what stands around it; the broker takes 4,095."""


class FencedError(Exception):
    """Another producer has this transactional id, or the coordinator gave this one up."""


class StaleMemberError(Exception):
    """The group does not know this member, or has another generation."""


class NotReachedError(Exception):
    """The broker is down, or this client is cut off."""


class OutcomeRecord(NamedTuple):
    """A message of the outcome topic, and the dead letter that goes with it: the input's key and value, or none."""

    key: bytes
    value: bytes
    letter: tuple[bytes | None, bytes | None] | None


class OffsetRecord(NamedTuple):
    """One partition's offset as a transaction commits it; `member` sent it."""

    partition: TopicPartition
    offset: int
    metadata: str
    member: str


@dataclass(slots=True)
class OpenTransaction:
    """What a producer has sent and not ended."""

    epoch: int
    outcomes: list[OutcomeRecord] = field(default_factory=list)
    offsets: list[OffsetRecord] = field(default_factory=list)


class Log:
    """One input partition. Offsets have gaps, as compaction and transaction markers make them."""

    def __init__(self, partition: TopicPartition, low: int) -> None:
        self.partition = partition
        self.low = low
        self.high = low
        self._messages: list[Message] = []
        self._offsets: list[int] = []

    def append(self, gap: int, timestamp_ms: int, key: bytes | None, value: bytes | None) -> int:
        """Write a message behind a gap; tell its offset."""
        offset = self.high + gap
        self._messages.append(Message(self.partition, offset, timestamp_ms, key, value, None))
        self._offsets.append(offset)
        self.high = offset + 1
        return offset

    def read(self, position: int, limit: int) -> Sequence[Message]:
        """Read from a position on."""
        first = bisect_left(self._offsets, position)
        return self._messages[first : first + limit]

    def count(self, begin: int, end: int) -> int:
        """Count the messages from one offset to before another."""
        return bisect_left(self._offsets, end) - bisect_left(self._offsets, begin)

    def at(self, timestamp_ms: int) -> int:
        """Find the first offset written at or after a time, or the end."""
        return next((each.offset for each in self._messages if (each.timestamp_ms or 0) >= timestamp_ms), self.high)


class Broker:
    """All brokers as one."""

    def __init__(self, world: World, model: Model, group: Group, logs: Sequence[Log]) -> None:
        self.logs = {log.partition: log for log in logs}
        self.committed: dict[TopicPartition, OffsetRecord] = {}
        self.is_up = True
        self.on_append: Callable[[], None] = lambda: None
        self._world = world
        self.model = model
        self._group = group
        self._epochs: dict[str, int] = {}
        self._open: dict[str, OpenTransaction] = {}

    def init_producer(self, transactional_id: str) -> int:
        """Give a producer its epoch; whatever an earlier one left open is aborted."""
        self._abort(transactional_id)
        epoch = self._epochs.get(transactional_id, -1) + 1
        self._epochs[transactional_id] = epoch
        self._world.note("init", transactional_id, epoch)
        return epoch

    def produce(self, transactional_id: str, epoch: int, transaction: Transaction) -> None:
        """Take the outcomes of a transaction; raises FencedError."""
        opened = self._transaction(transactional_id, epoch)
        for settled in transaction.settled:
            letter = settled.dead_letter
            copy = None if letter is None else (letter.key, letter.value)
            opened.outcomes.append(OutcomeRecord(settled.key, settled.value, copy))

    def send_offsets(self, transactional_id: str, epoch: int, transaction: Transaction, membership: Membership) -> None:
        """Take the offsets of a transaction; raises FencedError or StaleMemberError."""
        opened = self._transaction(transactional_id, epoch)
        if not self._group.knows(membership):
            self._world.count("stale_generation")
            raise StaleMemberError
        for commit in transaction.commits:
            partition = commit.assignment.partition
            if len(commit.metadata) > MAX_METADATA_CHARACTERS:
                raise PromiseBrokenError("window", f"metadata of {len(commit.metadata)} characters")
            self.model.offsets_sent(
                partition.partition, membership.member, self._group.other_owner(partition, membership)
            )
            opened.offsets.append(
                OffsetRecord(partition, commit.snapshot.committable, commit.metadata, membership.member)
            )

    def end(self, transactional_id: str, epoch: int, *, commit: bool) -> None:
        """Commit or abort whatever is open; raises FencedError."""
        self._check(transactional_id, epoch)
        if not commit:
            self._abort(transactional_id)
            return
        opened = self._open.pop(transactional_id, None)
        if opened is None:
            return
        self._world.count("transactions")
        self._world.note(
            "commit", transactional_id, epoch, *((o.partition.partition, o.offset) for o in opened.offsets)
        )
        self.model.committed(
            opened.outcomes,
            [(each.partition.partition, each.offset, each.metadata) for each in opened.offsets],
        )
        self.committed.update({each.partition: each for each in opened.offsets})

    def is_unstable(self, partition: TopicPartition) -> bool:
        """Whether an open transaction holds an offset of the partition."""
        return any(each.partition == partition for opened in self._open.values() for each in opened.offsets)

    def append(self, partition: TopicPartition, gap: int, key: bytes | None, value: bytes | None) -> int:
        """Write an input."""
        offset = self.logs[partition].append(gap, self._world.wall_ms(), key, value)
        self.on_append()
        return offset

    def _transaction(self, transactional_id: str, epoch: int) -> OpenTransaction:
        self._check(transactional_id, epoch)
        opened = self._open.get(transactional_id)
        if opened is None:
            opened = self._open[transactional_id] = OpenTransaction(epoch)
            self._world.after(TRANSACTION_TIMEOUT_S, lambda: self._expire(transactional_id, opened))
        return opened

    def _check(self, transactional_id: str, epoch: int) -> None:
        if self._epochs.get(transactional_id) != epoch:
            self._world.count("fenced")
            raise FencedError

    def _expire(self, transactional_id: str, opened: OpenTransaction) -> None:
        if self._open.get(transactional_id) is opened:
            self._world.count("transaction_timeouts")
            self._abort(transactional_id)
            self._epochs[transactional_id] += 1

    def _abort(self, transactional_id: str) -> None:
        if self._open.pop(transactional_id, None) is not None:
            self._world.count("aborts")
            self._world.note("abort", transactional_id)
