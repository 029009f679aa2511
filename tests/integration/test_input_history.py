"""Inputs with a history: gaps of compaction and of aborted transactions, a deleted group, a hot record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from stream import metadata
from stream.sandbox.kafka import Kafka

from ..harness.feed import event
from ..harness.stage import Stage
from ..harness.topics import read_to_end
from ..harness.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from stream.sandbox.kafka_jars import KafkaInstallation

PARTITIONS = 4
WITHIN_S = 60.0
EAGER_CLEANER = {"log.cleaner.backoff.ms": "200"}
COMPACTED = {
    "cleanup.policy": "compact",
    "segment.ms": "500",
    "min.cleanable.dirty.ratio": "0.01",
    "delete.retention.ms": "100",
}
HOT_EVENTS = 300


def _configure(stage: Stage, topic: str, config: dict[str, str]) -> None:
    admin = AdminClient({"bootstrap.servers": stage.broker})
    entries = [ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in config.items()]
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
    admin.incremental_alter_configs([resource])[resource].result(WITHIN_S)


def _write_in_transactions(stage: Stage, first: int, *, commits: bool) -> None:
    """Write an event of each of forty records in one transaction, and commit it or not.

    At the end its markers stand in the log: a successor's start waits for them. A marker behind the last event would be
    an offset that no reader ever sees, and the group's lag would stay at one.
    """
    producer = _transactional(stage)
    producer.begin_transaction()
    for number in range(first, first + 40):
        record = f"record-{number % 40}"
        producer.produce(stage.input, event("store", record, number), record, number % PARTITIONS)
    if commits:
        producer.commit_transaction(WITHIN_S)
    else:
        producer.flush(WITHIN_S)
        producer.abort_transaction(WITHIN_S)
    _transactional(stage)


def _transactional(stage: Stage) -> Producer:
    producer = Producer(
        {"bootstrap.servers": stage.broker, "transactional.id": f"{stage.group}.writer", "log_level": 0}
    )
    producer.init_transactions(WITHIN_S)
    return producer


def _marks(stage: Stage) -> set[bool]:
    """Whether the marks beside the group's offsets are clean."""
    consumer = Consumer({"bootstrap.servers": stage.broker, "group.id": stage.group, "log_level": 0})
    try:
        wanted = [TopicPartition(stage.input, partition) for partition in range(PARTITIONS)]
        found = consumer.committed(wanted, timeout=10)
        return {metadata.decode(each.metadata or "", each.offset).clean for each in found}
    finally:
        consumer.close()


@pytest.mark.timeout(180)
def test_gaps_of_compaction_and_aborted_transactions(kafka_installation: KafkaInstallation, tmp_path: Path) -> None:
    """What no reader can see has no outcome and holds nothing up; what it can has one; the offsets go on past both."""
    with Kafka(kafka_installation, settings=EAGER_CLEANER) as kafka, Stage(kafka.bootstrap_servers, tmp_path) as stage:
        _configure(stage, stage.input, COMPACTED)
        written = 0
        for commits in (True, False, True, True, False):
            _write_in_transactions(stage, written, commits=commits)
            written += 40
        eventually(lambda: _compacted(stage, written), WITHIN_S, "the cleaner's work")
        stage.start()
        for commits in (False, True):
            _write_in_transactions(stage, written, commits=commits)
            written += 40
        for partition in range(PARTITIONS):
            stage.feed.send(
                event("store", f"last-{partition}", written + partition), f"last-{partition}", None, partition
            )
        stage.await_all_committed()
        visible = stage.records()
        stage.await_outcomes(len(visible))
        stage.assert_requests_sound()
        sources = [outcome.json["source"] for outcome in stage.outcomes()]
        told = {(source["partition"], source["offset"]) for source in sources}
        assert len(told) == len(sources)
        assert {(record.partition, record.offset) for record in visible} <= told
        ends = stage.ends()
        assert len(told) < sum(ends.values()) / 2


def _compacted(stage: Stage, written: int) -> bool:
    """Let a segment end, and see whether older values of the same keys are gone."""
    for partition in range(PARTITIONS):
        stage.feed.send(event("store", f"roll-{partition}", -1), f"roll-{partition}", None, partition)
    stage.feed.flush()
    values = [record.json["fields"]["number"] for record in read_to_end(stage.broker, stage.input)]
    return 0 not in values and written - 80 in values


def test_a_deleted_group_begins_anew(stage: Stage) -> None:
    """Where the group's offsets are gone, `earliest` begins at the beginning: a new history, and nothing is skipped."""
    for index in range(40):
        stage.feed.send_event("store", f"record-{index}", partition=index % PARTITIONS)
    service = stage.start()
    stage.await_all_committed()
    service.terminate()
    assert service.exit_code(25.0) == 0
    admin = AdminClient({"bootstrap.servers": stage.broker})
    admin.delete_consumer_groups([stage.group])[stage.group].result(WITHIN_S)
    stage.start("again")
    stage.await_outcomes(80)
    stage.await_all_committed()
    sources = [(each.json["source"]["partition"], each.json["source"]["offset"]) for each in stage.outcomes()]
    assert sorted(sources) == sorted([(number % PARTITIONS, number // PARTITIONS) for number in range(40)] * 2)


def test_an_end_in_order_leaves_no_suspects(stage: Stage) -> None:
    """After SIGTERM under load every mark is clean: the next owner need not doubt anything that it executes."""
    service = stage.start()
    for index in range(5_000):
        stage.feed.send_event("store", f"record-{index % 500}", partition=index % PARTITIONS)
    stage.await_outcomes(1_000)
    assert _marks(stage) == {False}
    service.terminate()
    assert service.exit_code(25.0) == 0
    assert _marks(stage) == {True}
    stage.start("next")
    stage.await_all_committed()
    stage.assert_exactly_once()
    assert stage.assert_in_order() == 0


def test_one_hot_record_goes_one_by_one(stage: Stage) -> None:
    """Hundreds of events of one record in a row, two records in turn, one id in two datastores: each once, in order."""
    for _ in range(HOT_EVENTS):
        stage.feed.send_event("store", "hot", partition=0)
    for index in range(HOT_EVENTS):
        stage.feed.send_event("store", ("even", "odd")[index % 2], partition=1)
    for index in range(HOT_EVENTS):
        stage.feed.send_event(("one", "other")[index % 2], "same", partition=2)
    stage.start(STREAM_BATCH_LINGER_MS="0")
    stage.await_all_committed()
    stage.assert_exactly_once()
    assert stage.assert_in_order() == 0
    assert all(request.records <= 3 for request in stage.sandbox.requests if request.call == "execute")
