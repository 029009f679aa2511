"""One instance's workers: the port `Pool`, as `stream/workers.py` keeps it, with virtual time instead of threads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stream.model import Decided
from stream.ports import Advance, LeaseLost, PermitNeeded
from stream.record_address import is_readable
from stream.steps import NoAnswer, Read, Renewed, RenewToken, Scope, Send, Wait

from .world import Trip, demand

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from stream.flights import Flight
    from stream.lease import Lease
    from stream.steps import Reply

    from .api import FakeApi
    from .model import Model
    from .service import Process


class FakePool:
    """The workers of one life of an instance."""

    def __init__(self, process: Process, api: FakeApi, model: Model, lease: Lease, per_s: float | None) -> None:
        self.process = process
        self._world = process.world
        self._api = api
        self._model = model
        self._lease = lease
        self._token = 1
        api.issue_token(process, self._token)
        self._finished: list[Advance] = []
        self._is_metered = per_s is not None
        self._permits: set[int] = set()
        self.on_wire = 0

    # The port.

    def submit(self, flight: Flight) -> None:
        """Hand over a flight."""
        self.process.at_port()
        self._world.play(self._take_up(flight), self.process)

    def finished(self) -> Sequence[Advance]:
        """Take what has been done since the last call."""
        self.process.at_port()
        finished, self._finished = self._finished, []
        return finished

    def rest(self, timeout_s: float) -> None:
        """Wait until something is finished, at most so long, or as long as a slow machine takes."""
        self.process.at_port()
        self.process.rest(timeout_s)

    def close(self) -> None:
        """Let the workers end."""
        self.process.at_port()

    def has_finished(self) -> bool:
        """Whether something waits for the loop."""
        return bool(self._finished)

    # The workers.

    def _take_up(self, flight: Flight) -> Generator[Trip, None, None]:
        yield Trip(self._world.rng.uniform(0.0, 0.002), to_client=True)
        self._permits.add(flight.number)
        step, flight.step = flight.step, None
        if step is None:
            self._advance(flight, None)
        else:
            self._ask(flight, step)

    def _advance(self, flight: Flight, reply: Reply | None) -> None:
        try:
            step = flight.dialogue.send(reply)
        except StopIteration as end:
            self._finish(Advance(flight.number, end.value))
            return
        if isinstance(step, Wait):
            self._finish(Advance(flight.number, step))
        elif isinstance(step, Decided):
            self._finish(Advance(flight.number, step))
            self._advance(flight, None)
        elif isinstance(step, RenewToken):
            self._world.play(self._renew(flight, step.generation), self.process)
        else:
            self._ask(flight, step)

    def _ask(self, flight: Flight, step: Send | Read) -> None:
        if not self._lease.holds(flight.assignments, self._world.now_s):
            self._world.count("leases_lost")
            self._finish(Advance(flight.number, LeaseLost()))
            return
        if self._is_metered and flight.number not in self._permits:
            self._world.count("permits_needed")
            flight.step = step
            self._finish(Advance(flight.number, PermitNeeded()))
            return
        self._permits.discard(flight.number)
        self._model.asked(self.process.name)
        if isinstance(step, Read):
            self._read(flight, step)
        else:
            self._send(flight, step)

    def _send(self, flight: Flight, step: Send) -> None:
        self._model.judge_suspects(
            (self.process.name, flight.number),
            [
                (each.message.partition.partition, each.message.offset, each.suspect)
                for event in step.batch.events
                for each in event.parts
            ],
        )
        self.on_wire += 1
        self._api.request(self.process, step.batch, self._token, lambda reply: self._answered(flight, reply))

    def _read(self, flight: Flight, step: Read) -> None:
        demand(is_readable(step.datastore_id, step.record_id), "reading", "an id that clients fold", step.record_id)
        self._api.read(self.process, step, self._token, lambda reply: self._advance(flight, reply))

    def _answered(self, flight: Flight, reply: Reply) -> None:
        self.on_wire -= 1
        self._advance(flight, reply)

    def _renew(self, flight: Flight, generation: int) -> Generator[Trip, None, None]:
        yield Trip(self._world.rng.choice((0.005, 0.2, 5.0)), to_client=True)
        if self._token == generation:
            is_unlucky = self._world.chance(0.2) and not self.process.is_calm()
            if is_unlucky or not self._api.issue_token(self.process, generation + 1):
                self._world.count("tokens_denied")
                self._advance(flight, NoAnswer("no token", doubtful=False, scope=Scope.EVERYTHING))
                return
            self._token = generation + 1
            self._world.count("tokens_renewed")
        self._advance(flight, Renewed())

    def _finish(self, advance: Advance) -> None:
        self._finished.append(advance)
        self.process.stir()
