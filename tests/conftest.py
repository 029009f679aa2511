"""What all tests share: how Hypothesis runs, and a real Kafka."""

from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING, Protocol

import pytest
from hypothesis import settings

from stream.sandbox.kafka import Kafka, create_topics
from stream.sandbox.kafka_jars import KafkaInstallation, ensure_kafka

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# A machine that is busy is no failure; and CI must answer the same for the same commit.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


class TopicFactory(Protocol):
    """Makes topics that no other test uses."""

    def __call__(self, name: str, partitions: int = 1, config: Mapping[str, str] | None = None) -> str:
        """Create a topic on the shared broker and return its name, which begins with `name`."""


@pytest.fixture(scope="session")
def kafka_installation() -> KafkaInstallation:
    """Kafka's verified jars; the first run fetches them into `.cache/`."""
    return ensure_kafka()


@pytest.fixture(scope="session")
def kafka(kafka_installation: KafkaInstallation) -> Iterator[Kafka]:
    """The broker that all tests share; a test that hurts it takes `own_kafka`."""
    with Kafka(kafka_installation) as broker:
        yield broker


@pytest.fixture
def own_kafka(kafka_installation: KafkaInstallation) -> Iterator[Kafka]:
    """A broker for one test, to be killed, frozen and started again."""
    with Kafka(kafka_installation) as broker:
        yield broker


@pytest.fixture
def make_topic(kafka: Kafka) -> TopicFactory:
    """A factory of topics on the shared broker."""

    def make(name: str, partitions: int = 1, config: Mapping[str, str] | None = None) -> str:
        unique = f"{name}.{uuid.uuid4().hex[:8]}"
        create_topics(kafka.bootstrap_servers, {unique: partitions}, config)
        return unique

    return make
