"""Header names that no client library writes, and that the Kafka client here cannot read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..harness.feed import event
from ..harness.stage import Layout, Stage
from .raw_produce import produce_raw

if TYPE_CHECKING:
    from pathlib import Path

    from stream.sandbox.kafka import Kafka

NO_UTF8 = b"\xff\xfe"


def test_a_header_name_that_is_no_text_ends_nothing(kafka: Kafka, tmp_path: Path) -> None:
    """Good and bad events with such headers, among others, have their outcomes; the service lives, and can go again."""
    with Stage(kafka.bootstrap_servers, tmp_path, Layout(partitions=1, dead_letters={})) as stage:
        for number in range(3):
            stage.feed.send(event("s", f"before {number}", 1), b"key", [("good", b"1")])
            stage.feed.flush()
            for value in (event("s", f"odd {number}", 1), b"{"):
                headers = [(b"good", b"1"), (NO_UTF8, b"2")]
                produce_raw(kafka.bootstrap_servers, stage.input, value, b"key", headers)
        service = stage.start()
        stage.await_outcomes(9)
        stage.feed.send_event("s", "after")
        stage.await_all_committed()
        service.terminate()
        assert service.exit_code(20.0) == 0
        outcomes = [outcome.json for outcome in stage.outcomes()]
        letters = stage.dead_letters()
    assert sorted(outcome["source"]["offset"] for outcome in outcomes) == list(range(10))
    assert [outcome["result"] for outcome in outcomes].count("APPLIED") == 7
    assert [(letter.key, letter.value) for letter in letters] == [(b"key", b"{")] * 3
    assert all("good" not in letter.named for letter in letters), (
        "its headers cannot be read, not even those with a name"
    )
