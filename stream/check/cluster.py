"""Asks Kafka in the order in which answers depend on each other: brokers, then topics and limits, then the group."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from confluent_kafka import KafkaException

from ..consumer import KafkaSource
from ..model import TopicPartition
from ..partitions import CommittedOffset
from .brokers import judge_brokers, judge_limits, judge_version
from .facts import Broker, Fault, TopicFacts
from .group import judge_group, judge_offsets, judge_transactional_id
from .kafka import Administrator, reach
from .report import bad, doubtful
from .threads import side_by_side
from .topics import judge_dead_letters, judge_input, judge_outcomes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from ..clock import Clock
    from ..settings import Kafka
    from .report import Finding

OFFSETS_TOPIC = "__consumer_offsets"
MOST_BROKERS = 30
"""Of a larger cluster so many are asked."""
CHUNK = 8
"""Partitions whose offsets are read at once: one that does not answer costs 200 ms."""
AGAIN_S = 0.05
NOTHING = CommittedOffset(None, "", 0, 0)
"""What a cluster without any group has committed."""
NO_ANSWER = Fault("_TIMED_OUT", "no answer in time")


@dataclass(frozen=True, slots=True)
class KafkaDeadlines:
    """How long each step may take, in seconds; the first two are made of two questions each."""

    brokers_s: float = 4.0
    topics_s: float = 3.0
    group_s: float = 4.0
    offsets_s: float = 4.0


@dataclass(frozen=True, slots=True)
class KafkaProbe:
    """Probes the cluster, and changes nothing in it.

    Attributes:
        kafka: the settings.
        ignores_metadata: `STREAM_IGNORE_OFFSET_METADATA`.
        deadlines: of the steps.
        clock: for them.
    """

    kafka: Kafka
    ignores_metadata: bool
    deadlines: KafkaDeadlines
    clock: Clock

    def findings(self) -> Iterator[Finding]:
        """Tell what was found, as soon as it is."""
        bootstrap = self._ask([_with_port(each) for each in self.kafka.bootstrap_servers.split(",")])
        yield from judge_brokers(bootstrap)
        broker = next((answer for answer in bootstrap.values() if isinstance(answer, Broker)), None)
        if broker is None:
            yield doubtful("topics and group", "not looked at: no broker answers", "mend that first")
            return
        yield judge_version(broker)
        others = sorted(set(broker.nodes.values()) - set(bootstrap))[:MOST_BROKERS]
        yield from judge_brokers(self._ask(others), advertised=True)
        try:
            administrator = Administrator(self.kafka, self.clock)
            topics = administrator.topics([*_used(self.kafka), OFFSETS_TOPIC], self.deadlines.topics_s)
            yield from self._topics(topics)
            yield from self._limits(administrator, min(broker.nodes))
            yield from self._group(administrator, topics)
        except KafkaException as error:  # a client could not be made
            yield bad("topics and group", error.args[0].str(), "mend the KAFKA_CONFIG_… settings that this names")

    def _ask(self, addresses: Collection[str]) -> dict[str, Broker | Fault]:
        deadline_s = self.deadlines.brokers_s
        calls = {each: partial(reach, self.kafka, each, deadline_s, self.clock) for each in addresses}
        return side_by_side(calls, deadline_s + 1.0, self.clock, late=NO_ANSWER)

    def _topics(self, topics: Mapping[str, TopicFacts | Fault]) -> Iterator[Finding]:
        kafka = self.kafka
        inputs = {topic: topics[topic] for topic in kafka.input_topics}
        for topic, found in inputs.items():
            yield from judge_input(topic, found)
        yield from judge_outcomes(kafka.outcome_topic, topics[kafka.outcome_topic])
        if kafka.dead_letter_topic is not None:
            yield from judge_dead_letters(kafka.dead_letter_topic, topics[kafka.dead_letter_topic], inputs)

    def _limits(self, administrator: Administrator, broker: int) -> Iterator[Finding]:
        cluster = administrator.cluster(broker, self.kafka.transactional_id, self.deadlines.topics_s)
        yield from judge_limits(cluster.config, self.kafka.session_timeout_s)
        yield judge_transactional_id(self.kafka, cluster)

    def _group(self, administrator: Administrator, topics: Mapping[str, TopicFacts | Fault]) -> Iterator[Finding]:
        offsets_topic = topics[OFFSETS_TOPIC]
        is_new = isinstance(offsets_topic, Fault) and offsets_topic.code == "UNKNOWN_TOPIC_OR_PART"
        group = None if is_new else administrator.group(self.kafka.group_id, self.deadlines.group_s)
        yield from judge_group(self.kafka, group)
        if isinstance(group, Fault) and group.code != "GROUP_ID_NOT_FOUND":
            return
        partitions = {
            topic: [TopicPartition(topic, number) for number in found.partitions]
            for topic in self.kafka.input_topics
            if isinstance(found := topics[topic], TopicFacts) and not found.leaderless
        }
        committed = {topic: dict.fromkeys(names, NOTHING) for topic, names in partitions.items()}
        for topic, offsets in (committed if is_new else self._committed(partitions)).items():
            yield from judge_offsets(self.kafka, topic, offsets, ignores_metadata=self.ignores_metadata)

    def _committed(
        self, partitions: Mapping[str, Sequence[TopicPartition]]
    ) -> dict[str, dict[TopicPartition, CommittedOffset] | None]:
        """Read what the group has committed in each topic, as the service does; None without an answer in time."""
        until_s = self.clock.monotonic_s() + self.deadlines.offsets_s
        source = KafkaSource(self.kafka)
        try:
            return {topic: self._read(source, names, until_s) for topic, names in partitions.items()}
        finally:
            source.close()

    def _read(
        self, source: KafkaSource, partitions: Sequence[TopicPartition], until_s: float
    ) -> dict[TopicPartition, CommittedOffset] | None:
        read: dict[TopicPartition, CommittedOffset] = {}
        while missing := [each for each in partitions if each not in read]:
            found = source.committed(missing[:CHUNK])
            read |= found
            if not found:
                if self.clock.monotonic_s() >= until_s:
                    return None
                threading.Event().wait(AGAIN_S)
        return read


def _used(kafka: Kafka) -> list[str]:
    names = (*kafka.input_topics, kafka.outcome_topic, kafka.dead_letter_topic)
    return [name for name in names if name is not None]


def _with_port(address: str) -> str:
    return address if re.search(r":\d+$", address) else f"{address}:9092"
