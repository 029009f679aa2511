"""Records that break the API alone: when they are tried again, and how many there may be."""

from __future__ import annotations

import random

from stream.circuit import Change, ChangeKind
from stream.model import Assignment, Event, LaneKey
from stream.parking import MAX_BLAMED, MAX_PARKED, MAX_PARKED_PER_DATASTORE, Parking
from stream.steps import Scope, Wait

from ..builders import ASSIGNMENT, LANE, OTHER_PARTITION, event


def parking(changes: list[Change] | None = None) -> Parking:
    """Begin with an empty park."""
    return Parking(changes if changes is not None else [], random.Random(1))


def of(datastore: str, record_id: str = "r0", assignment: Assignment = ASSIGNMENT) -> Event:
    """Build an event of a datastore."""
    lane = LaneKey(datastore, LANE.update_type, LANE.conflict_resolution)
    return event(record_id, lane=lane, assignment=assignment)


def due(parked: Parking, now_s: float) -> list[str]:
    """Name the records that are to be tried."""
    return [each.event.record_id for each in parked.due(now_s)]


def test_a_parked_record_is_tried_again_with_the_probes_backoff() -> None:
    """Full jitter up to a minute; a 429 only postpones it; what the API asks for is heeded."""
    parked = parking()
    parked.park(event("a"), "it breaks", 100.0)
    (one,) = parked
    assert 100.0 <= one.probes.next_s <= 101.0
    assert due(parked, 101.0) == ["a"]
    for failed in range(1, 10):
        parked.try_failed(one.event.record_key, Wait(0.0, "again"), 1_000.0 * failed)
        assert one.probes.next_s <= 1_000.0 * failed + min(60.0, 2.0 ** (failed - 1))
    parked.try_failed(one.event.record_key, Wait(30.0, "slower", Scope.CREDENTIAL), 20_000.0)
    assert (one.probes.next_s, one.probes.failed, one.reason) == (20_030.0, 9, "again")


def test_one_record_of_a_datastore_is_tried_at_a_time() -> None:
    """The longest due first; other datastores have their own turn."""
    parked = parking()
    for name, datastore in (("a", "people"), ("b", "people"), ("c", "cities")):
        parked.park(of(datastore, name), "it breaks", 0.0)
    found = {each.event.record_id: each for each in parked}
    found["b"].probes.next_s, found["a"].probes.next_s, found["c"].probes.next_s = 1.0, 2.0, 3.0
    assert due(parked, 0.9) == []
    assert due(parked, 5.0) == ["b", "c"]
    found["b"].is_tried = True
    assert due(parked, 5.0) == ["c"]
    parked.put_back(found["b"].event._replace(suspect=True))
    assert due(parked, 5.0) == ["b", "c"]
    assert found["b"].event.suspect


def test_what_is_decided_is_forgotten_and_told() -> None:
    """Whoever listens learns when a record was parked and when it was decided."""
    changes: list[Change] = []
    parked = parking(changes)
    parked.park(event("a"), "it breaks", 5.0)
    parked.decided(("people", "a"))
    assert len(parked) == 0
    assert [(each.kind, each.datastore_id, each.record_id, each.since_s) for each in changes] == [
        (ChangeKind.RECORD_PARKED, "people", "a", 5.0),
        (ChangeKind.RECORD_DECIDED, "people", "a", 5.0),
    ]


def test_a_partition_that_ends_takes_its_parked_records_along() -> None:
    """But for one that a worker has: it is dropped when it lands."""
    parked = parking()
    other = Assignment(OTHER_PARTITION, 2)
    gone, tried, stays = of("d", "a", other), of("d", "b", other), of("d", "c")
    for each in (gone, tried, stays):
        parked.park(each, "it breaks", 0.0)
    next(each for each in parked if each.event is tried).is_tried = True
    assert parked.forget({other}) == [gone]
    assert [each.event for each in parked] == [tried, stays]


def test_what_was_parked_long_ago_is_given_up() -> None:
    """Not while a worker has it: its answer may come."""
    parked = parking()
    for name, since_s in (("a", 1.0), ("b", 2.0), ("c", 3.0)):
        parked.park(event(name), "it breaks", since_s)
    next(iter(parked)).is_tried = True
    assert [each.event.record_id for each in parked.take_parked_before(2.0)] == ["b"]
    assert [each.event.record_id for each in parked] == ["a", "c"]


def test_a_record_is_blamed_for_failing_alone_between_passes() -> None:
    """Where several break the API their datastore is held before one fails five times; it is remembered over holds."""
    parked = parking()
    assert [parked.blame(("d", "a"), passes) for passes in (0, 0, 0, 4, 4, 7)] == [False] * 5 + [True]
    assert not parked.blame(("d", "b"), 7)
    parked.park(of("d", "a"), "it breaks", 0.0)
    assert not parked.blame(("d", "a"), 9), "the count begins anew"


def test_blame_does_not_grow_the_memory() -> None:
    """Names come from events: those that failed last are remembered."""
    parked = parking()
    for number in range(2 * MAX_BLAMED):
        parked.blame(("d", f"r{number}"), number)
        parked.blame(("d", "a"), 0)
    assert len(parked._blamed) == MAX_BLAMED  # noqa: SLF001 - nothing else shows it
    assert [parked.blame(("d", "a"), passes) for passes in (1, 2)] == [False, True]


def test_there_is_room_for_so_many() -> None:
    """Of one datastore, and of all: more of them are no poison records."""
    parked = parking()
    for number in range(MAX_PARKED_PER_DATASTORE):
        assert parked.has_room("d")
        parked.park(of("d", f"r{number}"), "it breaks", 0.0)
    assert not parked.has_room("d")
    for number in range(MAX_PARKED - MAX_PARKED_PER_DATASTORE):
        assert parked.has_room(f"d{number}")
        parked.park(of(f"d{number}"), "it breaks", 0.0)
    assert not parked.has_room("another")
