"""Where a partition begins: every case of `KAFKA_START`, and what refuses one."""

from __future__ import annotations

import pytest

from stream import metadata
from stream.metadata import OffsetMetadata
from stream.partitions import CommittedOffset, Partition, Partitions, Phase
from stream.start import Start, StartAt

from ..builders import PARTITION, MemorySource, nothing_committed

NOW_MS = 1_790_000_900_000
BEGUN_MS = 1_790_000_000_000
LATER_MS = 1_790_000_500_000


def written(offset: int = 10, *, since_ms: int = BEGUN_MS, settled: tuple[int, ...] = ()) -> str:
    """Write the metadata of an offset that this service committed."""
    return metadata.encode(OffsetMetadata(clean=False, nonce="00", since_ms=since_ms, settled=settled), offset)


def begin(
    committed: CommittedOffset,
    source: MemorySource | None = None,
    *,
    at: StartAt = StartAt.EARLIEST,
    ignore_metadata: bool = False,
) -> Partition:
    """Let one partition begin."""
    partitions = Partitions()
    partitions.assign([PARTITION])
    Start(at, ignore_metadata).begin(partitions, PARTITION, committed, source or MemorySource(), NOW_MS)
    (owned,) = partitions
    return owned


def test_earliest_begins_at_the_beginning() -> None:
    """Of what the log still holds; the group's beginning is now."""
    owned = begin(nothing_committed(low=5, high=50))
    assert (owned.phase, owned.ledger.committable, owned.since_ms) == (Phase.MARKING, 5, NOW_MS)


def test_latest_begins_at_the_end_where_the_group_is_new() -> None:
    """No partition of the topic has a committed offset yet."""
    owned = begin(nothing_committed(low=5, high=50), at=StartAt.LATEST)
    assert (owned.phase, owned.ledger.committable, owned.since_ms) == (Phase.MARKING, 50, NOW_MS)


def test_latest_begins_an_added_partition_where_the_group_began() -> None:
    """Whatever was written since the group's beginning is read: the earliest beginning that is known counts."""
    source = MemorySource(
        texts=[written(since_ms=LATER_MS), written(99, since_ms=BEGUN_MS, settled=(101,)), "another program's"],
        first_at_ms={BEGUN_MS: 7},
    )
    owned = begin(nothing_committed(low=5, high=50), source, at=StartAt.LATEST)
    assert (owned.phase, owned.ledger.committable) == (Phase.MARKING, 7)


@pytest.mark.parametrize("texts", [[], [""], ["another program's"], [written(since_ms=0)]])
def test_latest_begins_at_the_end_where_no_beginning_is_known(texts: list[str]) -> None:
    """Texts that say nothing of a beginning do not count."""
    owned = begin(nothing_committed(high=50), MemorySource(texts=texts), at=StartAt.LATEST)
    assert owned.ledger.committable == 50


def test_no_answer_leaves_the_partition_for_the_next_turn() -> None:
    """Nothing is guessed while the broker is silent."""
    owned = begin(nothing_committed(), MemorySource(answers=False), at=StartAt.LATEST)
    assert owned.phase is Phase.AWAITING_OFFSET


def test_no_answer_about_the_time_leaves_it_too() -> None:
    """The second question may stay without an answer as well."""

    class HalfSilent(MemorySource):
        """Knows the texts, and not the offset of a time."""

        def offset_at(self, partition: object, timestamp_ms: int) -> int | None:
            """Say nothing."""
            assert (partition, timestamp_ms) == (PARTITION, BEGUN_MS)
            return None

    owned = begin(nothing_committed(), HalfSilent(texts=[written()]), at=StartAt.LATEST)
    assert owned.phase is Phase.AWAITING_OFFSET


@pytest.mark.parametrize("at", list(StartAt))
@pytest.mark.parametrize("offset", [5, 10, 50])
def test_a_committed_offset_is_where_the_group_goes_on(at: StartAt, offset: int) -> None:
    """`KAFKA_START` is for partitions without one; both ends of the log are inside of it."""
    owned = begin(CommittedOffset(offset, written(offset, settled=(offset + 2,)), 5, 50), at=at)
    assert (owned.phase, owned.ledger.committable, owned.since_ms) == (Phase.MARKING, offset, BEGUN_MS)
    assert owned.ledger.snapshot().settled == (offset + 2,)


def test_an_offset_without_metadata_is_taken() -> None:
    """Somebody has reset it by hand: that is the way out that the messages name."""
    owned = begin(CommittedOffset(10, "", 5, 50))
    assert (owned.phase, owned.ledger.committable, owned.since_ms) == (Phase.MARKING, 10, NOW_MS)


@pytest.mark.parametrize("offset", [4, 51])
@pytest.mark.parametrize("ignore_metadata", [False, True])
def test_an_offset_outside_the_log_is_refused(offset: int, ignore_metadata: bool) -> None:  # noqa: FBT001
    """Nothing is skipped by itself: the missing range and the ways out are named."""
    owned = begin(CommittedOffset(offset, written(offset), 5, 50), ignore_metadata=ignore_metadata)
    assert owned.phase is Phase.REFUSED
    assert f"the committed offset {offset} of deltas/0 is outside the log, which holds 5 to 50" in owned.refusal
    assert "--reset-offsets" in owned.refusal


UNREADABLE = ["another program's", written()[:-1], written().replace("1;r", "2;r", 1)]


@pytest.mark.parametrize("text", UNREADABLE)
def test_unreadable_metadata_is_refused(text: str) -> None:
    """The message gives the ways out, and tells nothing of the text."""
    owned = begin(CommittedOffset(10, text, 5, 50))
    assert owned.phase is Phase.REFUSED
    assert "deltas/0 was not written by this service" in owned.refusal
    assert "STREAM_IGNORE_OFFSET_METADATA=true" in owned.refusal
    assert text not in owned.refusal


@pytest.mark.parametrize("text", UNREADABLE)
def test_unreadable_metadata_may_be_ignored_on_demand(text: str) -> None:
    """`STREAM_IGNORE_OFFSET_METADATA`: as if nothing stood there, so that all may have been executed."""
    owned = begin(CommittedOffset(10, text, 5, 50), ignore_metadata=True)
    assert (owned.phase, owned.ledger.committable, owned.since_ms) == (Phase.MARKING, 10, NOW_MS)
    assert owned.ledger.snapshot().settled == ()
    assert not owned.ledger.is_clean


def test_readable_metadata_are_never_ignored() -> None:
    """The override doubles nothing that need not be doubled."""
    owned = begin(CommittedOffset(10, written(settled=(12,)), 5, 50), ignore_metadata=True)
    assert owned.ledger.snapshot().settled == (12,)
