"""The demo's events: repeatable, placed as Kafka will place them, and each with the fate that the service gives it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from stream.intake import Defaults, Intake, Unfit
from stream.model import Assignment, ConflictResolution, Message, TopicPartition, UpdateType
from stream.sandbox.demo.events import BAD_KINDS, DATASTORES, FEWEST_EVENTS, MadeEvent, make_events, record_count
from stream.sandbox.demo.service import SCHEMAS
from stream.schema_files import load_schemas
from stream.settings import PACKAGED_SCHEMAS

ROOT = Path(__file__).parents[2]


def _service_fate(intake: Intake, event: MadeEvent) -> tuple[str, str | None]:
    """What the service makes of an event before any API is asked: result and code; `fit` when it would be sent."""
    partition = TopicPartition("cxone.deltas", event.partition)
    message = Message(partition, event.offset, 0, event.key, event.value, [*event.headers])
    read = intake.read(message, Assignment(partition, 1), 0.0, suspect=False)
    return (read.result, read.defect.code) if isinstance(read, Unfit) and read.defect else ("fit", None)


def test_the_same_seed_makes_the_same_events() -> None:
    """A run can be repeated event by event; another seed makes others."""
    assert make_events(500, seed=7) == make_events(500, seed=7)
    assert make_events(500, seed=7) != make_events(500, seed=8)


def test_places_are_those_that_an_empty_topic_will_give() -> None:
    """The nth event of a partition has offset n, and all events of one key stand in one partition."""
    events = make_events(2_000)
    taken: Counter[int] = Counter()
    partitions: dict[bytes | None, set[int]] = {}
    for event in events:
        assert event.offset == taken[event.partition]
        taken[event.partition] += 1
        partitions.setdefault(event.key, set()).add(event.partition)
    assert len(taken) == 4
    assert all(len(found) == 1 for found in partitions.values())


@pytest.mark.parametrize("count", [FEWEST_EVENTS, 3_000])
def test_the_service_judges_each_event_as_it_was_made(count: int) -> None:
    """Decoding and schemas give every bad event its very result and code, and let every other pass."""
    schemas, _ = load_schemas(SCHEMAS, PACKAGED_SCHEMAS, require=True)
    intake = Intake(schemas, Defaults(None, UpdateType.UPSERT, ConflictResolution.OVERWRITE))
    for event in make_events(count):
        expected = (event.result, event.code) if event.record is None else ("fit", None)
        assert _service_fate(intake, event) == expected


def test_every_kind_of_bad_event_comes_even_in_the_smallest_run() -> None:
    """A short demo shows the same results as a long one."""
    made = Counter((event.result, event.code) for event in make_events(FEWEST_EVENTS))
    wanted = Counter((kind.result, kind.code) for kind in BAD_KINDS)
    assert all(made[fate] == count for fate, count in wanted.items())
    assert made["SKIPPED_STALE", None] == made["CONFLICT", "version_conflict"] == 1


def test_about_one_event_in_a_thousand_is_odd() -> None:
    """Bad and late events are few enough to leave requests full."""
    made = make_events(20_000)
    assert sum(event.result != "APPLIED" for event in made) == 20


def test_versions_count_the_changes_of_a_record() -> None:
    """Applied events number a record's versions from 1 without a gap; a stale one shows the version that stands."""
    versions: Counter[tuple[str, str]] = Counter()
    for event in make_events(5_000):
        if event.record is None:
            continue
        versions[event.record] += event.result == "APPLIED"
        assert event.version in (None, versions[event.record])
        assert event.version is not None or event.result == "CONFLICT"


def test_records_are_changed_several_times_each() -> None:
    """Long runs have as many records as a request may hold, short ones fewer, so that order means something."""
    assert record_count(100_000, 8) == 1_000
    assert record_count(3_000, 8) == 31
    assert record_count(FEWEST_EVENTS, 8) == 1


def test_only_the_wanted_datastores_are_used() -> None:
    """A demo of two datastores has events of two."""
    used = {event.record[0] for event in make_events(1_000, 2) if event.record is not None}
    assert used == set(DATASTORES[:2])


def test_each_datastore_has_its_schema_file() -> None:
    """There is one schema for each datastore and none besides, and each demands the number that tells changes apart."""
    files = {path.stem: json.loads(path.read_text()) for path in (SCHEMAS / "datastores").glob("*")}
    assert files.keys() == set(DATASTORES)
    assert all(schema["required"] == ["changeNumber"] for schema in files.values())


def test_an_installed_package_has_the_schemas_too() -> None:
    """The wheel holds the demo's schemas beside its code."""
    included = {file.distribution_path for file in WheelBuilder(str(ROOT)).recurse_included_files()}
    assert {f"stream/sandbox/demo/schemas/datastores/{name}.json" for name in DATASTORES} <= included
