"""What becomes of a producer that another one with its id has fenced, on a real Kafka."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from confluent_kafka import Consumer, Producer

from stream.outbox import Transaction
from stream.ports import Broken, Ready
from stream.publisher import KafkaSink
from stream.settings import Kafka as KafkaSettings

from ..builders import settled
from ..harness.topics import read_to_end
from ..harness.waiting import eventually

if TYPE_CHECKING:
    from stream.ports import Report
    from stream.sandbox.kafka import Kafka

    from ..conftest import TopicFactory

REPORT_S = 30.0


def next_report(sink: KafkaSink) -> Report:
    """Wait for what the publisher tells next."""
    found: list[Report] = []

    def has_told() -> bool:
        found.extend(sink.reports())
        return bool(found)

    eventually(has_told, REPORT_S, "a report")
    return found[0]


def test_a_fenced_producer_is_kept_and_the_next_one_works(kafka: Kafka, make_topic: TopicFactory) -> None:
    """It is not destroyed, for that corrupts the memory of the process; nothing of its transaction is published."""
    topic = make_topic("out")
    name = f"group-{uuid.uuid4().hex[:8]}"
    settings = KafkaSettings(
        bootstrap_servers=kafka.bootstrap_servers, group_id=name, instance_id="one", outcome_topic=topic
    )
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap_servers, "group.id": name})
    group = consumer.consumer_group_metadata()
    sink = KafkaSink(settings, lambda: None)
    for kept in range(1, 4):
        assert next_report(sink) == Ready()
        rival = Producer({"bootstrap.servers": kafka.bootstrap_servers, "transactional.id": f"{name}.one"})
        rival.init_transactions(REPORT_S)
        sink.publish(Transaction("nonce", tuple(settled(number) for number in range(100)), (), group))
        report = next_report(sink)
        assert isinstance(report, Broken)
        assert report.fenced
        sink.replace()
        eventually(lambda kept=kept: len(sink.never_destroyed) == kept, REPORT_S, "the old producer to be kept")  # type: ignore[misc]
    assert next_report(sink) == Ready()
    sink.close()
    consumer.close()
    assert read_to_end(kafka.bootstrap_servers, topic) == []
