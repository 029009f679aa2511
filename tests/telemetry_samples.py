"""`python -m tests.telemetry_samples`: a trace and a scrape of the shipped service, into `docs/examples/`.

A traced producer sends 5,000 events to the service on a real Kafka; the stand-in takes 20 to 40 ms for an answer and
fails once. What the OTLP receiver has got of one batch is drawn as a tree; what `/metrics` says is kept as it is.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from stream.sandbox.faults import Fault
from stream.sandbox.kafka import Kafka
from stream.sandbox.kafka_jars import ensure_kafka

from .harness.asking import ANY_PORT, Asking
from .harness.feed import Population, event
from .harness.otlp import OtlpReceiver
from .harness.stage import Layout, Stage
from .harness.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .harness.otlp import Span

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
TRACE, SCRAPE = EXAMPLES / "trace.txt", EXAMPLES / "metrics.txt"
TRACED = 3
EVENTS = 5_000
EXPORT_S = 30.0


def tree(spans: Sequence[Span]) -> str:
    """Draw a trace: its spans in the order in which they began, below the one that they belong to.

    Args:
        spans: all of one trace.

    Returns:
        Lines: when each began and how long it took, in milliseconds, its name and kind, what it says, its links.
    """
    (root,) = (span for span in spans if not span.parent_id)
    return "\n".join(_drawn(root, spans, root.began_ns, 0)) + "\n"


def _drawn(span: Span, spans: Sequence[Span], origin_ns: int, depth: int) -> Iterator[str]:
    began, took = (span.began_ns - origin_ns) / 1e6, (span.ended_ns - span.began_ns) / 1e6
    failed = "  FAILED" if span.has_failed else ""
    yield f"{began:9.2f} ms  {'  ' * depth}{span.name}  [{span.kind}]  {took:.2f} ms{failed}"
    told = [f"{name}: {value}" for name, value in sorted(span.attributes.items())]
    told += [
        f"event {name}: {', '.join(f'{key}: {value}' for key, value in facts.items())}" for name, facts in span.events
    ]
    told += [f"link to trace {trace_id}, span {span_id}" for trace_id, span_id in span.links]
    yield from (f"{'':14}{'  ' * depth}{line}" for line in told)
    below = sorted((each for each in spans if each.parent_id == span.span_id), key=lambda each: each.began_ns)
    for each in below:
        yield from _drawn(each, spans, origin_ns, depth + 1)


def _produce(stage: Stage, receiver: OtlpReceiver) -> None:
    """Send some events within spans of their own, and many without."""
    provider = TracerProvider(resource=Resource({"service.name": "producer"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{receiver.endpoint}/v1/traces")))
    tracer = provider.get_tracer("producer")
    for number in range(TRACED):
        with tracer.start_as_current_span(f"send {stage.input}", kind=SpanKind.PRODUCER):
            carrier: dict[str, str] = {}
            TraceContextTextMapPropagator().inject(carrier)
            headers: list[tuple[str, bytes | None]] = [(name, text.encode()) for name, text in carrier.items()]
            stage.feed.send(event("store-0", f"traced-{number}", number), f"traced-{number}", headers, partition=0)
    stage.feed.send(b'{"dataStoreId":"store-1","id":"broken"}', "broken", partition=0)
    stage.feed.draw(Population(records=EVENTS), EVENTS)
    stage.feed.flush()
    provider.shutdown()


def _repeated_with_links(receiver: OtlpReceiver) -> list[Span]:
    """Find the trace of the batch that was sent twice; empty as long as not all of it was received."""
    spans = receiver.spans()
    again = {span.trace_id for span in spans if "http.request.resend_count" in span.attributes}
    found = [span for span in spans if span.trace_id in again and span.service != "producer"]
    return found if any(not span.parent_id for span in found) else []


def main() -> None:
    """Make both."""
    with (
        tempfile.TemporaryDirectory() as directory,
        Kafka(ensure_kafka(print)) as kafka,
        OtlpReceiver() as receiver,
        Stage(kafka.bootstrap_servers, Path(directory), Layout(partitions=2, shows_logs=False)) as stage,
    ):
        stage.sandbox.faults.add(Fault("delay", min_s=0.02, max_s=0.04))
        stage.sandbox.faults.add(Fault("answer", status=503, data_store_id="store-0", next_requests=1))
        _produce(stage, receiver)
        service = stage.start(
            OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint,
            OTEL_SERVICE_NAME="deltas",
            OTEL_METRIC_EXPORT_INTERVAL="500",
            STREAM_BATCH_LINGER_MS="200",
            STREAM_HTTP_ADDRESS=ANY_PORT,
        )
        stage.await_all_committed()
        eventually(lambda: _repeated_with_links(receiver), EXPORT_S, "the trace of the batch that was sent twice")
        scraped = Asking(service).get("/metrics").text
        names = {stage.input: "cxone.deltas", stage.outcome: "cxone.outcomes", stage.group: "cxone-delta-stream"}
        for path, text in ((TRACE, tree(_repeated_with_links(receiver))), (SCRAPE, scraped)):
            for ours, usual in names.items():
                text = text.replace(ours, usual)  # noqa: PLW2901 - one name after the other
            path.write_text(text)
            print(f"written: {path.name}")  # noqa: T201 - a program for people


if __name__ == "__main__":
    main()
