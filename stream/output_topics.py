"""EDGE, Kafka: how large a message the topics of outcomes and dead letters take, and what follows from it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType  # type: ignore[attr-defined]

from .errors import FatalError
from .log import get_log

if TYPE_CHECKING:
    from .settings import Kafka

TRANSACTION_TIMEOUT_MS = 30_000
DEFAULT_MAX_MESSAGE_BYTES = 1_048_588
MAX_RECORD_BATCH_BYTES = 1_000_000
MIN_OUTCOME_TOPIC_BYTES = 16_384
"""More than any outcome needs whose key is its position."""


@dataclass(frozen=True, slots=True)
class Topics:
    """Where outcomes and dead letters go, and how large a message each topic takes."""

    outcome: str
    dead_letter: str | None
    max_outcome_bytes: int
    max_dead_letter_bytes: int


def read_topics(kafka: Kafka, halvings: int = 0, timeout_s: float = 10.0) -> Topics:
    """Read `max.message.bytes` of the topics.

    Args:
        kafka: the settings.
        halvings: how often a size has turned out too large: where the broker does not tell a limit, its default is
            taken, halved so often, so that a wrong guess ends after a few tries.
        timeout_s: longest wait for the broker.

    Raises:
        FatalError: when the outcome topic takes less than the largest outcome needs.
    """
    admin = AdminClient(
        {**kafka.extra_for("admin"), "bootstrap.servers": kafka.bootstrap_servers},
        logger=logging.getLogger("kafka.admin"),
    )
    assumed = max(DEFAULT_MAX_MESSAGE_BYTES >> halvings, MIN_OUTCOME_TOPIC_BYTES)
    outcome_bytes = max_message_bytes(admin, kafka.outcome_topic, assumed, timeout_s)
    if outcome_bytes < MIN_OUTCOME_TOPIC_BYTES:
        what = f"the topic {kafka.outcome_topic} takes messages of {outcome_bytes} bytes only"
        raise FatalError(what, f"set its max.message.bytes to {MIN_OUTCOME_TOPIC_BYTES} or more")
    letters = kafka.dead_letter_topic
    letter_bytes = outcome_bytes if letters is None else max_message_bytes(admin, letters, assumed, timeout_s)
    return Topics(kafka.outcome_topic, letters, outcome_bytes, letter_bytes)


def max_message_bytes(admin: AdminClient, topic: str, assumed_bytes: int, timeout_s: float) -> int:
    """Read how large a message a topic takes; what is assumed where the broker does not tell."""
    resource = ConfigResource(ResourceType.TOPIC, topic)
    try:
        described = admin.describe_configs([resource], request_timeout=timeout_s)[resource].result(timeout_s)
        return int(described["max.message.bytes"].value)
    except (KafkaException, KeyError, TypeError, ValueError, TimeoutError) as error:
        get_log().warning("topic_size_not_read", topic=topic, reason=str(error), assumed_bytes=assumed_bytes)
        return assumed_bytes


def producer_properties(kafka: Kafka, topics: Topics) -> dict[str, Any]:
    """Name the properties that the promises rest on, and those that make it fast (design, ledger).

    The broker judges whole record batches by a topic's limit, so these are kept below the smallest. A commit does not
    wait for `linger.ms`; at 0 each message wakes a thread, which took 2 µs an event (measured).
    """
    return {
        **kafka.extra_for("producer"),
        "bootstrap.servers": kafka.bootstrap_servers,
        "transactional.id": kafka.transactional_id,
        "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
        "partitioner": "murmur2_random",
        "message.max.bytes": max(topics.max_outcome_bytes, topics.max_dead_letter_bytes),
        "batch.size": min(MAX_RECORD_BATCH_BYTES, topics.max_outcome_bytes, topics.max_dead_letter_bytes),
        "linger.ms": 50,
        "retry.backoff.ms": 2,
        "retry.backoff.max.ms": 200,
        "queue.buffering.max.messages": 100_000,
        "metadata.recovery.strategy": "none",
        "delivery.report.only.error": True,
        "log.connection.close": True,  # how `connections` hears of it
    }
