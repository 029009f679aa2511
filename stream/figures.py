"""Figures of the recent past, each of bounded size: rates, quantiles, and what became of each datastore's events."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from .snapshot import Quantiles

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

RATE_OVER_S = 10.0
LATELY_S = 60.0
MAX_SAMPLES = 2_000
MAX_DATASTORES = 1_000
"""Of which figures are kept for each half of `LATELY_S`: names come from events, so that there may be any number."""
MAX_DATASTORE_SAMPLES = 200


class Rates:
    """How fast counts grow, from what they were when they were last looked at."""

    def __init__(self, over_s: float = RATE_OVER_S) -> None:
        self.over_s = over_s
        self._seen: deque[tuple[float, Counter[str]]] = deque()

    def look(self, counts: Mapping[str, int], now_s: float) -> dict[str, float]:
        """Take note of the counts as they are, and say how much each grew a second over the last `over_s`.

        Args:
            counts: by name; they only grow.
            now_s: a monotonic clock.
        """
        self._seen.append((now_s, Counter(counts)))
        while len(self._seen) > 2 and self._seen[1][0] <= now_s - self.over_s:  # noqa: PLR2004 - now, and one before
            self._seen.popleft()
        then_s, then = self._seen[0]
        passed_s = now_s - then_s
        return {name: (count - then[name]) / passed_s if passed_s > 0 else 0.0 for name, count in counts.items()}


class Samples:
    """Measured values of the last minute, at most so many, the newest."""

    def __init__(self, most: int = MAX_SAMPLES) -> None:
        self._values: deque[tuple[float, float]] = deque(maxlen=most)

    def add(self, value: float, now_s: float) -> None:
        """Take in one value."""
        self._values.append((now_s, value))

    def quantiles(self, now_s: float) -> Quantiles:
        """Say how they are spread; what is older than a minute is forgotten."""
        while self._values and self._values[0][0] < now_s - LATELY_S:
            self._values.popleft()
        return quantiles([value for _, value in self._values])

    def newest(self, most: int, now_s: float) -> Quantiles:
        """Say how the newest of the last minute are spread: what has just changed shows at once, however many came."""
        return quantiles([value for at_s, value in islice(reversed(self._values), most) if at_s >= now_s - LATELY_S])

    @property
    def mean(self) -> float | None:
        """The mean of what is kept; None without any."""
        return sum(value for _, value in self._values) / len(self._values) if self._values else None


def quantiles(values: Iterable[float]) -> Quantiles:
    """Say within what half and 99 % of some values lie (nearest rank)."""
    ordered = sorted(values)
    count = len(ordered)
    if not count:
        return Quantiles(0, None, None)
    return Quantiles(count, ordered[(count - 1) // 2], ordered[-(-count * 99 // 100) - 1])


@dataclass(slots=True)
class DatastoreCounts:
    """What became of a datastore's events, and how long its requests took, the newest of them."""

    succeeded: int = 0
    failed: int = 0
    latencies_ms: deque[float] = field(default_factory=lambda: deque(maxlen=MAX_DATASTORE_SAMPLES))


class Datastores:
    """Counts by datastore over the last half to whole minute: two halves, the older of which is dropped in turn."""

    def __init__(self) -> None:
        self._now: dict[str, DatastoreCounts] = {}
        self._before: dict[str, DatastoreCounts] = {}
        self._turns_at_s: float | None = None

    def of(self, datastore_id: str) -> DatastoreCounts | None:
        """Find where a datastore's events are counted; None where there are too many datastores to count for each."""
        counts = self._now.get(datastore_id)
        if counts is None and len(self._now) < MAX_DATASTORES:
            counts = self._now[datastore_id] = DatastoreCounts()
        return counts

    def count(self, datastore_id: str, events: int, *, succeeded: bool) -> None:
        """Count what became of some events."""
        if counts := self.of(datastore_id):
            if succeeded:
                counts.succeeded += events
            else:
                counts.failed += events

    def look(self, now_s: float) -> dict[str, DatastoreCounts]:
        """Say what there is, and begin another half when it is time."""
        found = {name: _sum(self._before.get(name), counts) for name, counts in self._now.items()}
        found |= {name: counts for name, counts in self._before.items() if name not in found}
        if self._turns_at_s is None:
            self._turns_at_s = now_s + LATELY_S / 2
        elif now_s >= self._turns_at_s:
            self._now, self._before = {}, self._now
            self._turns_at_s = now_s + LATELY_S / 2
        return found


def _sum(before: DatastoreCounts | None, now: DatastoreCounts) -> DatastoreCounts:
    if before is None:
        return now
    latencies_ms = deque(islice(before.latencies_ms, MAX_DATASTORE_SAMPLES), MAX_DATASTORE_SAMPLES)
    latencies_ms.extend(now.latencies_ms)
    return DatastoreCounts(before.succeeded + now.succeeded, before.failed + now.failed, latencies_ms)
