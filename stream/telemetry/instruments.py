"""The instruments that are recorded as things happen, and what may be asked of their making."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import names

if TYPE_CHECKING:
    from opentelemetry.metrics import Counter, Histogram, Meter


class Instruments:
    """All counters and histograms, made once."""

    def __init__(self, meter: Meter) -> None:
        def counter(metric: names.Metric) -> Counter:
            return meter.create_counter(metric.name, metric.unit, metric.meaning)

        def histogram(metric: names.Metric) -> Histogram:
            return meter.create_histogram(
                metric.name, metric.unit, metric.meaning, explicit_bucket_boundaries_advisory=metric.buckets
            )

        self.consumed = counter(names.CONSUMED)
        self.sent = counter(names.SENT)
        self.operation_duration = histogram(names.OPERATION_DURATION)
        self.process_duration = histogram(names.PROCESS_DURATION)
        self.http_duration = histogram(names.HTTP_DURATION)
        self.events = counter(names.EVENTS)
        self.requests = counter(names.REQUESTS)
        self.batch_size = histogram(names.BATCH_SIZE)
        self.batch_fill = histogram(names.BATCH_FILL)
        self.stage_duration = histogram(names.STAGE_DURATION)
        self.produce_to_outcome = histogram(names.PRODUCE_TO_OUTCOME)
        self.change_to_applied = histogram(names.CHANGE_TO_APPLIED)
        self.retries = counter(names.RETRIES)
        self.suspects = counter(names.SUSPECTS)
        self.changes = counter(names.CHANGES)
        self.tokens = counter(names.TOKENS)
        self.rebuilds = counter(names.REBUILDS)
        self.transactions = counter(names.TRANSACTIONS)
        self.late = counter(names.LATE)
        self.rebalances = counter(names.REBALANCES)
