"""The desk at which publications are tested: the ports in memory, and a broker that a test lets commit or not."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from stream.outbox import State, Transaction
from stream.partitions import CommittedOffset, Partition, Partitions, Phase
from stream.ports import Committed, Ready
from stream.publication import Publication

from ..builders import PARTITION, MemorySink, MemorySource, message, nothing_committed, settled

if TYPE_CHECKING:
    from stream.model import Assignment, Settled, TopicPartition
    from stream.ports import Report


class Desk:
    """A publication with its ports in memory, and a broker that a test lets commit or not."""

    def __init__(self) -> None:
        """Begin with nothing assigned and a producer that is being made."""
        self.source = MemorySource()
        self.sink = MemorySink()
        self.partitions = Partitions()
        self.now_s = 0.0
        self.publication = Publication(self.source, self.sink, self.partitions, random.Random(1), self.now_s)

    def turn(self, *reports: Report, clean: set[Assignment] | None = None) -> list[Settled]:
        """Advance once, with these reports; return what is decided now."""
        self.sink.coming += reports
        return self.publication.advance(self.now_s, clean or set())

    def assign(self, *partitions: TopicPartition, begin: int = 0) -> list[Partition]:
        """Assign partitions whose offset is known at once."""
        self.partitions.assign(partitions)
        owned = [found for each in partitions if (found := self.partitions.get(each)) is not None]
        for each in partitions:
            self.partitions.start(each, nothing_committed(), begin, 5)
        return owned

    def deliver(self, owned: Partition, *offsets: int) -> list[Settled]:
        """Deliver events and settle them at once; return their outcomes, which wait now."""
        for offset in offsets:
            owned.take([message(offset=offset, partition=owned.assignment.partition)])
        outcomes = [settled(offset, assignment=owned.assignment) for offset in offsets]
        self.publication.outbox.add(outcomes)
        return outcomes

    @property
    def last(self) -> Transaction:
        """The transaction that was handed over last."""
        return self.sink.published[-1]

    @property
    def state(self) -> State:
        """Where the outbox stands."""
        return self.publication.outbox.state

    def write(self, transaction: Transaction) -> None:
        """Let the broker have a transaction's offsets."""
        for commit in transaction.commits:
            offset, text = commit.snapshot.committable, commit.metadata
            self.source.group_offsets[commit.assignment.partition] = CommittedOffset(offset, text, 0, 1_000)

    def commit(self, *, clean: set[Assignment] | None = None) -> list[Settled]:
        """Let the open transaction be committed, and reported."""
        self.write(self.last)
        return self.turn(Committed(self.last.nonce), clean=clean)


def flowing(*partitions: TopicPartition) -> tuple[Desk, list[Partition]]:
    """Build a desk whose partitions flow, with nothing open."""
    desk = Desk()
    owned = desk.assign(*(partitions or (PARTITION,)))
    desk.turn(Ready())
    desk.commit()
    assert [each.phase for each in owned] == [Phase.FLOWING] * len(owned)
    assert desk.state is State.IDLE
    return desk, owned


def offsets(outcomes: list[Settled] | tuple[Settled, ...]) -> list[int]:
    """Name outcomes by their offsets."""
    return [each.offset for each in outcomes]


def committed_offsets(transaction: Transaction) -> dict[TopicPartition, int]:
    """Say which offsets a transaction commits."""
    return {commit.assignment.partition: commit.snapshot.committable for commit in transaction.commits}
