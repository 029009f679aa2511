"""Where everything stands, as gauges: read when somebody asks, from what the loop told last."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from opentelemetry.metrics import Observation

from ..ledger import WINDOW
from ..observer import Observer
from ..partitions import Phase
from . import names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from opentelemetry.metrics import CallbackOptions, Meter

    from ..standing import PartitionStanding, Standing

MOST_PARTITIONS = 500
"""So many have series of their own; beyond it the first by name."""

_ALONE: Mapping[names.Metric, Callable[[Standing], float]] = {
    names.SUCCESS_RATE: lambda standing: standing.tally.success_rate,
    names.IN_FLIGHT: lambda standing: standing.on_wire,
    names.WAITING: lambda standing: standing.waiting,
    names.READY: lambda standing: standing.ready,
    names.OUTBOX: lambda standing: standing.outbox,
    names.BUFFER_USED: lambda standing: standing.buffer_used_bytes,
    names.BUFFER_LIMIT: lambda standing: standing.buffer_bytes,
    names.OUTAGE: lambda standing: int(standing.status.outage is not None),
    names.HELD: lambda standing: standing.status.held_count,
    names.PARKED: lambda standing: standing.status.parked_count,
}


class Gauges(Observer):
    """Keeps what it was told last; the collectors' threads read it. Partitions that are gone have no figure."""

    def __init__(self, meter: Meter) -> None:
        self._standing: Standing | None = None
        for metric, read in _ALONE.items():
            self._make(meter, metric, _alone(read))
        self._make(meter, names.PARTITIONS, _states)
        self._make(meter, names.LAG, _lags)
        self._make(meter, names.WINDOW, _windows)

    def stands(self, standing: Standing) -> None:
        """Keep it."""
        self._standing = standing

    def _make(self, meter: Meter, metric: names.Metric, read: Callable[[Standing], Iterable[Observation]]) -> None:
        def observe(_options: CallbackOptions) -> Iterable[Observation]:
            standing = self._standing
            return () if standing is None else read(standing)

        meter.create_observable_gauge(metric.name, [observe], metric.unit, metric.meaning)


def _alone(read: Callable[[Standing], float]) -> Callable[[Standing], Iterable[Observation]]:
    return lambda standing: [Observation(read(standing))]


def _states(standing: Standing) -> Iterable[Observation]:
    counts = Counter(_state(each) for each in standing.partitions)
    return [Observation(counts[state], {names.STATE: state}) for state in ("flowing", "paused", "starting", "refused")]


def _state(each: PartitionStanding) -> str:
    if each.phase is Phase.FLOWING:
        return "paused" if each.is_paused else "flowing"
    return "refused" if each.phase is Phase.REFUSED else "starting"


def _lags(standing: Standing) -> Iterable[Observation]:
    return [Observation(each.lag, _labels(each)) for each in _bounded(standing) if each.lag is not None]


def _windows(standing: Standing) -> Iterable[Observation]:
    return [Observation(each.window_used / WINDOW, _labels(each)) for each in _bounded(standing)]


def _bounded(standing: Standing) -> list[PartitionStanding]:
    return sorted(standing.partitions, key=lambda each: each.partition)[:MOST_PARTITIONS]


def _labels(each: PartitionStanding) -> dict[str, str]:
    return {names.DESTINATION: each.partition.topic, names.PARTITION: str(each.partition.partition)}
