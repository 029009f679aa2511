"""The ledger of offsets by examples: gaps, the window, what a successor is told."""

from __future__ import annotations

import pytest

from stream.ledger import MAX_SPARSE_DELIVERED, WINDOW, Delivery, Inheritance, Ledger, Snapshot
from stream.metadata import MAX_BITMAP_SPAN

NOTHING = Inheritance((), 0)


def tracking(*offsets: int, start: int = 0, left: Inheritance = NOTHING) -> Ledger:
    """Build a ledger that these offsets were delivered to."""
    ledger = Ledger(start, left)
    for offset in offsets:
        ledger.track(offset)
    return ledger


def is_clean(ledger: Ledger) -> bool:
    """Ask again: the answer changes with each call."""
    return ledger.is_clean


def commit(ledger: Ledger) -> Snapshot:
    """Commit what the ledger says now."""
    snapshot = ledger.snapshot()
    ledger.confirm(snapshot)
    return snapshot


def test_a_new_ledger_says_where_it_began() -> None:
    """The first commit of an assignment is the start, with nothing settled."""
    ledger = Ledger(42, NOTHING)
    assert (ledger.committable, ledger.committed) == (42, 42)
    assert ledger.is_dirty
    commit(ledger)
    assert not ledger.is_dirty


def test_committable_is_the_end_of_the_settled_prefix() -> None:
    """What settles out of order waits for the oldest, and is told beside it meanwhile."""
    ledger = tracking(0, 1, 2, 3)
    ledger.settle(2)
    ledger.settle(1)
    assert (ledger.committable, ledger.snapshot().settled) == (0, (1, 2))
    ledger.settle(0)
    assert (ledger.committable, ledger.snapshot().settled) == (3, ())
    ledger.settle(3)
    assert ledger.committable == 4


def test_gaps_count_as_settled() -> None:
    """Offsets that were never delivered (compaction, markers of transactions) hold nothing back."""
    ledger = tracking(5, 9, 200, start=3)
    assert ledger.committable == 5
    ledger.settle(5)
    assert ledger.committable == 9
    ledger.settle(9)
    ledger.settle(200)
    assert ledger.committable == 201


def test_settling_twice_changes_nothing() -> None:
    """After an abort the same outcomes go again."""
    ledger = tracking(0, 1, 2)
    for _ in range(2):
        ledger.settle(1)
        ledger.settle(0)
    assert (ledger.committable, ledger.snapshot()) == (2, Snapshot(2, (), 2, 0))


@pytest.mark.parametrize("offset", [4, 3])
def test_an_offset_never_goes_back(offset: int) -> None:
    """A consumer that lost its place would double outcomes: better no outcome at all."""
    ledger = tracking(4, start=4)
    with pytest.raises(ValueError, match="was delivered after 4"):
        ledger.track(offset)


def test_only_a_confirmed_commit_moves_the_window() -> None:
    """A snapshot alone frees nothing, for its transaction may be aborted."""
    ledger = tracking(*range(10))
    for offset in range(6):
        ledger.settle(offset)
    snapshot = ledger.snapshot()
    assert (ledger.committed, ledger.delivered_beyond_commit) == (0, 10)
    ledger.settle(6)
    ledger.confirm(snapshot)
    assert (ledger.committed, ledger.delivered_beyond_commit) == (6, 4)
    assert ledger.is_dirty, "what settled after the snapshot is still to be said"


def test_the_window_is_full_at_its_bound() -> None:
    """16,384 delivered offsets past the last commit, settled or not, and no more."""
    ledger = tracking(*range(WINDOW - 1))
    assert ledger.admits(WINDOW - 1)
    ledger.track(WINDOW - 1)
    for offset in range(1, WINDOW):
        ledger.settle(offset)
    assert not ledger.admits(WINDOW)
    ledger.settle(0)
    assert not ledger.admits(WINDOW)
    commit(ledger)
    assert ledger.admits(WINDOW)


def test_far_offsets_are_admitted_while_they_are_few() -> None:
    """Past what a bitmap covers, as many are let in as fit in any form."""
    ledger = tracking(0)
    offset = MAX_BITMAP_SPAN - 1
    assert ledger.admits(offset)
    for _ in range(MAX_SPARSE_DELIVERED - 1):
        offset += 1_000_000
        assert ledger.admits(offset)
        ledger.track(offset)
    assert not ledger.admits(offset + 1)
    assert ledger.admits(MAX_BITMAP_SPAN - 1)


def test_what_an_earlier_owner_settled_is_skipped() -> None:
    """Inherited offsets come back as settled; all others below the end of the suspects as suspects."""
    ledger = Ledger(10, Inheritance((11, 13), suspects_end=15))
    assert [ledger.track(offset) for offset in (10, 11, 12, 13, 15)] == [
        Delivery.SUSPECT,
        Delivery.SETTLED,
        Delivery.SUSPECT,
        Delivery.SETTLED,
        Delivery.NEW,
    ]
    ledger.settle(10)
    assert ledger.committable == 12


def test_what_is_inherited_and_not_yet_delivered_is_passed_on() -> None:
    """A second crash soon after the first forgets nothing that was settled."""
    ledger = tracking(10, start=10, left=Inheritance((11, 13, 14), suspects_end=15))
    assert ledger.snapshot().settled == (11, 13, 14)
    ledger.track(11)
    ledger.track(12)
    ledger.track(15)
    assert ledger.snapshot().settled == (11,), "13 and 14 are not in the log any more"


def test_nothing_past_a_window_is_a_suspect() -> None:
    """The earlier owner had at most one window out: what comes later is new, whatever the log's end was."""
    ledger = Ledger(0, Inheritance((), suspects_end=10**9))
    deliveries = []
    for offset in range(WINDOW + 1):
        if not ledger.admits(offset):
            ledger.settle(0)
            commit(ledger)
        deliveries.append(ledger.track(offset))
    assert deliveries == [Delivery.SUSPECT] * WINDOW + [Delivery.NEW]
    assert not is_clean(ledger)
    for offset in range(WINDOW):
        ledger.settle(offset)
    assert is_clean(ledger)


def test_clean_means_that_no_request_is_unanswered() -> None:
    """A doubtful event, and a suspect until it is settled, keep the mark from being clean."""
    ledger = tracking(0, 1)
    assert is_clean(ledger), "delivered, but never sent"
    ledger.doubt(1)
    assert not is_clean(ledger)
    ledger.settle(1)
    assert is_clean(ledger)
    ledger.settle(0)
    ledger.track(2)
    ledger.track(3)
    ledger.settle(3)
    for offset in (0, 1, 3):
        ledger.doubt(offset)
    assert is_clean(ledger), "a settled event has its answer"


def test_suspects_that_were_not_delivered_yet_keep_it_from_clean() -> None:
    """Whoever has not read all suspects cannot vouch for them."""
    ledger = tracking(0, left=Inheritance((), suspects_end=3))
    ledger.settle(0)
    assert not is_clean(ledger)
    ledger.track(2)
    ledger.settle(2)
    assert is_clean(ledger)
