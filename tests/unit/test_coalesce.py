"""`STREAM_COALESCE=fields` by examples: what merges, what does not, and how a refused group is taken apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from stream.coalesce import (
    MAX_GROUP_BYTES,
    MAX_GROUP_EVENTS,
    goes_alone,
    is_carrier,
    merge,
    refused_groups,
    take_apart,
)
from stream.flights import Errand
from stream.lanes import ENVELOPE_BYTES, BatchLimits, Lanes
from stream.model import Assignment, ConflictResolution, LaneKey, Result, Ruling, UpdateType, Verdict

from ..builders import ASSIGNMENT, LANE, PARTITION, batch, decided, event
from .execution_rig import Rig, Said, Sent, silence, status

if TYPE_CHECKING:
    from stream.model import Event

ROOM = 1_000_000
MERGING = BatchLimits(1000, 4_194_304, 0.0, merges=True)
OTHER_DIRECTIVES = LaneKey("people", UpdateType.UPSERT, ConflictResolution.IGNORE)
ELSEWHERE = Assignment(PARTITION._replace(partition=1), 1)
EARLIER = Assignment(PARTITION, 0)


def group(count: int = 3) -> Event:
    """Build a carrier of so many events, with offsets from 0."""
    first, *others = (event(offset=offset, fields={f"f{offset}": offset, "all": offset}) for offset in range(count))
    return merge(first, others, ROOM)


def with_member(name: str, value: object) -> Event:
    """Build an event whose record holds more than id and fields."""
    came = event(offset=1)
    return came._replace(record=orjson.dumps(orjson.loads(came.record) | {name: value}))


def fields(each: Event) -> dict[str, Any]:
    """Read what an event sends."""
    sent: dict[str, Any] = orjson.loads(each.record)["fields"]
    return sent


def offsets(events: tuple[Event, ...]) -> list[int]:
    """Name events by their offsets."""
    return [each.message.offset for each in events]


def test_later_fields_win_and_the_last_event_carries_all() -> None:
    """The carrier is the last event with the fields of all; it lingers since the first, and weighs as much as all."""
    events = [event(offset=n, arrived_s=n, fields={"a": n, f"f{n}": n}, suspect=n == 1) for n in range(3)]
    carrier = merge(events[0], events[1:], ROOM)
    assert fields(carrier) == {"a": 2, "f0": 0, "f1": 1, "f2": 2}
    assert (carrier.message, carrier.arrived_s) == (events[2].message, 0)
    assert (carrier.suspect, carrier.size_bytes) == (True, sum(each.size_bytes for each in events))
    assert carrier.carries == carrier.parts == tuple(events)
    assert (is_carrier(carrier), is_carrier(events[0])) == (True, False)


def test_a_carrier_carries_more_later() -> None:
    """A group that was put back merges with what has come since, as if it were one from the beginning."""
    events = [event(offset=n, fields={"a": n, f"f{n}": n}) for n in range(5)]
    again = merge(merge(events[0], events[1:3], ROOM), events[3:], ROOM)
    assert again == merge(events[0], events[1:], ROOM)


@pytest.mark.parametrize(
    "other",
    [
        event(offset=1, lane=OTHER_DIRECTIVES),
        event(offset=1, assignment=ELSEWHERE),
        event(offset=1, assignment=EARLIER),
        with_member("version", 1),
        with_member("checksum", "c0ffee"),
        take_apart(group(), for_good=True)[1],
    ],
    ids=["other directives", "another partition", "an ended assignment", "a version", "a checksum", "taken apart"],
)
def test_what_is_not_alike_does_not_merge(other: Event) -> None:
    """Nothing merges with it, nothing merges past it, and it does not merge with what follows."""
    first, last = event(offset=0), event(offset=2)
    assert merge(first, [other, last], ROOM) is first
    assert merge(other, [last], ROOM) is other
    assert offsets(merge(first, [event(offset=1), other._replace(message=last.message)], ROOM).carries) == [0, 1]


def test_a_group_is_bounded_in_events_and_in_bytes() -> None:
    """A hot record costs the loop no more than the limits say."""
    events = [event(offset=n) for n in range(MAX_GROUP_EVENTS + 5)]
    assert len(merge(events[0], events[1:], ROOM).carries) == MAX_GROUP_EVENTS
    large = [event(offset=n, name_length=MAX_GROUP_BYTES // 4) for n in range(5)]
    assert len(merge(large[0], large[1:], ROOM).carries) == 3


def test_a_record_grows_only_into_the_room_that_is_left() -> None:
    """What would make the body too large is sent as it came."""
    first, second = event(fields={"a": 1}), event(offset=1, fields={"b": 1})
    longer = len(merge(first, [second], ROOM).record) - len(first.record)
    assert merge(first, [second], longer - 1) is first
    assert is_carrier(merge(first, [second], longer))


@pytest.mark.parametrize(
    "number", [2**63, 2**64 - 1, -(2**63), 0.1, 1.2345678901234567, 9007199254740993, 1e22, -0.0, 5e-324, None, True]
)
def test_numbers_survive_to_the_last_digit(number: float | None) -> None:
    """Integers of 64 bits and decimals of 17 digits are sent as they came."""
    merged = merge(event(fields={"n": number, "a": 1}), [event(offset=1, fields={"a": 2})], ROOM)
    assert merged.record == b'{"id":"r0","fields":%b}' % orjson.dumps({"n": number, "a": 2})


def test_doubt_falls_on_all_that_is_carried() -> None:
    """Once an answer is lost, each event of the group may have been executed."""
    doubted = group().as_suspect()
    assert doubted.suspect
    assert all(each.suspect for each in doubted.carries)


@pytest.mark.parametrize(
    ("result", "rulings", "refused"),
    [
        (Result.APPLIED, None, False),
        (Result.INTEGRITY, None, False),
        (Result.REJECTED, None, True),
        (Result.CONFLICT, None, True),
        (Result.CONFLICT, {"r0": Ruling(Result.ALREADY_APPLIED, None, 3, confirmed=True)}, False),
        (Result.APPLIED, {"r0": Ruling(Result.SKIPPED_STALE, None, 3, confirmed=True)}, True),
        (Result.APPLIED, {"r1": Ruling(Result.SKIPPED_STALE, None, 3, confirmed=True)}, False),
    ],
)
def test_a_group_that_was_not_applied_is_refused(
    result: Result, rulings: dict[str, Ruling] | None, *, refused: bool
) -> None:
    """Each of its events is judged by itself then; single ones are judged already."""
    request = decided(result, group(), event("r1"))
    verdict = Verdict(result, 200, 1.0, 1, rulings=rulings)
    told = type(request)(request.batch, verdict, request.events)
    assert refused_groups(told) == ({"r0"} if refused else frozenset())


def test_taken_apart_for_good_nothing_merges_again() -> None:
    """Its events go as they came, one by one; taken apart otherwise they may merge."""
    carrier = group()
    apart = take_apart(carrier, for_good=True)
    assert [each._replace(carries=()) for each in apart] == list(carrier.carries)
    assert all(map(goes_alone, apart))
    assert take_apart(carrier, for_good=False) == carrier.carries
    assert take_apart(event(), for_good=True) == (event(),)


def lanes_of(*events: Event, body_bytes: int = 100_000) -> Lanes:
    """Build lanes in which these events have arrived."""
    lanes = Lanes(BatchLimits(1000, body_bytes, 0.0, merges=True))
    lanes.add(events)
    return lanes


def test_a_batch_gathers_what_waits_behind_its_events() -> None:
    """The lanes count what is carried as on its way, and a commit of the carrier releases all of it."""
    lanes = lanes_of(*(event(record, offset=n) for n, record in enumerate(["a", "b", "a", "a", "b"])))
    size_bytes = lanes.size_bytes
    gathered = lanes.gather(lanes.take(LANE))
    assert [offsets(each.parts) for each in gathered] == [[0, 2, 3], [1, 4]]
    assert (len(lanes), lanes.size_bytes) == (0, size_bytes)
    lanes.release(gathered)
    assert (lanes.has_any(), lanes.size_bytes) == (False, 0)


def test_a_body_never_grows_past_its_limit() -> None:
    """Of two records with much to carry the second goes as it came where the first has taken the room."""
    events = [event(record, offset=n, fields={f"f{n}": "x" * 100}) for n, record in enumerate(["a", "b", "a", "b"])]
    body_bytes = ENVELOPE_BYTES + 4 * 140
    lanes = lanes_of(*events, body_bytes=body_bytes - 140)
    gathered = lanes.gather(lanes.take(LANE))
    assert [len(each.parts) for each in gathered] == [2, 1]
    assert len(batch(*gathered).body) <= body_bytes


def test_what_was_taken_apart_waits_before_what_came_later() -> None:
    """The first goes back to the head of its lane, the others behind it, in their order."""
    lanes = lanes_of(*(event("a", offset=n) for n in range(3)))
    gathered = lanes.gather(lanes.take(LANE))
    lanes.add([event("a", offset=3), event("a", offset=4)])
    lanes.put_back_apart(gathered)
    seen = []
    while lanes.has_any():
        taken = lanes.gather(lanes.take(LANE))
        seen.append(offsets(taken[0].parts))
        lanes.release(taken)
    assert seen == [[0], [1], [2], [3, 4]]


def test_of_a_group_only_what_is_due_is_given_up() -> None:
    """Each event has its own time, and what is left may merge again."""
    lanes = lanes_of(*(event("a", offset=n, arrived_s=10.0 * n) for n in range(3)))
    lanes.put_back(lanes.gather(lanes.take(LANE)))
    (given_up,) = lanes.take_arrived_before(5.0)
    assert offsets(given_up.parts) == [0]
    lanes.release([given_up])
    assert [offsets(each.parts) for each in lanes.gather(lanes.take(LANE))] == [[1, 2]]


def test_a_refused_group_is_sent_one_by_one() -> None:
    """Each of its events is refused by itself, in its order."""
    rig = Rig(lambda _: status(400), batch=MERGING)
    expected = rig.arrive("people", "a", "a", "a")
    assert rig.run(10.0, lambda: rig.is_idle)
    assert rig.order == expected
    assert rig.results() == [Result.REJECTED] * 3
    assert len(rig.sent) == 4


def test_a_hot_record_needs_one_request_for_all_that_waits() -> None:
    """While the first event is on its way the others come together."""
    rig = Rig(batch=MERGING)
    rig.arrive("people", "a")
    rig.turn()
    rig.arrive("people", *"aaaaa")
    assert rig.run(10.0, lambda: rig.is_idle)
    assert len(rig.sent) == 2
    assert rig.results() == [Result.APPLIED, *[Result.SUPERSEDED] * 4, Result.APPLIED]


def test_a_group_that_breaks_the_api_is_taken_apart_before_it_is_parked() -> None:
    """A record is parked with one event, so that those before the bad one need not wait for it."""

    def api(sent: Sent) -> Said:
        return status(500) if "bad" in sent.record_ids else status(200)

    rig = Rig(api, batch=MERGING)
    offered = rig.arrive("people", "bad", "bad", "bad")
    for _ in range(200):
        rig.arrive("people", "good")
        rig.run(1.0)
    (parked,) = rig.undecided.parking
    assert offsets(parked.event.parts) == offered[:1]
    assert rig.doubted[0].parts[-1].message.offset == offered[-1]


def test_a_probe_does_not_merge() -> None:
    """What is held is probed by a single event, so that one that is bad cannot hide behind another."""
    rig = Rig(lambda _: silence(0.1), batch=MERGING)
    rig.arrive("people", *"abcdef")
    assert rig.run(60.0, lambda: rig.execution.holds.is_held("people"))
    rig.arrive("people", *"xxxx")
    rig.run(120.0)
    probes = [each for each in rig.sent if each.errand is Errand.PROBE and each.record_ids == ("x",)]
    assert probes
    assert rig.execution.lanes.has_any("people")
    assert all(len(each.parts) == 1 for _, waiting in rig.execution.lanes.waiting() for each in waiting)


def test_a_revoked_group_is_forgotten_as_a_whole() -> None:
    """All of it stands in one partition, so that nobody keeps half of it."""
    lanes = lanes_of(*(event("a", offset=n) for n in range(3)))
    lanes.put_back(lanes.gather(lanes.take(LANE)))
    lanes.forget({ASSIGNMENT})
    assert (lanes.has_any(), lanes.size_bytes) == (False, 0)
