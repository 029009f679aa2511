"""Where an assigned partition begins: the committed offset, or what `KAFKA_START` gives; or why it cannot begin."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from . import metadata
from .metadata import UnreadableMetadataError

if TYPE_CHECKING:
    from .model import TopicPartition
    from .partitions import CommittedOffset, Partitions
    from .ports import Source


class StartAt(StrEnum):
    """`KAFKA_START`."""

    EARLIEST = "earliest"
    LATEST = "latest"


@dataclass(frozen=True, slots=True)
class Start:
    """How partitions begin.

    A partition that was added to a topic after the group began to read it must begin at its beginning, while one that
    merely was not assigned yet must begin where `latest` was then. Both are the same rule: begin at the first message
    that is not older than the group's beginning, which each committed offset carries in its metadata (`since_ms`).
    """

    at: StartAt
    ignore_metadata: bool

    def begin(
        self,
        partitions: Partitions,
        partition: TopicPartition,
        committed: CommittedOffset,
        source: Source,
        wall_ms: int,
    ) -> None:
        """Let one partition begin, refuse it, or leave it for the next turn where the broker gave no answer.

        Args:
            partitions: which own it.
            partition: that waits for its offset.
            committed: what the broker said of it.
            source: to be asked further.
            wall_ms: now.
        """
        if committed.offset is None:
            begin = self._without_offset(partition, committed, source)
            if begin is not None:
                partitions.start(partition, committed, begin, wall_ms)
        elif not committed.low <= committed.offset <= committed.high:
            partitions.refuse(partition, outside_the_log(partition, committed))
        else:
            self._with_offset(partitions, partition, committed, wall_ms)

    def _with_offset(
        self, partitions: Partitions, partition: TopicPartition, committed: CommittedOffset, wall_ms: int
    ) -> None:
        try:
            partitions.start(partition, committed, committed.low, wall_ms)
        except UnreadableMetadataError:
            if self.ignore_metadata:
                partitions.start(partition, committed._replace(text=""), committed.low, wall_ms)
            else:
                partitions.refuse(partition, unreadable(partition))

    def _without_offset(self, partition: TopicPartition, committed: CommittedOffset, source: Source) -> int | None:
        if self.at is StartAt.EARLIEST:
            return committed.low
        texts = source.committed_texts(partition.topic)
        if texts is None:
            return None
        since_ms = min(filter(None, map(_since_ms, texts)), default=None)
        return committed.high if since_ms is None else source.offset_at(partition, since_ms)


def _since_ms(text: str) -> int | None:
    try:
        return metadata.decode(text, 0).since_ms
    except UnreadableMetadataError:
        return None


def outside_the_log(partition: TopicPartition, committed: CommittedOffset | None) -> str:
    """Say that retention has overtaken the group, and the ways out; `committed` as far as it is known."""
    topic, number = partition
    what, holds = "the position", ""
    if committed is not None:
        what, holds = f"the committed offset {committed.offset}", f", which holds {committed.low} to {committed.high}"
    return (
        f"{what} of {topic}/{number} is outside the log{holds}; nothing is skipped by itself: stop all instances and "
        "set the group's offset with kafka-consumer-groups --reset-offsets, or restore the missing messages"
    )


def unreadable(partition: TopicPartition) -> str:
    """Say that the offset's metadata is another program's, and the ways out."""
    topic, number = partition
    return (
        f"the metadata of the committed offset of {topic}/{number} was not written by this service or a version that "
        f"it knows; use a group of its own, install the version that wrote it, or set "
        f"STREAM_IGNORE_OFFSET_METADATA=true, which may double outcomes of the last 16384 events"
    )
