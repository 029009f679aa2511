"""The library's providers and exporters, made as the variables ask; the only place that knows the SDK."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from uuid import uuid4

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from .. import __version__
from .names import SCHEMA_URL, SCOPE

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter
    from opentelemetry.sdk.metrics.export import MetricExporter, MetricReader
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Tracer

    from .choice import Choice, Exporter


CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
"""Of what `Providers.scrape` writes."""


class Providers:
    """Tracer and meter with their exporters; they are not made global, for nobody else shall use them."""

    def __init__(self, choice: Choice, instance_id: str | None) -> None:
        """Make what is asked for; nothing is sent yet.

        Args:
            choice: from the variables, which are put into the process environment, where the library reads them.
            instance_id: `KAFKA_INSTANCE_ID`.
        """
        os.environ.update(choice.variables)
        resource = _resource(instance_id)
        self._traces = TracerProvider(resource=resource, shutdown_on_exit=False) if choice.traces != "none" else None
        if self._traces is not None:
            self._traces.add_span_processor(BatchSpanProcessor(_span_exporter(choice.traces)))
        readers: list[MetricReader] = []
        if choice.metrics != "none":
            readers.append(PeriodicExportingMetricReader(_metric_exporter(choice.metrics)))
        self._registry = CollectorRegistry()
        if choice.scraped:
            readers.append(PrometheusMetricReader(scope_info_enabled=False, registry=self._registry))
            ProcessCollector(registry=self._registry)
        self._metrics = MeterProvider(readers, resource, shutdown_on_exit=False) if readers else None

    def tracer(self) -> Tracer | None:
        """Return the tracer; None when there are no traces."""
        return None if self._traces is None else self._traces.get_tracer(SCOPE, __version__, schema_url=SCHEMA_URL)

    def meter(self) -> Meter | None:
        """Return the meter; None when there are no metrics."""
        return None if self._metrics is None else self._metrics.get_meter(SCOPE, __version__, schema_url=SCHEMA_URL)

    def scrape(self) -> bytes:
        """Write all metrics, and the process's memory and CPU time, in Prometheus' text format."""
        return generate_latest(self._registry)

    def flush(self, timeout_s: float) -> None:
        """Send what is left; each of the two may take so long."""
        for provider in (self._traces, self._metrics):
            if provider is not None:
                provider.force_flush(int(timeout_s * 1000))


def _span_exporter(kind: Exporter) -> SpanExporter:
    if kind == "console":
        return ConsoleSpanExporter()
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter()


def _metric_exporter(kind: Exporter) -> MetricExporter:
    if kind == "console":
        return ConsoleMetricExporter()
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

    return OTLPMetricExporter()


def _resource(instance_id: str | None) -> Resource:
    """Say who we are, where the variables do not say it."""
    told = OTELResourceDetector().detect().attributes
    ours = {
        "service.name": SCOPE,
        "service.version": __version__,
        "service.instance.id": instance_id or str(uuid4()),
    }
    return Resource.create({name: value for name, value in ours.items() if name not in told})
