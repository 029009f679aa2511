"""Bad events in bulk: alone they are handled fast, and between good ones they cost those nothing."""

from __future__ import annotations

from itertools import cycle, islice
from typing import TYPE_CHECKING

from ..harness.feed import Population
from ..harness.stage import Layout, Stage
from .message_cases import BAD

if TYPE_CHECKING:
    from pathlib import Path

    from stream.sandbox.kafka import Kafka

    from .message_cases import Case

EVENTS = 50_000
LARGEST_BYTES = 2_000
FEW_HEADERS = 10
MIXED = 10_000


def small_and_bad() -> list[Case]:
    """Bad events of the usual size, of every kind that can be small."""
    return [case for case in BAD.values() if _is_usual(case)]


def _is_usual(case: Case) -> bool:
    headers_bytes = sum(len(content or b"") for _, content in case.headers)
    return len(case.value or b"") + headers_bytes <= LARGEST_BYTES and len(case.headers) <= FEW_HEADERS


def test_nothing_but_bad_events_is_handled(kafka: Kafka, tmp_path: Path) -> None:
    """50,000 bad events of every kind, dead letters on: each has its one outcome; prints how fast (`-rP`)."""
    with Stage(kafka.bootstrap_servers, tmp_path, Layout(dead_letters={})) as stage:
        for case in islice(cycle(small_and_bad()), EVENTS):
            stage.feed.send(case.value, case.key, list(case.headers))
        stage.feed.flush()
        stage.start()
        stage.await_all_committed()
        stage.assert_exactly_once()
        outcomes = stage.outcomes()
        letters = len(stage.dead_letters())
    times_ms = [outcome.timestamp_ms for outcome in outcomes]
    per_s = EVENTS / ((max(times_ms) - min(times_ms)) / 1000)
    print(f"{per_s:,.0f} bad events/s, each with outcome and dead letter")  # noqa: T201 - the figure of the run
    assert (len(outcomes), letters) == (EVENTS, EVENTS)
    assert not any(outcome.json["status"] == "SUCCESS" for outcome in outcomes)


def test_bad_events_between_good_ones_do_not_shrink_batches(stage: Stage) -> None:
    """With a bad event after each good one, requests are as full as without, and all that is good is applied."""
    for case in islice(cycle(small_and_bad()), MIXED):
        stage.feed.draw(Population(1, 1_000), 1)
        stage.feed.send(case.value, case.key, list(case.headers))
    stage.feed.flush()
    stage.start(STREAM_BATCH_LINGER_MS="200")
    stage.await_all_committed()
    stage.assert_exactly_once()
    stage.assert_requests_sound()
    requests = [request for request in stage.sandbox.requests if request.call == "execute"]
    results = [outcome.json["result"] for outcome in stage.outcomes()]
    assert results.count("APPLIED") == MIXED
    print(f"{MIXED / len(requests):.0f} records per request")  # noqa: T201 - the figure of the run
    assert MIXED / len(requests) > 400
