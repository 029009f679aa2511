"""The API as one request meets it: on time or late, answered or not, and whether it was carried out all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from stream.steps import Answer, NoAnswer

from .faults import Outage, Point, Weather
from .records import Answered, Json, Records, parse
from .world import Trip

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from stream.model import Batch
    from stream.steps import Reply

    from .model import Model, Request
    from .service import Process
    from .world import World

DEADLINE_S = 8.0
"""Shorter than the real one, so that more happens within a run."""
MAX_LATE_S = 7.0


WEATHERS = tuple(Weather)
REFUSING = {
    Weather.THROTTLED: 429,
    Weather.THROTTLED_UNTIL: 429,
    Weather.ERROR: 503,
    Weather.UNAUTHORISED: 401,
    Weather.FORBIDDEN: 403,
}
SILENT = {Weather.RESET_APPLIED, Weather.SILENT_APPLIED}
LOSING = {*SILENT, Weather.ERROR_APPLIED, Weather.GARBLED}
BODILESS = {
    Weather.BARE: (200, b""),
    Weather.ACCEPTED: (202, b""),
    Weather.GARBLED: (200, b"<html>"),
    Weather.ERROR_APPLIED: (500, b""),
}
FALSE: dict[Weather, Json] = {
    Weather.MISMATCH: {"checksum": "0" * 64},
    Weather.CONTRADICTION: {"errors": ["a quota"]},
}


class FakeApi:
    """The API, seen from all instances."""

    def __init__(
        self, world: World, model: Model, weights: Mapping[Weather, float], outages: Sequence[Outage], latency_s: float
    ) -> None:
        self.records = Records()
        self._world = world
        self._model = model
        self._weights = [weights.get(each, 0.0) for each in WEATHERS]
        self._outages = outages
        self._latency_s = latency_s

    def request(self, process: Process, batch: Batch, token: int, tell: Callable[[Reply], None]) -> None:
        """Take a request; the reply comes when it comes."""
        request = self._model.sent(process.name, batch.body)
        self._world.play(self._course(process, request, batch, token, tell), process)

    def _course(
        self, process: Process, request: Request, batch: Batch, token: int, tell: Callable[[Reply], None]
    ) -> Generator[Trip, None, None]:
        rng = self._world.rng
        weather = self._weather(process, batch.lane.datastore_id)
        began_s = self._world.now_s
        yield Trip(rng.uniform(0.0005, 0.01), to_client=False)
        if weather is Weather.UNREACHED or (not process.is_alive and self._world.chance(0.5)):
            self._model.answered(request)
            yield Trip(0.001, to_client=True)
            tell(NoAnswer("the API cannot be reached", doubtful=False))
            return
        self._model.arrived(request)
        self._world.note("arrive", process.name, weather, *request.positions)
        process.at_point(Point.ARRIVED)
        answered = yield from self._carry_out(request, batch, weather)
        yield from self._think(weather)
        silence_s = began_s + DEADLINE_S - self._world.now_s
        is_silent = weather in (Weather.SILENT, Weather.SILENT_APPLIED)
        yield Trip(max(0.0, silence_s) if is_silent else rng.uniform(0.0005, 0.01), to_client=True)
        self._model.answered(request)
        process.at_point(Point.ANSWERED)
        tell(self._reply(weather, answered, token, 1000.0 * (self._world.now_s - began_s)))

    def _carry_out(self, request: Request, batch: Batch, weather: Weather) -> Generator[Trip, None, Answered | None]:
        if weather in REFUSING or weather in (Weather.RESET, Weather.SILENT):
            return None
        yield from self._think(weather)
        if weather is Weather.SILENT_APPLIED and self._world.chance(0.5):
            self._world.count("late_applications")
            yield Trip(self._world.rng.uniform(0.1, MAX_LATE_S), to_client=False)
        answered = self.records.execute(parse(batch.body), batch.body)
        if answered.status == 200:
            self._model.applied(request, answered.written)
        else:
            self._model.refused(request, answered.status)
        return answered

    def _think(self, weather: Weather) -> Generator[Trip, None, None]:
        longest_s = 8.0 if weather is Weather.SLOW else self._latency_s
        yield Trip(self._world.rng.uniform(0.0, longest_s), to_client=False)

    def _weather(self, process: Process, datastore_id: str) -> Weather:
        now_s = self._world.now_s
        for outage in self._outages:
            if outage.begin_s <= now_s < outage.end_s and outage.datastore_id in (None, datastore_id):
                self._world.count("requests_in_outages")
                return outage.weather
        if process.is_calm():
            return Weather.FINE
        weather = self._world.rng.choices(WEATHERS, self._weights)[0]
        if weather is not Weather.FINE:
            self._world.count(f"api_{weather}")
        return weather

    def _reply(self, weather: Weather, answered: Answered | None, token: int, latency_ms: float) -> Reply:
        if weather in REFUSING:
            retry_after = str(self._world.rng.randint(0, 4)) if weather is Weather.THROTTLED_UNTIL else None
            return Answer(REFUSING[weather], b"", latency_ms, token, retry_after)
        if answered is not None and weather in LOSING:
            self._world.count("lost_answers")
        if answered is None or weather in SILENT:
            return NoAnswer("the API gave no answer", doubtful=True)
        if answered.status == 200 and weather in BODILESS:
            status, body = BODILESS[weather]
            return Answer(status, body, latency_ms, token)
        body = orjson.dumps(answered.body | FALSE.get(weather, {}) if answered.status == 200 else answered.body)
        return Answer(answered.status, body, latency_ms, token)
