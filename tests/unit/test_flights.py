"""Batches on their way: limits, parking, and what may go on when."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from stream.dialogue import execute
from stream.flights import Flight, Flights, InFlightLimits
from stream.model import Assignment, LaneKey

from ..builders import ASSIGNMENT, LANE, OTHER_PARTITION, batch, event

if TYPE_CHECKING:
    from stream.model import Event

OTHER = Assignment(OTHER_PARTITION, 2)


def flights(total: int = 3, per_datastore: int = 2) -> Flights:
    """Build an empty sky with these limits."""
    return Flights(InFlightLimits(total, per_datastore))


def launch(sky: Flights, *events: Event, datastore: str = "people") -> Flight:
    """Let a batch start."""
    lane = LaneKey(datastore, LANE.update_type, LANE.conflict_resolution)
    request = batch(*(events or (event(),)), lane=lane)
    return sky.launch(request, execute(request, random.Random(1)))


def numbers(found: list[Flight]) -> list[int]:
    """Name flights by their numbers."""
    return [flight.number for flight in found]


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


def test_a_parked_batch_holds_its_datastores_place_and_no_request() -> None:
    """So that a datastore that fails cannot take all the requests."""
    sky = flights(total=1, per_datastore=1)
    flight = launch(sky)
    sky.park(flight, 5.0)
    assert sky.on_wire == 0
    assert sky.has_room_for("cities")
    assert not sky.has_room_for("people")
    assert sky.parked() == [flight]
    sky.land(flight)
    assert sky.on_wire == 0
    assert sky.has_room_for("people")


def test_parked_batches_go_on_in_the_order_of_their_time() -> None:
    """The earliest first, none before its time, and no more than there is room for."""
    sky = flights(total=3, per_datastore=3)
    a, b, c = launch(sky), launch(sky), launch(sky)
    for flight, until_s in ((a, 9.0), (b, 3.0), (c, 6.0)):
        sky.park(flight, until_s)
    assert numbers(list(sky.resume_due(2.9))) == []
    launch(sky, datastore="cities")
    assert numbers(list(sky.resume_due(20.0))) == [b.number, c.number]
    assert (sky.on_wire, b.parked_until_s, a.parked_until_s) == (3, None, 9.0)
    sky.land(b)
    assert numbers(list(sky.resume_due(20.0))) == [a.number]
    assert sky.parked() == []


def test_a_batch_may_be_parked_again() -> None:
    """Each failure parks it anew, and it goes on once for each."""
    sky = flights()
    flight = launch(sky)
    for until_s in (1.0, 2.0, 3.0):
        sky.park(flight, until_s)
        assert numbers(list(sky.resume_due(until_s))) == [flight.number]
    assert (sky.on_wire, list(sky.resume_due(99.0))) == (1, [])


def test_a_dissolved_batch_never_goes_on() -> None:
    """What was dissolved while it waited leaves no trace."""
    sky = flights()
    gone, stays = launch(sky), launch(sky)
    sky.park(gone, 1.0)
    sky.park(stays, 2.0)
    sky.land(gone)
    assert numbers(list(sky.resume_due(5.0))) == [stays.number]
    assert sky.on_wire == 1


def test_what_is_on_the_wire_is_known_by_assignment() -> None:
    """A revocation waits for requests without an answer, not for batches that wait."""
    sky = flights()
    flight = launch(sky, event("a"), event("b", assignment=OTHER))
    assert sky.on_wire_of({OTHER})
    assert sky.on_wire_of(frozenset({ASSIGNMENT}))
    assert not sky.on_wire_of({Assignment(OTHER_PARTITION, 7)})
    sky.park(flight, 1.0)
    assert not sky.on_wire_of({OTHER})
    list(sky.resume_due(1.0))
    assert sky.on_wire_of({OTHER})
    sky.land(flight)
    assert not sky.on_wire_of({OTHER})


def test_flights_are_looked_through_while_they_land() -> None:
    """Whoever dissolves them one after the other does not trip."""
    sky = flights()
    for flight in (launch(sky), launch(sky)):
        sky.park(flight, 1.0)
    for flight in sky:
        sky.land(flight)
    assert list(sky) == []
