"""Producers that break or hang: the rebuild, and how a transaction of unknown end is resolved."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from stream.errors import FatalError
from stream.outbox import State, Transaction
from stream.partitions import CommittedOffset
from stream.ports import Broken, Committed, Ready
from stream.publication import (
    FENCED_WITHIN_S,
    MAX_FENCED,
    MAX_REBUILD_PAUSE_S,
    REBUILD_HANG_S,
    TRANSACTION_HANG_S,
)

from ..builders import OTHER_PARTITION, PARTITION
from .publication_desk import Desk, flowing, offsets

if TYPE_CHECKING:
    from stream.partitions import Partition


def broken_while_open(*, committed: bool) -> tuple[Desk, Partition, Transaction]:
    """Let the producer break in a transaction whose end is not known."""
    desk, (owned,) = flowing()
    desk.deliver(owned, 0, 1)
    desk.turn()
    transaction = desk.last
    if committed:
        desk.write(transaction)
    assert desk.turn(Broken("transport", fenced=False)) == []
    assert (desk.state, desk.sink.replaced) == (State.REBUILDING, 1)
    return desk, owned, transaction


def test_a_broken_producers_commit_is_recognised_by_its_nonce() -> None:
    """It was committed: nothing goes again, and its records are decided."""
    desk, owned, transaction = broken_while_open(committed=True)
    assert desk.turn(Ready()) == list(transaction.settled)
    assert (desk.state, desk.last, owned.ledger.committed) == (State.IDLE, transaction, 2)


def test_what_a_broken_producer_did_not_commit_goes_again() -> None:
    """Another nonce, or none, stands beside the offset: the same outcomes are published once more."""
    desk, owned, transaction = broken_while_open(committed=False)
    assert desk.turn(Ready()) == []
    desk.now_s += 1.0
    desk.turn()
    assert desk.last is not transaction
    assert desk.last.settled == transaction.settled
    assert desk.commit() == list(transaction.settled)
    assert owned.ledger.committed == 2


def test_a_silent_broker_is_asked_again() -> None:
    """Without an answer nothing is decided, and nothing else is published."""
    desk, _, transaction = broken_while_open(committed=True)
    desk.source.answers = False
    for _ in range(3):
        assert desk.turn(*([Ready()] if desk.state is State.REBUILDING else [])) == []
        assert desk.state is State.RESOLVING
    assert desk.last is transaction
    desk.source.answers = True
    assert desk.turn() == list(transaction.settled)


@pytest.mark.parametrize("text", ["", "another program's"])
def test_metadata_of_somebody_else_are_not_our_nonce(text: str) -> None:
    """Whatever stands there, it is not our transaction's."""
    desk, _, transaction = broken_while_open(committed=False)
    desk.source.group_offsets[PARTITION] = CommittedOffset(9, text, 0, 10)
    assert desk.turn(Ready()) == []
    desk.now_s += 1.0
    desk.turn()
    assert desk.last.settled == transaction.settled


def test_a_transaction_that_hangs_is_rebuilt_and_resolved() -> None:
    """A call that never returns holds nothing up but its time."""
    desk, (owned,) = flowing()
    desk.deliver(owned, 0)
    desk.turn()
    desk.now_s += TRANSACTION_HANG_S
    desk.turn()
    assert desk.state is State.OPEN
    desk.now_s += 0.1
    desk.turn()
    desk.turn()
    assert (desk.state, desk.sink.replaced) == (State.REBUILDING, 1)
    desk.write(desk.last)
    assert offsets(desk.turn(Ready())) == [0]


def test_a_producer_that_was_given_up_has_no_say_any_more() -> None:
    """What it reports after that comes too late: its transaction is resolved, and the new producer opens the next."""
    desk, (owned,) = flowing()
    desk.deliver(owned, 0)
    desk.turn()
    hung = desk.last
    desk.now_s += TRANSACTION_HANG_S + 0.1
    desk.turn()
    desk.write(hung)
    desk.deliver(owned, 1)
    assert desk.turn(Committed(hung.nonce)) == []
    assert (desk.state, desk.last, desk.sink.replaced) == (State.REBUILDING, hung, 1)
    assert offsets(desk.turn(Ready())) == [0]
    assert offsets(desk.last.settled) == [1]


def test_a_producer_that_becomes_ready_after_it_was_given_up_is_replaced_first() -> None:
    """Nothing is handed to a producer that has not said that it works."""
    desk, (owned,) = flowing()
    for _ in range(3):
        desk.turn(Broken("no right", fenced=False))
        desk.now_s += MAX_REBUILD_PAUSE_S
        desk.turn()
    desk.now_s += 2 * REBUILD_HANG_S
    desk.turn()
    replaced = desk.sink.replaced
    desk.deliver(owned, 0)
    desk.turn(Ready())
    assert (desk.state, len(desk.sink.published)) == (State.REBUILDING, 1)
    desk.now_s += MAX_REBUILD_PAUSE_S
    desk.turn()
    assert (desk.sink.replaced, len(desk.sink.published)) == (replaced + 1, 1)
    desk.turn(Ready())
    assert offsets(desk.last.settled) == [0]


def test_a_producer_that_does_not_start_is_replaced_ever_more_patiently() -> None:
    """A broker's outage is waited for: outcomes are kept, and each next start has more time."""
    desk = Desk()
    gaps = []
    for _ in range(4):
        since_s, replaced = desk.now_s, desk.sink.replaced
        while desk.sink.replaced == replaced:
            desk.now_s += 1.0
            desk.turn()
        gaps.append(desk.now_s - since_s)
    assert gaps[0] == pytest.approx(REBUILD_HANG_S, abs=2.5)
    assert all(later >= 1.7 * earlier for earlier, later in pairwise(gaps))


def test_producers_that_break_at_once_are_made_with_a_pause() -> None:
    """A missing right is no reason to spin: the first is replaced at once, the next ones with growing pauses."""
    desk, _ = flowing()
    made_s: list[float] = []
    while len(made_s) < 9:
        replaced = desk.sink.replaced
        desk.turn(*([Broken("no right", fenced=False)] if desk.sink.coming == [] else []))
        if desk.sink.replaced > replaced:
            made_s.append(desk.now_s)
        desk.now_s += 0.1
    pauses = [later - earlier for earlier, later in pairwise(made_s)]
    assert made_s[0] == 0.0
    assert pauses == sorted(pauses)
    assert pauses[0] == pytest.approx(0.5, abs=0.25)
    assert pauses[-1] == pytest.approx(MAX_REBUILD_PAUSE_S, abs=0.25)


def fence(desk: Desk) -> None:
    """Let another producer with the same id fence this one, and the next one be made and work."""
    desk.turn(Broken("fenced", fenced=True))
    desk.now_s += MAX_REBUILD_PAUSE_S
    desk.turn()
    desk.turn(Ready())


def test_being_fenced_again_and_again_ends_the_process() -> None:
    """Two instances with one id would fence each other for ever; the error names the way out."""
    desk, _ = flowing()
    for _ in range(MAX_FENCED - 1):
        fence(desk)
    with pytest.raises(FatalError, match="give each instance its own KAFKA_INSTANCE_ID"):
        desk.turn(Broken("fenced", fenced=True))


def test_being_fenced_now_and_then_does_not() -> None:
    """A broker's restart may fence a producer: only many within a short time are a second instance."""
    desk, _ = flowing()
    for _ in range(3 * MAX_FENCED):
        fence(desk)
        desk.now_s += FENCED_WITHIN_S / (MAX_FENCED - 1)
    assert desk.state is State.IDLE


def test_a_broker_outage_is_not_a_fencing() -> None:
    """Outcomes are kept and tried for ever."""
    desk, (owned,) = flowing()
    outcomes = desk.deliver(owned, 0)
    for _ in range(4 * MAX_FENCED):
        desk.turn()
        desk.turn(Broken("transport", fenced=False))
        desk.now_s += MAX_REBUILD_PAUSE_S
        desk.turn()
        desk.turn(Ready())
        desk.now_s += 10.0
    desk.turn()
    assert desk.commit() == outcomes


def test_a_partition_revoked_while_its_transaction_is_open_is_resolved_by_the_others() -> None:
    """One transaction is one decision: the nonce at any partition that is still ours tells it for all."""
    desk, (gone, kept) = flowing(PARTITION, OTHER_PARTITION)
    outcomes = [*desk.deliver(gone, 0), *desk.deliver(kept, 0)]
    desk.turn()
    desk.partitions.unassign([PARTITION])
    desk.turn(Broken("transport", fenced=False))
    desk.write(desk.last)
    assert desk.turn(Ready()) == outcomes
    assert kept.ledger.committed == 1


def test_a_transaction_of_which_nothing_is_ours_any_more_is_given_up() -> None:
    """Nobody of us may ask for its end: its outcomes are late, whatever became of it, and their records are free."""
    desk, (owned,) = flowing()
    outcomes = desk.deliver(owned, 0)
    desk.turn()
    transaction = desk.last
    desk.partitions.unassign([PARTITION])
    desk.turn(Broken("transport", fenced=False))
    decided = desk.turn(Ready())
    desk.now_s += 1.0
    assert [*decided, *desk.turn()] == outcomes
    assert (desk.state, desk.last) == (State.IDLE, transaction)
