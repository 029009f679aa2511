"""Which event is sent next to find out whether something that is held, or a parked record, can go on.

Each probe is one event, the oldest undecided of its record, and they take turns: over the lanes, and over the records
of a lane. So neither a poison record nor one bad event can be the probe for ever (contract section 4.5).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .flights import Errand

if TYPE_CHECKING:
    from .circuit import Probes
    from .model import Event
    from .undecided import Undecided


class Probe(NamedTuple):
    """An event that was taken out of its lane, or out of the parked ones, to be sent alone."""

    event: Event
    errand: Errand


class Probing:
    """What is held, seen together with what waits."""

    def __init__(self, undecided: Undecided) -> None:
        self._lanes, self._flights = undecided.lanes, undecided.flights
        self._holds, self._parking = undecided.holds, undecided.parking
        self._parked_first = False

    def look_around(self, now_s: float) -> None:
        """End the holds of what has no events left; it is an outage when everything that has work is held."""
        held, circuit = self._holds.held, self._holds.circuit
        if not held and circuit.outage is None:
            return
        for datastore_id in list(held):
            if not self._lanes.has_any(datastore_id):
                self._holds.release(datastore_id)
        reason = next(iter(held.values())).reason if held else ""
        circuit.look(
            now_s, all_held=bool(held) and not self._is_any_free(now_s), any_work=self._lanes.has_any(), reason=reason
        )

    def take_next(self, now_s: float) -> Probe | None:
        """Take the event of the next probe that is due, if any is.

        In an outage there is at most one on its way in all, else one of each datastore.
        """
        outage = self._holds.circuit.outage
        if outage is None:
            return self._of_held(now_s) or self._of_parked(now_s)
        if self._flights.has_probe or outage.probes.next_s > now_s:
            return None
        self._parked_first = not self._parked_first
        if self._parked_first:
            return self._of_parked(now_s) or self._of_lanes(outage.probes)
        return self._of_lanes(outage.probes) or self._of_parked(now_s)

    def _of_held(self, now_s: float) -> Probe | None:
        for datastore_id in self._holds.due(now_s):
            if not self._flights.is_probed(datastore_id):
                probe = self._of_lanes(self._holds.held[datastore_id].probes, datastore_id)
                if probe is not None:
                    return probe
        return None

    def _of_lanes(self, probes: Probes, datastore_id: str | None = None) -> Probe | None:
        lane = self._lanes.next_to_probe(probes.last.lane if probes.last else None, datastore_id)
        if lane is None or not self._flights.has_room_for(lane.datastore_id):
            return None
        hold = self._holds.held.get(lane.datastore_id)
        last = (hold.probes if hold is not None else probes).last
        event = self._lanes.take_to_probe(lane)
        if last is not None and event.record_key == last.record_key:
            self._lanes.put_back((event,), last=True)
            (event,) = self._lanes.take(self._lanes.next_to_probe(lane, lane.datastore_id) or lane, 1)
        probes.last = event
        if hold is not None:
            hold.probes.last = event
        return Probe(event, Errand.PROBE)

    def _of_parked(self, now_s: float) -> Probe | None:
        for parked in self._parking.due(now_s):
            datastore_id = parked.event.lane.datastore_id
            if self._flights.has_room_for(datastore_id) and not self._flights.is_probed(datastore_id):
                parked.is_tried = True
                return Probe(parked.event, Errand.TRY)
        return None

    def _is_any_free(self, now_s: float) -> bool:
        """Whether a datastore that has work, or just had, is not held itself."""
        held = self._holds.held
        return (
            any(key.datastore_id not in held for key, _ in self._lanes.waiting())
            or any(flight.errand is Errand.WORK and flight.datastore_id not in held for flight in self._flights)
            or self._holds.is_any_well(now_s)
        )
