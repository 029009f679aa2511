"""Recorded events of a connector through a running service: outcomes and requests are those that `try` foretold."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from stream.trial import Reading
from stream.trial.reading import Form

from ..golden.cases import HERE, results
from ..harness.stage import Layout, Stage

if TYPE_CHECKING:
    from pathlib import Path

    from stream.sandbox.kafka import Kafka

TABLE = "public.contacts"


@pytest.mark.parametrize("name", ["postgres-safe", "postgres-schema", "postgres-defaults", "unwrapped"])
def test_recorded_events_end_as_foretold(kafka: Kafka, tmp_path: Path, name: str) -> None:
    """Each message has one outcome; what is refused has the same reason, and what is sent is what was said."""
    with (HERE / f"{name}.jsonl").open("rb") as lines:
        read = [line.message for line in Form(Reading.MESSAGE, "").messages(lines)]
    both = zip(read, map(json.loads, results(name)), strict=True)
    messages, foretold = zip(*(pair for pair in both if pair[0].partition.topic.endswith(TABLE)), strict=True)
    with Stage(kafka.bootstrap_servers, tmp_path, Layout(dead_letters={})) as stage:
        mapping = tmp_path / "mapping.toml"
        mapping.write_text(_first_rule(name, stage.input), encoding="utf-8")
        for message in messages:
            stage.feed.send(message.value, message.key, partition=0)
        stage.start(STREAM_MAPPING_FILE=str(mapping))
        stage.await_all_committed()
        stage.assert_exactly_once()
        stage.assert_requests_sound()
        outcomes = sorted((each.json for each in stage.outcomes()), key=lambda each: int(each["source"]["offset"]))
        letters = stage.dead_letters()
        written = [(each.data_store_id, each.id, each.fields) for each in stage.sandbox.records.applied()]
    assert list(map(_told, outcomes)) == list(map(_expected, foretold))
    assert [each.value for each in letters] == [
        message.value for message, end in zip(messages, foretold, strict=True) if end.get("error")
    ]
    for place in {(datastore, record_id) for datastore, record_id, _ in written}:
        sent = [each["record"]["fields"] for each in foretold if "record" in each and _place(each) == place]
        assert [fields for *where, fields in written if tuple(where) == place] == sent
    assert len(written) == sum("record" in each for each in foretold)


def _first_rule(name: str, topic: str) -> str:
    """Take a mapping's first rule, which is that of the table, and lead it to another topic."""
    lines = (HERE / f"{name}.toml").read_text(encoding="utf-8").split("[[rule]]\n")[1].splitlines()
    return "\n".join(["[[rule]]", f'topic = "{topic}"', *lines[1:]])


def _place(foretold: dict[str, Any]) -> tuple[str, str]:
    return foretold["dataStoreId"], foretold["record"]["id"]


def _told(outcome: dict[str, Any]) -> tuple[object, ...]:
    error = outcome["error"]
    return outcome["result"], outcome["dataStoreId"], outcome["recordId"], error and (error["code"], error["path"])


def _expected(foretold: dict[str, Any]) -> tuple[object, ...]:
    if "record" in foretold:
        return "APPLIED", *_place(foretold), None
    error = foretold["error"]
    return foretold["result"], foretold["dataStoreId"], foretold["recordId"], error and (error["code"], error["path"])
