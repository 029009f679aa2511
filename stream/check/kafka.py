"""EDGE, Kafka: asks brokers what they tell; joins no group, and creates, commits and writes nothing.

What was learned from librdkafka 2.16 and Kafka 4, each tried:

- to ask for the metadata of one topic creates it where the cluster does so by itself; one with a name that no topic can
  have is not created, and the answer names the brokers all the same;
- to ask for a group, which a consumer does by merely being there, creates `__consumer_offsets` on a cluster that has
  never had one: look for that first;
- what a broker can do (its API versions) is seen in the client's debug log only;
- ACLs that the login may not see look the same as none.
"""

from __future__ import annotations

import logging
import re
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ConfigResource,
    ResourcePatternType,
    ResourceType,
)

from .facts import Binding, Broker, ClusterFacts, Fault, GroupFacts, Member, TopicFacts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from concurrent.futures import Future

    from ..clock import Clock
    from ..settings import Kafka

T = TypeVar("T")

FIRST_STEP_S = 0.25
"""Errors are looked at after each step, and each is twice as long: a distant broker needs a second for one answer."""
AGAIN_S = 0.2
IMPOSSIBLE_TOPIC = "is this broker there?"
_API = re.compile(r"ApiKey (\w+) \(\d+\) Versions (\d+)\.\.(\d+)")
_NOISE = re.compile(r"^\S+?(/bootstrap|/\d+): | \(after \d+ms in state \w+\)$")
_CONCLUSIVE = frozenset({KafkaError._AUTHENTICATION, KafkaError._SSL})  # noqa: SLF001 - public names of local errors
_TRY_AGAIN = frozenset({"NOT_COORDINATOR", "COORDINATOR_NOT_AVAILABLE", "COORDINATOR_LOAD_IN_PROGRESS"})


def reach(kafka: Kafka, address: str, deadline_s: float, clock: Clock) -> Broker | Fault:
    """Ask one broker, with TLS and SASL as the service does.

    Args:
        kafka: how to connect.
        address: `host:port`.
        deadline_s: for the whole.
        clock: for it.

    Returns:
        What it told, or why it did not; `code` is librdkafka's name of the error.
    """
    log, errors = _ApiLog(), list[KafkaError]()
    until_s, step_s = clock.monotonic_s() + deadline_s, FIRST_STEP_S
    properties: dict[str, Any] = {
        **kafka.extra_for("admin"),
        "bootstrap.servers": address,
        "debug": "feature",
        "log_level": 7,
        "error_cb": errors.append,
    }
    try:
        client = AdminClient(properties, logger=_logger(log))
    except KafkaException as error:
        return Fault("CLIENT", _text(error))
    while (left_s := until_s - clock.monotonic_s()) > 0 and not any(error.code() in _CONCLUSIVE for error in errors):
        try:
            metadata = client.list_topics(IMPOSSIBLE_TOPIC, timeout=min(step_s, left_s))
        except KafkaException:
            step_s *= 2
            continue
        finally:
            client.poll(0)  # serves callback and log
        nodes = {number: _address(node) for number, node in metadata.brokers.items()}
        return Broker(str(metadata.cluster_id), nodes, dict(log.versions))
    return _first_cause(errors)


class Administrator:
    """An administrator's client that only describes; each method returns within its deadline."""

    def __init__(self, kafka: Kafka, clock: Clock) -> None:
        self._clock = clock
        properties: dict[str, Any] = {**kafka.extra_for("admin"), "bootstrap.servers": kafka.bootstrap_servers}
        self._client = AdminClient(properties, logger=_logger())

    def topics(self, names: Sequence[str], deadline_s: float) -> dict[str, TopicFacts | Fault]:
        """Describe topics, each with its configuration as far as the login may read it."""
        until_s = self._clock.monotonic_s() + deadline_s
        resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
        described = self._client.describe_topics(
            TopicCollection(list(names)), include_authorized_operations=True, request_timeout=deadline_s
        )
        configured = self._client.describe_configs(resources, request_timeout=deadline_s)
        configs = {resource.name: self._answer(future, until_s) for resource, future in configured.items()}
        return {
            name: facts if isinstance(facts, Fault) else _topic(facts, configs[name])
            for name, future in described.items()
            for facts in [self._answer(future, until_s)]
        }

    def cluster(self, broker: int, transactional_id: str, deadline_s: float) -> ClusterFacts:
        """Describe a broker's limits, and who may use a transactional id, as far as the login may see that."""
        until_s = self._clock.monotonic_s() + deadline_s
        resource = ConfigResource(ResourceType.BROKER, str(broker))
        wanted = AclBindingFilter(
            ResourceType.TRANSACTIONAL_ID,
            transactional_id,
            ResourcePatternType.MATCH,
            None,  # type: ignore[arg-type]  # of anybody
            None,  # type: ignore[arg-type]  # from anywhere
            AclOperation.ANY,
            AclPermissionType.ANY,
        )
        configured = self._client.describe_configs([resource], request_timeout=deadline_s)[resource]
        described = self._client.describe_cluster(include_authorized_operations=True, request_timeout=deadline_s)
        allowed = self._client.describe_acls(wanted, request_timeout=deadline_s)
        config, cluster, acls = (self._answer(future, until_s) for future in (configured, described, allowed))
        return ClusterFacts(
            None if isinstance(config, Fault) else _values(config),
            None if isinstance(cluster, Fault) else _operations(cluster),
            () if isinstance(acls, Fault) else tuple(map(_binding, acls)),
        )

    def group(self, group_id: str, deadline_s: float) -> GroupFacts | Fault:
        """Describe a group; asks again while its coordinator is not ready."""
        until_s = self._clock.monotonic_s() + deadline_s
        while True:
            future = self._client.describe_consumer_groups(
                [group_id], include_authorized_operations=True, request_timeout=deadline_s
            )[group_id]
            answer = self._answer(future, until_s)
            if not isinstance(answer, Fault):
                return _group(answer)
            if answer.code not in _TRY_AGAIN or self._clock.monotonic_s() >= until_s:
                return answer
            threading.Event().wait(AGAIN_S)

    def _answer(self, future: Future[T], until_s: float) -> T | Fault:
        try:
            return future.result(max(0.0, until_s - self._clock.monotonic_s()))
        except KafkaException as error:
            return Fault(error.args[0].name(), _text(error))
        except TimeoutError:
            return Fault("_TIMED_OUT", "no answer in time")


class _ApiLog(logging.Handler):
    """Picks the API versions out of the debug log, and keeps nothing else of it."""

    def __init__(self) -> None:
        super().__init__()
        self.versions: dict[str, int] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Take the versions of a line."""
        for name, _, newest in _API.findall(record.getMessage()):
            self.versions[name] = int(newest)


def _logger(handler: logging.Handler | None = None) -> logging.Logger:
    """Make a logger that nobody else knows: what a client complains of is told in the findings."""
    logger = logging.Logger("check", logging.DEBUG)  # noqa: LOG001 - not one of the process
    logger.addHandler(handler or logging.NullHandler())
    return logger


def _address(node: Any) -> str:  # noqa: ANN401 - the stubs say None where a broker has a host
    return f"[{node.host}]:{node.port}" if ":" in node.host else f"{node.host}:{node.port}"


def _first_cause(errors: Iterable[KafkaError]) -> Fault:
    """Prefer what names a cause over what only says that nothing works."""
    for error in errors:
        if error.code() != KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - as above
            return Fault(error.name(), _NOISE.sub("", error.str().split("://", 1)[-1]))
    return Fault("_TIMED_OUT", "no answer in time")


def _text(error: Exception) -> str:
    reason: object = error.args[0] if error.args else type(error).__name__
    return reason.str() if isinstance(reason, KafkaError) else str(reason)


def _topic(described: Any, config: Mapping[str, Any] | Fault) -> TopicFacts:  # noqa: ANN401 - the binding's, without stubs
    partitions = described.partitions
    return TopicFacts(
        partitions=tuple(partition.id for partition in partitions),
        leaderless=tuple(each.id for each in partitions if each.leader is None or each.leader.id < 0),
        fewest_in_sync=min((len(partition.isr) for partition in partitions), default=0),
        may=_operations(described),
        config=None if isinstance(config, Fault) else _values(config),
    )


def _group(described: Any) -> GroupFacts:  # noqa: ANN401 - as above
    return GroupFacts(
        described.state.name,
        described.type.name,
        described.partition_assignor,
        tuple(Member(each.group_instance_id, each.client_id, each.host.lstrip("/")) for each in described.members),
        _operations(described),
    )


def _operations(described: Any) -> frozenset[str] | None:  # noqa: ANN401 - as above
    told = described.authorized_operations
    return frozenset(operation.name for operation in told) if told is not None else None


def _values(config: Mapping[str, Any]) -> dict[str, str]:
    return {name: entry.value for name, entry in config.items() if isinstance(entry.value, str)}


def _binding(acl: Any) -> Binding:  # noqa: ANN401 - as above
    return Binding(acl.principal, acl.operation.name, acl.permission_type is AclPermissionType.ALLOW)
