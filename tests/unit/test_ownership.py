"""Partitions without an owner: seen only where nothing else would end it, and mended by one member alone."""

from __future__ import annotations

from stream.model import TopicPartition
from stream.ownership import UNOWNED_S, GroupMember, Look, Ownership

ALL = frozenset(TopicPartition("deltas", number) for number in range(4))


def look(*owned: set[int], is_stable: bool = True, names: tuple[str | None, ...] = ("one", "two")) -> Look:
    """Build a group whose members own these partitions."""
    members = [
        GroupMember(name, frozenset(TopicPartition("deltas", number) for number in numbers))
        for name, numbers in zip(names, owned, strict=False)
    ]
    return Look(is_stable, members, ALL)


def test_a_partition_that_stays_without_owner_is_named() -> None:
    """After longer than a rebalance can take."""
    ownership = Ownership("one")
    orphaned = look({2, 3}, set())
    assert ownership.judge(orphaned, 0.0) == frozenset()
    assert ownership.judge(orphaned, UNOWNED_S - 1) == frozenset()
    assert ownership.judge(orphaned, UNOWNED_S) == {TopicPartition("deltas", 0), TopicPartition("deltas", 1)}


def test_a_rebalance_that_goes_on_is_no_fault() -> None:
    """While it lasts, and when other partitions are without an owner each time."""
    ownership = Ownership("one")
    assert ownership.judge(look({2, 3}, set()), 0.0) == frozenset()
    assert ownership.judge(look({2, 3}, set(), is_stable=False), 10.0) == frozenset()
    assert ownership.judge(look({2, 3}, set()), 20.0) == frozenset()
    assert ownership.judge(look({1, 2, 3}, set()), 39.0) == frozenset()
    assert ownership.judge(look({1, 2, 3}, {0}), 99.0) == frozenset()


def test_a_group_without_members_is_no_fault() -> None:
    """There is nobody who could own anything."""
    ownership = Ownership("one")
    assert ownership.judge(look(), 0.0) == frozenset()
    assert ownership.judge(look(), 99.0) == frozenset()


def test_one_static_member_mends_it() -> None:
    """The first by name, so that not all of them ask for a rebalance at once; dynamic ones do not count."""
    group = look({2, 3}, set(), set(), names=(None, "two", "one"))
    assert [name for name in ("one", "two", "three") if Ownership(name).is_mine_to_mend(group)] == ["one"]


def test_what_was_mended_counts_anew() -> None:
    """The rebalance that was asked for gets the time that any has."""
    ownership = Ownership("one")
    ownership.judge(look({2, 3}, set()), 0.0)
    assert ownership.judge(look({2, 3}, set()), 30.0)
    ownership.mended(31.0)
    assert ownership.judge(look({2, 3}, set()), 40.0) == frozenset()
    assert ownership.judge(look({2, 3}, set()), 31.0 + UNOWNED_S)
