"""W3C trace context in Kafka headers: which producers' spans a batch links to, and how our own is written.

Looked at once for each sampled batch. Values are compared as bytes, and only those that become links are parsed.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from opentelemetry.trace import Link, SpanContext, TraceFlags, TraceState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..model import Message

MOST_LINKS = 128
"""What a span keeps by default (`OTEL_SPAN_LINK_COUNT_LIMIT`)."""
TRACEPARENT = "traceparent"
_PARENT = re.compile(rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
_PARENT_BYTES = 55
_SAMPLED_ENDS = frozenset(b"13579bdf")


class Links(NamedTuple):
    """Links to distinct sampled contexts, and how many more there were."""

    links: list[Link]
    dropped: int


def links_of(messages: Iterable[Message], most: int = MOST_LINKS) -> Links:
    """Find the distinct sampled contexts of messages.

    Args:
        messages: of a batch.
        most: how many become links.
    """
    found = {
        value: None
        for message in messages
        if message.headers
        for name, value in message.headers
        if name == TRACEPARENT and value is not None and len(value) == _PARENT_BYTES and value[-1] in _SAMPLED_ENDS
    }
    contexts = (context for value in found if (context := parse(value)) is not None)
    links = [Link(context) for context in islice(contexts, most)]
    return Links(links, max(len(found) - most, 0))


def parse(value: bytes) -> SpanContext | None:
    """Read a `traceparent`; None where it is not well-formed."""
    parts = _PARENT.fullmatch(value)
    if parts is None:
        return None
    _, trace_id, span_id, flags = parts.groups()
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))


def traceparent(context: SpanContext) -> str:
    """Write a `traceparent`."""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags & 0xFF:02x}"


def trace_headers(context: SpanContext) -> dict[str, str]:
    """Write the headers of a request."""
    state: TraceState = context.trace_state
    headers = {TRACEPARENT: traceparent(context)}
    return {**headers, "tracestate": state.to_header()} if state else headers
