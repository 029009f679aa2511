"""The outbox: outcomes in order until they are known to be committed, and the states of a transaction."""

from __future__ import annotations

import pytest

from stream.model import Assignment, DeadLetter, Result, Settled
from stream.outbox import (
    FIRST_RETRY_S,
    MAX_RETRY_S,
    MAX_TRANSACTION_BYTES,
    MAX_TRANSACTION_EVENTS,
    Outbox,
    State,
    Transaction,
)

from ..builders import ASSIGNMENT, OTHER_PARTITION, settled

OTHER = Assignment(OTHER_PARTITION, 2)


def ready_with(*waiting: Settled) -> Outbox:
    """Build an outbox whose producer works, with these outcomes."""
    outbox = Outbox(0.0)
    outbox.rebuilt(0.0)
    outbox.add(waiting)
    return outbox


def open_next(outbox: Outbox, now_s: float = 0.0) -> Transaction:
    """Hand the next transaction over."""
    taken, late = outbox.next_settled(lambda _assignment, _offsets: True)
    assert late == []
    transaction = Transaction("nonce", taken, (), "group")
    outbox.begin(transaction, now_s)
    return transaction


def offsets(transaction: Transaction) -> list[int]:
    """Name the outcomes of a transaction."""
    return [each.offset for each in transaction.settled]


def test_nothing_opens_before_the_first_producer_works() -> None:
    """A new outbox waits for its producer like one that is rebuilt."""
    outbox = Outbox(3.0)
    assert (outbox.state, outbox.since_s, outbox.may_open(99.0)) == (State.REBUILDING, 3.0, False)
    outbox.rebuilt(4.0)
    assert (outbox.state, outbox.since_s, outbox.may_open(4.0)) == (State.IDLE, 4.0, True)


def test_a_superseded_event_is_never_parted_from_its_carrier() -> None:
    """Where a transaction is full within a group, it takes the rest of the group as well."""
    superseded = [
        settled(n)._replace(result=Result.SUPERSEDED, record_key=None) for n in range(1, MAX_TRANSACTION_EVENTS + 5)
    ]
    carrier = settled(MAX_TRANSACTION_EVENTS + 5)
    outbox = ready_with(settled(0), *superseded, carrier, settled(MAX_TRANSACTION_EVENTS + 6))
    assert open_next(outbox).settled[-1] is carrier
    assert len(outbox.committed(1.0).settled) == MAX_TRANSACTION_EVENTS + 6
    assert offsets(open_next(outbox, 1.0)) == [MAX_TRANSACTION_EVENTS + 6]


def test_one_transaction_at_a_time_and_the_rest_waits_for_the_next() -> None:
    """Group commit: what settles meanwhile goes into the next one, in order."""
    outbox = ready_with(settled(0), settled(1))
    first = open_next(outbox)
    outbox.add([settled(2)])
    assert not outbox.may_open(0.0)
    assert (len(outbox), outbox.has_waiting, outbox.is_empty) == (3, True, False)
    assert outbox.committed(1.0) is first
    second = open_next(outbox)
    assert (offsets(first), offsets(second)) == ([0, 1], [2])
    outbox.committed(1.0)
    assert (len(outbox), outbox.has_waiting, outbox.is_empty) == (0, False, True)


def test_an_aborted_transactions_outcomes_go_again_first() -> None:
    """Their order stays, before what settled meanwhile."""
    outbox = ready_with(settled(0), settled(1))
    open_next(outbox)
    outbox.add([settled(2)])
    outbox.aborted(0.0)
    assert outbox.state is State.IDLE
    assert offsets(open_next(outbox)) == [0, 1, 2]


def test_aborts_in_a_row_wait_longer_up_to_a_bound() -> None:
    """A cause that does not go away is not tried in a spin; a commit forgets it."""
    outbox = ready_with(settled(0))
    waits = []
    now_s = 0.0
    for _ in range(40):
        open_next(outbox)
        outbox.aborted(now_s)
        waits.append(next(s for s in (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, MAX_RETRY_S) if outbox.may_open(now_s + s)))
        assert not outbox.may_open(now_s + waits[-1] - 0.01)
        now_s += MAX_RETRY_S
    assert waits[:6] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2]
    assert set(waits[6:]) == {MAX_RETRY_S}
    open_next(outbox)
    outbox.committed(now_s)
    outbox.add([settled(1)])
    open_next(outbox)
    outbox.aborted(now_s)
    assert outbox.may_open(now_s + FIRST_RETRY_S)


def test_a_transaction_of_unknown_end_is_resolved_after_the_rebuild() -> None:
    """It stays open over the rebuild; without one there is nothing to resolve."""
    outbox = ready_with(settled(0))
    transaction = open_next(outbox)
    outbox.rebuilding(5.0)
    assert (outbox.state, outbox.since_s, outbox.open) == (State.REBUILDING, 5.0, transaction)
    outbox.rebuilt(6.0)
    assert (outbox.state, outbox.may_open(6.0)) == (State.RESOLVING, False)
    outbox.committed(7.0)
    outbox.rebuilding(8.0)
    outbox.rebuilt(9.0)
    assert outbox.state is State.IDLE


@pytest.mark.parametrize("end", [Outbox.committed, Outbox.aborted])
def test_an_end_without_a_transaction_is_a_fault(end: object) -> None:
    """A report about nothing must not pass silently."""
    assert callable(end)
    with pytest.raises(RuntimeError, match="no transaction is open in state IDLE"):
        end(ready_with(), 0.0)


def test_a_transaction_is_bounded_in_events() -> None:
    """So that it ends soon, whatever has piled up."""
    outbox = ready_with(*(settled(n) for n in range(MAX_TRANSACTION_EVENTS + 3)))
    assert len(open_next(outbox).settled) == MAX_TRANSACTION_EVENTS
    outbox.committed(0.0)
    assert len(open_next(outbox).settled) == 3


def test_a_transaction_is_bounded_in_bytes_and_holds_at_least_one() -> None:
    """Values and dead letters count; one that is larger than the bound goes alone."""
    huge = DeadLetter(None, b"x" * (MAX_TRANSACTION_BYTES + 1), [], [])
    half = settled(1)._replace(value=b"x" * (MAX_TRANSACTION_BYTES // 2))
    outbox = ready_with(settled(0)._replace(dead_letter=huge), half, half, half)
    taken = []
    while outbox.has_waiting:
        taken.append(len(open_next(outbox).settled))
        outbox.committed(0.0)
    assert taken == [1, 2, 1]


def test_late_outcomes_are_told_apart() -> None:
    """What its ledger does not know any more is not published; its records are decided elsewhere."""
    outbox = ready_with(settled(0), settled(1, assignment=OTHER), settled(2))
    taken, late = outbox.next_settled(lambda assignment, _offsets: assignment != OTHER)
    assert [each.offset for each in taken] == [0, 2]
    assert [each.offset for each in late] == [1]


def test_outcomes_of_ended_assignments_are_dropped() -> None:
    """The next owner will have its own; what is in the open transaction stays, for it may be committed already."""
    outbox = ready_with(settled(0))
    open_next(outbox)
    outbox.add([settled(1), settled(2, assignment=OTHER), settled(3)])
    dropped = outbox.drop(lambda assignment: assignment == OTHER)
    assert [each.offset for each in dropped] == [1, 3]
    assert len(outbox) == 2
    assert outbox.drop(lambda assignment: assignment == OTHER) == []


def test_what_unfit_messages_keep_alive_is_counted() -> None:
    """From their arrival to their commit, over aborts, drops and late ones; events are counted by the lanes."""
    unfit = [settled(n, fit=False) for n in range(4)]
    outbox = ready_with(settled(9))
    outbox.add_unfit(unfit[0])
    outbox.add_unfit(unfit[1])
    assert outbox.unfit_bytes == 1_200
    open_next(outbox)
    outbox.aborted(0.0)
    assert outbox.unfit_bytes == 1_200
    open_next(outbox)
    outbox.add_unfit(unfit[2])
    outbox.add_unfit(unfit[3])
    outbox.committed(0.0)
    assert outbox.unfit_bytes == 1_200
    outbox.drop(lambda assignment: assignment == OTHER)
    assert outbox.unfit_bytes == 0
    outbox.add_unfit(settled(5, fit=False))
    outbox.next_settled(lambda _assignment, _offsets: False)
    assert (outbox.unfit_bytes, outbox.is_empty) == (0, True)


def test_outcomes_of_an_earlier_assignment_of_the_same_partition_are_late() -> None:
    """The epoch tells them apart."""
    again = Assignment(ASSIGNMENT.partition, 5)
    outbox = ready_with(settled(0), settled(0, assignment=again))
    assert [each.assignment for each in outbox.drop(lambda assignment: assignment == again)] == [ASSIGNMENT]
