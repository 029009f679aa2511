"""The API as one request meets it: on time or late, answered or not, and whether it was carried out all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from stream.steps import Answer, NoAnswer

from .faults import Point, Weather
from .nature import BREAKING
from .records import Carried, Fault, Records, parse, refused
from .weather import BODIES, FALSE, LOSING, NOT_LOOKED_AT, STATUSES, UNHEARD, Sky, plain_answer
from .world import Trip

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from stream.model import Batch
    from stream.steps import Read, Reply

    from .faults import ForeignWrite
    from .model import Model
    from .nature import Nature
    from .plan import Plan
    from .records import Json
    from .request import Request
    from .service import Process
    from .world import World

DEADLINE_S = 8.0
"""Shorter than the real one, so that more happens within a run."""
MAX_LATE_S = 7.0
REFUSING_STATUSES = (400, 404, 422)
UNREADABLE = frozenset({Weather.GARBLED, Weather.BROKEN_OFF, Weather.UNREACHED})


class FakeApi:
    """The API, seen from all instances."""

    def __init__(self, world: World, model: Model, plan: Plan) -> None:
        self.records = Records()
        self._world = world
        self._model = model
        self._nature: Nature = plan.nature
        self._sky = Sky(world, plan.weathers, plan.spells)
        self._latency_s = plan.latency_s
        self._mended_s = plan.mended_s
        self._issued: dict[tuple[str, int], float] = {}
        self._void_s = -1.0

    # Tokens.

    def issue_token(self, process: Process, generation: int) -> bool:
        """Give a process its next token, unless none are given."""
        if self._sky.gives_tokens():
            self._issued[process.name, generation] = self._world.now_s
            return True
        return False

    def revoke_tokens(self) -> None:
        """Make every token void that was given until now."""
        self._world.count("tokens_revoked")
        self._void_s = self._world.now_s

    def _is_void(self, process: Process, token: int) -> bool:
        return self._issued.get((process.name, token), -1.0) <= self._void_s

    # Requests.

    def request(self, process: Process, batch: Batch, token: int, tell: Callable[[Reply], None]) -> None:
        """Take a request; the reply comes when it comes."""
        request = self._model.sent(process.name, batch.batch_id, batch.body)
        self._world.play(self._course(process, request, batch.body, token, tell), process)

    def _course(
        self, process: Process, request: Request, body: bytes, token: int, tell: Callable[[Reply], None]
    ) -> Generator[Trip, None, None]:
        rng = self._world.rng
        document = parse(body)
        weather = self._weather(process, document, body, token)
        began_s = self._world.now_s
        yield Trip(rng.uniform(0.0005, 0.01), to_client=False)
        if weather is Weather.UNREACHED or (not process.is_alive and self._world.chance(0.5)):
            yield Trip(0.001, to_client=True)
            reply: Reply = NoAnswer("the API cannot be reached", doubtful=False)
            self._tell(request, reply, tell)
            return
        self._model.arrived(request)
        self._world.note("arrive", process.name, weather, *request.positions)
        process.at_point(Point.ARRIVED)
        carried = yield from self._carry_out(request, document, body, weather)
        yield from self._think(weather)
        silence_s = began_s + DEADLINE_S - self._world.now_s
        is_silent = weather in (Weather.SILENT, Weather.SILENT_APPLIED)
        yield Trip(max(0.0, silence_s) if is_silent else rng.uniform(0.0005, 0.01), to_client=True)
        reply = self._reply(weather, carried, body, 1000.0 * (self._world.now_s - began_s), token)
        process.at_point(Point.ANSWERED)
        self._tell(request, reply, tell)

    def _tell(self, request: Request, reply: Reply, tell: Callable[[Reply], None]) -> None:
        request.reply = reply
        self._model.told(request)
        tell(reply)

    def _weather(self, process: Process, document: Json, body: bytes, token: int) -> Weather:
        """Say how a request is taken: by its token, by what the API cannot bear, or by chance."""
        if self._is_void(process, token):
            return Weather.UNAUTHORISED
        weather, nature = self._sky.weather(process, document["dataStoreId"]), self._nature
        if weather in NOT_LOOKED_AT or weather in (Weather.UNREACHED, Weather.REFUSING):
            return weather
        if self._breaks(document):
            self._world.count("broken_by_a_record")
            return Weather.SILENT if nature.breaks_silently else Weather.ERROR
        is_slow = nature.slow_above is not None and len(document["records"]) > nature.slow_above
        if is_slow and not self._is_large(body) and self._world.now_s < self._mended_s:
            self._world.count("too_many_to_be_quick")
            return Weather.SILENT_APPLIED if nature.slow_applies else Weather.SILENT
        return weather

    def _is_large(self, body: bytes) -> bool:
        most = self._nature.max_body_bytes
        return most is not None and len(body) > most and not self.records.takes_all

    def _breaks(self, document: Json) -> bool:
        is_broken = self._world.now_s < self._mended_s
        return is_broken and any(BREAKING in each["fields"] for each in document["records"])

    def _carry_out(
        self, request: Request, document: Json, body: bytes, weather: Weather
    ) -> Generator[Trip, None, Carried | None]:
        if weather in NOT_LOOKED_AT:
            return None
        yield from self._think(weather)
        if weather is Weather.SILENT_APPLIED and self._world.chance(0.5):
            self._world.count("late_applications")
            yield Trip(self._world.rng.uniform(0.1, MAX_LATE_S), to_client=False)
        if weather is Weather.CONTRADICTION and self._world.chance(0.5):
            carried = Carried(200)
        else:
            carried = self._refusal(document, body, weather) or self.records.execute(
                document, conflicts_first=self._nature.conflicts_first
            )
        self._model.carried_out(request, carried)
        return carried

    def _refusal(self, document: Json, body: bytes, weather: Weather) -> Carried | None:
        """Refuse a request for its datastore or its size: then its records are at fault only if it holds one."""
        ids = [each["id"] for each in document["records"]]
        if weather is Weather.REFUSING:
            status = self._world.rng.choice(REFUSING_STATUSES)
            return refused([Fault(index, name, status) for index, name in enumerate(ids)], conflicts_first=False)
        if self._is_large(body):
            self._world.count("too_large")
            return Carried(413, (Fault(0, ids[0], 413),) if len(ids) == 1 else ())
        return None

    def _think(self, weather: Weather) -> Generator[Trip, None, None]:
        longest_s = DEADLINE_S if weather is Weather.SLOW else self._latency_s
        yield Trip(self._world.rng.uniform(0.0, longest_s), to_client=False)

    def _reply(self, weather: Weather, carried: Carried | None, body: bytes, latency_ms: float, token: int) -> Reply:
        if carried is not None and weather in LOSING:
            self._world.count("lost_answers")
        if weather in UNHEARD:
            return NoAnswer("the API gave no answer", doubtful=True)
        if carried is None or weather in (Weather.ERROR_APPLIED, Weather.ODD_APPLIED):
            return plain_answer(weather, self._world.rng, latency_ms, token)
        if carried.status != 200:
            self._world.count(f"refused_{carried.status}")
            return Answer(carried.status, self._nature.refused_body(carried), latency_ms, token)
        if weather in BODIES:
            return Answer(*BODIES[weather], latency_ms, token)
        told = self._nature.applied_body(carried, body) | FALSE.get(weather, {})
        status = self._world.rng.choice((200, 200, 201))
        return Answer(status, orjson.dumps(told) if told else b"", latency_ms, token)

    # Reading records, and other writers.

    def read(self, process: Process, step: Read, token: int, tell: Callable[[Reply], None]) -> None:
        """Take a question for a record."""
        self._world.play(self._reading(process, step, token, tell), process)

    def _reading(
        self, process: Process, step: Read, token: int, tell: Callable[[Reply], None]
    ) -> Generator[Trip, None, None]:
        rng = self._world.rng
        began_s = self._world.now_s
        weather = (
            Weather.UNAUTHORISED if self._is_void(process, token) else self._sky.weather(process, step.datastore_id)
        )
        yield Trip(rng.uniform(0.0005, 0.01) + rng.uniform(0.0, self._latency_s), to_client=False)
        stored = self.records.stored.get((step.datastore_id, step.record_id))
        self._world.note("read", process.name, weather, step.record_id, stored)
        is_silent = weather in (Weather.SILENT, Weather.SILENT_APPLIED)
        yield Trip(DEADLINE_S if is_silent else rng.uniform(0.0005, 0.01), to_client=True)
        latency_ms = 1000.0 * (self._world.now_s - began_s)
        name = (step.datastore_id, step.record_id)
        if weather in UNHEARD or weather in STATUSES or weather in UNREADABLE:
            self._model.history.read_in_vain(process.name, name)
        if weather in UNHEARD or weather is Weather.UNREACHED:
            tell(NoAnswer("the API gave no answer", doubtful=False))
        elif weather in STATUSES:
            tell(plain_answer(weather, rng, latency_ms, token))
        elif weather in BODIES and weather in UNREADABLE:
            tell(Answer(*BODIES[weather], latency_ms, token))
        else:
            self._model.history.read(process.name, name, stored)
            self._world.count("read_back")
            told = {"id": step.record_id, "version": stored.version, "fields": stored.fields} if stored else None
            tell(Answer(200 if told else 404, orjson.dumps(told or {"error": "none"}), latency_ms, token))

    def write(self, foreign: ForeignWrite, marker: int) -> None:
        """Let somebody else write a record."""
        name = (foreign.datastore_id, foreign.record_id)
        self._world.count("foreign_writes")
        self._world.note("foreign", *name, self.records.write(name, {"marker": marker}))
        self._model.history.written_by_another(name)
