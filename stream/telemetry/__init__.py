"""EDGE, telemetry: OpenTelemetry traces and metrics, and trace ids in the log.

Set up by the standard `OTEL_*` variables. With none of them set, and no HTTP address, nothing of the library is
imported and nothing is recorded; with an HTTP address alone there are metrics for `/metrics`, and nothing is sent.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..log import add_fields, get_log
from ..observer import NO_TRACING, Observer, Tracing
from .choice import choose

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..clock import Clock
    from ..settings import Settings

__all__ = ["NO_TELEMETRY", "Exposition", "Telemetry", "set_up"]

FLUSH_S = 1.0
"""For what is left at the end, of each kind."""


@dataclass(frozen=True, slots=True)
class Exposition:
    """What `/metrics` serves: `text()` writes all metrics, in the form that `content_type` names."""

    content_type: str
    text: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What the rest of the service sees of it. `metrics` is None where there are none to be scraped."""

    observers: tuple[Observer, ...] = ()
    tracing: Tracing = NO_TRACING
    metrics: Exposition | None = None
    flush: Callable[[float], None] = lambda _timeout_s: None

    def close(self) -> None:
        """Send what is left, within bounded time whatever the receiver does."""
        thread = threading.Thread(target=self.flush, args=(FLUSH_S,), name="telemetry-flush", daemon=True)
        thread.start()
        thread.join(2 * FLUSH_S)


NO_TELEMETRY = Telemetry()
"""Costs nothing."""


def set_up(settings: Settings, clock: Clock) -> Telemetry:
    """Make what the settings ask for.

    Args:
        settings: judged and complete.
        clock: the loop's.
    """
    choice = choose(settings.otel, has_http=settings.stream.http_address is not None)
    for warning in choice.warnings:
        get_log().warning("configuration", reason=warning)
    if choice.is_nothing:
        return NO_TELEMETRY
    from .gauges import Gauges
    from .log_fields import TraceIds
    from .metrics import Metrics
    from .moments import Moments
    from .place import place_of
    from .providers import CONTENT_TYPE, Providers
    from .tracer import BatchTracer

    providers = Providers(choice, settings.kafka.instance_id)
    place, moments = place_of(settings, choice.opt_in), Moments(clock)
    meter, tracer = providers.meter(), providers.tracer()
    observers: list[Observer] = []
    if meter is not None:
        observers += [Metrics(meter, place, moments), Gauges(meter)]
    batch_tracer = None if tracer is None else BatchTracer(tracer, place, moments)
    if batch_tracer is not None:
        observers.append(batch_tracer)
        add_fields(TraceIds(batch_tracer.span_of))
    metrics = Exposition(CONTENT_TYPE, providers.scrape) if choice.scraped else None
    return Telemetry(tuple(observers), batch_tracer or NO_TRACING, metrics, providers.flush)
