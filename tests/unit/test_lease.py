"""The lease: when a worker may start a request."""

from __future__ import annotations

from stream.lease import AFTER_STANDSTILL_S, SHARE_OF_SESSION, Lease
from stream.model import Assignment

from ..builders import ASSIGNMENT, OTHER_PARTITION, PARTITION

OTHER = Assignment(OTHER_PARTITION, 2)
LIFE_S = SHARE_OF_SESSION * 30.0
MINE = frozenset({ASSIGNMENT})


def leased(*assignments: Assignment) -> Lease:
    """Build a lease of a session of 30 s that was renewed at 100 s."""
    lease = Lease(30.0)
    lease.own(assignments)
    lease.renew(100.0)
    return lease


def test_a_lease_holds_for_what_is_owned() -> None:
    """All assignments of a batch must be owned; an older or newer epoch of the same partition is another one."""
    lease = leased(ASSIGNMENT, OTHER)
    assert lease.holds(MINE, 100.0)
    assert lease.holds(frozenset({ASSIGNMENT, OTHER}), 100.0)
    assert not lease.holds(frozenset({Assignment(PARTITION, 2)}), 100.0)
    lease.own([ASSIGNMENT])
    assert not lease.holds(frozenset({ASSIGNMENT, OTHER}), 100.0)


def test_a_lease_ends_before_the_session() -> None:
    """A loop that stands still starts no request while the group may already have given its partitions away."""
    lease = leased(ASSIGNMENT)
    assert lease.holds(MINE, 100.0 + LIFE_S - 0.01)
    assert not lease.holds(MINE, 100.0 + LIFE_S)
    assert LIFE_S < 30.0


def test_each_turn_renews_it() -> None:
    """A loop that turns in time keeps its lease for ever."""
    lease = leased(ASSIGNMENT)
    for turn in range(1, 10):
        lease.renew(100.0 + turn * (LIFE_S - 1.0))
        assert lease.holds(MINE, 100.0 + turn * (LIFE_S - 1.0))


def test_after_a_standstill_one_turn_proves_nothing() -> None:
    """Requests start again only when the consumer has had time to learn what the group did meanwhile."""
    lease = leased(ASSIGNMENT)
    lease.renew(500.0)
    assert not lease.is_sure(500.0)
    lease.renew(500.0 + AFTER_STANDSTILL_S - 0.01)
    assert not lease.holds(MINE, 500.0 + AFTER_STANDSTILL_S - 0.01)
    lease.renew(500.0 + AFTER_STANDSTILL_S)
    assert lease.holds(MINE, 500.0 + AFTER_STANDSTILL_S)


def test_nothing_is_held_without_an_assignment() -> None:
    """A new lease owns nothing, and an empty batch of assignments needs none."""
    lease = Lease(30.0)
    lease.renew(0.0)
    assert not lease.holds(MINE, 0.0)
