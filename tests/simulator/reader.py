"""The fetching side of one instance's consumer: from where each partition flows, and how much of it was handed over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stream.ledger import WINDOW
from stream.model import Run
from stream.partitions import MAX_OVERFLOW

from .world import demand

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from stream.model import TopicPartition

    from .kafka import Broker
    from .world import World


class Reader:
    """The partitions that flow, each with its position."""

    def __init__(self, world: World, broker: Broker, chunk: int) -> None:
        self._world = world
        self._broker = broker
        self._chunk = chunk
        self._to_begin: dict[TopicPartition, int] = {}
        self._positions: dict[TopicPartition, int] = {}
        self._begun_at: dict[TopicPartition, int] = {}
        self._paused: set[TopicPartition] = set()

    def begin(self, partition: TopicPartition, offset: int) -> None:
        """Let a partition flow from an offset, from the next poll on."""
        self._to_begin[partition] = offset
        self._paused.discard(partition)

    def take_up(self) -> None:
        """Begin with what is to begin."""
        self._positions.update(self._to_begin)
        self._begun_at.update(self._to_begin)
        self._to_begin.clear()

    def pause(self, partitions: Collection[TopicPartition]) -> None:
        """Stop fetching."""
        self._paused.update(partitions)

    def resume(self, partitions: Collection[TopicPartition]) -> None:
        """Go on fetching."""
        self._paused.difference_update(partitions)

    def forget(self, partitions: Collection[TopicPartition]) -> None:
        """Fetch nothing more of partitions that are another's."""
        for each in partitions:
            self._positions.pop(each, None)
            self._to_begin.pop(each, None)
            self._paused.discard(each)

    def has_more(self) -> bool:
        """Whether a fetch would return something now."""
        return bool(self._to_begin) or any(
            each not in self._paused and self._broker.logs[each].high > position
            for each, position in self._positions.items()
        )

    def fetch(self) -> Sequence[Run]:
        """Take the next chunk, of all partitions in any order."""
        flowing = [each for each in self._positions if each not in self._paused]
        self._world.rng.shuffle(flowing)
        room = self._world.rng.randint(1, self._chunk)
        fetched: list[Run] = []
        for partition in flowing:
            messages = self._broker.logs[partition].read(self._positions[partition], room)
            if messages:
                room -= len(messages)
                fetched.append(Run(partition, messages))
                self._positions[partition] = messages[-1].offset + 1
                self._check_window(partition)
        return fetched

    def _check_window(self, partition: TopicPartition) -> None:
        """At most a window, what may wait behind it, and the last chunk lie past the committed offset."""
        committed = self._broker.committed.get(partition)
        begin = max(self._begun_at[partition], committed.offset if committed else 0)
        delivered = self._broker.logs[partition].count(begin, self._positions[partition])
        most = WINDOW + MAX_OVERFLOW + self._chunk
        demand(delivered <= most, "window", f"{delivered} events delivered past the committed offset", partition)
        if delivered > WINDOW:
            self._world.count("full_windows")
