"""The group's coordinator: members, generations, and cooperative rebalances (classic protocol, cooperative-sticky).

A rebalance ends when all members have joined anew, and a member joins only when it has served its callbacks. A
partition goes to its next owner in the generation after the one in which its old owner gave it up. A dead member holds
a rebalance up until its session ends. A static member that comes back gets its partitions without a rebalance; what was
to be taken from it then has no owner, until somebody lets the group share anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from stream.ownership import GroupMember, Look

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from stream.model import TopicPartition

    from .source import FakeSource
    from .world import World

HEARTBEAT_SHARE = 0.1
"""Of the session timeout: how old the last heartbeat may be when a member falls silent."""
MIN_JOIN_S, MAX_JOIN_S = 0.05, 1.0
MAX_SYNC_S = 0.05
LOOK_AGAIN_S = 0.2


class Membership(NamedTuple):
    """What a client shows with the offsets that it commits."""

    member: str
    generation: int


class Member:
    """One member; `is_busy` until it has served its callbacks."""

    def __init__(self, name: str, client: FakeSource, static_id: str | None) -> None:
        self.name = name
        self.client = client
        self.static_id = static_id
        self.is_busy = False
        self.silences = 0
        self.gives_up: set[TopicPartition] = set()
        """What was taken from it, and it has not told that it has stopped."""


class Group:
    """The consumer group."""

    def __init__(self, world: World, partitions: Sequence[TopicPartition], session_timeout_s: float) -> None:
        self.generation = 0
        self.is_up = True
        self._world = world
        self._session_timeout_s = session_timeout_s
        self._members: dict[str, Member] = {}
        self._owners: dict[TopicPartition, Member | None] = dict.fromkeys(partitions)
        self._is_preparing = self._is_to_shuffle = False
        self._names = 0

    def join(self, client: FakeSource, static_id: str | None) -> Member:
        """Take in a client; one with a static id takes the place of its predecessor."""
        self._names += 1
        member = Member(f"m{self._names}", client, static_id)
        old = next((each for each in self._members.values() if static_id and each.static_id == static_id), None)
        self._members[member.name] = member
        self._world.note("join", member.name, client.name, static_id or "dynamic")
        if old is None:
            self.rebalance()
            return member
        del self._members[old.name]
        if old.client.is_running():
            old.client.expired(old)
        owned = [partition for partition, owner in self._owners.items() if owner is old]
        self._owners.update(dict.fromkeys(owned))
        if self._is_preparing:
            self.rebalance()
        else:
            kept = [partition for partition in owned if partition not in old.gives_up]
            self._owners.update(dict.fromkeys(kept, member))
            self._world.count("static_returns")
            self._world.counts["partitions_orphaned"] += len(owned) - len(kept)
            self._deliver(member, (), kept)
        return member

    def grow(self, partition: TopicPartition) -> None:
        """Take note that the topic has one more partition."""
        self._owners[partition] = None
        self.rebalance()

    def leave(self, member: Member) -> None:
        """Let a dynamic member go at once."""
        if self.has(member):
            self._remove(member)

    def silent(self, member: Member) -> None:
        """Take note that no heartbeat comes from now on; without one the session ends."""
        member.silences += 1
        silence = member.silences
        last_heartbeat_s = self._world.rng.uniform(0.0, HEARTBEAT_SHARE * self._session_timeout_s)
        self._world.after(self._session_timeout_s - last_heartbeat_s, lambda: self._expire(member, silence))

    def heard(self, member: Member) -> None:
        """Take note of a heartbeat after a silence."""
        member.silences += 1

    def has(self, member: Member) -> bool:
        """Whether a member is one still."""
        return self._members.get(member.name) is member

    def knows(self, membership: Membership) -> bool:
        """Whether offsets of this member in this generation are taken."""
        return membership.member in self._members and membership.generation == self.generation

    def is_replaced(self, member: Member) -> bool:
        """Whether another client has the static id of a member that is none any more."""
        return any(member.static_id and each.static_id == member.static_id for each in self._members.values())

    def other_owner(self, partition: TopicPartition, membership: Membership) -> str | None:
        """Name the member that owns a partition, if it is another than this one."""
        owner = self._owners[partition]
        return owner.name if owner is not None and owner.name != membership.member else None

    def released(self, member: Member, partitions: Collection[TopicPartition]) -> None:
        """Take note that a member has given partitions up: it joins again, so that others get them."""
        for partition in partitions:
            if self._owners[partition] is member:
                self._owners[partition] = None
        member.gives_up.clear()
        self.rebalance()

    def look(self) -> Look:
        """Describe the group as the coordinator does: members own what they have been given last."""
        members = [GroupMember(each.static_id, self._given(each)) for each in self._members.values()]
        return Look(not self._is_preparing, members, frozenset(self._owners))

    def _given(self, member: Member) -> frozenset[TopicPartition]:
        return frozenset(p for p, owner in self._owners.items() if owner is member and p not in member.gives_up)

    def rebalance(self, *, shuffle: bool = False) -> None:
        """Call all members to join anew; `shuffle` moves a partition for no reason."""
        self._is_to_shuffle = self._is_to_shuffle or shuffle
        if not self._is_preparing:
            self._is_preparing = True
            self._world.after(self._world.rng.uniform(MIN_JOIN_S, MAX_JOIN_S), self._complete)

    def _complete(self) -> None:
        if not self._members:
            self._is_preparing = False
            return
        if not self.is_up or any(each.is_busy or not each.client.can_join() for each in self._members.values()):
            self._world.after(LOOK_AGAIN_S, self._complete)
            return
        self._is_preparing = False
        self.generation += 1
        self._world.count("rebalances")
        targets = self._targets()
        for member in list(self._members.values()):
            revoked = [p for p, owner in self._owners.items() if owner is member and targets[p] is not member]
            added = [p for p, owner in self._owners.items() if owner is None and targets[p] is member]
            self._owners.update(dict.fromkeys(added, member))
            self._deliver(member, revoked, added)

    def _targets(self) -> dict[TopicPartition, Member]:
        """Balance the partitions, sticky."""
        rng, members = self._world.rng, list(self._members.values())
        targets: dict[TopicPartition, Member] = {p: owner for p, owner in self._owners.items() if owner is not None}
        for partition in self._owners:
            if partition not in targets:
                targets[partition] = min(members, key=lambda each: sum(owner is each for owner in targets.values()))
        if self._is_to_shuffle:
            self._is_to_shuffle = False
            targets[rng.choice(list(targets))] = rng.choice(members)
        else:
            self._level(targets, members)
        return targets

    @staticmethod
    def _level(targets: dict[TopicPartition, Member], members: Sequence[Member]) -> None:
        while True:
            loads = {each.name: [p for p, owner in targets.items() if owner is each] for each in members}
            least, most = (pick(members, key=lambda each: len(loads[each.name])) for pick in (min, max))
            if len(loads[most.name]) - len(loads[least.name]) <= 1:
                return
            targets[loads[most.name][-1]] = least

    def _deliver(self, member: Member, revoked: Sequence[TopicPartition], added: Sequence[TopicPartition]) -> None:
        generation = self.generation
        member.is_busy = True
        member.gives_up.update(revoked)
        self._world.note("assign", member.name, generation, "-", _numbers(revoked), "+", _numbers(added))
        self._world.after(
            self._world.rng.uniform(0.0, MAX_SYNC_S),
            lambda: member.client.receive(member, generation, revoked, added),
        )

    def _expire(self, member: Member, silence: int) -> None:
        if not self.has(member) or member.silences != silence:
            return
        if not self.is_up:  # a coordinator that comes back gives everybody a new session
            self.silent(member)
            return
        self._world.count("sessions_expired")
        self._remove(member)
        if member.client.is_running():
            member.client.expired(member)

    def _remove(self, member: Member) -> None:
        self._world.note("removed", member.name, member.client.name)
        del self._members[member.name]
        self._owners.update({p: None for p, owner in self._owners.items() if owner is member})
        self.rebalance()


def _numbers(partitions: Sequence[TopicPartition]) -> list[int]:
    return [each.partition for each in partitions]
