"""The outcomes of events that were merged into a later one of their record (`STREAM_COALESCE`, contract section 3).

They stand before their carrier's, and `Outbox` never parts them from it: their transaction is the same.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from .coalesce import is_carrier
from .model import Decided, Event, Result, Ruling

if TYPE_CHECKING:
    from .model import Settled, Verdict
    from .outcome import OutcomeWriter

_SUPERSEDABLE = frozenset({Result.APPLIED, Result.ALREADY_APPLIED})
"""Of their carrier. Another result of one that is not taken apart (`INTEGRITY`) is the result of each of its events."""
_BY_NOBODY = b'"supersededBy":null,"error":null}'
"""How the outcome of every success ends."""


def write_merged(
    writer: OutcomeWriter, decided: Decided, timestamp: str, traceparent: bytes | None = None
) -> list[Settled]:
    """Write the outcomes of a request's events and of all that they carry.

    Args:
        writer: of the outcomes.
        decided: the request, its verdict, and which of its events it decides.
        timestamp: RFC 3339.
        traceparent: of the span that sends them; None when tracing is off.

    Returns:
        One settled value for each event. Only the carrier's releases its record, with the size of all.
    """
    settled = writer.of_batch(decided, timestamp, traceparent)
    carriers = [event for event in decided.events if is_carrier(event)]
    if not carriers:
        return settled
    earlier = tuple(part for carrier in carriers for part in carrier.carries[:-1])
    superseded = replace(decided, verdict=_superseding(decided, carriers), events=earlier)
    told = iter(writer.of_batch(superseded, timestamp, traceparent))
    merged = []
    for event, outcome in zip(decided.events, settled, strict=True):
        if is_carrier(event):
            end = _end(event)
            merged += [_attached(next(told), end) for _ in event.carries[:-1]]
        merged.append(outcome)
    return merged


def _superseding(decided: Decided, carriers: list[Event]) -> Verdict:
    """Say of each carrier's record what holds for the events before it: the same evidence, another result."""
    verdict = decided.verdict
    rulings = dict(verdict.rulings or {})
    for carrier in carriers:
        record_id = carrier.record_id
        ruling = rulings.get(record_id) or Ruling(
            verdict.result,
            verdict.defect,
            (verdict.versions or {}).get(record_id),
            verdict.confirmed or record_id in (verdict.versions or {}),
        )
        if ruling.result in _SUPERSEDABLE:
            rulings[record_id] = ruling._replace(result=Result.SUPERSEDED)
    return replace(verdict, rulings=rulings or None)


def _end(carrier: Event) -> bytes:
    partition, offset = carrier.message.partition, carrier.message.offset
    by = {"topic": partition.topic, "partition": partition.partition, "offset": offset}
    return b'"supersededBy":%b,"error":null}' % orjson.dumps(by)


def _attached(told: Settled, end: bytes) -> Settled:
    """Let an outcome release nothing: its carrier's does it for all."""
    value = told.value
    if told.result is Result.SUPERSEDED:
        value = value.removesuffix(_BY_NOBODY) + end
    return told._replace(value=value, record_key=None, size_bytes=0)
