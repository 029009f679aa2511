"""The demo's figures: how fast, in requests of what size, how long an event took. Pure.

Three parts of a run are told apart, because a figure of their mixture would mean nothing: the *backlog*, which was in
the topic before the service started, shows throughput; the *live* events, produced at an even pace, show latency; those
that came in the *outage* show what became of them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import orjson

from .check import place_of
from .evidence import Evidence, Line, Section

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..calls import Request

PERCENTILES: Final = (50, 95, 99)
_UNAVAILABLE: Final = 503


def figures(evidence: Evidence, live_rate: int) -> list[Section]:
    """Work out what the run was like.

    Args:
        evidence: all that was gathered.
        live_rate: events per second of the live part, as it was meant.

    Returns:
        Lines without a verdict: a slow machine is no failure.
    """
    executes = [request for request in evidence.requests if request.call == "execute"]
    early = [request for request in executes if request.received_s < evidence.live_from_s]
    live = [r for r in executes if evidence.live_from_s <= r.received_s < evidence.outage_from_s]
    return [
        Section(
            f"Backlog: {evidence.backlog:,} events in Kafka before the service started, API without delay",
            [_throughput(evidence, early), *_batches(early)],
        ),
        Section(
            f"Live: {evidence.live:,} events, {live_rate:,} a second; a batch waits up to 200 ms to fill",
            [*_latency(evidence), *_batches(live)],
        ),
        Section(
            f"Outage: for {evidence.outage_to_s - evidence.outage_from_s:.0f} s the API answered 503 to every call",
            _outage(evidence, executes),
        ),
    ]


def percentile(ordered: Sequence[float], percent: int) -> float:
    """Return the smallest value that at least `percent` of 100 values do not exceed; `ordered` is not empty."""
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def _throughput(evidence: Evidence, requests: Sequence[Request]) -> Line:
    places = {(event.partition, event.offset) for event in evidence.events[: evidence.backlog]}
    seen_s = [
        reading.seen_ms / 1000
        for reading in evidence.followed
        if place_of(orjson.loads(reading.value or b"{}")) in places
    ]
    took_s = max(seen_s) - requests[0].received_s if requests and seen_s else 0.0
    figure = f"{len(seen_s) / took_s:,.0f}" if took_s else "-"
    return Line("events/s, first request to last outcome", figure)


def _batches(requests: Sequence[Request]) -> list[Line]:
    if not requests:
        return []
    sizes = [request.records for request in requests]
    return [
        Line("requests", f"{len(requests):,}"),
        Line("records in a request, mean / largest", f"{sum(sizes) / len(sizes):,.0f} / {max(sizes):,}"),
    ]


def _latency(evidence: Evidence) -> list[Line]:
    """Times from produce to outcome: by Kafka's timestamps, and until a reader of committed messages had it."""
    first = evidence.backlog
    live = {(event.partition, event.offset) for event in evidence.events[first : first + evidence.live]}
    written_ms: list[float] = []
    seen_ms: list[float] = []
    for reading in evidence.followed:
        document = orjson.loads(reading.value or b"{}")
        if place_of(document) in live:
            produced_ms = document["source"]["timestampMs"]
            written_ms.append(reading.timestamp_ms - produced_ms)
            seen_ms.append(reading.seen_ms - produced_ms)
    if not live or not seen_ms:
        return []
    return [
        Line("event to outcome in ms, p50 / p95 / p99, by Kafka", _spread(written_ms)),
        Line("event to reader of what is committed, likewise", _spread(seen_ms)),
    ]


def _outage(evidence: Evidence, requests: Sequence[Request]) -> list[Line]:
    came = len(evidence.events) - evidence.backlog - evidence.live
    refused = [each for each in requests if each.received_s >= evidence.outage_from_s and each.status == _UNAVAILABLE]
    lines = [Line("events that came meanwhile", f"{came:,}"), Line("requests that failed", f"{len(refused):,}")]
    if not came or not evidence.followed:
        return lines
    last_ms = max(reading.seen_ms for reading in evidence.followed)
    return [*lines, Line("from its end to the last outcome, in s", f"{last_ms / 1000 - evidence.outage_to_s:.1f}")]


def _spread(times_ms: list[float]) -> str:
    ordered = sorted(times_ms)
    return " / ".join(f"{percentile(ordered, percent):,.0f}" for percent in PERCENTILES)
