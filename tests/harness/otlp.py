"""An OTLP receiver: takes what exporters send over HTTP, decodes the real protobuf, and keeps it for the tests."""

from __future__ import annotations

import gzip
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

KINDS = ("", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")


@dataclass(frozen=True, slots=True)
class Span:
    """One span as it was received. Ids are hex; `links` are pairs of trace id and span id, `events` names."""

    service: str
    scope: str
    schema_url: str
    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    began_ns: int
    ended_ns: int
    has_failed: bool
    attributes: Mapping[str, Any]
    links: tuple[tuple[str, str], ...]
    events: tuple[tuple[str, Mapping[str, Any]], ...]

    @property
    def traceparent(self) -> str:
        """Its context as it is written into headers, without the flags."""
        return f"00-{self.trace_id}-{self.span_id}-"


@dataclass(frozen=True, slots=True)
class Point:
    """The last value of one time series; of a histogram how many samples there were, and their sum."""

    name: str
    unit: str
    attributes: Mapping[str, Any]
    value: float
    count: int


class OtlpReceiver:
    """A receiver on a free port of this machine; as a context manager it stops listening."""

    def __init__(self) -> None:
        receiver = self
        self._lock = threading.Lock()
        self._traces: list[ExportTraceServiceRequest] = []
        self._metrics: list[ExportMetricsServiceRequest] = []

        class Answers(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.take(self.path, gzip.decompress(body) if self.headers["content-encoding"] == "gzip" else body)
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_anything: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="otlp-receiver", daemon=True).start()

    @property
    def endpoint(self) -> str:
        """For `OTEL_EXPORTER_OTLP_ENDPOINT`."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def take(self, path: str, body: bytes) -> None:
        """Decode one export."""
        with self._lock:
            if path == "/v1/traces":
                self._traces.append(ExportTraceServiceRequest.FromString(body))
            elif path == "/v1/metrics":
                self._metrics.append(ExportMetricsServiceRequest.FromString(body))

    def raw(self) -> str:
        """Everything that was received, as text: to look for what must not be in it."""
        with self._lock:
            return "\n".join(map(str, (*self._traces, *self._metrics)))

    def spans(self) -> list[Span]:
        """Return all spans, in the order in which they came."""
        with self._lock:
            requests = list(self._traces)
        return [span for request in requests for span in _spans(request)]

    def points(self) -> dict[tuple[str, tuple[tuple[str, Any], ...]], Point]:
        """Return the last value of each time series, by its name and attributes."""
        with self._lock:
            requests = list(self._metrics)
        found = [point for request in requests for point in _points(request)]
        return {(point.name, tuple(sorted(point.attributes.items()))): point for point in found}

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        """Use it in a `with` block."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Close it."""
        self.close()


def _spans(request: ExportTraceServiceRequest) -> Iterable[Span]:
    for of_resource in request.resource_spans:
        service = _attributes(of_resource.resource.attributes).get("service.name", "")
        for of_scope in of_resource.scope_spans:
            for span in of_scope.spans:
                yield Span(
                    service,
                    of_scope.scope.name,
                    of_scope.schema_url,
                    span.name,
                    KINDS[span.kind],
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    span.start_time_unix_nano,
                    span.end_time_unix_nano,
                    span.status.code == span.status.STATUS_CODE_ERROR,
                    _attributes(span.attributes),
                    tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
                    tuple((event.name, _attributes(event.attributes)) for event in span.events),
                )


def _points(request: ExportMetricsServiceRequest) -> Iterable[Point]:
    for of_resource in request.resource_metrics:
        for of_scope in of_resource.scope_metrics:
            for metric in of_scope.metrics:
                for point in (*metric.sum.data_points, *metric.gauge.data_points):
                    value = point.as_double if point.HasField("as_double") else float(point.as_int)
                    yield Point(metric.name, metric.unit, _attributes(point.attributes), value, 1)
                for sampled in metric.histogram.data_points:
                    yield Point(metric.name, metric.unit, _attributes(sampled.attributes), sampled.sum, sampled.count)


def _attributes(pairs: Iterable[Any]) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "string_value") for pair in pairs}
