"""EDGE, Kafka's group: a thread that looks now and then whether a partition has no owner, and asks for a rebalance.

Only a change of its members makes a stable group share its partitions anew. So a dynamic member joins for a moment and
leaves again. It subscribes to the outcome topic, so that it is never given a partition of the inputs.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

from confluent_kafka import Consumer, ConsumerGroupState, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from .consumer_properties import consumer_properties
from .log import get_log
from .model import TopicPartition
from .ownership import GroupMember, Look, Ownership

if TYPE_CHECKING:
    from .clock import Clock
    from .settings import Kafka

LOOK_EVERY_S = 10.0
CALL_TIMEOUT_S = 10.0
VISIT_S = 30.0
"""How long the moment may last: the others join again with their next heartbeat or poll."""


class GroupWatch:
    """The watch of a static member; a dynamic one needs none, because its end is always a change of the group."""

    def __init__(self, kafka: Kafka, instance_id: str, clock: Clock) -> None:
        self._kafka = kafka
        self._clock = clock
        self._ownership = Ownership(instance_id)
        self._log = get_log()

    def start(self) -> None:
        """Begin to look, on a thread of its own that ends with the process."""
        threading.Thread(target=self._run, name="group-watch", daemon=True).start()

    def _run(self) -> None:
        try:
            kafka, never = self._kafka, threading.Event()
            properties: dict[str, Any] = {
                **kafka.extra_for("admin"),
                "bootstrap.servers": kafka.bootstrap_servers,
            }
            admin = AdminClient(properties, logger=logging.getLogger("kafka.admin"))
            while not never.wait(LOOK_EVERY_S):
                self._look(admin)
        except Exception:  # noqa: BLE001 - the service does its work without this watch
            self._log.error("group_watch_failed", exc_info=True)

    def _look(self, admin: AdminClient) -> None:
        try:
            look = self._describe(admin)
        except KafkaException as error:
            self._log.debug("group_not_described", reason=error.args[0].str())
            return
        unowned = self._ownership.judge(look, self._clock.monotonic_s())
        if not unowned:
            return
        names = sorted(f"{each.topic}/{each.partition}" for each in unowned)
        self._log.warning("partitions_without_owner", partitions=names)
        if self._ownership.is_mine_to_mend(look):
            self._visit()
            self._ownership.mended(self._clock.monotonic_s())

    def _describe(self, admin: AdminClient) -> Look:
        group = admin.describe_consumer_groups([self._kafka.group_id], request_timeout=CALL_TIMEOUT_S)
        inputs = admin.describe_topics(TopicCollection([*self._kafka.input_topics]), request_timeout=CALL_TIMEOUT_S)
        found: Any = group[self._kafka.group_id].result(CALL_TIMEOUT_S)
        topics: list[Any] = [future.result(CALL_TIMEOUT_S) for future in inputs.values()]
        return Look(
            found.state is ConsumerGroupState.STABLE,
            [GroupMember(member.group_instance_id, _owned(member)) for member in found.members],
            frozenset(TopicPartition(topic.name, each.id) for topic in topics for each in topic.partitions),
        )

    def _visit(self) -> None:
        """Join the group, wait until it has shared its partitions anew, and leave."""
        self._log.info("rebalance_asked_for")
        shared = threading.Event()

        def take_nothing(consumer: Consumer, _partitions: object) -> None:
            consumer.incremental_assign([])
            shared.set()

        properties = consumer_properties(self._kafka)
        properties.pop("group.instance.id", None)
        visitor = Consumer(properties, logger=logging.getLogger("kafka.consumer"))
        try:
            visitor.subscribe([self._kafka.outcome_topic], on_assign=take_nothing)
            until_s = self._clock.monotonic_s() + VISIT_S
            while not shared.is_set() and self._clock.monotonic_s() < until_s:
                visitor.poll(0.1)
        finally:
            visitor.close()


def _owned(member: Any) -> frozenset[TopicPartition]:  # noqa: ANN401 - the binding's, without a type
    return frozenset(TopicPartition(each.topic, each.partition) for each in member.assignment.topic_partitions)
