"""Batches on their way: limits, waiting, and what may go on when."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from stream.flights import Errand, Flight, Flights, InFlightLimits
from stream.model import Assignment, LaneKey
from stream.steps import Policy

from ..builders import ASSIGNMENT, LANE, OTHER_PARTITION, event

if TYPE_CHECKING:
    from stream.model import Event

OTHER = Assignment(OTHER_PARTITION, 2)


def flights(total: int = 3, per_datastore: int = 2) -> Flights:
    """Build an empty sky with these limits."""
    return Flights(InFlightLimits(total, per_datastore), Policy(), random.Random(1))


def launch(sky: Flights, *events: Event, datastore: str = "people", errand: Errand = Errand.WORK) -> Flight:
    """Let a batch start."""
    lane = LaneKey(datastore, LANE.update_type, LANE.conflict_resolution)
    return sky.launch(events or (event(lane=lane),), errand)


def resumed(sky: Flights, now_s: float) -> list[int]:
    """Let go on what may, and name it by its numbers."""
    found = []
    while (flight := sky.resume_next(now_s)) is not None:
        found.append(flight.number)
    return found


def test_requests_are_limited_in_all_and_for_each_datastore() -> None:
    """`CXONE_MAX_IN_FLIGHT` and `CXONE_MAX_IN_FLIGHT_PER_DATASTORE`."""
    sky = flights()
    assert sky.has_room_for("people")
    launch(sky)
    launch(sky)
    assert not sky.has_room_for("people")
    assert sky.has_room_for("cities")
    launch(sky, datastore="cities")
    assert not sky.has_room()
    assert not sky.has_room_for("cities")
    assert sky.on_wire == 3


def test_a_flight_knows_its_assignments() -> None:
    """A batch collects from several partitions; the lease is asked for all of them."""
    flight = launch(flights(), event("a"), event("b", assignment=OTHER), event("c"))
    assert flight.assignments == frozenset({ASSIGNMENT, OTHER})


def test_landing_makes_room() -> None:
    """A decided batch leaves its place, in all and in its datastore."""
    sky = flights(total=2, per_datastore=1)
    first, second = launch(sky), launch(sky, datastore="cities")
    sky.land(first)
    assert sky.has_room_for("people")
    assert not sky.has_room_for("cities")
    assert list(sky) == [second]
    assert sky.get(second.number) is second


def test_a_batch_that_waits_holds_its_datastores_place_and_no_request() -> None:
    """So that a datastore that fails cannot take all the requests."""
    sky = flights(total=1, per_datastore=1)
    flight = launch(sky)
    sky.wait(flight, 5.0)
    assert sky.on_wire == 0
    assert sky.has_room_for("cities")
    assert not sky.has_room_for("people")
    assert sky.waiting() == [flight]
    sky.land(flight)
    assert sky.on_wire == 0
    assert sky.has_room_for("people")


def test_waiting_batches_go_on_in_the_order_of_their_time() -> None:
    """The earliest first, none before its time, and no more than there is room for."""
    sky = flights(total=3, per_datastore=3)
    a, b, c = launch(sky), launch(sky), launch(sky)
    for flight, until_s in ((a, 9.0), (b, 3.0), (c, 6.0)):
        sky.wait(flight, until_s)
    assert resumed(sky, 2.9) == []
    launch(sky, datastore="cities")
    assert resumed(sky, 20.0) == [b.number, c.number]
    assert (sky.on_wire, b.waits_until_s, a.waits_until_s) == (3, None, 9.0)
    sky.land(b)
    assert resumed(sky, 20.0) == [a.number]
    assert sky.waiting() == []


def test_a_datastore_with_its_requests_on_the_wire_is_passed_over() -> None:
    """Halves of a batch may be more than a datastore has places: they go one after the other, and hold up no other."""
    sky = flights(total=9, per_datastore=1)
    halves = [launch(sky) for _ in range(2)]
    other = launch(sky, datastore="cities")
    for flight, until_s in ((halves[0], 1.0), (halves[1], 2.0), (other, 3.0)):
        sky.wait(flight, until_s)
    assert resumed(sky, 5.0) == [halves[0].number, other.number]
    assert not sky.has_place_for("people")
    sky.land(halves[0])
    assert not sky.has_place_for("people")
    assert resumed(sky, 5.0) == [halves[1].number]
    sky.land(halves[1])
    assert sky.has_place_for("people")


def test_a_batch_may_wait_again() -> None:
    """Each failure lets it wait anew, and it goes on once for each."""
    sky = flights()
    flight = launch(sky)
    for until_s in (1.0, 2.0, 3.0):
        sky.wait(flight, until_s)
        assert resumed(sky, until_s) == [flight.number]
    assert (sky.on_wire, resumed(sky, 99.0)) == (1, [])


def test_a_dissolved_batch_never_goes_on() -> None:
    """What was dissolved while it waited leaves no trace."""
    sky = flights()
    gone, stays = launch(sky), launch(sky)
    sky.wait(gone, 1.0)
    sky.wait(stays, 2.0)
    sky.land(gone)
    assert resumed(sky, 5.0) == [stays.number]
    assert sky.on_wire == 1


def test_probes_and_tries_are_known() -> None:
    """One probe of a datastore at a time, in an outage one in all: whoever sends them asks here."""
    sky = flights()

    def known() -> tuple[bool, list[str]]:
        return sky.has_probe, [each for each in ("people", "cities", "pets") if sky.is_probed(each)]

    launch(sky)
    assert known() == (False, [])
    probe = launch(sky, errand=Errand.PROBE)
    attempt = launch(sky, datastore="cities", errand=Errand.TRY)
    assert known() == (True, ["people", "cities"])
    sky.land(probe)
    assert known() == (True, ["cities"])
    sky.land(attempt)
    assert known() == (False, [])


def test_what_is_decided_leaves_and_what_may_have_been_executed_is_a_suspect() -> None:
    """A flight keeps the events without a verdict; a verdict also ends the count of its failures."""
    flight = launch(flights(), event("a"), event("b"), event("c", suspect=True))
    flight.tries.failures = 4
    flight.doubtful.add("b")
    flight.decide((flight.undecided[0],))
    assert flight.tries.failures == 0
    left = flight.suspected(flight.undecided)
    assert [(each.record_id, each.suspect) for each in left] == [("b", True), ("c", True)]
    flight.decide(flight.undecided)
    assert flight.undecided == ()


def test_what_is_on_the_wire_is_known_by_assignment() -> None:
    """A revocation waits for requests without an answer, not for batches that wait."""
    sky = flights()
    flight = launch(sky, event("a"), event("b", assignment=OTHER))
    assert sky.on_wire_of({OTHER})
    assert sky.on_wire_of(frozenset({ASSIGNMENT}))
    assert not sky.on_wire_of({Assignment(OTHER_PARTITION, 7)})
    sky.wait(flight, 1.0)
    assert not sky.on_wire_of({OTHER})
    assert resumed(sky, 1.0) == [flight.number]
    assert sky.on_wire_of({OTHER})
    sky.land(flight)
    assert not sky.on_wire_of({OTHER})


def test_flights_are_looked_through_while_they_land() -> None:
    """Whoever dissolves them one after the other does not trip."""
    sky = flights()
    for flight in (launch(sky), launch(sky)):
        sky.wait(flight, 1.0)
    for flight in sky:
        sky.land(flight)
    assert list(sky) == []
