"""Puts outcomes into an order as far as a bounded memory allows: partitions are read side by side."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .published import Published

    Rank = Callable[[Published], tuple[str | int, ...]]


def by_time(published: Published) -> tuple[str | int, ...]:
    """Rank by when it was published."""
    return (published.published_ms, published.partition, published.offset)


def by_event(published: Published) -> tuple[str | int, ...]:
    """Rank by the event that it is of, and where an event has several (its group was rewound), by when."""
    source = published.outcome.source
    return (source.topic, source.partition, source.offset, published.published_ms, published.partition)


class InOrder:
    """Holds back so many outcomes at most; with more of them the first leave early, and the order is a rough one."""

    def __init__(self, rank: Rank, most: int) -> None:
        """Hold nothing yet.

        Args:
            rank: which of two comes first.
            most: how many are held.
        """
        self._rank = rank
        self._most = most
        self._held: list[tuple[tuple[str | int, ...], int, Published]] = []
        self._taken = 0

    def take(self, published: Published) -> Iterator[Published]:
        """Hold an outcome; yield the one that there is no more room for, if any."""
        self._taken += 1
        entry = (self._rank(published), self._taken, published)
        if len(self._held) < self._most:
            heapq.heappush(self._held, entry)
        else:
            yield heapq.heappushpop(self._held, entry)[-1]

    def release(self) -> Iterator[Published]:
        """Yield all that are held, in order."""
        while self._held:
            yield heapq.heappop(self._held)[-1]
