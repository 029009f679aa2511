"""Outcomes from the verdict to the commit: what goes together, the marks, aborts, and what comes too late."""

from __future__ import annotations

from stream import metadata
from stream.outbox import MAX_TRANSACTION_EVENTS
from stream.partitions import Phase
from stream.ports import Aborted, Ready

from ..builders import OTHER_PARTITION, PARTITION, message, settled
from .publication_desk import Desk, committed_offsets, flowing, offsets


def test_a_partition_flows_after_its_start_mark_is_committed() -> None:
    """Before anything of it is dispatched, its start is committed with the mark `running`."""
    desk = Desk()
    (owned,) = desk.assign(PARTITION, begin=42)
    desk.turn()
    assert desk.sink.published == [], "no producer works yet"
    desk.turn(Ready())
    assert (desk.last.settled, committed_offsets(desk.last)) == ((), {PARTITION: 42})
    mark = metadata.decode(desk.last.commits[0].metadata, 42)
    assert (mark.clean, mark.nonce, mark.settled) == (False, desk.last.nonce, ())
    assert (owned.phase, desk.source.begun) == (Phase.MARKING, [])
    desk.commit()
    assert (owned.phase, desk.source.begun) == (Phase.FLOWING, [(PARTITION, 42)])


def test_nothing_is_opened_without_news() -> None:
    """No empty transactions, however often the loop turns."""
    desk, (owned,) = flowing()
    for _ in range(3):
        desk.turn()
    assert len(desk.sink.published) == 1
    assert not desk.publication.has_work_for({owned.assignment}, ())


def test_outcomes_and_offsets_go_together() -> None:
    """What settled since the last transaction goes into the next one, with the offsets that it makes committable."""
    desk, (first, second) = flowing(PARTITION, OTHER_PARTITION)
    outcomes = [*desk.deliver(first, 0, 1), *desk.deliver(second, 0)]
    first.take([message(offset=2)])
    assert desk.turn() == [], "nothing is decided before the commit"
    assert desk.last.settled == tuple(outcomes)
    assert desk.last.group == "group of generation 1"
    assert committed_offsets(desk.last) == {PARTITION: 2, OTHER_PARTITION: 1}
    desk.deliver(first, 3)
    desk.turn()
    assert len(desk.sink.published) == 2, "one transaction at a time"
    assert desk.commit() == outcomes
    assert (offsets(desk.last.settled), committed_offsets(desk.last)) == ([3], {PARTITION: 2})
    assert metadata.decode(desk.last.commits[0].metadata, 2).settled == (3,)


def test_every_transaction_has_a_nonce_of_its_own() -> None:
    """By it a commit whose answer was lost is recognised."""
    desk, (owned,) = flowing()
    for offset in range(5):
        desk.deliver(owned, offset)
        desk.turn()
        desk.commit()
    nonces = {transaction.nonce for transaction in desk.sink.published}
    assert len(nonces) == len(desk.sink.published) == 6
    assert all(len(nonce) == 16 for nonce in nonces)


def test_no_transaction_without_membership() -> None:
    """Group metadata of no generation would switch the broker's fencing off: outcomes wait."""
    desk, (owned,) = flowing()
    desk.source.group_metadata = None
    desk.deliver(owned, 0)
    desk.turn()
    assert len(desk.sink.published) == 1
    desk.source.group_metadata = "group of generation 2"
    desk.turn()
    assert (offsets(desk.last.settled), desk.last.group) == ([0], "group of generation 2")


def test_an_aborted_transactions_outcomes_go_again_in_order() -> None:
    """From memory, before what settled meanwhile, under another nonce; the ledger is told twice without harm."""
    desk, (owned,) = flowing()
    desk.deliver(owned, 0, 1)
    desk.turn()
    aborted = desk.last
    desk.deliver(owned, 2)
    assert desk.turn(Aborted(aborted.nonce, "abortable")) == []
    assert desk.last is aborted, "after a short wait"
    desk.now_s += 1.0
    desk.turn()
    assert (offsets(desk.last.settled), committed_offsets(desk.last)) == ([0, 1, 2], {PARTITION: 3})
    assert desk.last.nonce != aborted.nonce
    assert offsets(desk.commit()) == [0, 1, 2]
    assert owned.ledger.committed == 3


def test_outcomes_of_a_revoked_partition_are_dropped_and_their_records_released() -> None:
    """The next owner will have its own; what stays is published."""
    desk, (gone, kept) = flowing(PARTITION, OTHER_PARTITION)
    dropped, stays = desk.deliver(gone, 0, 1), desk.deliver(kept, 0)
    desk.partitions.unassign([PARTITION])
    assert desk.turn() == dropped
    assert (desk.last.settled, committed_offsets(desk.last)) == (tuple(stays), {OTHER_PARTITION: 1})
    desk.deliver(gone, 2)
    assert offsets(desk.publication.drop_late()) == [2]


def test_late_outcomes_alone_open_nothing() -> None:
    """A transaction without a partition would commit nothing."""
    desk, (owned,) = flowing()
    dropped = desk.deliver(owned, 0)
    desk.partitions.unassign([PARTITION])
    assert desk.turn() == dropped
    assert len(desk.sink.published) == 1


def test_clean_is_written_only_when_it_is_clean() -> None:
    """By whoever ends a partition, after everything that it executed is settled."""
    desk, (owned,) = flowing()
    assignment = owned.assignment
    owned.take([message(offset=0)])
    owned.ledger.doubt(0)
    desk.turn(clean={assignment})
    assert len(desk.sink.published) == 1, "a doubtful request is no clean end"
    assert not desk.publication.has_work_for({assignment}, {assignment})
    desk.publication.outbox.add([settled(0, assignment=assignment)])
    assert desk.publication.has_work_for({assignment}, {assignment})
    desk.turn(clean={assignment})
    assert metadata.decode(desk.last.commits[0].metadata, 1).clean
    desk.commit(clean={assignment})
    assert not desk.publication.has_work_for({assignment}, {assignment})


def test_a_clean_mark_alone_is_worth_a_transaction() -> None:
    """Nothing settled, but the next owner is spared its suspects."""
    desk, (owned,) = flowing()
    assert desk.publication.has_work_for({owned.assignment}, {owned.assignment})
    desk.turn(clean={owned.assignment})
    assert (desk.last.settled, desk.last.commits[0].clean) == ((), True)


def test_clean_waits_until_the_last_outcome_is_in_a_transaction() -> None:
    """More outcomes than one transaction takes were executed: until the rest is in, the mark stays `running`."""
    desk, (owned,) = flowing()
    desk.deliver(owned, *range(MAX_TRANSACTION_EVENTS + 1))
    desk.turn(clean={owned.assignment})
    assert [commit.clean for commit in desk.last.commits] == [False]
    desk.commit(clean={owned.assignment})
    assert [commit.clean for commit in desk.last.commits] == [True]
    assert offsets(desk.last.settled) == [MAX_TRANSACTION_EVENTS]


def test_a_refused_partitions_outcomes_are_committed_with_its_offset() -> None:
    """Refused in full flow: what was executed before has its outcome once, and not again after a restart."""
    desk, (owned,) = flowing()
    desk.deliver(owned, 0)
    desk.partitions.refuse(PARTITION, "its position has left the log")
    desk.turn()
    assert (offsets(desk.last.settled), committed_offsets(desk.last)) == ([0], {PARTITION: 1})
    desk.commit()
    assert owned.phase is Phase.REFUSED
