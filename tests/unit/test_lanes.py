"""Lanes and batches by examples: when a batch is due, what it holds, and what dissolving and forgetting do."""

from __future__ import annotations

import math

from stream.lanes import ENVELOPE_BYTES, BatchLimits, Lanes
from stream.model import Assignment, ConflictResolution, Event, LaneKey, UpdateType

from ..builders import ASSIGNMENT, LANE, OTHER_PARTITION, event

LIMITS = BatchLimits(size=3, body_bytes=10_000, linger_s=2.0)
OTHER_LANE = LaneKey("cities", UpdateType.UPSERT, ConflictResolution.OVERWRITE)
FAILING_LANE = LaneKey("people", UpdateType.UPSERT, ConflictResolution.FAIL)
OTHER_ASSIGNMENT = Assignment(OTHER_PARTITION, 2)


def lanes_of(*events: Event, limits: BatchLimits = LIMITS) -> Lanes:
    """Build lanes in which these events have arrived."""
    lanes = Lanes(limits)
    for each in events:
        lanes.add([each])
    return lanes


def names(events: tuple[Event, ...]) -> list[str]:
    """Name events by their record and offset."""
    return [f"{each.record_id}@{each.message.offset}" for each in events]


def release(lanes: Lanes, each: Event) -> None:
    """Let an event's outcome be committed."""
    lanes.release([each])


def test_a_batch_is_due_when_full_or_when_its_oldest_has_lingered() -> None:
    """Neither is waited for longer than needed."""
    lanes = lanes_of(event("a", arrived_s=10.0), event("b", arrived_s=11.0))
    assert lanes.due(11.9) == []
    assert lanes.due(12.0) == [LANE]
    lanes.add([event("c", arrived_s=11.5)])
    assert lanes.due(11.5) == [LANE]


def test_nothing_is_due_without_events() -> None:
    """Empty lanes ask for nothing."""
    lanes = lanes_of(event("a"))
    lanes.take(LANE)
    assert lanes.due(math.inf) == []


def test_a_repeated_record_waits_and_does_not_close_the_batch() -> None:
    """A batch holds a record once; others fill it past the one that waits."""
    lanes = lanes_of(event("a", offset=0), event("a", offset=1), event("b", offset=2), event("c", offset=3))
    assert names(lanes.take(LANE)) == ["a@0", "b@2", "c@3"]
    assert lanes.due(math.inf) == []
    assert len(lanes) == 1


def test_the_next_event_of_a_record_comes_after_the_commit() -> None:
    """Decided means committed: until then the record's next event stays where it is, whatever lane it is for."""
    lanes = lanes_of(event("a", offset=0), event("a", offset=1, lane=FAILING_LANE))
    (first,) = lanes.take(LANE)
    assert lanes.due(math.inf) == []
    release(lanes, first)
    assert names(lanes.take(FAILING_LANE)) == ["a@1"]


def test_a_released_event_past_its_linger_is_due_at_once() -> None:
    """The time that it waited for its predecessor counts."""
    lanes = lanes_of(event("a", offset=0, arrived_s=0.0), event("a", offset=1, arrived_s=0.5))
    (first,) = lanes.take(LANE)
    lanes.add([event("b", offset=2, arrived_s=10.0)])
    assert lanes.due(10.0) == []
    release(lanes, first)
    assert lanes.due(10.0) == [LANE]
    assert names(lanes.take(LANE)) == ["b@2", "a@1"]


def test_records_of_different_datastores_are_different() -> None:
    """The same id in two datastores is two records."""
    lanes = lanes_of(event("a"), event("a", lane=OTHER_LANE))
    assert set(lanes.due(math.inf)) == {LANE, OTHER_LANE}


def test_bytes_bound_a_batch() -> None:
    """A batch stays below the limit of the request body, and is due when that is reached."""
    long = [event(name, name_length=1_000) for name in "abcde"]
    each_bytes = len(long[0].record) + 1
    for missing_bytes, sizes in ((0, [3, 2]), (1, [2, 2, 1])):
        body_bytes = ENVELOPE_BYTES + 3 * each_bytes - missing_bytes
        lanes = lanes_of(*long[:2], limits=BatchLimits(size=100, body_bytes=body_bytes, linger_s=2.0))
        assert lanes.due(0.0) == []
        for each in long[2:]:
            lanes.add([each])
        assert lanes.due(0.0) == [LANE]
        assert [len(lanes.take(LANE)) for _ in sizes] == sizes


def test_what_a_batch_leaves_behind_counts_for_the_next() -> None:
    """The bytes of a lane are those of its events, after a batch and after a revocation too."""
    each_bytes = len(event("a", name_length=1_000).record) + 1
    lanes = Lanes(BatchLimits(size=100, body_bytes=ENVELOPE_BYTES + 3 * each_bytes, linger_s=2.0))
    for name in "abcd":
        lanes.add([event(name, name_length=1_000)])
    lanes.take(LANE)
    for name, assignment in (("e", OTHER_ASSIGNMENT), ("f", ASSIGNMENT)):
        assert lanes.due(0.0) == []
        lanes.add([event(name, name_length=1_000, assignment=assignment)])
    assert lanes.due(0.0) == [LANE]
    lanes.forget({OTHER_ASSIGNMENT})
    assert lanes.due(0.0) == []
    lanes.add([event("g", name_length=1_000)])
    assert lanes.due(0.0) == [LANE]


def test_one_event_above_the_limit_goes_alone() -> None:
    """What is too large for any batch is a batch of its own: the API will say what it thinks of it."""
    limits = BatchLimits(size=100, body_bytes=1_000, linger_s=2.0)
    lanes = lanes_of(event("a"), event("b", name_length=5_000), event("c"), limits=limits)
    assert [names(lanes.take(LANE)) for _ in range(3)] == [["a@0"], ["b@0"], ["c@0"]]


def test_the_longest_waiting_lane_comes_first() -> None:
    """Lanes are served by the age of what they hold."""
    lanes = lanes_of(event("a", arrived_s=3.0), event("b", arrived_s=1.0, lane=OTHER_LANE))
    assert lanes.due(10.0) == [OTHER_LANE, LANE]


def test_a_lane_that_is_always_full_does_not_stay_first() -> None:
    """A backlog in one lane never starves another: its age is that of what it holds now."""
    lanes = lanes_of(*(event(f"r{n}", arrived_s=float(n)) for n in range(9)))
    lanes.add([event("x", arrived_s=4.0, lane=OTHER_LANE)])
    assert lanes.due(10.0) == [LANE, OTHER_LANE]
    lanes.take(LANE)
    assert lanes.due(10.0) == [LANE, OTHER_LANE]
    lanes.take(LANE)
    assert lanes.due(10.0) == [OTHER_LANE, LANE]


def test_a_dissolved_batch_returns_to_the_head_in_order() -> None:
    """What has waited longest goes first again, and is due by its own arrival."""
    lanes = lanes_of(*(event(name, arrived_s=0.0) for name in "abc"))
    taken = lanes.take(LANE)
    lanes.add([event("d", arrived_s=9.0)])
    lanes.put_back(taken)
    assert lanes.due(9.0) == [LANE]
    assert names(lanes.take(LANE)) == ["a@0", "b@0", "c@0"]
    assert names(lanes.take(LANE)) == ["d@0"]


def test_forgotten_events_make_room_for_those_that_stay() -> None:
    """Of a revoked partition nothing is kept; an event of a kept one no longer waits for it."""
    gone = [event("a", offset=0), event("a", offset=1), event("b", offset=2)]
    kept = event("a", offset=7, assignment=OTHER_ASSIGNMENT)
    lanes = lanes_of(*gone, kept)
    lanes.forget({ASSIGNMENT})
    assert names(lanes.take(LANE)) == ["a@7"]
    assert len(lanes) == 0
    assert lanes.size_bytes == kept.size_bytes


def test_what_is_on_its_way_is_released_when_it_lands() -> None:
    """A request cannot be called back: its record stays taken until its answer is here."""
    first, again = event("a", offset=0), event("a", offset=0, assignment=OTHER_ASSIGNMENT)
    lanes = lanes_of(first)
    lanes.take(LANE)
    lanes.forget({ASSIGNMENT})
    lanes.add([again])
    assert lanes.due(math.inf) == []
    release(lanes, first)
    assert lanes.take(LANE) == (again,)
    release(lanes, again)
    assert lanes.size_bytes == 0
