"""Which weather meets a request, and how an answer looks in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

from stream.steps import Answer

from .faults import Weather

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence

    from .faults import Spell
    from .records import Json
    from .service import Process
    from .world import World

MAX_RETRY_AFTER_S = 4
WEATHERS = tuple(Weather)
IN_SPELLS_ONLY = frozenset({Weather.REFUSING, Weather.TOKENLESS})

THROTTLING = frozenset({Weather.THROTTLED, Weather.THROTTLED_UNTIL, Weather.THROTTLED_TO_DATE, Weather.THROTTLED_ODDLY})
UNHEARD = frozenset({Weather.RESET, Weather.RESET_APPLIED, Weather.SILENT, Weather.SILENT_APPLIED})
"""The client gets no answer."""
NOT_LOOKED_AT = frozenset(
    {*THROTTLING, Weather.ERROR, Weather.ODD, Weather.RESET, Weather.SILENT, Weather.UNAUTHORISED, Weather.FORBIDDEN}
)
"""The request is not carried out, whatever is in it."""
LOSING = frozenset({*UNHEARD, Weather.ERROR_APPLIED, Weather.ODD_APPLIED, Weather.GARBLED, Weather.BROKEN_OFF})
"""What was carried out, the client does not learn."""

STATUSES = {
    Weather.THROTTLED: (429,),
    Weather.THROTTLED_UNTIL: (429,),
    Weather.THROTTLED_TO_DATE: (429,),
    Weather.THROTTLED_ODDLY: (429,),
    Weather.ERROR: (408, 425, 500, 502, 503, 504),
    Weather.ERROR_APPLIED: (500, 502, 504),
    Weather.ODD: (302, 405, 418),
    Weather.ODD_APPLIED: (207,),
    Weather.UNAUTHORISED: (401,),
    Weather.FORBIDDEN: (403,),
}
"""One of them is the status, whatever is in the request."""
BODIES: dict[Weather, tuple[int, bytes | None]] = {
    Weather.BARE: (200, b""),
    Weather.ACCEPTED: (202, b""),
    Weather.NO_CONTENT: (204, b""),
    Weather.GARBLED: (200, b"<html>"),
    Weather.BROKEN_OFF: (200, None),
}
"""How an answer looks to a request that was carried out."""
FALSE: dict[Weather, Json] = {
    Weather.MISMATCH: {"checksum": "0" * 64},
    Weather.CONTRADICTION: {"errors": ["a quota"]},
}
"""What stands in the body beside the truth."""


class Sky:
    """Draws the weather of each request."""

    def __init__(self, world: World, weights: Mapping[Weather, float], spells: Sequence[Spell]) -> None:
        self._world = world
        self._weights = [weights.get(each, 0.0) for each in WEATHERS]
        self._spells = spells

    def weather(self, process: Process, datastore_id: str) -> Weather:
        """Draw it: that of a spell, or by chance as long as it is not calm."""
        spell = self._spell(datastore_id)
        if spell is not None:
            self._world.count(f"in_spell_{spell.weather}")
            return spell.weather
        if process.is_calm():
            return Weather.FINE
        weather = self._world.rng.choices(WEATHERS, self._weights)[0]
        if weather is not Weather.FINE:
            self._world.count(f"api_{weather}")
        return weather

    def gives_tokens(self) -> bool:
        """Whether the token endpoint works."""
        return not any(each.weather is Weather.TOKENLESS for each in self._now())

    def _spell(self, datastore_id: str) -> Spell | None:
        here = (each for each in self._now() if each.datastore_id in (None, datastore_id))
        return next((each for each in here if each.weather is not Weather.TOKENLESS), None)

    def _now(self) -> list[Spell]:
        now_s = self._world.now_s
        return [each for each in self._spells if each.begin_s <= now_s < each.end_s]


def plain_answer(weather: Weather, rng: random.Random, latency_ms: float, token: int) -> Answer:
    """Write the answer of a weather in which nobody looks at the request."""
    retry_after, date = None, None
    if weather is Weather.THROTTLED_UNTIL:
        retry_after = str(rng.randint(0, MAX_RETRY_AFTER_S))
    elif weather is Weather.THROTTLED_ODDLY:
        retry_after = rng.choice(("soon", "-3", "1e9", "", "Thu, 99 Foo 2026"))
    elif weather is Weather.THROTTLED_TO_DATE:
        sent = datetime(2026, 11, 23, tzinfo=UTC)
        retry_after = format_datetime(sent + timedelta(seconds=rng.randint(-2, MAX_RETRY_AFTER_S)), usegmt=True)
        date = rng.choice((format_datetime(sent, usegmt=True), None))
    return Answer(rng.choice(STATUSES[weather]), b"", latency_ms, token, retry_after, date)
