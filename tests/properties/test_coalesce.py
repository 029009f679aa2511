"""Merging, held against the plain meaning of it: executing a group is executing its events one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from stream.coalesce import merge, take_apart
from stream.lanes import BatchLimits, Lanes
from stream.model import Assignment, ConflictResolution, LaneKey, TopicPartition, UpdateType

from ..builders import event

if TYPE_CHECKING:
    from stream.model import Event

LANES = [LaneKey("people", UpdateType.UPSERT, resolution) for resolution in ConflictResolution]
ASSIGNMENTS = [Assignment(TopicPartition("deltas", number), 1) for number in range(2)]
numbers = st.one_of(st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False, allow_infinity=False))
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=5,
)
changes = st.dictionaries(st.one_of(st.sampled_from("abc"), st.text()), values, min_size=1, max_size=4)
arrivals = st.lists(
    st.tuples(
        st.sampled_from("rst"),
        changes,
        st.sampled_from(LANES),
        st.sampled_from(ASSIGNMENTS),
        st.sampled_from([0, 0, 1]),
    ),
    max_size=25,
)


def with_version(each: Event) -> Event:
    """Let an event name the version that it was made for."""
    return each._replace(record=orjson.dumps(orjson.loads(each.record) | {"version": 1}))


def stored_after(events: list[Event]) -> dict[str, dict[str, Any]]:
    """Execute events one after the other: each changes the members that it names, and leaves the others."""
    stored: dict[str, dict[str, Any]] = {}
    for each in events:
        stored.setdefault(each.record_id, {}).update(orjson.loads(each.record)["fields"])
    return stored


@given(st.lists(changes, min_size=1, max_size=8), st.integers(0, 7))
def test_a_group_says_what_its_events_said_in_their_order(said: list[dict[str, Any]], cut: int) -> None:
    """The carrier's fields are those of all, byte for byte, later ones over earlier ones, however the group grew."""
    first, *others = (event(offset=offset, fields=fields) for offset, fields in enumerate(said))
    carrier = merge(first, others, 10**9)
    expected: dict[str, Any] = {}
    for fields in said:
        expected |= fields
    assert carrier.record == orjson.dumps({"id": "r0", "fields": expected})
    assert carrier.parts == (first, *others)
    assert merge(merge(first, others[:cut], 10**9), others[cut:], 10**9) == carrier
    assert tuple(each._replace(carries=()) for each in take_apart(carrier, for_good=True)) == carrier.parts


@given(arrivals, st.integers(350, 2_000), st.integers(1, 4), st.data())
def test_whatever_merges_the_end_is_the_same(
    came: list[tuple[str, dict[str, Any], LaneKey, Assignment, bool]], body_bytes: int, size: int, data: st.DataObject
) -> None:
    """Events leave in the order of their record, each once, alike ones together; what is stored then is the same."""
    events = [
        event(record, offset=offset, fields=fields, lane=lane, assignment=assignment)
        for offset, (record, fields, lane, assignment, _) in enumerate(came)
    ]
    events = [with_version(each) if odd else each for each, (*_, odd) in zip(events, came, strict=True)]
    lanes = Lanes(BatchLimits(size, body_bytes, 0.0, merges=True))
    lanes.add(events)
    sent: list[Event] = []
    while due := lanes.due(0.0):
        batch = lanes.gather(lanes.take(data.draw(st.sampled_from(due))))
        refused = [each for each in batch if len(each.carries) > 1 and data.draw(st.booleans())]
        lanes.put_back_apart(refused)
        passed = [each for each in batch if each not in refused]
        sent += passed
        lanes.release(passed)
    for group in sent:
        assert len({(each.lane, each.assignment) for each in group.parts}) == 1
        assert len(group.parts) == 1 or all(b'"version"' not in each.record for each in group.parts)
    left = [each for group in sent for each in group.parts]
    for record in "rst":
        assert [each for each in left if each.record_id == record] == [e for e in events if e.record_id == record]
    assert stored_after(sent) == stored_after(events)
    assert (lanes.has_any(), lanes.size_bytes) == (False, 0)
