"""`cxone-stream check` on a cluster with logins and ACLs, which nobody has used before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from stream.check import State
from stream.sandbox.kafka import Kafka, create_topics
from stream.sandbox.ports import free_ports

from .check_calls import WITHIN_S, cluster, commit, failed, login, look

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stream.sandbox.kafka_jars import KafkaInstallation

    from ..harness.stage import Stage

PASSWORD = "pa55-word-of-ada"  # noqa: S105 - made up


class Guarded:
    """A new cluster with logins and ACLs, that makes topics by itself; a user `ada`, who may do nothing yet."""

    def __init__(self, installation: KafkaInstallation) -> None:
        plain, sasl, controller = free_ports(3)
        module = "org.apache.kafka.common.security.plain.PlainLoginModule required"
        self.kafka = Kafka(
            installation,
            settings={
                "listeners": f"PLAINTEXT://127.0.0.1:{plain},SASL_PLAINTEXT://127.0.0.1:{sasl},"
                f"CONTROLLER://127.0.0.1:{controller}",
                "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,"
                "CONTROLLER:PLAINTEXT",
                "controller.quorum.voters": f"1@127.0.0.1:{controller}",
                "sasl.enabled.mechanisms": "PLAIN",
                "listener.name.sasl_plaintext.plain.sasl.jaas.config": f'{module} user_ada="{PASSWORD}";',
                "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "super.users": "User:ANONYMOUS",
                "auto.create.topics.enable": "true",
            },
        )
        self.kafka.bootstrap_servers = f"127.0.0.1:{plain}"
        self.address = f"127.0.0.1:{sasl}"
        self._admin = AdminClient({"bootstrap.servers": self.kafka.bootstrap_servers, "log_level": 0})

    def allow(self, kind: ResourceType, name: str, operation: AclOperation) -> None:
        """Let ada do something."""
        pattern, allow = ResourcePatternType.LITERAL, AclPermissionType.ALLOW
        acl = AclBinding(kind, name, pattern, "User:ada", "*", operation, allow)
        for created in self._admin.create_acls([acl]).values():
            created.result(WITHIN_S)


@pytest.fixture
def guarded(kafka_installation: KafkaInstallation) -> Iterator[Guarded]:
    """A cluster that nobody has used yet."""
    one = Guarded(kafka_installation)
    with one.kafka:
        yield one


def test_a_new_cluster_and_a_login_are_judged_and_left_as_they_are(
    guarded: Guarded, stage: Stage, tmp_path: Path
) -> None:
    """No missing topic is made, not even Kafka's own; a login is judged by its password and by each of its rights."""
    plain = guarded.kafka.bootstrap_servers
    before = cluster(plain)
    assert ("__consumer_offsets", 0) not in before["ends"]
    new = look(stage.environ(KAFKA_BOOTSTRAP_SERVERS=plain), tmp_path)
    assert failed(new) == {f"topic {stage.input}", f"topic {stage.outcome}"}
    assert new[f"group {stage.group}"].state is State.OK
    assert cluster(plain) == before

    names = {name: f"{stage.group}.{name}" for name in ("in", "out")}
    create_topics(plain, dict.fromkeys(names.values(), 1))
    commit(plain, "another", TopicPartition(names["in"], 0, 0))
    environ = stage.environ(KAFKA_BOOTSTRAP_SERVERS=guarded.address, KAFKA_INSTANCE_ID="i1", **login("ada", PASSWORD))
    before = cluster(plain)
    wrong = look(environ | login("ada", "not-her-password"), tmp_path)
    assert failed(wrong) == {f"broker {guarded.address}"}
    assert "Invalid username or password" in wrong[f"broker {guarded.address}"].detail
    assert "not-her-password" not in str(wrong)

    nothing = look(environ, tmp_path)
    assert failed(nothing) == {f"topic {names['in']}", f"topic {names['out']}", f"group {stage.group}"}

    guarded.allow(ResourceType.TOPIC, names["in"], AclOperation.READ)
    guarded.allow(ResourceType.TOPIC, names["out"], AclOperation.DESCRIBE)
    guarded.allow(ResourceType.GROUP, stage.group, AclOperation.DESCRIBE)
    some = look(environ, tmp_path)
    assert failed(some) == {f"topic {names['out']}", f"group {stage.group}"}
    assert "may not write" in some[f"topic {names['out']}"].detail
    assert some[f"transactional id {stage.group}.i1"].state is State.WARNING

    guarded.allow(ResourceType.TOPIC, names["out"], AclOperation.WRITE)
    guarded.allow(ResourceType.GROUP, stage.group, AclOperation.READ)
    guarded.allow(ResourceType.TRANSACTIONAL_ID, f"{stage.group}.i1", AclOperation.WRITE)
    guarded.allow(ResourceType.BROKER, "kafka-cluster", AclOperation.DESCRIBE)
    every = look(environ, tmp_path)
    assert failed(every) == set()
    assert every[f"transactional id {stage.group}.i1"].state is State.OK
    assert PASSWORD not in str([wrong, nothing, some, every])
    assert cluster(plain) == before
