"""Bugs planted in the dialogue: a script that hears something else than was said, or says something else than is true.

The real script runs; what passes between it and its driver is changed on the way.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from stream.model import Decided, Event
from stream.steps import Answer, NoAnswer, Read, Send

from .pool import FakePool
from .request import APPLIED_STATUSES, REFUSING_STATUSES

if TYPE_CHECKING:
    from stream.flights import Flight
    from stream.steps import Dialogue, Reply, Step


class MisledPool(FakePool):
    """Puts somebody between each dialogue and the workers."""

    def submit(self, flight: Flight) -> None:
        """Hand over a flight, with an interpreter."""
        self._seen: set[int] = getattr(self, "_seen", set())
        if flight.number not in self._seen:
            self._seen.add(flight.number)
            flight.dialogue = self._interpret(flight, flight.dialogue)
        super().submit(flight)

    def _interpret(self, flight: Flight, dialogue: Dialogue) -> Dialogue:
        reply: Reply | None = None
        while True:
            try:
                step = dialogue.send(reply)
            except StopIteration as end:
                undecided: tuple[Event, ...] = end.value
                return undecided
            told = self.says(flight, step)
            answered = (yield told) if told is not None else None
            reply = self.hears(step, answered)

    def says(self, flight: Flight, step: Step) -> Step | None:
        """Say something else than the script; None for nothing."""
        del flight
        return step

    def hears(self, step: Step, reply: Reply | None) -> Reply | None:
        """Hear something else than was said."""
        del step
        return reply


class ThrottlingIsRefusal(MisledPool):
    """A 429 counts as a 400."""

    def hears(self, step: Step, reply: Reply | None) -> Reply | None:
        """Take the one for the other."""
        is_throttled = isinstance(step, Send) and isinstance(reply, Answer) and reply.status == 429
        return replace(reply, status=400, body=b"") if is_throttled and isinstance(reply, Answer) else reply


class LostFirstHalf(MisledPool):
    """When a request is divided, its first half is never sent, and nobody waits for it."""

    def submit(self, flight: Flight) -> None:
        """Hand over a flight."""
        self._divided: set[int] = getattr(self, "_divided", set())
        self._lost: set[str] = getattr(self, "_lost", set())
        super().submit(flight)

    def says(self, flight: Flight, step: Step) -> Step | None:
        """Forget the half that follows a request which decided nothing."""
        if isinstance(step, Decided) and not step.events:
            self._divided.add(flight.number)
        elif isinstance(step, Send) and flight.number in self._divided:
            self._divided.discard(flight.number)
            self._lost.add(step.batch.batch_id)
            flight.decide(step.batch.events)
            return None
        return None if isinstance(step, Decided) and step.batch.batch_id in self._lost else step

    def hears(self, step: Step, reply: Reply | None) -> Reply | None:
        """Believe that the half was applied."""
        return Answer(204, b"", 1.0, self._token) if isinstance(step, Send) and reply is None else reply


class AllAreBad(MisledPool):
    """A refused request loses all of its records, not only the bad ones."""

    def hears(self, step: Step, reply: Reply | None) -> Reply | None:
        """Hear every record named."""
        if isinstance(step, Send) and isinstance(reply, Answer) and reply.status in REFUSING_STATUSES:
            named = [{"index": index, "id": each.record_id} for index, each in enumerate(step.batch.events)]
            return replace(reply, body=orjson.dumps({"errors": named}))
        return reply


class BlindFaith(MisledPool):
    """A 2xx counts, whatever stands in its body."""

    def hears(self, step: Step, reply: Reply | None) -> Reply | None:
        """Hear nothing of the body."""
        if isinstance(step, Send) and isinstance(reply, Answer) and reply.status in APPLIED_STATUSES:
            return replace(reply, body=b"")
        return reply


class NothingRead(MisledPool):
    """What is read back counts as absent."""

    def hears(self, step: Step, reply: Reply | None) -> Reply | None:
        """Hear that there is none."""
        return Answer(404, b"", 1.0, self._token) if isinstance(step, Read) and isinstance(reply, Answer) else reply


class TimeoutIsSure(MisledPool):
    """A request without an answer counts as one that never left."""

    def hears(self, step: Step, reply: Reply | None) -> Reply | None:
        """Hear no doubt."""
        return replace(reply, doubtful=False) if isinstance(step, Send) and isinstance(reply, NoAnswer) else reply


class ApplauseForAll(MisledPool):
    """Every success counts as confirmed."""

    def says(self, flight: Flight, step: Step) -> Step | None:
        """Add what was not said."""
        del flight
        return replace(step, verdict=replace(step.verdict, confirmed=True)) if isinstance(step, Decided) else step


class RefusedTwice(MisledPool):
    """A refused request is sent once more before it is divided."""

    def _interpret(self, flight: Flight, dialogue: Dialogue) -> Dialogue:
        inner = super()._interpret(flight, dialogue)
        reply: Reply | None = None
        while True:
            try:
                step = inner.send(reply)
            except StopIteration as end:
                undecided: tuple[Event, ...] = end.value
                return undecided
            reply = yield step
            if isinstance(step, Send) and isinstance(reply, Answer) and reply.status in REFUSING_STATUSES:
                reply = yield step
