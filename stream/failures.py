"""Which kinds of failure there were: by code and datastore, with a count and the last example; never a value."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from .remedies import REMEDY
from .snapshot import Example, Failure, Setback

if TYPE_CHECKING:
    from .model import Defect, Result, TopicPartition

MAX_KINDS = 100
"""Those seen last, of either sort: names of datastores come from events, so that there may be any number of kinds."""


class Failed(NamedTuple):
    """An event that failed: why, whose it is as far as that could be read, where it stands, and when that was."""

    defect: Defect
    result: Result
    datastore_id: str | None
    record_id: str | None
    partition: TopicPartition
    offset: int
    at_ms: int


class Failures:
    """The kinds, the one seen last at the end."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, str | None], tuple[int, int, Failed]] = {}

    def add(self, last: Failed, events: int = 1) -> None:
        """Take note that events failed in the same way; `last` is the last of them."""
        key = (last.defect.code, last.datastore_id)
        count, first_ms, _ = self._kinds.pop(key, (0, last.at_ms, None))
        self._kinds[key] = (count + events, first_ms, last)  # now the last
        if len(self._kinds) > MAX_KINDS:
            del self._kinds[next(iter(self._kinds))]

    def last(self, most: int) -> tuple[Failure, ...]:
        """List the kinds seen last, the latest first."""
        newest = islice(reversed(self._kinds.values()), most)
        return tuple(_told(count, first_ms, last) for count, first_ms, last in newest)


def _told(count: int, first_ms: int, last: Failed) -> Failure:
    defect = last.defect
    return Failure(
        code=defect.code,
        data_store_id=last.datastore_id,
        result=last.result,
        count=count,
        first_ms=first_ms,
        last_ms=last.at_ms,
        message=defect.message,
        path=defect.path,
        http_status=defect.http_status,
        last=Example(last.partition.topic, last.partition.partition, last.offset, last.record_id),
        remedy=REMEDY[defect.code],
    )


class Setbacks:
    """Requests that decided nothing and go again, by datastore and reason; the one seen last at the end."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, str], tuple[int, int]] = {}

    def add(self, datastore_id: str, reason: str, now_ms: int) -> None:
        """Take note of one."""
        count, _ = self._kinds.pop((datastore_id, reason), (0, 0))
        self._kinds[datastore_id, reason] = (count + 1, now_ms)
        if len(self._kinds) > MAX_KINDS:
            del self._kinds[next(iter(self._kinds))]

    def last(self, most: int) -> tuple[Setback, ...]:
        """List the kinds seen last, the latest first."""
        newest = islice(reversed(self._kinds.items()), most)
        return tuple(Setback(*key, *counted) for key, counted in newest)
