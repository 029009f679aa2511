"""Bugs planted in the publisher: a transaction that holds something else than it was given.

Each changes one thing on the way to the broker, in the way in which one could really write it.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from stream import metadata

from .sink import FakeSink

if TYPE_CHECKING:
    from collections.abc import Collection

    from stream.outbox import Transaction
    from stream.partitions import OffsetCommit


class DroppedSettledSet(FakeSink):
    """The metadata do not say which events beyond the offset have their outcome."""

    def publish(self, transaction: Transaction) -> None:
        """Hand over another transaction than was given."""
        super().publish(_with_commits(transaction, [_rewritten(each, settled=()) for each in transaction.commits]))


class AlwaysClean(FakeSink):
    """The mark says that nothing is unanswered, whatever is."""

    def publish(self, transaction: Transaction) -> None:
        """Hand over another transaction than was given."""
        super().publish(_with_commits(transaction, [_rewritten(each, clean=True) for each in transaction.commits]))


class SwallowedProduce(FakeSink):
    """One outcome of many is not written."""

    def publish(self, transaction: Transaction) -> None:
        """Hand over another transaction than was given."""
        kept = transaction.settled[1:] if len(transaction.settled) > 1 else transaction.settled
        super().publish(dataclasses.replace(transaction, settled=kept))


class CommitPastAGap(FakeSink):
    """The offset of a commit is the one after the last settled, whatever lies before."""

    def publish(self, transaction: Transaction) -> None:
        """Hand over another transaction than was given."""
        super().publish(_with_commits(transaction, [_past_gap(each) for each in transaction.commits]))


class MergedOffsets(FakeSink):
    """Two partitions' offsets are taken for one."""

    def publish(self, transaction: Transaction) -> None:
        """Hand over another transaction than was given."""
        newest = max((each.snapshot.committable for each in transaction.commits), default=0)
        commits = [
            each._replace(snapshot=each.snapshot._replace(committable=newest), metadata=_text(each, newest))
            for each in transaction.commits
        ]
        super().publish(_with_commits(transaction, commits))


def _with_commits(transaction: Transaction, commits: Collection[OffsetCommit]) -> Transaction:
    return dataclasses.replace(transaction, commits=tuple(commits))


def _rewritten(commit: OffsetCommit, **changes: object) -> OffsetCommit:
    offset = commit.snapshot.committable
    told = metadata.decode(commit.metadata, offset)
    return commit._replace(metadata=metadata.encode(dataclasses.replace(told, **changes), offset))  # type: ignore[arg-type]


def _text(commit: OffsetCommit, offset: int) -> str:
    told = metadata.decode(commit.metadata, commit.snapshot.committable)
    ahead = tuple(each for each in told.settled if each >= offset)
    return metadata.encode(dataclasses.replace(told, settled=ahead), offset)


def _past_gap(commit: OffsetCommit) -> OffsetCommit:
    snapshot = commit.snapshot
    offset = max((each + 1 for each in snapshot.settled), default=snapshot.committable)
    return commit._replace(snapshot=snapshot._replace(committable=offset, settled=()), metadata=_text(commit, offset))
