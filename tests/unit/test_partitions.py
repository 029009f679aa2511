"""Partitions from their assignment to the first event, and what is committed for them."""

from __future__ import annotations

import pytest

from stream import metadata
from stream.ledger import WINDOW, Delivery
from stream.metadata import MAX_BITMAP_SPAN, OffsetMetadata, UnreadableMetadataError
from stream.model import Assignment
from stream.partitions import MAX_OVERFLOW, CommittedOffset, Partition, Partitions, Phase, Taken, read_metadata

from ..builders import OTHER_PARTITION, PARTITION, message, nothing_committed

NONCE = "00000000000000aa"
SINCE_MS = 1_790_000_000_000


def owning(begin: int = 0) -> tuple[Partitions, Partition]:
    """Build partitions of which one flows from an offset."""
    partitions = Partitions()
    partitions.assign([PARTITION])
    partitions.start(PARTITION, nothing_committed(), begin, SINCE_MS)
    (owned,) = partitions
    commit(partitions, owned)
    return partitions, owned


def commit(partitions: Partitions, owned: Partition, *, may_be_clean: bool = False) -> OffsetMetadata:
    """Commit what there is to say of a partition; return it as the next owner reads it."""
    what = partitions.commit(owned.assignment, NONCE, may_be_clean=may_be_clean)
    partitions.confirm(what)
    read = metadata.decode(what.metadata, what.snapshot.committable)
    assert (read.nonce, read.clean) == (NONCE, what.clean)
    return read


def left(*settled: int, clean: bool = False, offset: int = 10, high: int = 100) -> CommittedOffset:
    """Build what an earlier owner committed."""
    text = metadata.encode(OffsetMetadata(clean, NONCE, SINCE_MS, settled), offset)
    return CommittedOffset(offset, text, 0, high)


def test_an_assigned_partition_flows_only_after_its_mark() -> None:
    """From the offset to the mark to the flow; each step once."""
    partitions = Partitions()
    partitions.assign([PARTITION])
    (owned,) = partitions
    assert owned.phase is Phase.AWAITING_OFFSET
    assert not partitions.has_news(owned.assignment, may_be_clean=True)
    partitions.start(PARTITION, nothing_committed(), 42, SINCE_MS)
    assert partitions.in_phase(Phase.MARKING) == [owned]
    assert partitions.has_news(owned.assignment, may_be_clean=False)
    mark = partitions.commit(owned.assignment, NONCE, may_be_clean=False)
    assert (mark.snapshot.committable, mark.clean) == (42, False)
    assert metadata.decode(mark.metadata, 42) == OffsetMetadata(clean=False, nonce=NONCE, since_ms=SINCE_MS)
    assert partitions.confirm(mark) is owned
    assert partitions.in_phase(Phase.FLOWING) == [owned]
    assert partitions.confirm(mark) is None
    assert not partitions.has_news(owned.assignment, may_be_clean=False)


def test_each_assignment_has_an_epoch_of_its_own() -> None:
    """A partition that comes back is another assignment; what belongs to the first is late."""
    partitions = Partitions()
    partitions.assign([PARTITION, OTHER_PARTITION])
    first, other = (owned.assignment for owned in partitions)
    assert partitions.unassign([PARTITION]) == {first}
    assert partitions.unassign([PARTITION]) == set()
    assert not partitions.owns(first)
    partitions.assign([PARTITION])
    again = partitions.get(PARTITION)
    assert again is not None
    assert len({first, other, again.assignment}) == 3
    assert again.assignment.epoch > other.epoch > first.epoch
    assert not partitions.owns(first)
    assert partitions.owns(again.assignment)
    assert partitions.current(first) is None


def offsets(taken: list[Taken]) -> list[int]:
    """Name the offsets of new messages."""
    assert {each.delivery for each in taken} <= {Delivery.NEW}
    return [message.offset for each in taken for message in each.messages]


def deliveries(owned: Partition, *delivered: int) -> list[Delivery]:
    """Deliver offsets in one run; return what each of those that were tracked is."""
    taken = owned.take([message(offset=offset) for offset in delivered])
    return [each.delivery for each in taken for _ in each.messages]


def test_what_is_late_changes_nothing() -> None:
    """Settled outcomes and commits of an ended assignment do not touch the next one."""
    partitions, owned = owning()
    old = owned.assignment
    late = partitions.commit(old, NONCE, may_be_clean=False)
    partitions.unassign([PARTITION])
    partitions.assign([PARTITION])
    partitions.start(PARTITION, nothing_committed(), 7, SINCE_MS)
    assert not partitions.settle(old, [0])
    assert partitions.confirm(late) is None
    assert not partitions.has_news(old, may_be_clean=True)
    (again,) = partitions
    assert (again.phase, again.ledger.committed) == (Phase.MARKING, 7)


def test_a_committed_offset_counts_more_than_where_to_begin() -> None:
    """What the earlier owner left is skipped or suspect, and its beginning is kept."""
    partitions = Partitions()
    partitions.assign([PARTITION])
    partitions.start(PARTITION, left(11, offset=10, high=13), 0, SINCE_MS + 5)
    (owned,) = partitions
    assert deliveries(owned, 10, 11, 12, 13) == [
        Delivery.SUSPECT,
        Delivery.SETTLED,
        Delivery.SUSPECT,
        Delivery.NEW,
    ]
    assert commit(partitions, owned) == OffsetMetadata(False, NONCE, SINCE_MS, (11,))  # noqa: FBT003 - the mark


def test_a_clean_mark_leaves_no_suspects() -> None:
    """Whoever ended in order had no request out."""
    partitions = Partitions()
    partitions.assign([PARTITION])
    partitions.start(PARTITION, left(11, clean=True), 0, SINCE_MS)
    (owned,) = partitions
    assert deliveries(owned, 10, 11, 12) == [
        Delivery.NEW,
        Delivery.SETTLED,
        Delivery.NEW,
    ]


def test_empty_metadata_counts_as_running() -> None:
    """An offset that another tool has set says nothing: everything up to the log's end is suspect."""
    partitions = Partitions()
    partitions.assign([PARTITION])
    partitions.start(PARTITION, CommittedOffset(10, "", 0, 12), 0, SINCE_MS)
    (owned,) = partitions
    assert deliveries(owned, 10, 11, 12) == [
        Delivery.SUSPECT,
        Delivery.SUSPECT,
        Delivery.NEW,
    ]
    assert read_metadata("", 10, SINCE_MS) == OffsetMetadata(clean=False, nonce="", since_ms=SINCE_MS)


def test_foreign_metadata_is_not_guessed() -> None:
    """The partition stays as it was, to be refused by whoever asked."""
    partitions = Partitions()
    partitions.assign([PARTITION])
    with pytest.raises(UnreadableMetadataError):
        partitions.start(PARTITION, CommittedOffset(10, "another program's", 0, 12), 0, SINCE_MS)
    (owned,) = partitions
    assert (owned.phase, owned.has_begun) == (Phase.AWAITING_OFFSET, False)


def test_clean_is_written_once_and_only_when_it_is_true() -> None:
    """It needs an end in order, no doubt, and it is news only until it is said."""
    partitions, owned = owning()
    deliveries(owned, 0)
    owned.ledger.doubt(0)
    assert not partitions.has_news(owned.assignment, may_be_clean=True)
    assert not partitions.commit(owned.assignment, NONCE, may_be_clean=True).clean
    partitions.settle(owned.assignment, [0])
    assert not commit(partitions, owned, may_be_clean=False).clean
    assert partitions.has_news(owned.assignment, may_be_clean=True)
    assert not partitions.has_news(owned.assignment, may_be_clean=False)
    assert commit(partitions, owned, may_be_clean=True).clean
    assert not partitions.has_news(owned.assignment, may_be_clean=True)


def test_a_refused_partition_says_why() -> None:
    """And nothing is committed for one that has never begun."""
    partitions = Partitions()
    partitions.assign([PARTITION])
    partitions.refuse(PARTITION, "because")
    partitions.refuse(OTHER_PARTITION, "not ours")
    (owned,) = partitions.in_phase(Phase.REFUSED)
    assert owned.refusal == "because"
    assert not partitions.has_news(owned.assignment, may_be_clean=True)


def test_a_partition_refused_in_full_flow_still_commits_what_settles() -> None:
    """Its requests on the wire get outcomes; without their offsets the next owner would double them."""
    partitions, owned = owning()
    deliveries(owned, 0)
    partitions.refuse(PARTITION, "its position has left the log")
    assert partitions.settle(owned.assignment, [0])
    assert partitions.has_news(owned.assignment, may_be_clean=False)
    commit(partitions, owned)
    assert owned.ledger.committed == 1
    assert partitions.in_phase(Phase.REFUSED) == [owned]


def test_what_is_fetched_past_the_window_waits_in_order() -> None:
    """Once one message waits, all later ones do, and each is tracked when there is room."""
    partitions, owned = owning()
    assert deliveries(owned, 0) == [Delivery.NEW]
    far = [MAX_BITMAP_SPAN + 1_000 * n for n in range(300)]
    taken = offsets(owned.take([message(offset=offset) for offset in far]))
    assert taken == far[:199]
    assert deliveries(owned, far[-1] + 1) == []
    assert not owned.wants_resume
    for offset in (0, *taken[:150]):
        partitions.settle(owned.assignment, [offset])
    commit(partitions, owned)
    assert offsets(owned.take([message(offset=far[-1] + 2)])) == [*far[199:], far[-1] + 1, far[-1] + 2]
    assert owned.take_overflow() == []


def test_a_run_is_tracked_whole_or_as_far_as_the_window_goes() -> None:
    """What a full window holds back is taken when there is room, and nothing is taken twice."""
    partitions, owned = owning()
    (whole,) = owned.take([message(offset=offset) for offset in range(WINDOW - 2)])
    assert (whole.delivery, len(whole.messages)) == (Delivery.NEW, WINDOW - 2)
    assert offsets(owned.take([message(offset=WINDOW + n) for n in range(5)])) == [WINDOW, WINDOW + 1]
    assert owned.take_overflow() == []
    partitions.settle(owned.assignment, range(2))
    commit(partitions, owned)
    assert offsets(owned.take_overflow()) == [WINDOW + 2, WINDOW + 3]


def test_a_full_window_pauses_when_much_waits_behind_it_and_half_of_it_resumes() -> None:
    """A pause costs what was fetched ahead, so that a window which is full for a moment causes none."""
    partitions, owned = owning()
    owned.take([message(offset=offset) for offset in range(WINDOW)])
    owned.take([message(offset=WINDOW + n) for n in range(MAX_OVERFLOW - 1)])
    assert wishes(owned) == (False, False)
    owned.take([message(offset=WINDOW + MAX_OVERFLOW)])
    assert wishes(owned) == (True, False)
    partitions.settle(owned.assignment, range(WINDOW // 2 + MAX_OVERFLOW - 1))
    commit(partitions, owned)
    owned.take_overflow()
    assert wishes(owned) == (False, False)
    partitions.settle(owned.assignment, [WINDOW // 2 + MAX_OVERFLOW - 1])
    commit(partitions, owned)
    assert wishes(owned) == (False, True)


def wishes(owned: Partition) -> tuple[bool, bool]:
    """Say whether a partition wants to be paused, and to be resumed if it was."""
    return owned.wants_pause, owned.wants_resume


def test_partitions_are_looked_through_while_they_come_and_go() -> None:
    """A revocation in the middle of a look trips nobody."""
    partitions = Partitions()
    partitions.assign([PARTITION, OTHER_PARTITION])
    assert [partitions.unassign([owned.assignment.partition]) for owned in partitions] == [
        {Assignment(PARTITION, 1)},
        {Assignment(OTHER_PARTITION, 2)},
    ]
