"""A real Apache Kafka on loopback ports: one Java process, from Python packages alone.

It is broker and controller in one (KRaft). It can be killed, frozen and started again on the same ports and with the
same data, and it never outlives the process that started it.
"""

from __future__ import annotations

import base64
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from pathlib import Path
from socket import socket
from typing import TYPE_CHECKING, Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from ..errors import StreamError
from .java import JAVA_ALWAYS, JAVA_OPTIONS, java_environ
from .kafka_process import BoundProcess
from .ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .kafka_jars import KafkaInstallation

SETTINGS: Mapping[str, str] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "log.dirs": "log",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # a topic that a typing error made would hide the error
    "auto.create.topics.enable": "false",
    # quick: few internal partitions, and no wait for more members
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.num.partitions": "1",
    "group.initial.rebalance.delay.ms": "0",
    # tests wait for these: short sessions, hung transactions
    "group.min.session.timeout.ms": "1000",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    # after kill -9 the controller refuses the broker until its former self has expired, by default 9 s
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    # by default the cleaner takes 128 MiB of the heap
    "log.cleaner.dedupe.buffer.size": "4194304",
}
"""What differs from Kafka's defaults; the addresses are added."""

_STEP_S = 0.02
_LOG_TAIL_LINES = 25


class KafkaStartError(StreamError):
    """Kafka did not come up; the message ends with the last lines of its log."""


class Kafka:
    """One Kafka broker; as a context manager it is started on entering, ended and cleaned up on leaving.

    `kill`, `freeze` and `thaw` show what a client does meanwhile. After `kill` or `stop` it can be started again, on
    the same ports and with the same data. To be used from one thread at a time.
    """

    def __init__(
        self,
        installation: KafkaInstallation,
        *,
        data_dir: Path | None = None,
        settings: Mapping[str, str] | None = None,
        java_options: Sequence[str] = JAVA_OPTIONS,
        ports: tuple[int, int] | None = None,
        cluster_id: str | None = None,
    ) -> None:
        """Prepare a broker; nothing is started and no file is written.

        Args:
            installation: what `ensure_kafka` returned.
            data_dir: kept afterwards, and used again; by default a temporary one that goes with the broker.
            settings: broker properties over `SETTINGS`.
            java_options: heap and collector of the Java process.
            ports: of broker and controller; by default free ones.
            cluster_id: what `new_cluster_id` gave, the same for all nodes of a cluster; by default one of its own.
        """
        broker_port, controller_port = ports or free_ports(2)
        self.bootstrap_servers = f"127.0.0.1:{broker_port}"
        """The address for clients; it stays the same over restarts."""
        self.data_dir = (data_dir or Path(tempfile.gettempdir(), f"cxone-kafka-{uuid.uuid4().hex}")).absolute()
        self.log_file = self.data_dir / "kafka.log"
        """Warnings and errors of Kafka, of all starts."""
        self._keeps_data = data_dir is not None
        self._cluster_id = cluster_id or new_cluster_id()
        self._settings = {**SETTINGS, **_addresses(broker_port, controller_port), **(settings or {})}
        options = (*java_options, *JAVA_ALWAYS, "-cp", installation.classpath)
        self._java = (str(installation.java), *options)
        self._environ = java_environ()
        self._process: BoundProcess | None = None

    @property
    def pid(self) -> int | None:
        """The process id of Java; None when it does not run."""
        return self._process.pid if self._process is not None and self._process.is_running() else None

    def start(self, timeout_s: float = 60.0) -> None:
        """Start the broker and return when it answers clients (about 3 s); does nothing when it runs.

        Raises:
            KafkaStartError: it ended, or did not answer in time; no process is left behind.
        """
        if self.pid is not None:
            return
        self._prepare()
        self._process = BoundProcess(
            (*self._java, "kafka.Kafka", "server.properties"),
            cwd=self.data_dir,
            environ=self._environ,
            log_file=self.log_file,
            removed_with_us=None if self._keeps_data else self.data_dir,
        )
        try:
            self._wait_until_it_answers(timeout_s)
        except BaseException:
            self.kill()
            raise

    def stop(self, timeout_s: float = 15.0) -> None:
        """End the broker in its orderly way (SIGTERM), and by SIGKILL when that takes longer than `timeout_s`."""
        self._send(signal.SIGTERM)
        self.thaw()
        if self._process is not None and not self._process.wait(timeout_s):
            self.kill()

    def kill(self) -> None:
        """End the broker as a crash does (SIGKILL), and return when it is gone."""
        self._send(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def freeze(self) -> None:
        """Let nothing run in the broker (SIGSTOP): connections stay open and nothing answers."""
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen broker go on (SIGCONT)."""
        self._send(signal.SIGCONT)

    def restart(self, timeout_s: float = 60.0) -> None:
        """Stop the broker if it runs, and start it on the same ports and data.

        After `kill` that takes about 5 s: the controller waits until the broker's former self has expired. Raises what
        `start` raises.
        """
        self.stop()
        self.start(timeout_s)

    def close(self) -> None:
        """End the broker, and remove its data unless the data directory was given."""
        if self._keeps_data:
            self.stop()
            return
        self.kill()
        shutil.rmtree(self.data_dir, ignore_errors=True)

    def __enter__(self) -> Self:
        """Start the broker."""
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        """End the broker and clean up."""
        self.close()

    def _send(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send(number)

    def _prepare(self) -> None:
        """Write the settings, and make the storage ready unless it is."""
        (self.data_dir / "tmp").mkdir(parents=True, exist_ok=True)
        lines = (f"{name}={value}\n" for name, value in self._settings.items())
        (self.data_dir / "server.properties").write_text("".join(lines))
        if (self.data_dir / "log" / "meta.properties").exists():
            return
        command = (*self._java, "kafka.tools.StorageTool", "format", "-t", self._cluster_id, "-c", "server.properties")
        with self.log_file.open("ab") as log:
            tool = subprocess.run(command, cwd=self.data_dir, env=self._environ, stdout=log, stderr=log, check=False)
        if tool.returncode:
            raise KafkaStartError(f"Kafka could not make its storage ready (exit {tool.returncode}){self._log_tail()}")

    def _wait_until_it_answers(self, timeout_s: float) -> None:
        deadline_s = time.monotonic() + timeout_s
        while not _answers(self.bootstrap_servers):
            if self.pid is None:
                raise KafkaStartError(f"Kafka ended while starting{self._log_tail()}")
            if time.monotonic() > deadline_s:
                raise KafkaStartError(f"Kafka did not answer within {timeout_s:g} s{self._log_tail()}")
            time.sleep(_STEP_S)

    def _log_tail(self) -> str:
        lines = self.log_file.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:]
        return "\n".join([f"; the end of {self.log_file}:", *lines])


def create_topics(
    bootstrap_servers: str,
    partitions: Mapping[str, int],
    config: Mapping[str, str] | None = None,
    timeout_s: float = 30.0,
    replicas: int = 1,
) -> None:
    """Create topics, and return when every partition has a leader.

    Args:
        bootstrap_servers: of the cluster.
        partitions: number of partitions by name of the topic.
        config: topic properties, the same for all of them.
        timeout_s: for the whole.
        replicas: of each partition, on as many brokers.

    Raises:
        KafkaException: a topic exists, or the broker refused it.
        TimeoutError: a partition had no leader in time.
    """
    deadline_s = time.monotonic() + timeout_s
    admin = _admin(bootstrap_servers)
    topics = [NewTopic(name, count, replicas, config=dict(config or {})) for name, count in partitions.items()]
    for created in admin.create_topics(topics, operation_timeout=timeout_s).values():
        created.result(timeout_s)
    for name, count in partitions.items():
        while not _is_led(admin, name, count):
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"topic {name} has no leader for each partition after {timeout_s:g} s")
            time.sleep(_STEP_S)


def _addresses(broker_port: int, controller_port: int) -> dict[str, str]:
    # Fixed voters rather than a stored quorum (`format --standalone`): other ports may serve the same data next time.
    return {
        "listeners": f"PLAINTEXT://127.0.0.1:{broker_port},CONTROLLER://127.0.0.1:{controller_port}",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
    }


def new_cluster_id() -> str:
    """Return a random id in Kafka's form (22 characters), never one that looks like an option."""
    return "K" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]


def _answers(bootstrap_servers: str) -> bool:
    """Return whether the broker serves metadata; dials first, because a client waits before it dials again."""
    host, port = bootstrap_servers.split(":")
    with socket() as probe:
        probe.settimeout(1)
        if probe.connect_ex((host, int(port))):
            return False
    try:
        return bool(_admin(bootstrap_servers).list_topics(timeout=2).brokers)
    except KafkaException:
        return False


def _is_led(admin: AdminClient, topic: str, count: int) -> bool:
    found = admin.list_topics(topic, timeout=5).topics[topic].partitions.values()
    return len(found) == count and all(each.leader >= 0 for each in found)


def _admin(bootstrap_servers: str) -> AdminClient:
    # Failed connections are expected while a broker starts; librdkafka prints each to stderr by default.
    return AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0})
