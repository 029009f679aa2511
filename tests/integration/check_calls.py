"""Checks made in this process, and all that they could change in a cluster."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from confluent_kafka import Consumer, ConsumerGroupState, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from stream.check import State, check
from stream.schema_files import load_schemas
from stream.settings import PACKAGED_SCHEMAS, load_settings

from ..harness.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from stream.check import Deadlines, Finding

WITHIN_S = 30.0
EXPIRY_S = 60.0
"""Longer than a session of the service, 30 s."""


def look(environ: Mapping[str, str], directory: Path, deadlines: Deadlines | None = None) -> dict[str, Finding]:
    """Check in this process; the findings by name."""
    settings = load_settings(environ, directory)
    stream = settings.stream
    _, files = load_schemas(stream.schemas_dir, PACKAGED_SCHEMAS, require=stream.require_schema)
    return {finding.name: finding for finding in check(settings, files, deadlines)}


def failed(findings: Mapping[str, Finding]) -> set[str]:
    """The names of what has failed; each says what to do."""
    assert all(finding.fix for finding in findings.values() if finding.state is not State.OK)
    return {name for name, finding in findings.items() if finding.state is State.FAILED}


def cluster(broker: str) -> dict[str, Any]:
    """Everything that a check could change: topics, the end of each partition, Kafka's own included, and groups."""
    admin = AdminClient({"bootstrap.servers": broker, "log_level": 0})
    topics = admin.list_topics(timeout=WITHIN_S).topics
    partitions = [TopicPartition(name, number) for name, topic in topics.items() for number in topic.partitions]
    ends: dict[tuple[str, int], int] = {}

    def all_are_read() -> bool:
        ends.update(_ends(admin, partitions))  # the leader of a new partition may not know of it yet
        return len(ends) == len(partitions)

    eventually(all_are_read, WITHIN_S, "the ends of all partitions")
    groups = admin.list_consumer_groups().result(WITHIN_S).valid
    return {"ends": ends, "groups": {group.group_id: group.state for group in groups}}


def quiet_cluster(broker: str) -> dict[str, Any]:
    """The same, when no group has a member any more: one that another test has killed stays until it expires."""
    found: dict[str, Any] = {}

    def is_quiet() -> bool:
        found.update(cluster(broker))
        return all(state is ConsumerGroupState.EMPTY for state in found["groups"].values())

    eventually(is_quiet, EXPIRY_S, "the end of all members")
    return found


def _ends(admin: AdminClient, partitions: list[TopicPartition]) -> dict[tuple[str, int], int]:
    latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    found = {}
    for partition, future in admin.list_offsets(dict.fromkeys(partitions, latest)).items():
        with suppress(KafkaException):
            found[partition.topic, partition.partition] = future.result(WITHIN_S).offset
    return found


def commit(broker: str, group: str, *offsets: TopicPartition) -> None:
    """Commit offsets as another program, or an operator, does."""
    consumer = Consumer({"bootstrap.servers": broker, "group.id": group, "log_level": 0})
    try:
        consumer.commit(offsets=list(offsets), asynchronous=False)
    finally:
        consumer.close()


def login(user: str, password: str) -> dict[str, str]:
    """The settings of a login by SASL PLAIN."""
    return {
        "KAFKA_CONFIG_SECURITY_PROTOCOL": "sasl_plaintext",
        "KAFKA_CONFIG_SASL_MECHANISM": "PLAIN",
        "KAFKA_CONFIG_SASL_USERNAME": user,
        "KAFKA_CONFIG_SASL_PASSWORD": password,
    }
