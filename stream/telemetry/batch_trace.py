"""The trace of one batch: its `process` span, and how each child of it is drawn."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from opentelemetry.trace import NonRecordingSpan, SpanKind, Status, StatusCode, set_span_in_context

from . import names
from .trace_headers import links_of, traceparent

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from opentelemetry.trace import Span, Tracer
    from opentelemetry.util.types import AttributeValue

    from ..model import Message, TopicPartition
    from .place import Place


class Chunk(NamedTuple):
    """Messages that were read in one turn."""

    events: int
    began_ns: int
    ended_ns: int


class BatchTrace:
    """The spans of one batch, or of messages that no request decides.

    It ends when the batch has landed and all its outcomes are committed or dropped. All times are nanoseconds since
    1970. Only the loop's thread touches it, save `calls`, which the one worker that leads the batch counts.
    """

    def __init__(
        self, tracer: Tracer, place: Place, partitions: Collection[TopicPartition], count: int, began_ns: int
    ) -> None:
        """Begin the `process` span.

        Args:
            tracer: makes spans.
            place: names the topics.
            partitions: that its messages come from.
            count: how many there are.
            began_ns: when the oldest of them arrived.
        """
        self._tracer = tracer
        self._place = place
        self._topic = ",".join(sorted({partition.topic for partition in partitions}))
        facts: dict[str, AttributeValue] = {
            **place.messaging(names.PROCESS, self._topic),
            names.OPERATION_TYPE: "process",
            names.MESSAGE_COUNT: count,
        }
        if len(partitions) == 1:
            (partition,) = partitions
            facts[names.PARTITION] = str(partition.partition)
        name = f"{names.PROCESS} {self._topic}"
        self.span: Span = tracer.start_span(name, None, SpanKind.CONSUMER, facts, start_time=began_ns)
        self._context = set_span_in_context(NonRecordingSpan(self.span.get_span_context()))
        self.is_sampled = self.span.is_recording()
        self.batch_ids: list[str] = []
        self.calls: Counter[str] = Counter()
        self.has_landed = False
        self.uncommitted = 0

    def link(self, messages: Iterable[Message]) -> None:
        """Link to the producers' spans: those that are sampled, each once, at most 128."""
        found = links_of(messages)
        for link in found.links:
            self.span.add_link(link.context)
        if found.dropped:
            self.span.set_attribute(names.LINKS_DROPPED, found.dropped)

    def describe(self, facts: Mapping[str, AttributeValue]) -> None:
        """Say more of the batch."""
        if self.is_sampled:
            self.span.set_attributes(facts)

    def validated(self, chunk: Chunk) -> None:
        """Draw the reading of a chunk with events of this batch: it is read whole, with those of other batches."""
        facts = {names.CHUNK_EVENTS: chunk.events}
        self._draw(names.VALIDATE, SpanKind.INTERNAL, facts, chunk.began_ns, chunk.ended_ns)

    def waited_in_lane(self, began_ns: int, ended_ns: int) -> None:
        """Draw the wait for more events, for a worker, or for the record's earlier event."""
        self._draw(names.LANE, SpanKind.INTERNAL, {}, began_ns, ended_ns)

    def call(self, kind: str, method: str, batch_id: str | None, began_ns: int) -> Span:
        """Begin an HTTP call; whoever began it ends it."""
        facts: dict[str, AttributeValue] = call_facts(self._place, kind, method)
        if batch_id is not None:
            facts[names.BATCH_ID] = batch_id
            if self.calls[batch_id]:
                facts[names.RESEND_COUNT] = self.calls[batch_id]
            self.calls[batch_id] += 1
        return self._tracer.start_span(method, self._context, SpanKind.CLIENT, facts, start_time=began_ns)

    def send(self, outcomes: int, began_ns: int) -> Span:
        """Begin to send outcomes, which carry this span's context."""
        topic = self._place.outcome_topic
        facts: dict[str, AttributeValue] = {
            **self._place.messaging(names.SEND, topic),
            names.OPERATION_TYPE: "send",
            names.MESSAGE_COUNT: outcomes,
        }
        self.uncommitted += 1
        name = f"{names.SEND} {topic}"
        return self._tracer.start_span(name, self._context, SpanKind.PRODUCER, facts, start_time=began_ns)

    def committed(self, began_ns: int, ended_ns: int) -> None:
        """Draw the commit of offsets and outcomes."""
        facts = {**self._place.messaging(names.COMMIT, self._topic), names.OPERATION_TYPE: "settle"}
        self._draw(f"{names.COMMIT} {self._topic}", SpanKind.CLIENT, facts, began_ns, ended_ns)

    def has_failed(self, error_type: str) -> None:
        """Say that the batch, or what is left of it, came to nothing good."""
        if self.is_sampled:
            self.span.set_attribute(names.ERROR_TYPE, error_type)
            self.span.set_status(Status(StatusCode.ERROR))

    def end_if_over(self, ended_ns: int) -> bool:
        """End it, if nothing more can come."""
        is_over = self.has_landed and not self.uncommitted
        if is_over:
            self.span.end(ended_ns)
        return is_over

    def _draw(
        self, name: str, kind: SpanKind, facts: Mapping[str, AttributeValue], began_ns: int, ended_ns: int
    ) -> None:
        if self.is_sampled:
            span = self._tracer.start_span(name, self._context, kind, facts, start_time=began_ns)
            span.end(max(ended_ns, began_ns))


def call_facts(place: Place, kind: str, method: str) -> dict[str, AttributeValue]:
    """Say which call it is; of its address the path without ids, for ids are the customers' data."""
    return {names.HTTP_METHOD: method, names.URL_TEMPLATE: place.url_templates[kind], **place.server}


def context_of(span: Span) -> bytes:
    """Write a span's `traceparent` for Kafka."""
    return traceparent(span.get_span_context()).encode()
