"""Whether every partition of the inputs has an owner, and who does something about it if not: the rule, without Kafka.

A static member that dies after a cooperative rebalance took partitions from it, and before it has joined again, and
then comes back within its session, is given its old assignment without a rebalance (KIP-345). What was taken from it
then belongs to nobody, the group counts as stable, and nothing would ever change that (measured: longer than 100 s).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from .model import TopicPartition

UNOWNED_S = 20.0
"""Between the two steps of a rebalance partitions have no owner for as long as a revocation may take, 8 s."""


@dataclass(frozen=True, slots=True)
class GroupMember:
    """A member as the coordinator describes it; `instance_id` None for a dynamic one."""

    instance_id: str | None
    owns: frozenset[TopicPartition]


@dataclass(frozen=True, slots=True)
class Look:
    """The group at one moment, and all partitions of the input topics."""

    is_stable: bool
    members: Collection[GroupMember]
    partitions: frozenset[TopicPartition]


class Ownership:
    """What one static member has seen of its group."""

    def __init__(self, instance_id: str) -> None:
        self._instance_id = instance_id
        self._unowned: frozenset[TopicPartition] = frozenset()
        self._since_s = 0.0

    def judge(self, look: Look, now_s: float) -> frozenset[TopicPartition]:
        """Name the partitions that have had no owner for `UNOWNED_S` in a stable group; none while it is unstable.

        Args:
            look: the group now.
            now_s: a monotonic clock.
        """
        owned = frozenset(partition for member in look.members for partition in member.owns)
        unowned = look.partitions - owned if look.is_stable and look.members else frozenset()
        if unowned != self._unowned:
            self._unowned, self._since_s = unowned, now_s
        return unowned if unowned and now_s - self._since_s >= UNOWNED_S else frozenset()

    def is_mine_to_mend(self, look: Look) -> bool:
        """Whether of all static members it is this one that asks for a rebalance: the first by name."""
        names = [member.instance_id for member in look.members if member.instance_id is not None]
        return bool(names) and min(names) == self._instance_id

    def mended(self, now_s: float) -> None:
        """Take note that a rebalance was asked for: what is unowned now counts anew."""
        self._since_s = now_s
