"""What Kafka told, as values without a library's types: the edge makes them, the judges read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Fault:
    """Why there is no answer: the error's name, and what the library says of it."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Broker:
    """What a broker tells: all brokers of its cluster as `host:port` by number, and its newest version of each API."""

    cluster_id: str
    nodes: Mapping[int, str]
    apis: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """A topic; `may` is what the login may do with it, `config` its properties; None where the broker is silent."""

    partitions: tuple[int, ...]
    leaderless: tuple[int, ...]
    fewest_in_sync: int
    may: frozenset[str] | None
    config: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Member:
    """A member of the group; with an `instance_id` it is static."""

    instance_id: str | None
    client_id: str
    host: str


@dataclass(frozen=True, slots=True)
class GroupFacts:
    """A consumer group: `protocol` is CLASSIC or CONSUMER, where the broker says so."""

    state: str
    protocol: str
    assignor: str
    members: tuple[Member, ...]
    may: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Binding:
    """One ACL of the transactional id."""

    principal: str
    operation: str
    allows: bool


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """A broker's properties and what the login may do with the cluster, None where it may not see them."""

    config: Mapping[str, str] | None
    may: frozenset[str] | None
    acls: tuple[Binding, ...]
