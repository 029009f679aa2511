"""What a service tells over HTTP, as probes and people ask for it."""

from __future__ import annotations

import http.client
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from .waiting import eventually

if TYPE_CHECKING:
    from .service import Service

ANY_PORT = "127.0.0.1:0"
WITHIN_S = 30.0


class Told(NamedTuple):
    """An answer: its status and its text."""

    status: int
    text: str


class Asking:
    """Asks one service, which was started with `STREAM_HTTP_ADDRESS` at `ANY_PORT`."""

    def __init__(self, service: Service) -> None:
        """Find out from its log where it listens."""
        eventually(lambda: service.lines("http_listening"), WITHIN_S, "the address of the status server")
        self.base_url = f"http://{service.lines('http_listening')[-1]['address']}"

    def get(self, path: str) -> Told:
        """Ask for a path."""
        connection = http.client.HTTPConnection(self.base_url.removeprefix("http://"), timeout=WITHIN_S)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return Told(answer.status, answer.read().decode())
        finally:
            connection.close()

    @property
    def is_live(self) -> bool:
        """What `/livez` says."""
        return self.get("/livez").status == HTTPStatus.OK

    @property
    def is_ready(self) -> bool:
        """What `/readyz` says."""
        return self.get("/readyz").status == HTTPStatus.OK

    @property
    def is_kafka_ready(self) -> bool:
        """What `/readyz?scope=kafka` says."""
        return self.get("/readyz?scope=kafka").status == HTTPStatus.OK

    def status(self) -> dict[str, Any]:
        """Read `/status`."""
        found: dict[str, Any] = orjson.loads(self.get("/status").text)
        return found

    def findings(self) -> dict[str, str]:
        """Read what it finds wrong: titles, and the details of each."""
        return {each["title"]: each["detail"] for each in self.status()["findings"]}
