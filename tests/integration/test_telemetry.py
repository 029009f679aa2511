"""Traces and metrics as a receiver gets them: one run of the service on a real Kafka, followed from end to end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.propagate import extract
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import SpanKind, format_span_id, format_trace_id

from stream.sandbox.faults import Fault
from stream.telemetry import names

from ..harness.asking import ANY_PORT, Asking
from ..harness.feed import event
from ..harness.otlp import OtlpReceiver, Span
from ..harness.stage import Stage
from ..harness.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stream.sandbox.kafka import Kafka

    from ..harness.service import Service
    from ..harness.topics import Record

pytestmark = pytest.mark.timeout(120)

GOOD = tuple(f"record-{number}" for number in range(3))
UNSAMPLED = b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-00"
SECRET_VALUE = 987_654_321


@dataclass(frozen=True, slots=True)
class Traced:
    """The run: what was received, the producers' spans by record, the outcomes by record, the service's process."""

    stage: Stage
    receiver: OtlpReceiver
    service: Service
    produced: dict[str, str]
    outcomes: dict[str, Record]
    downstream: dict[str, str]
    scraped: str

    def span(self, name: str, **attributes: object) -> Span:
        """Return the only span of a name with these attributes."""
        found = [
            span
            for span in self.receiver.spans()
            if span.name == name
            and attributes.items() <= {k.replace(".", "_"): v for k, v in span.attributes.items()}.items()
        ]
        assert len(found) == 1, [span.name for span in self.receiver.spans()]
        return found[0]

    def of_batch(self) -> Span:
        """Return the span of the batch with the good events."""
        return self.span(f"process {self.stage.input}", cxone_result="APPLIED")

    def children(self, parent: Span) -> list[Span]:
        """Return the spans below one, in the order in which they began."""
        below = [span for span in self.receiver.spans() if span.parent_id == parent.span_id]
        assert {span.trace_id for span in below} == {parent.trace_id}
        return sorted(below, key=lambda span: span.began_ns)


def _own_spans(receiver: OtlpReceiver, service: str) -> TracerProvider:
    """Make the tracer of another program."""
    provider = TracerProvider(resource=Resource({"service.name": service}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{receiver.endpoint}/v1/traces")))
    return provider


def _produce(stage: Stage, receiver: OtlpReceiver) -> dict[str, str]:
    """Send the events as a program does that is traced; return the `traceparent` of each."""
    provider = _own_spans(receiver, "producer")
    tracer, sent = provider.get_tracer("producer"), {}
    for record_id in GOOD:
        with tracer.start_as_current_span(f"send {stage.input}", kind=SpanKind.PRODUCER) as span:
            context = span.get_span_context()
            sent[record_id] = f"00-{format_trace_id(context.trace_id)}-{format_span_id(context.span_id)}-01"
            value = event("people", record_id, SECRET_VALUE)
            headers: list[tuple[str, bytes | None]] = [
                ("traceparent", sent[record_id].encode()),
                ("tracestate", b"vendor=x"),
            ]
            stage.feed.send(value, record_id, headers, partition=0)
    unsampled: list[tuple[str, bytes | None]] = [("traceparent", UNSAMPLED)]
    stage.feed.send(event("people", "unsampled", SECRET_VALUE), "unsampled", unsampled, partition=0)
    stage.feed.send(event("people", "plain", SECRET_VALUE), "plain", partition=0)
    stage.feed.send(b'{"dataStoreId":"people","id":"broken"}', "broken", headers, partition=0)
    stage.feed.flush()
    provider.shutdown()
    return sent


def _consume(receiver: OtlpReceiver, outcomes: dict[str, Record]) -> dict[str, str]:
    """Process outcomes as a program does that is traced; return the span's parent of each record."""
    provider = _own_spans(receiver, "downstream")
    tracer = provider.get_tracer("downstream")
    for record_id, outcome in outcomes.items():
        carrier = {name: (value or b"").decode() for name, value in outcome.headers}
        with tracer.start_as_current_span("process outcome", extract(carrier), SpanKind.CONSUMER) as span:
            span.set_attribute("record", record_id)
    provider.shutdown()
    downstream = [span for span in receiver.spans() if span.service == "downstream"]
    return {span.attributes["record"]: f"00-{span.trace_id}-{span.parent_id}-" for span in downstream}


def _sent(scraped: str) -> str:
    """Find how many outcomes were sent."""
    return next((line for line in scraped.splitlines() if line.startswith("messaging_client_sent_messages_total{")), "")


@pytest.fixture(scope="module")
def traced(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    """A run whose API first answers 503; the producers, the service and a consumer of outcomes are all traced."""
    with (
        OtlpReceiver() as receiver,
        Stage(kafka.bootstrap_servers, tmp_path_factory.mktemp("traced")) as stage,
    ):
        stage.sandbox.faults.add(Fault("answer", status=503, next_requests=1))
        produced = _produce(stage, receiver)
        service = stage.start(
            OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint,
            OTEL_EXPORTER_OTLP_COMPRESSION="gzip",
            OTEL_SERVICE_NAME="deltas",
            OTEL_METRIC_EXPORT_INTERVAL="200",
            STREAM_BATCH_LINGER_MS="500",
            STREAM_HTTP_ADDRESS=ANY_PORT,
        )
        stage.await_all_committed()
        stage.await_outcomes(len(GOOD) + 3)
        asking = Asking(service)
        eventually(lambda: f"}} {len(GOOD) + 3}.0" in _sent(asking.get("/metrics").text), 10.0, "all outcomes counted")
        scraped = asking.get("/metrics").text
        service.terminate()
        assert service.exit_code(25.0) == 0
        outcomes = {str(record.json["recordId"]): record for record in stage.outcomes()}
        downstream = _consume(receiver, outcomes)
        yield Traced(stage, receiver, service, produced, outcomes, downstream, scraped)


def test_a_producers_span_leads_to_the_outcome_and_back(traced: Traced) -> None:
    """From the producer by the link to the batch, through request and send to the reader of the outcome, and back."""
    batch = traced.of_batch()
    below = traced.children(batch)
    (send,) = [span for span in below if span.name == f"send {traced.stage.outcome}"]
    requests = [request for request in traced.stage.sandbox.requests if request.call == "execute"]
    calls = [span for span in below if span.name == "PATCH"]
    assert [(request.traceparent or "")[:53] for request in requests] == [span.traceparent[:53] for span in calls]
    for record_id in GOOD:
        parent = traced.produced[record_id]
        assert (parent[3:35], parent[36:52]) in batch.links
        outcome = traced.outcomes[record_id].named
        assert (outcome["traceparent"] or b"")[:53] == send.traceparent.encode()
        assert outcome["ce_traceparent"] == parent.encode()
        assert outcome["ce_tracestate"] == b"vendor=x"
        assert traced.downstream[record_id] == send.traceparent


def test_a_batch_is_drawn_with_all_its_stages(traced: Traced) -> None:
    """The span of a batch lasts from the arrival to the commit; within it each stage has its own, in order."""
    batch = traced.of_batch()
    below = traced.children(batch)
    commit, send = f"commit {traced.stage.input}", f"send {traced.stage.outcome}"
    assert [(span.name, span.kind) for span in below if span.name != "POST"] == [
        ("validate", "INTERNAL"),
        ("lane", "INTERNAL"),
        ("PATCH", "CLIENT"),
        ("PATCH", "CLIENT"),
        (send, "PRODUCER"),
        (commit, "CLIENT"),
    ]
    assert all(batch.began_ns <= span.began_ns <= span.ended_ns <= batch.ended_ns for span in below)
    assert batch.kind == "CONSUMER"
    assert batch.attributes["messaging.batch.message_count"] == len(GOOD) + 2
    assert batch.attributes["messaging.destination.partition.id"] == "0"


def test_each_attempt_is_a_span_and_says_how_it_ended(traced: Traced) -> None:
    """The first attempt has failed with its status; the second says that it was one; the wait between is noted."""
    first, second = (span for span in traced.children(traced.of_batch()) if span.name == "PATCH")
    assert (first.attributes["error.type"], first.attributes["http.response.status_code"]) == ("503", 503)
    assert first.has_failed
    assert "http.request.resend_count" not in first.attributes
    assert second.attributes["http.request.resend_count"] == 1
    assert not second.has_failed
    ((name, facts),) = traced.of_batch().events
    assert (name, facts["error.type"]) == ("cxone.waits", "503")


def test_the_token_call_has_its_span(traced: Traced) -> None:
    """Whoever finds no token asks for one, and the time shows in the trace of the batch that had to wait for it."""
    token = traced.span("POST")
    assert token.parent_id == traced.of_batch().span_id
    assert token.attributes["url.template"] == "/oauth/token"


def test_contexts_that_are_not_sampled_are_carried_and_not_linked(traced: Traced) -> None:
    """A link leads to a span that somebody kept; the outcome carries the event's context in any case."""
    assert len(traced.of_batch().links) == len(GOOD)
    assert traced.outcomes["unsampled"].named["ce_traceparent"] == UNSAMPLED
    assert "ce_traceparent" not in traced.outcomes["plain"].named
    assert traced.downstream["plain"] == traced.downstream["unsampled"] == traced.downstream[GOOD[0]]


def test_an_event_that_is_refused_before_any_request_has_a_trace(traced: Traced) -> None:
    """Its span links to the producer and has failed; its outcome carries the context of the send."""
    refused = traced.span(f"process {traced.stage.input}", messaging_batch_message_count=1)
    assert refused.has_failed
    assert len(refused.links) == 1
    assert [span.name.split()[0] for span in traced.children(refused)] == ["validate", "send", "commit"]
    assert traced.downstream["broken"][3:35] == refused.trace_id


def test_lines_of_a_batch_name_its_trace(traced: Traced) -> None:
    """The log of a request, and of its wait, has the ids of the batch's span."""
    batch = traced.of_batch()
    for line_of in ("execution_completed", "request_waits"):
        (line,) = traced.service.lines(line_of)
        assert (line["trace_id"], line["span_id"]) == (batch.trace_id, batch.span_id)
    (line,) = traced.service.lines("token_renewed")
    assert line["trace_id"] == batch.trace_id
    assert "trace_id" not in traced.service.lines("service_started")[0]


def test_metrics_add_up(traced: Traced) -> None:
    """What was pushed last tells each event once by its result, each call, each cause of a repeat, and the rest."""
    points = traced.receiver.points().values()
    told = {(point.name, point.attributes.get("cxone.result")): point.value for point in points}
    assert told["cxone.delta.events", "APPLIED"] == len(GOOD) + 2
    assert told["cxone.delta.events", "INVALID"] == 1
    assert told["messaging.client.sent.messages", None] == len(GOOD) + 3
    assert told["messaging.client.consumed.messages", None] == len(GOOD) + 3
    assert [p.value for p in points if (p.name, p.attributes) == ("cxone.delta.retries", {"error.type": "503"})] == [1]
    calls = [point for point in points if point.name == "http.client.request.duration"]
    assert {(p.attributes["http.request.method"], p.attributes.get("error.type")): p.count for p in calls} == {
        ("PATCH", "503"): 1,
        ("PATCH", None): 1,
        ("POST", None): 1,
    }
    stages = {p.attributes["cxone.stage"] for p in points if p.name == "cxone.delta.stage.duration"}
    assert stages == {"validation", "lane", "token", "http", "publish", "commit"}


def test_a_scrape_says_what_is_pushed(traced: Traced) -> None:
    """`/metrics` of the running service has the counters by their Prometheus names, with the values that are pushed."""
    lines = traced.scraped.splitlines()
    applied = 'cxone_delta_events_total{cxone_datastore_id="people",cxone_result="APPLIED"} ' + f"{len(GOOD) + 2}.0"
    assert applied in lines
    declared = {metric.name.replace(".", "_") for metric in names.METRICS} | {"process_", "target_info"}
    families = [line.split()[2] for line in lines if line.startswith("# TYPE ")]
    assert [name for name in families if not any(map(name.startswith, declared))] == []
    assert str(SECRET_VALUE) not in traced.scraped


def test_every_name_is_in_the_table(traced: Traced) -> None:
    """What is exported has the names, units and attributes that are declared, under our scope and schema."""
    declared = {metric.name: metric for metric in names.METRICS}
    for point in traced.receiver.points().values():
        metric = declared[point.name]
        assert (point.unit, set(point.attributes) <= set(metric.attributes)) == (metric.unit, True)
    ours = [span for span in traced.receiver.spans() if span.service == "deltas"]
    attributes = {value for name, value in vars(names).items() if name.isupper() and isinstance(value, str)}
    assert {name for span in ours for name in span.attributes} <= attributes
    assert {(span.scope, span.schema_url) for span in ours} == {(names.SCOPE, names.SCHEMA_URL)}


def test_no_customers_data_is_exported(traced: Traced) -> None:
    """Neither ids of records nor values of fields nor credentials stand in spans or metrics."""
    received = traced.receiver.raw().replace('string_value: "record', "")
    ours = "\n".join(repr(span) for span in traced.receiver.spans() if span.service == "deltas")
    assert ours
    for text in (str(SECRET_VALUE), "Bearer", "sandbox client"):
        assert text not in received
    for record_id in (*GOOD, "unsampled", "broken"):
        assert record_id not in ours


def test_a_receiver_that_is_away_disturbs_nobody(stage: Stage) -> None:
    """Events flow, and the process ends in time, when nothing takes what it would send."""
    service = stage.start(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9", OTEL_METRIC_EXPORT_INTERVAL="100")
    stage.feed.send_event("people", "a", partition=0)
    stage.await_all_committed()
    service.terminate()
    assert service.exit_code(25.0) == 0
    eventually(lambda: len(stage.outcomes()) == 1, 10.0, "the outcome")
