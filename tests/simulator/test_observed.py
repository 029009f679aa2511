"""Runs that are watched: telemetry changes nothing, fails at nothing, and its figures agree with one another."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, Sum
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from stream.observer import Observer, Observers
from stream.telemetry import names
from stream.telemetry.gauges import Gauges
from stream.telemetry.metrics import Metrics
from stream.telemetry.moments import Moments
from stream.telemetry.place import Place
from stream.telemetry.tracer import BatchTracer

from .run import play, silent_logs
from .wiring import Watching, Wiring

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from opentelemetry.sdk.trace import ReadableSpan

    from stream.clock import Clock
    from stream.model import Decided, Settled
    from stream.observer import TookIn
    from stream.outbox import Transaction

SEEDS = range(12)
PLACE = Place(
    {names.SERVER_ADDRESS: "api.example", names.SERVER_PORT: 443},
    {"execute": "/execute", "read": "/read", "token": "/token"},
    "group",
    "outcomes",
    1000,
    4_194_304,
)


class Bookkeeper(Observer):
    """Counts what it is told, in the simplest way."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def took_in(self, chunk: TookIn) -> None:
        """Count outcomes."""
        self.counts["written"] += len(chunk.outcomes)

    def decided(self, decided: Decided, outcomes: Sequence[Settled], now_s: float) -> None:
        """Count outcomes."""
        del decided, now_s
        self.counts["written"] += len(outcomes)

    def gave_up(self, outcomes: Sequence[Settled]) -> None:
        """Count outcomes."""
        self.counts["written"] += len(outcomes)

    def committed(self, transaction: Transaction, now_s: float) -> None:
        """Count outcomes and transactions."""
        del now_s
        self.counts["committed"] += len(transaction.settled)
        self.counts["transactions"] += 1

    def came_late(self, outcomes: Sequence[Settled]) -> None:
        """Count outcomes."""
        self.counts["late"] += len(outcomes)


class Telemetry:
    """Watches all lives of a run with the real observers; `failures` are what they raised."""

    def __init__(self) -> None:
        self.reader = InMemoryMetricReader()
        self.exporter = InMemorySpanExporter()
        self.books = Bookkeeper()
        self._watching: list[Observers] = []
        self._meter = MeterProvider([self.reader], shutdown_on_exit=False).get_meter("test")
        traces = TracerProvider(shutdown_on_exit=False)
        traces.add_span_processor(SimpleSpanProcessor(self.exporter))
        self._tracer = traces.get_tracer("test")

    def watch(self, clock: Clock) -> Watching:
        """Watch one life."""
        moments = Moments(clock)
        tracer = BatchTracer(self._tracer, PLACE, moments)
        metrics = Metrics(self._meter, PLACE, moments)
        observer = Observers(metrics, Gauges(self._meter), tracer, self.books)
        self._watching.append(observer)
        return Watching(observer, tracer)

    @property
    def failures(self) -> int:
        """How often an observer has raised something."""
        return sum(each.failures for each in self._watching)

    def sums(self) -> Counter[str]:
        """Add up each counter over all its attributes."""
        found: Counter[str] = Counter()
        data = self.reader.get_metrics_data()
        for metric in data.resource_metrics[0].scope_metrics[0].metrics if data else ():
            if isinstance(metric.data, Sum):
                found[metric.name] += sum(int(point.value) for point in metric.data.data_points)
        return found


@pytest.fixture(autouse=True)
def _silence() -> Iterator[None]:
    """Keep the service's log out of the tests' output."""
    with silent_logs():
        yield


def test_watching_changes_nothing_and_adds_up() -> None:
    """A watched run is the same run; each outcome is counted once when written, and once when committed."""
    total: Counter[str] = Counter()
    for seed in SEEDS:
        telemetry = Telemetry()
        report = play(seed, Wiring(observe=telemetry.watch))
        assert report.broken is None
        assert seed % 4 or report.digest == play(seed).digest
        assert telemetry.failures == 0
        counted, books = telemetry.sums(), telemetry.books.counts
        assert counted[names.EVENTS.name] == books["written"]
        assert counted[names.SENT.name] == books["committed"]
        assert counted[names.LATE.name] == books["late"]
        assert counted[names.TRANSACTIONS.name] >= books["transactions"]
        total.update(counted)
        total["spans"] += _judge_spans(telemetry.exporter.get_finished_spans())
    assert min(total[metric.name] for metric in (names.EVENTS, names.SENT, names.SUSPECTS)) > 0
    assert total["spans"] > 0


def _judge_spans(spans: Sequence[ReadableSpan]) -> int:
    """Hold that whatever is sent and committed is so within its batch, and never before it began; count such spans."""
    below = 0
    batches = {span.context.span_id: span for span in spans if span.name.startswith("process ") and span.context}
    for span in spans:
        assert span.start_time is not None
        assert span.end_time is not None
        assert span.start_time <= span.end_time
        parent = batches.get(span.parent.span_id) if span.parent is not None else None
        if parent is not None:
            below += 1
            assert span.context is not None
            assert parent.context is not None
            assert span.context.trace_id == parent.context.trace_id
            assert (parent.start_time or 0) <= span.start_time
            assert span.end_time <= (parent.end_time or 0)
    return below
