"""The failed events that somebody asks for: so many at once, the oldest of each partition first."""

from __future__ import annotations

import math
from heapq import heappop, heappush
from sys import intern
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..model import TopicPartition
    from .decision import Decision, Place


class Candidates:
    """Keeps the newest failed outcome of each event.

    Past the limit the newest events of the fullest partition go: the next round takes them. So what is kept of a
    partition is always its oldest part, and a later event of a record never goes before an earlier one.
    """

    def __init__(self, limit: int, begins: Mapping[TopicPartition, int] | None = None) -> None:
        """Begin with none.

        Args:
            limit: how many events are kept.
            begins: the origins from which on this round takes events, `left` of the round before; None: all.
        """
        self.left: dict[TopicPartition, int] = {}
        """From which origins on events are left to the next round."""
        self._limit = limit
        self._begins = begins
        self._kept: dict[Place, Decision] = {}
        self._names: dict[TopicPartition, TopicPartition] = {}
        self._newest: dict[TopicPartition, list[int]] = {}

    def __len__(self) -> int:
        """Count them."""
        return len(self._kept)

    def __iter__(self) -> Iterator[Decision]:
        """Give them, in no order."""
        return iter(self._kept.values())

    def get(self, origin: Place) -> Decision | None:
        """Return what is kept of an event."""
        return self._kept.get(origin)

    def add(self, failed: Decision) -> None:
        """Keep a failed outcome that is asked for, unless a newer one of its event is kept, or there is no room."""
        known = self._kept.get(failed.origin)
        if known is not None:
            if failed.age > known.age:
                self._keep(failed)
            return
        if self._is_of_another_round(*failed.origin):
            return
        self._keep(failed)
        heappush(self._newest.setdefault(failed.partition, []), -failed.lineage.origin)
        if len(self._kept) > self._limit:
            self._drop_one()

    def _is_of_another_round(self, partition: TopicPartition, origin: int) -> bool:
        if self._begins is not None and origin < self._begins.get(partition, math.inf):
            return True
        return origin >= self.left.get(partition, math.inf)

    def _keep(self, failed: Decision) -> None:
        """Keep it with shared names: a hundred thousand events have a handful of them."""
        partition = self._names.setdefault(failed.partition, failed.partition)
        datastore_id = failed.datastore_id
        self._kept[partition, failed.lineage.origin] = failed._replace(
            partition=partition,
            result=intern(failed.result),
            code=intern(failed.code),
            datastore_id=None if datastore_id is None else intern(datastore_id),
        )

    def _drop_one(self) -> None:
        partition, newest = max(self._newest.items(), key=lambda each: len(each[1]))
        origin = -heappop(newest)
        del self._kept[partition, origin]
        self.left[partition] = origin
