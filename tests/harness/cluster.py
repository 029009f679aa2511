"""Clusters of real brokers to be hurt: one, or three with replicas, each behind a link of the fault proxy.

Every broker has two listeners: what tests use to feed, to read and to judge leads to it directly; what services use
leads through the proxy, also after the broker has told them where its siblings are.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from stream.sandbox.kafka import Kafka, new_cluster_id
from stream.sandbox.ports import free_ports

from .kafka_wire import Tap
from .proxy import FINE, Proxy
from .waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stream.sandbox.kafka_jars import KafkaInstallation

    from .proxy import Link

BOOT_S = 90.0
ANSWER_S = 5.0

REPLICATED: Mapping[str, str] = {
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "share.coordinator.state.topic.replication.factor": "3",
    "share.coordinator.state.topic.min.isr": "2",
    # a broker that died is out of the replicas in sync after this time
    "replica.lag.time.max.ms": "5000",
}
"""Of three brokers, over the settings of one: any one of them may die."""


class Cluster:
    """One broker or three; as a context manager it is started on entering and removed on leaving."""

    def __init__(self, installation: KafkaInstallation, brokers: int = 1) -> None:
        """Prepare it; nothing is started but the proxy.

        Args:
            installation: what `ensure_kafka` returned.
            brokers: 1 or 3, each a controller as well.
        """
        self.proxy = Proxy()
        self.taps = [Tap() for _ in range(brokers)]
        ports = free_ports(3 * brokers)
        ends = list(zip(ports[::3], ports[1::3], ports[2::3], strict=True))
        self.links: list[Link] = [
            self.proxy.link(f"127.0.0.1:{behind}", tap=tap) for (_, _, behind), tap in zip(ends, self.taps, strict=True)
        ]
        voters = ",".join(f"{node}@127.0.0.1:{controller}" for node, (_, controller, _) in enumerate(ends, 1))
        cluster_id = new_cluster_id()
        self.brokers = [
            Kafka(
                installation,
                ports=(direct, controller),
                cluster_id=cluster_id,
                settings={
                    **(REPLICATED if brokers > 1 else {}),
                    "node.id": f"{node}",
                    "controller.quorum.voters": voters,
                    **_listeners(direct, controller, behind, link),
                },
            )
            for node, ((direct, controller, behind), link) in enumerate(zip(ends, self.links, strict=True), 1)
        ]
        self.bootstrap_servers = ",".join(broker.bootstrap_servers for broker in self.brokers)
        """For tests: the brokers themselves."""
        self.replicas = brokers

    @property
    def proxied_servers(self) -> str:
        """For services: the same brokers, through the proxy."""
        return ",".join(link.address for link in self.links)

    def start(self) -> None:
        """Start all brokers that do not run, at once, and return when the cluster is whole.

        Raises:
            KafkaStartError: one did not start.
        """
        with ThreadPoolExecutor(len(self.brokers)) as threads:
            for started in [threads.submit(broker.start, BOOT_S) for broker in self.brokers]:
                started.result()
        eventually(self.is_whole, BOOT_S, "a whole cluster")

    def is_whole(self) -> bool:
        """Whether all brokers are there, and each partition has a leader and all its replicas in sync."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 0})
        try:
            found = admin.list_topics(timeout=ANSWER_S)
        except KafkaException:
            return False
        partitions = [each for topic in found.topics.values() for each in topic.partitions.values()]
        return len(found.brokers) == len(self.brokers) and all(
            each.leader >= 0 and len(each.isrs) == len(each.replicas) for each in partitions
        )

    def leader_of(self, topic: str, partition: int) -> int:
        """Find the leader of a partition, as an index of `brokers`."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 0})
        return int(admin.list_topics(topic, timeout=ANSWER_S).topics[topic].partitions[partition].leader) - 1

    def roll(self) -> list[float]:
        """Restart one broker after the other, in order, each when the cluster is whole again, as operators do.

        Returns:
            When each was asked to end, in seconds since the epoch.
        """
        times_s = []
        for broker in self.brokers:
            times_s.append(time.time())
            broker.restart(BOOT_S)
            eventually(self.is_whole, BOOT_S, "a whole cluster")
        return times_s

    def mend(self) -> None:
        """End all trouble: links are fine, and all brokers run and are in sync."""
        for link in self.links:
            link.trouble = FINE
        for broker in self.brokers:
            broker.thaw()
        self.start()

    def close(self) -> None:
        """End all brokers and remove their data."""
        for broker in self.brokers:
            broker.close()
        self.proxy.close()

    def __enter__(self) -> Self:
        """Start it."""
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        """Remove it."""
        self.close()


def _listeners(direct: int, controller: int, behind: int, link: Link) -> dict[str, str]:
    return {
        "listeners": ",".join(
            f"{name}://127.0.0.1:{port}"
            for name, port in (("DIRECT", direct), ("PROXIED", behind), ("CONTROLLER", controller))
        ),
        "advertised.listeners": f"DIRECT://127.0.0.1:{direct},PROXIED://{link.address}",
        "listener.security.protocol.map": "DIRECT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "DIRECT",
    }
