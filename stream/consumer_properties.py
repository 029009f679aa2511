"""What a consumer of the group is told: librdkafka's properties."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .settings import Kafka

FETCH_WAIT_MS = 100
"""The question for the log's ends waits behind a fetch that the broker holds back, for they share a connection: at the
default of 500 ms a new partition beside idle ones was never begun."""


def consumer_properties(kafka: Kafka) -> dict[str, Any]:
    """Name the properties that the promises rest on, and those that make it fast (design, hot path)."""
    properties: dict[str, Any] = {
        "fetch.wait.max.ms": FETCH_WAIT_MS,
        **kafka.extra_for("consumer"),
        "bootstrap.servers": kafka.bootstrap_servers,
        "group.id": kafka.group_id,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "isolation.level": "read_committed",
        "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": kafka.session_timeout_s * 1000,
        "fetch.queue.backoff.ms": 5,
        "queued.max.messages.kbytes": 4_096,
        "enable.partition.eof": False,
    }
    if kafka.instance_id is not None:
        properties["group.instance.id"] = kafka.instance_id
    return properties
