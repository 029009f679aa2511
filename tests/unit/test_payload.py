"""The bytes of a request: contract section 1, member by member."""

from __future__ import annotations

import hashlib
import json

import pytest

from stream.lanes import ENVELOPE_BYTES
from stream.model import ConflictResolution, LaneKey, UpdateType
from stream.payload import EXECUTE_HEADERS, build

from ..builders import LANE, event

LONGEST_LANE = LaneKey("d" * 128, UpdateType.UPSERT, ConflictResolution.OVERWRITE)


@pytest.mark.parametrize("count", [1, 2, 1_000])
def test_the_body_is_the_documented_one(count: int) -> None:
    """Members, their order and the count of the records are those of the contract."""
    events = tuple(event(f"r{n}", offset=n) for n in range(count))
    lane = LaneKey("people", UpdateType.UPDATE, ConflictResolution.IGNORE)
    built = build("an id", lane, events)
    assert list(json.loads(built.body).items()) == [
        ("dataStoreId", "people"),
        ("records", [{"id": f"r{n}", "fields": {"name": "nnn"}} for n in range(count)]),
        ("updateType", "UPDATE"),
        ("conflictResolution", "IGNORE"),
        ("batchSize", count),
        ("triggerVersion", True),
    ]
    assert (built.batch_id, built.lane, built.events) == ("an id", lane, events)


def test_the_checksum_is_that_of_the_bytes() -> None:
    """SHA-256 in hex of exactly what is sent."""
    built = build("an id", LANE, (event(),))
    assert built.checksum == hashlib.sha256(built.body).hexdigest()


def test_the_records_stand_in_it_byte_for_byte() -> None:
    """What was serialised when the event was decoded is not touched again."""
    events = (event("a"), event("\u00e9\U0001f600"))
    assert b"[" + events[0].record + b"," + events[1].record + b"]" in build("an id", LANE, events).body


@pytest.mark.parametrize("count", [1, 1_000])
def test_the_lanes_know_how_much_an_envelope_needs(count: int) -> None:
    """A batch that the lanes let through is never longer than `STREAM_BATCH_BYTES`."""
    events = tuple(event(f"r{n}", lane=LONGEST_LANE) for n in range(count))
    records_bytes = sum(len(each.record) + 1 for each in events)
    assert len(build("an id", LONGEST_LANE, events).body) <= records_bytes + ENVELOPE_BYTES


def test_the_headers_are_the_documented_ones() -> None:
    """All of contract section 1 but the token, which is added when it is known."""
    assert EXECUTE_HEADERS == {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "If-Match": "*",
        "X-CXone-Version-Stamp": "true",
    }
