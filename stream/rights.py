"""Which right a login lacks where Kafka refuses it. Pure: librdkafka tells the kind of a refusal, seldom on what.

The rights are those of docs/security.md; a test holds that each is enough and each is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from .settings import Kafka


@dataclass(frozen=True, slots=True)
class Rights:
    """What the service must be allowed to do, by Kafka's name of the refusal."""

    by_refusal: dict[str, str]

    @classmethod
    def of(cls, kafka: Kafka, client: Literal["consumer", "producer"]) -> Rights:
        """Name the rights of one client of the service.

        Args:
            kafka: the settings.
            client: which one: a refused topic is an input to the consumer, and a target to the producer.
        """
        topics = (
            f"Read on each of the topics {', '.join(kafka.input_topics)}"
            if client == "consumer"
            else f"Write on each of the topics {', '.join(_targets(kafka))}"
        )
        return cls(
            {
                "TOPIC_AUTHORIZATION_FAILED": topics,
                "GROUP_AUTHORIZATION_FAILED": f"Read on the group {kafka.group_id}",
                "TRANSACTIONAL_ID_AUTHORIZATION_FAILED": f"Write on {_transactional_ids(kafka)}",
                "CLUSTER_AUTHORIZATION_FAILED": "IdempotentWrite on the cluster",  # before Kafka 2.8
            }
        )

    def explained(self, code: str, reason: str) -> str:
        """Add to a refusal's reason what would mend it; any other reason stays as it is.

        Args:
            code: librdkafka's name of the error.
            reason: its text.
        """
        right = self.by_refusal.get(code)
        return reason if right is None else f"{reason}; grant this login {right}"


def _targets(kafka: Kafka) -> list[str]:
    return [name for name in (kafka.outcome_topic, kafka.dead_letter_topic) if name is not None]


def _transactional_ids(kafka: Kafka) -> str:
    if kafka.instance_id is None:
        return f"all transactional ids that begin with {kafka.group_id}."
    return f"the transactional id {kafka.transactional_id}"
