"""What telemetry is made of: bounds on labels and links, contexts read and written, outcomes found again, times."""

from __future__ import annotations

import pytest

from stream.cdc import changed_ms
from stream.telemetry import names
from stream.telemetry.bounded import BoundedLabels
from stream.telemetry.moments import Moments
from stream.telemetry.parcels import MOST_PARCELS, Parcels
from stream.telemetry.trace_headers import MOST_LINKS, links_of, parse, traceparent

from ..builders import message, settled

PARENT = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class HandClock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.now_ms = 1_790_000_000_000

    def monotonic_s(self) -> float:
        """Return what was set."""
        return self.now_s

    def wall_ms(self) -> int:
        """Return what was set."""
        return self.now_ms


def _parent(number: int, flags: str = "01") -> bytes:
    return f"00-{number + 1:032x}-{number + 1:016x}-{flags}".encode()


def test_labels_are_bounded() -> None:
    """The first names keep their label for ever; whatever comes after the bound is one label."""
    labels = BoundedLabels(most=3)
    assert [labels.label(name) for name in "abcdea"] == ["a", "b", "c", names.OTHER, names.OTHER, "a"]


def test_names_that_nobody_has_proved_take_a_part_of_the_labels() -> None:
    """Names in events that are refused may be anything: they cannot push out those of real datastores."""
    labels = BoundedLabels(most=4, most_unproved=2)
    assert [labels.label(name, proved=False) for name in "abc"] == ["a", "b", names.OTHER]
    assert [labels.label(name) for name in "xyz"] == ["x", "y", names.OTHER]


def test_links_are_distinct_sampled_and_bounded() -> None:
    """A context that many events share is one link, one that nobody keeps is none; beyond 128 they are counted."""
    shared = [message(headers=[("traceparent", _parent(0))]) for _ in range(10)]
    unsampled = [message(headers=[("traceparent", _parent(1, "00"))]), message(), message(headers=[])]
    found = links_of([*shared, *unsampled])
    assert [link.context.trace_id for link in found.links] == [1]
    assert found.dropped == 0
    many = links_of(
        message(headers=[("x", None), ("traceparent", _parent(number))]) for number in range(MOST_LINKS + 7)
    )
    assert (len(many.links), many.dropped) == (MOST_LINKS, 7)


@pytest.mark.parametrize(
    "value",
    [
        b"ff" + PARENT[2:],
        b"00-" + b"0" * 32 + b"-b7ad6b7169203331-01",
        b"00-0af7651916cd43dd8448eb211c80319c-" + b"0" * 16 + b"-01",
        PARENT.upper(),
        PARENT + b"-",
        PARENT[:-1],
        b"",
    ],
)
def test_a_context_that_is_not_well_formed_is_none(value: bytes) -> None:
    """What the W3C recommendation does not allow becomes no link."""
    assert parse(value) is None
    assert links_of([message(headers=[("traceparent", value)])]).links == []


def test_a_context_is_written_as_it_was_read() -> None:
    """Reading and writing are each other's inverse, flags included."""
    context = parse(PARENT)
    assert context is not None
    assert (context.is_remote, context.trace_flags.sampled) == (True, True)
    assert traceparent(context).encode() == PARENT


def test_outcomes_are_found_again_by_their_last() -> None:
    """Notes come back when the last outcome of theirs does, once; equal values are not the same outcome."""
    parcels: Parcels[str] = Parcels()
    first, second = [settled(0), settled(1)], [settled(2)]
    parcels.add(first, "first")
    parcels.add(second, "second")
    parcels.add([], "nothing")
    assert parcels.find([*first, *second]) == ["first", "second"]
    assert parcels.take(first[:1]) == []
    assert parcels.take([settled(1)]) == []
    assert parcels.take(first[1:]) == ["first"]
    assert parcels.take([*first, *second]) == ["second"]
    assert len(parcels) == 0


def test_notes_on_outcomes_are_bounded() -> None:
    """Outcomes that never come back are forgotten, the oldest first."""
    parcels: Parcels[int] = Parcels()
    outcomes = [settled(number) for number in range(MOST_PARCELS + 1)]
    for number, outcome in enumerate(outcomes):
        parcels.add([outcome], number)
    assert len(parcels) == MOST_PARCELS
    assert parcels.take(outcomes[:2]) == [1]


def test_moments_follow_the_calendar_only_when_it_was_corrected() -> None:
    """Times of one trace are in order to the microsecond, and a corrected calendar is followed within a minute."""
    clock = HandClock()
    moments = Moments(clock)
    assert moments.ns(100.5) == 1_790_000_000_500_000_000
    clock.now_s, clock.now_ms = 161.0, clock.now_ms + 61_001
    assert moments.ns(161.0) == 1_790_000_061_000_000_000
    clock.now_s, clock.now_ms = 300.0, 1_790_000_800_000
    assert moments.ns(300.0) == 1_790_000_800_000_000_000
    assert moments.age_s(1_790_000_799_000) == 1.0
    assert moments.age_s(1_790_000_900_000) == 0.0


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (
            b'{"before":null,"after":{"id":1},"source":{"version":"3","connector":"p","name":"n","ts_ms":17,"db":"d"}}',
            17,
        ),
        (b'{"id":1,"__source_ts_ms":18}', 18),
        (b'{"dataStoreId":"people","id":"r","fields":{"ts_ms":19}}', None),
        (b'{"after":{"text":"\\"__source_ts_ms\\":20}"}}', None),
        (b"", None),
        (None, None),
    ],
)
def test_the_time_of_a_change_is_read_where_a_connector_wrote_it(value: bytes | None, found: int | None) -> None:
    """An envelope's source and an unwrapped row's added field tell it; texts that look like them do not."""
    assert changed_ms(value) == found


def test_older_names_stand_beside_the_newer_where_they_are_asked_for() -> None:
    """`messaging/dup` among the wishes adds what 1.44 called it; anything else adds nothing."""
    facts = {names.SYSTEM: "kafka", names.GROUP: "g"}
    assert names.with_older(facts, "") == names.with_older(facts, "http,messaging") == facts
    assert names.with_older(facts, "http, messaging/dup") == {**facts, "messaging.system": "kafka"}
