"""Reads the topics of a run: how far they go while it lasts, and what stands in them when it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from confluent_kafka import TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    OffsetSpec,
)

from ..demo.events import PARTITIONS
from ..demo.kafka import read_topic
from .connectors import TOPICS
from .evidence import Place, Told

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..demo.kafka import Reading

_ADMIN_S = 10.0


class Written:
    """Counts what the connectors have written so far."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._admin = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0})
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        self._asked = {TopicPartition(topic, number): latest for topic in TOPICS for number in range(PARTITIONS)}

    def count(self) -> int:
        """Return how many messages stand in all topics."""
        found = self._admin.list_offsets(self._asked, request_timeout=_ADMIN_S)
        return sum(future.result(_ADMIN_S).offset for future in found.values())


def inputs(bootstrap_servers: str) -> list[Place]:
    """Read where each message of the connectors stands."""
    return [
        Place(topic, reading.partition, reading.offset)
        for topic in TOPICS
        for reading in read_topic(bootstrap_servers, topic)
    ]


def told(outcomes: Iterable[Reading]) -> list[Told]:
    """Read outcomes."""
    return [_told(reading.value or b"{}") for reading in outcomes]


def _told(value: bytes) -> Told:
    outcome = orjson.loads(value)
    source, error = outcome["source"], outcome["error"]
    place = Place(source["topic"], source["partition"], source["offset"])
    return Told(place, outcome["result"], error and error["code"])


def letters(found: Iterable[Reading]) -> list[Told]:
    """Read the headers of dead letters."""
    return [_letter({name: (value or b"").decode() for name, value in reading.headers}) for reading in found]


def _letter(headers: dict[str, str]) -> Told:
    topic, partition, offset = (headers[f"__connect.errors.{name}"] for name in ("topic", "partition", "offset"))
    return Told(Place(topic, int(partition), int(offset)), headers["__cxone.result"], headers["__cxone.code"])
