"""One instance's workers: the port `Pool`, as `stream/workers.py` keeps it, with virtual time instead of threads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stream.model import Decided
from stream.ports import Advance, LeaseLost
from stream.steps import NoAnswer, Read, Renewed, RenewToken, Scope, Send, Wait

from .world import Trip

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

    def __init__(self, process: Process, api: FakeApi, model: Model, lease: Lease) -> None:
        self.process = process
        self._world = process.world
        self._api = api
        self._model = model
        self._lease = lease
        self._token = 1
        self._finished: list[Advance] = []
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
        self._advance(flight, None)

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
        elif isinstance(step, Read):
            self._advance(flight, NoAnswer("records are not read back", doubtful=False))
        elif not self._lease.holds(flight.assignments, self._world.now_s):
            self._world.count("leases_lost")
            self._finish(Advance(flight.number, LeaseLost()))
        else:
            self._send(flight, step)

    def _send(self, flight: Flight, step: Send) -> None:
        self._model.judge_suspects(
            (self.process.name, flight.number),
            [(each.message.partition.partition, each.message.offset, each.suspect) for each in step.batch.events],
        )
        self.on_wire += 1
        self._api.request(self.process, step.batch, self._token, lambda reply: self._answered(flight, reply))

    def _answered(self, flight: Flight, reply: Reply) -> None:
        self.on_wire -= 1
        self._advance(flight, reply)

    def _renew(self, flight: Flight, generation: int) -> Generator[Trip, None, None]:
        yield Trip(self._world.rng.choice((0.005, 0.2, 5.0)), to_client=True)
        if self._world.chance(0.2):
            self._advance(flight, NoAnswer("no token", doubtful=False, scope=Scope.EVERYTHING))
            return
        self._token = max(self._token, generation + 1)
        self._world.count("tokens_renewed")
        self._advance(flight, Renewed())

    def _finish(self, advance: Advance) -> None:
        self._finished.append(advance)
        self.process.stir()
