"""What happens, as traces: one of each batch, drawn from the times that the loop tells.

Spans are begun where their context must be known (a request carries its own, outcomes that of their `send`); all others
are drawn when they are over.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Literal, NamedTuple

from opentelemetry.trace import SpanKind, Status, StatusCode

from ..observer import Observer, Tracing
from . import names
from .batch_trace import BatchTrace, Chunk, call_facts, context_of
from .metrics import error_type_of
from .parcels import Parcels
from .trace_headers import trace_headers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from opentelemetry.trace import Span, Tracer

    from ..flights import Flight
    from ..model import Decided, Event, Message, Settled
    from ..observer import Called, TookIn
    from ..outbox import Transaction
    from ..steps import Wait
    from .moments import Moments
    from .place import Place

MOST_TRACES = 10_000
MOST_CHUNKS = 1_000
"""That are remembered for batches to come: with a long linger a batch's oldest event came hundreds of chunks ago."""


class _Sending(NamedTuple):
    """Outcomes that were written under a span, and are not committed yet."""

    trace: BatchTrace
    span: Span


class _Worker(threading.local):
    """What a thread is at."""

    trace: BatchTrace | None = None
    call: Span | None = None


class BatchTracer(Observer, Tracing):
    """Makes the traces. `leads`, `calling`, `called` come from workers, `produced` from the publisher's thread."""

    def __init__(self, tracer: Tracer, place: Place, moments: Moments) -> None:
        self._tracer = tracer
        self._place = place
        self._moments = moments
        self._flights: OrderedDict[int, BatchTrace] = OrderedDict()
        self._by_batch: OrderedDict[str, BatchTrace] = OrderedDict()
        self._chunks: OrderedDict[float, Chunk] = OrderedDict()
        self._worker = _Worker()
        self._sending: _Sending | None = None
        self._parcels: Parcels[_Sending] = Parcels()
        self._produced: tuple[str, float] = ("", 0.0)

    # What the core asks for.

    def leads(self, flight_number: int) -> None:
        """Take note whose calls this thread makes."""
        self._worker.trace = self._flights.get(flight_number)

    def calling(self, call: Literal["execute", "read", "token"], batch_id: str | None) -> Mapping[str, str]:
        """Begin a call's span; the call carries its context."""
        worker, now_ns = self._worker, self._moments.ns(self._moments.now_s())
        method = {"execute": "PATCH", "read": "GET", "token": "POST"}[call]
        trace = worker.trace
        if trace is None:
            facts = call_facts(self._place, call, method)
            span = self._tracer.start_span(method, None, SpanKind.CLIENT, facts, start_time=now_ns)
        else:
            span = trace.call(call, method, batch_id, now_ns)
            if batch_id is not None and batch_id not in self._by_batch:
                self._know(batch_id, trace)
        worker.call = span
        return trace_headers(span.get_span_context())

    def of_outcomes(self, decided: Decided) -> bytes | None:
        """Begin to send the outcomes of a request."""
        trace = self._by_batch.get(decided.batch.batch_id)
        if trace is None or not decided.events:
            return None
        return self._begin_to_send(trace, len(decided.events))

    def without_request(self, messages: Sequence[Message], began_s: float) -> bytes | None:
        """Begin to send the outcomes of messages that no request decides: their trace has no call."""
        partitions = {message.partition for message in messages}
        trace = BatchTrace(self._tracer, self._place, partitions, len(messages), self._moments.ns(began_s))
        trace.has_landed = True
        if trace.is_sampled:
            trace.link(messages)
        return self._begin_to_send(trace, len(messages))

    # What the core tells.

    def took_in(self, chunk: TookIn) -> None:
        """Remember when its events were read; those of it that are no events have their trace already."""
        began_ns, ended_ns = self._moments.ns(chunk.began_s), self._moments.ns(chunk.ended_s)
        earlier = self._chunks.get(chunk.arrived_s)
        if earlier is not None:
            found = Chunk(earlier.events + chunk.events, min(earlier.began_ns, began_ns), ended_ns)
        else:
            found = Chunk(chunk.events, began_ns, ended_ns)
        self._chunks[chunk.arrived_s] = found
        if len(self._chunks) > MOST_CHUNKS:
            self._chunks.popitem(last=False)
        if chunk.outcomes and self._sending is not None:
            trace = self._sending.trace
            trace.validated(Chunk(chunk.events, began_ns, ended_ns))
            defect = next((each.defect for each in chunk.unfit if each.defect is not None), None)
            if defect is not None:
                trace.has_failed(defect.code.value)
            self._keep(chunk.outcomes)

    def handed_out(self, flight: Flight, now_s: float) -> None:
        """Begin the trace of a batch; one that was handed out before goes on."""
        if flight.number in self._flights:
            return
        events = flight.batch.events
        arrived_s = flight.oldest.arrived_s
        began_ns = self._moments.ns(arrived_s)
        partitions = {assignment.partition for assignment in flight.assignments}
        trace = BatchTrace(self._tracer, self._place, partitions, len(events), began_ns)
        self._flights[flight.number] = trace
        if len(self._flights) > MOST_TRACES:
            self._flights.popitem(last=False)
        self._know(flight.batch.batch_id, trace)
        if trace.is_sampled:
            trace.link(self._traced(events))
            trace.describe(
                {
                    names.DATASTORE: flight.datastore_id,
                    names.BATCH_ID: flight.batch.batch_id,
                    names.BATCH_ERRAND: flight.errand.name.lower(),
                    names.BODY_BYTES: len(flight.batch.body),
                }
            )
            self._draw_waiting(trace, arrived_s, began_ns, self._moments.ns(now_s))

    def waits(self, flight: Flight, wait: Wait, now_s: float) -> None:
        """Note it on the batch's span."""
        trace = self._flights.get(flight.number)
        if trace is not None and trace.is_sampled:
            facts: dict[str, str | float] = {
                names.ERROR_TYPE: wait.error_type,
                names.WAIT_S: wait.seconds,
                names.REASON: wait.reason,
            }
            trace.span.add_event(names.WAITS, facts, self._moments.ns(now_s))

    def decided(self, decided: Decided, outcomes: Sequence[Settled], now_s: float) -> None:
        """Note the verdict, and keep the outcomes until they are committed."""
        del now_s
        trace = self._by_batch.get(decided.batch.batch_id)
        if trace is None:
            return
        result, defect = decided.verdict.result, decided.verdict.defect
        trace.describe({names.RESULT: result.value})
        if defect is not None:
            trace.describe({names.ERROR_CODE: defect.code.value})
            trace.has_failed(str(decided.verdict.http_status or defect.code.value))
        if self._sending is not None:
            self._sending.span.set_attribute(names.MESSAGE_COUNT, len(outcomes))  # with those that were merged
        self._keep(outcomes)

    def landed(self, flight: Flight) -> None:
        """End the batch's span, unless outcomes of it wait for their commit."""
        trace = self._flights.pop(flight.number, None)
        if trace is None:
            return
        trace.has_landed = True
        if flight.undecided:
            trace.describe({names.BATCH_UNDECIDED: len(flight.undecided)})
        self._end_if_over(trace, self._moments.now_s())

    def gave_up(self, outcomes: Sequence[Settled]) -> None:
        """Keep the outcomes until they are committed."""
        if self._sending is not None:
            self._sending.trace.has_failed("abandoned")
        self._keep(outcomes)

    def produced(self, nonce: str) -> None:
        """Note when the messages of a transaction were handed to the producer."""
        self._produced = (nonce, self._moments.now_s())

    def committed(self, transaction: Transaction, now_s: float) -> None:
        """End what was sent with it."""
        nonce, produced_s = self._produced
        sent_ns = self._moments.ns(produced_s if nonce == transaction.nonce else now_s)
        for sending in self._parcels.take(transaction.settled):
            sending.span.end(sent_ns)
            sending.trace.committed(sent_ns, self._moments.ns(now_s))
            self._close(sending, now_s)

    def aborted(self, transaction: Transaction, now_s: float) -> None:
        """Note it on what goes again."""
        for sending in self._parcels.find(transaction.settled):
            sending.span.add_event(names.ABORTED, timestamp=self._moments.ns(now_s))

    def came_late(self, outcomes: Sequence[Settled]) -> None:
        """End what the partitions' next owner decides."""
        now_s = self._moments.now_s()
        for sending in self._parcels.take(outcomes):
            sending.span.set_attribute(names.ERROR_TYPE, "partition_lost")
            sending.span.set_status(Status(StatusCode.ERROR))
            sending.span.end(self._moments.ns(now_s))
            self._close(sending, now_s)

    def called(self, call: Called) -> None:
        """End the call's span."""
        span, self._worker.call = self._worker.call, None
        if span is None:
            return
        if call.status is not None:
            span.set_attribute(names.HTTP_STATUS, call.status)
        if (error_type := error_type_of(call)) is not None:
            span.set_attribute(names.ERROR_TYPE, error_type)
            span.set_status(Status(StatusCode.ERROR))
        span.end(self._moments.ns(call.ended_s))

    def span_of(self, batch_id: object) -> Span | None:
        """Find the span of a batch, or, without one, that of this thread's call, for lines of the log."""
        trace = self._by_batch.get(batch_id) if isinstance(batch_id, str) else self._worker.trace
        return trace.span if trace is not None else self._worker.call

    @staticmethod
    def _traced(events: Sequence[Event]) -> Iterator[Message]:
        """Give the messages that may name a producer's span: most have no headers at all, or nothing was merged."""
        for event in events:
            if event.carries:
                yield from (part.message for part in event.carries)
            elif event.message.headers:
                yield event.message

    def _draw_waiting(self, trace: BatchTrace, arrived_s: float, began_ns: int, now_ns: int) -> None:
        """Draw what came before the request; of the chunks that its events came in the oldest's: a span is dear."""
        chunk = self._chunks.get(arrived_s)
        if chunk is not None:
            trace.validated(chunk)
        trace.waited_in_lane(min(chunk.ended_ns, now_ns) if chunk is not None else began_ns, now_ns)

    def _begin_to_send(self, trace: BatchTrace, count: int) -> bytes:
        span = trace.send(count, self._moments.ns(self._moments.now_s()))
        self._sending = _Sending(trace, span)
        return context_of(span)

    def _keep(self, outcomes: Sequence[Settled]) -> None:
        if self._sending is not None:
            self._parcels.add(outcomes, self._sending)
            self._sending = None

    def _close(self, sending: _Sending, now_s: float) -> None:
        sending.trace.uncommitted -= 1
        self._end_if_over(sending.trace, now_s)

    def _end_if_over(self, trace: BatchTrace, now_s: float) -> None:
        if trace.end_if_over(self._moments.ns(now_s)):
            for batch_id in trace.batch_ids:
                self._by_batch.pop(batch_id, None)

    def _know(self, batch_id: str, trace: BatchTrace) -> None:
        trace.batch_ids.append(batch_id)
        self._by_batch[batch_id] = trace
        if len(self._by_batch) > MOST_TRACES:
            self._by_batch.popitem(last=False)
