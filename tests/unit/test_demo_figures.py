"""The demo's figures: throughput of the backlog, latency of the live part, each of its own requests."""

from __future__ import annotations

import orjson
import pytest

from stream.sandbox.calls import Request
from stream.sandbox.demo.events import MadeEvent
from stream.sandbox.demo.evidence import Evidence
from stream.sandbox.demo.figures import figures, percentile
from stream.sandbox.demo.kafka import Reading


def _event(offset: int) -> MadeEvent:
    return MadeEvent(0, offset, b"1", b"{}", [], "APPLIED", None, ("customers", "1"), offset + 1)


def _reading(offset: int, produced_ms: int, written_ms: int, seen_ms: float) -> Reading:
    source = {"topic": "in", "partition": 0, "offset": offset, "timestampMs": produced_ms}
    return Reading(0, offset, written_ms, b"1", orjson.dumps({"source": source}), [], seen_ms)


def _request(sequence: int, received_s: float, records: int, status: int = 200) -> Request:
    return Request(sequence, "execute", "client", received_s, "customers", records, status=status)


def _run(followed: list[Reading], requests: list[Request]) -> Evidence:
    """Five events: two of the backlog, two live from second 20 on, one in the outage from second 30 to 33."""
    return Evidence(
        events=[_event(offset) for offset in range(5)],
        backlog=2,
        live=2,
        live_from_s=20.0,
        outage_from_s=30.0,
        outage_to_s=33.0,
        outcomes=followed,
        followed=followed,
        letters=[],
        histories={},
        requests=requests,
        violations=[],
        audit=b"",
        log=b"",
        secret="none",  # noqa: S106 - of no system
        exit_code=0,
    )


def _lines(evidence: Evidence) -> list[dict[str, str]]:
    return [{line.label: line.figure for line in section.lines} for section in figures(evidence, 2_000)]


def test_the_parts_of_a_run_are_told_apart() -> None:
    """Rate and batches of the backlog are of its own requests, latency is of the live events, the outage by itself."""
    followed = [
        _reading(0, 5_000, 10_400, 10_500.0),
        _reading(1, 5_000, 11_900, 12_000.0),
        _reading(2, 20_000, 20_100, 20_110.0),
        _reading(3, 20_000, 20_300, 20_330.0),
        _reading(4, 30_500, 35_400, 35_500.0),
    ]
    out = [_request(number, 30.0 + number, 1, 503) for number in (1, 2)]
    requests = [_request(2, 10.0, 600), _request(3, 11.0, 1_000), _request(4, 20.5, 7), *out, _request(7, 34.0, 1)]
    backlog, live, outage = _lines(_run(followed, [Request(1, "token", "client", 9.0), *requests]))
    assert backlog == {
        "events/s, first request to last outcome": "1",
        "requests": "2",
        "records in a request, mean / largest": "800 / 1,000",
    }
    assert live == {
        "event to outcome in ms, p50 / p95 / p99, by Kafka": "100 / 300 / 300",
        "event to reader of what is committed, likewise": "110 / 330 / 330",
        "requests": "1",
        "records in a request, mean / largest": "7 / 7",
    }
    assert outage == {
        "events that came meanwhile": "1",
        "requests that failed": "2",
        "from its end to the last outcome, in s": "2.5",
    }


def test_a_run_that_came_to_nothing_has_figures_too() -> None:
    """Without any outcome or request the table still stands, and promises nothing."""
    sections = figures(_run([], []), 2_000)
    assert [line.figure for section in sections for line in section.lines] == ["-", "1", "0"]
    assert all(line.holds is None for section in sections for line in section.lines)


@pytest.mark.parametrize(("percent", "expected"), [(50, 50), (95, 95), (99, 99), (100, 100)])
def test_percentiles_are_values_that_occurred(percent: int, expected: int) -> None:
    """Of 1 to 100 the nth percentile is n; of a single value every percentile is that value."""
    assert percentile(range(1, 101), percent) == expected
    assert percentile([3.0], percent) == 3.0
