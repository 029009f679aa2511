"""Which path is answered by what. Only reading: no route changes anything."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from .document import status_document
from .page import PAGE
from .probes import Probe, kafka_ready, live, ready

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..snapshot import Snapshot
    from ..watchdog import Turning
    from .told import Told

OK, BAD_REQUEST, NOT_FOUND, NOT_NOW = 200, 400, 404, 503
TEXT = "text/plain; charset=utf-8"
JSON = "application/json"
EVENTS = "/events"
PATHS = "/ /livez /readyz /readyz?scope=kafka /status /metrics"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; `headers` beside those that every answer has."""

    status: int
    content_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Routes:
    """What is answered to a path."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._last: tuple[tuple[Snapshot | None, Turning], bytes] | None = None
        """The last event, and of what it tells; where two threads write it at once, both write the same."""

    def answer(self, target: str) -> Answer:
        """Answer a GET.

        Args:
            target: path and query, as the client wrote them.
        """
        path, query = _split(target)
        match path:
            case "/livez":
                return _probe(self._live(), "live")
            case "/readyz":
                return self._ready(query)
            case "/status":
                return Answer(OK, JSON, status_document(self._told, is_whole=True))
            case "/metrics" if (metrics := self._told.metrics) is not None:
                return Answer(OK, metrics.content_type, metrics.text())
            case "/":
                return Answer(OK, "text/html; charset=utf-8", PAGE.html, {"Content-Security-Policy": PAGE.policy})
            case _:
                return text(NOT_FOUND, f"there is nothing at this path; there are {PATHS}")

    def event(self, *, is_first: bool) -> bytes:
        """Write one event for those who follow: the first one is whole, all others are written once for all of them."""
        if is_first:
            return _event(status_document(self._told, is_whole=True))
        now = (self._told.board.snapshot, self._told.watchdog.turning)
        if self._last is None or self._last[0] != now:
            self._last = now, _event(status_document(self._told, is_whole=False))
        return self._last[1]

    def _live(self) -> Probe:
        return live(self._told.watchdog.turning)

    def _ready(self, query: Mapping[str, list[str]]) -> Answer:
        snapshot, turning = self._told.board.snapshot, self._told.watchdog.turning
        match query.get("scope", []):
            case []:
                return _probe(ready(snapshot, turning), "ready")
            case ["kafka"]:
                return _probe(kafka_ready(snapshot, turning), "ready, as far as Kafka goes")
            case _:
                return text(BAD_REQUEST, "the only scope is kafka: /readyz?scope=kafka")


def _event(document: bytes) -> bytes:
    return b"event: status\ndata: %b\n\n" % document


def text(status: int, line: str) -> Answer:
    """Answer with a line."""
    return Answer(status, TEXT, f"{line}\n".encode())


def _probe(probe: Probe, well: str) -> Answer:
    return text(OK, well) if probe.is_well else text(NOT_NOW, "\n".join(probe.reasons))


def _split(target: str) -> tuple[str, Mapping[str, list[str]]]:
    try:
        parts = urlsplit(target)
        return parts.path, parse_qs(parts.query, keep_blank_values=True, max_num_fields=8)
    except ValueError:
        return "", {}
