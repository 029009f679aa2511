"""Where a partition begins: `KAFKA_START`, partitions added later, and offsets that cannot be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from stream.sandbox.faults import Fault

from ..harness.feed import Feed
from ..harness.waiting import eventually

if TYPE_CHECKING:
    from ..harness.service import Service
    from ..harness.stage import Stage

PARTITIONS = 4
WITHIN_S = 30.0


def _send_to_each_partition(stage: Stage, count: int, partitions: int = PARTITIONS) -> None:
    for _ in range(count):
        for partition in range(partitions):
            stage.feed.send_event("store", f"record-{partition}", partition=partition)
    stage.feed.flush()


def _committed(stage: Stage) -> list[int]:
    """The group's offset of each partition; negative where there is none."""
    consumer = Consumer({"bootstrap.servers": stage.broker, "group.id": stage.group, "log_level": 0})
    try:
        wanted = [TopicPartition(stage.input, partition) for partition in range(PARTITIONS)]
        return [found.offset for found in consumer.committed(wanted, timeout=10)]
    finally:
        consumer.close()


def _commit(stage: Stage, partition: int, offset: int, metadata: str = "") -> None:
    """Commit an offset as another program, or an operator, does."""
    consumer = Consumer({"bootstrap.servers": stage.broker, "group.id": stage.group, "log_level": 0})
    try:
        consumer.commit(offsets=[TopicPartition(stage.input, partition, offset, metadata)], asynchronous=False)
    finally:
        consumer.close()


def _trim(stage: Stage, partition: int, low: int) -> None:
    """Delete what stands before an offset, as retention does."""
    admin = AdminClient({"bootstrap.servers": stage.broker})
    for trimmed in admin.delete_records([TopicPartition(stage.input, partition, low)]).values():
        assert trimmed.result(WITHIN_S).low_watermark == low


def _offsets_with_outcome(stage: Stage) -> set[tuple[int, int]]:
    sources = (record.json["source"] for record in stage.reader.records)
    return {(source["partition"], source["offset"]) for source in sources}


def _add_partition(stage: Stage) -> None:
    """Add the fifth partition, with two events in it before any instance can know of it."""
    admin = AdminClient({"bootstrap.servers": stage.broker})
    admin.create_partitions([NewPartitions(stage.input, PARTITIONS + 1)])[stage.input].result(WITHIN_S)
    eventually(
        lambda: len(admin.list_topics(stage.input, timeout=5).topics[stage.input].partitions) > PARTITIONS,
        WITHIN_S,
        "the fifth partition",
    )
    feed = Feed(stage.broker, stage.input)  # one that knew the topic before would not know its new partition
    for index in range(2):
        feed.send_event("store", f"added-{index}", partition=PARTITIONS)
    feed.flush()


def _refusals(service: Service) -> dict[str, str]:
    return {line["partition"].rpartition("/")[2]: line["reason"] for line in service.lines("partition_refused")}


def test_latest_skips_what_was_there_before_and_nothing_else(stage: Stage) -> None:
    """`latest` begins at the end; a restart, and a partition added while it runs, then leave nothing out."""
    _send_to_each_partition(stage, 3)
    settings = {"KAFKA_START": "latest", "KAFKA_CONFIG_TOPIC_METADATA_REFRESH_INTERVAL_MS": "1000"}
    service = stage.start(**settings)
    eventually(lambda: _committed(stage) == [3] * PARTITIONS, WITHIN_S, "the marks at the end of each partition")
    service.terminate()
    assert service.exit_code(25.0) == 0
    _send_to_each_partition(stage, 2)
    stage.start("again", **settings)
    stage.await_outcomes(2 * PARTITIONS)
    _add_partition(stage)
    stage.await_all_committed()
    old = {(partition, offset) for partition in range(PARTITIONS) for offset in range(3)}
    everything = {(record.partition, record.offset) for record in stage.records()}
    assert _offsets_with_outcome(stage) == everything - old
    assert len(stage.reader) == len(everything - old)


def test_earliest_leaves_nothing_out(stage: Stage) -> None:
    """`earliest` begins at the beginning of each partition, also of one that was added between two runs."""
    _send_to_each_partition(stage, 3)
    service = stage.start(KAFKA_START="earliest")
    stage.await_outcomes(3 * PARTITIONS)
    service.terminate()
    assert service.exit_code(25.0) == 0
    _add_partition(stage)
    stage.start("again", KAFKA_START="earliest")
    stage.await_all_committed()
    stage.assert_exactly_once()
    assert stage.assert_in_order() == 0


def test_partitions_whose_offset_cannot_be_trusted_are_refused_alone(stage: Stage) -> None:
    """Offsets outside the log and metadata of another program stop their partition, with the way out; others flow."""
    _send_to_each_partition(stage, 5)
    _commit(stage, 0, 1_000)
    _commit(stage, 1, 1)
    _trim(stage, 1, 3)
    _commit(stage, 2, 2, "written by somebody else")
    _commit(stage, 3, 2)
    service = stage.start()
    stage.await_outcomes(3)
    eventually(lambda: len(_refusals(service)) == 3, WITHIN_S, "three refusals")
    refusals = _refusals(service)
    assert "offset 1000" in refusals["0"]
    assert "0 to 5" in refusals["0"]
    assert "offset 1 " in refusals["1"]
    assert "3 to 5" in refusals["1"]
    assert "STREAM_IGNORE_OFFSET_METADATA" in refusals["2"]
    assert _offsets_with_outcome(stage) == {(3, 2), (3, 3), (3, 4)}

    service.terminate()
    assert service.exit_code(25.0) == 0
    assert _committed(stage) == [1_000, 1, 2, 5]
    stage.start("ignoring", STREAM_IGNORE_OFFSET_METADATA="true")
    stage.await_outcomes(6)
    assert _offsets_with_outcome(stage) == {(partition, offset) for partition in (2, 3) for offset in (2, 3, 4)}
    assert len(stage.reader) == 6


def test_retention_that_overtakes_a_waiting_partition_stops_it_alone(stage: Stage) -> None:
    """Messages deleted before they were read are not skipped over: what was read is committed, the rest refused."""
    held, held_longer = (
        stage.sandbox.faults.add(Fault("answer", status=503, data_store_id=name)) for name in ("large", "small")
    )
    stage.feed.send_event("small", "first", partition=0)
    for index in range(3_000):
        stage.feed.send_event("large", f"record-{index}", partition=0, fields={"text": "x" * 2_000})
    stage.feed.flush()
    service = stage.start(STREAM_BUFFER_BYTES="1048576", STREAM_BATCH_BYTES="262144")
    eventually(lambda: service.lines("request_waits"), WITHIN_S, "a full buffer, and its first request refused")
    _trim(stage, 0, 2_900)
    stage.sandbox.faults.remove(held)
    eventually(lambda: _refusals(service), WITHIN_S, "the refusal")
    assert _refusals(service).keys() == {"0"}
    assert (0, 0) not in _offsets_with_outcome(stage)
    stage.sandbox.faults.remove(held_longer)
    stage.feed.send_event("small", "second", partition=1)
    stage.feed.flush()
    eventually(lambda: _committed(stage)[1] == 1, WITHIN_S, "the other partition's flow")
    eventually(lambda: _committed(stage)[0] == len(stage.reader) - 1, WITHIN_S, "the commit of all that was read")
    done = _committed(stage)[0]
    assert 0 < done < 2_900
    assert _offsets_with_outcome(stage) == {(1, 0), *((0, offset) for offset in range(done))}
