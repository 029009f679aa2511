"""Recorded events of a connector through a running service: outcomes as `try` foretold, and the records of the tables."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from stream.trial.reading import Form, Reading

from ..golden.cases import HERE, results
from ..harness.stage import Layout, Stage

if TYPE_CHECKING:
    from pathlib import Path

    from stream.sandbox.kafka import Kafka

NAMES = ("postgres-safe", "postgres-schema", "unwrapped")
"""Recordings whose rules find their source by the table or can be led to the stage's topic."""


@pytest.mark.parametrize("name", NAMES)
def test_recorded_events_have_the_foretold_outcomes(kafka: Kafka, tmp_path: Path, name: str) -> None:
    """Every message has exactly one outcome, what is refused is refused for the same reason, what is sent is applied."""
    topic = {"unwrapped": "flat.public.contacts"}.get(name)
    with (HERE / f"{name}.jsonl").open("rb") as lines:
        messages = [line.message for line in Form(Reading.MESSAGE, "").messages(lines)]
    kept = [n for n, each in enumerate(messages) if topic is None or each.partition.topic == topic]
    foretold = [json.loads(results(name)[n]) for n in kept]
    with Stage(kafka.bootstrap_servers, tmp_path, Layout(dead_letters={})) as stage:
        mapping = tmp_path / "mapping.toml"
        mapping.write_text(_led_to(stage.input, (HERE / f"{name}.toml").read_text(encoding="utf-8")), encoding="utf-8")
        for n in kept:
            stage.feed.send(messages[n].value, messages[n].key, partition=0)
        stage.start(STREAM_MAPPING_FILE=str(mapping))
        stage.await_all_committed()
        stage.assert_exactly_once()
        outcomes = sorted((each.json for each in stage.outcomes()), key=lambda each: each["source"]["offset"])
        letters = len(stage.dead_letters())
    assert [_told(each) for each in outcomes] == [_expected(each) for each in foretold]
    assert letters == sum(each["status"] == "FAILED" for each in outcomes)
