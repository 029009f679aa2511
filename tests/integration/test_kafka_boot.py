"""A real Kafka from Python packages: it boots, survives what tests do to it, and leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from stream.sandbox.kafka import Kafka, KafkaStartError, create_topics
from stream.sandbox.kafka_jars import cache_dir

if TYPE_CHECKING:
    from collections.abc import Callable

    from stream.sandbox.kafka_jars import KafkaInstallation

    from ..conftest import TopicFactory

ROOT = Path(__file__).parents[2]


def _eventually(condition: Callable[[], bool], timeout_s: float = 20.0) -> bool:
    deadline_s = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < deadline_s:
        time.sleep(0.02)
    return condition()


def _is_gone(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def _produce(bootstrap_servers: str, topic: str, values: list[bytes]) -> None:
    producer = Producer({"bootstrap.servers": bootstrap_servers, "transactional.id": "test", "log_level": 0})
    producer.init_transactions(30)
    producer.begin_transaction()
    for value in values:
        producer.produce(topic, value, partition=0)
    producer.commit_transaction(30)


def _read(bootstrap_servers: str, topic: str, count: int) -> list[bytes | None]:
    reader = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": "test", "log_level": 0})
    reader.assign([TopicPartition(topic, 0, 0)])
    found: list[bytes | None] = []
    while len(found) < count:
        found += [message.value() for message in reader.consume(count, timeout=20) or pytest.fail("nothing to read")]
    reader.close()
    return found


def _answers(bootstrap_servers: str, timeout_s: float) -> bool:
    try:
        return bool(AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0}).list_topics("", timeout_s))
    except KafkaException:
        return False


def test_what_is_committed_in_a_transaction_can_be_read(kafka: Kafka, make_topic: TopicFactory) -> None:
    """The shared broker has working topics, transactions and readers."""
    topic = make_topic("round-trip")
    _produce(kafka.bootstrap_servers, topic, [b"one", b"two"])
    assert _read(kafka.bootstrap_servers, topic, 2) == [b"one", b"two"]


def test_topics_are_made_as_asked(kafka: Kafka, make_topic: TopicFactory) -> None:
    """A new topic has its partitions, each with a leader, and its own properties; a second of its name is refused."""
    topic = make_topic("wide", 3, {"max.message.bytes": "4321"})
    found = AdminClient({"bootstrap.servers": kafka.bootstrap_servers}).list_topics(topic, 10).topics[topic]
    assert [partition.leader for partition in found.partitions.values()] == [1, 1, 1]
    with pytest.raises(KafkaException, match="already exists"):
        create_topics(kafka.bootstrap_servers, {topic: 1})


def test_a_killed_broker_comes_back_with_its_data(own_kafka: Kafka) -> None:
    """After kill -9 and a restart the address is the same and what was committed is still there."""
    address = own_kafka.bootstrap_servers
    create_topics(address, {"kept": 1})
    _produce(address, "kept", [b"before"])
    own_kafka.kill()
    assert own_kafka.pid is None
    assert not _answers(address, 0.3)
    own_kafka.restart()
    assert own_kafka.bootstrap_servers == address
    _produce(address, "kept", [b"after"])
    assert _read(address, "kept", 2) == [b"before", b"after"]


def test_a_frozen_broker_is_silent_until_it_is_thawed(own_kafka: Kafka) -> None:
    """Frozen, the broker runs and does not answer; thawed, it answers; frozen again, it can still be stopped."""
    own_kafka.freeze()
    assert own_kafka.pid is not None
    assert not _answers(own_kafka.bootstrap_servers, 0.5)
    own_kafka.thaw()
    assert _answers(own_kafka.bootstrap_servers, 20)
    own_kafka.freeze()
    own_kafka.stop()
    assert own_kafka.pid is None


def test_a_given_directory_serves_again_on_other_ports(kafka_installation: KafkaInstallation, tmp_path: Path) -> None:
    """A second broker on a kept data directory has other ports and the same messages."""
    with Kafka(kafka_installation, data_dir=tmp_path / "a b") as first:
        create_topics(first.bootstrap_servers, {"kept": 1})
        _produce(first.bootstrap_servers, "kept", [b"before"])
    with Kafka(kafka_installation, data_dir=tmp_path / "a b") as second:
        assert second.bootstrap_servers != first.bootstrap_servers
        assert _read(second.bootstrap_servers, "kept", 1) == [b"before"]


def test_a_broker_that_cannot_start_says_why(kafka_installation: KafkaInstallation) -> None:
    """A wrong setting ends in an error that shows Kafka's own words, and no process or directory is left."""
    broken = Kafka(kafka_installation, settings={"log.dirs": "/proc/nowhere"})
    with pytest.raises(KafkaStartError, match="/proc/nowhere"), broken:
        pytest.fail("it started")
    assert broken.pid is None
    assert not broken.data_dir.exists()


def test_java_and_its_data_go_with_a_process_that_is_killed() -> None:
    """A parent that gets kill -9 leaves neither a Java process nor a temporary directory."""
    script = (
        "import sys; from stream.sandbox.kafka import Kafka; from stream.sandbox.kafka_jars import ensure_kafka\n"
        "kafka = Kafka(ensure_kafka()); kafka.start(); print(kafka.pid, kafka.data_dir, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid, directory = parent.stdout.readline().split()
        assert not _is_gone(int(pid))
        assert Path(directory).is_dir()
        parent.kill()
    assert _eventually(lambda: _is_gone(int(pid)))
    assert _eventually(lambda: not Path(directory).exists())


def test_a_second_start_needs_no_network_no_java_and_no_home(kafka_installation: KafkaInstallation) -> None:
    """Once the jars are there no socket is used and the fetching library not imported, whatever is missing."""
    script = (
        "import sys; from stream.sandbox.kafka_jars import ensure_kafka\n"
        "sys.addaudithook(lambda event, _: event.startswith('socket.') and sys.exit(event))\n"
        "print(ensure_kafka(sys.exit).java, 'jgo' in sys.modules)"
    )
    command, bare = [sys.executable, "-c", script], {"PATH": "/nonexistent", "CXONE_STREAM_CACHE": str(cache_dir())}
    told = subprocess.run(command, cwd=ROOT, env=bare, check=True, capture_output=True, text=True)
    assert told.stdout.split() == [str(kafka_installation.java), "False"]
