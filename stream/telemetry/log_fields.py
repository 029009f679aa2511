"""Trace ids in the lines of the log that tell of a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.trace import Span


class TraceIds:
    """Finds the ids that a line should have."""

    def __init__(self, span_of: Callable[[object], Span | None]) -> None:
        """Prepare to look.

        Args:
            span_of: finds the span of a batch by its id, or without one that of the thread which writes the line.
        """
        self._span_of = span_of

    def __call__(self, fields: Mapping[str, object]) -> Mapping[str, str]:
        """Return `trace_id` and `span_id`, as OpenTelemetry names them in logs that are not its own; or nothing."""
        span = self._span_of(fields.get("batch_id"))
        if span is None or not span.get_span_context().is_valid:
            return {}
        context = span.get_span_context()
        return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}
