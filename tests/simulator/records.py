"""What the API keeps, and what one request does to it: the table of contract section 1."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import orjson

Json = dict[str, Any]
RecordName = tuple[str, str]

REFUSED_ID = "refused"
"""Records whose id begins so are refused whatever they hold; the rest of the id says with which status."""


class Stored(NamedTuple):
    """A record as the API has it."""

    version: int
    fields: Json


class Answered(NamedTuple):
    """What the API made of a request: the status, the body's members, and which records it wrote."""

    status: int
    body: Json
    written: tuple[str, ...]


class Records:
    """All records of all datastores."""

    def __init__(self) -> None:
        self.stored: dict[RecordName, Stored] = {}

    def execute(self, request: Json, body: bytes) -> Answered:
        """Carry out a request, all of it or nothing."""
        refused = next((each for each in request["records"] if each["id"].startswith(REFUSED_ID)), None)
        if refused is not None:
            return Answered(int(refused["id"].removeprefix(REFUSED_ID)[:3]), {"error": "refused"}, ())
        written: list[tuple[RecordName, Stored]] = []
        skipped: list[Json] = []
        for index, record in enumerate(request["records"]):
            name = (request["dataStoreId"], record["id"])
            verdict, current = self._judge(name, record.get("version"), request)
            if verdict == "refuse":
                return Answered(
                    400, {"errors": [{"index": index, "id": record["id"], "message": "no such record"}]}, ()
                )
            if verdict == "conflict":
                error = {"index": index, "id": record["id"], "currentVersion": current}
                return Answered(409, {"errors": [error]}, ())
            if verdict == "skip":
                skipped.append({"id": record["id"], "currentVersion": current})
                continue
            fields = self.stored[name].fields | record["fields"] if current else record["fields"]
            written.append((name, Stored(current + 1, fields)))
        self.stored.update(written)
        told = [{"id": name[1], "version": new.version} for name, new in written]
        answer = {"checksum": hashlib.sha256(body).hexdigest(), "records": told}
        return Answered(200, answer | ({"skipped": skipped} if skipped else {}), tuple(name[1] for name, _ in written))

    def _judge(self, name: RecordName, sent: int | None, request: Json) -> tuple[str, int]:
        """Say what one record does, and which version is there; an absent record counts as version 0."""
        stored = self.stored.get(name)
        current = stored.version if stored else 0
        if stored is None and request["updateType"] == "UPDATE":
            return "refuse", 0
        if sent is None or sent == current:
            return "apply", current
        return {"OVERWRITE": "apply", "FAIL": "conflict", "IGNORE": "skip"}[request["conflictResolution"]], current


def parse(body: bytes) -> Json:
    """Read a request's body."""
    request: Json = orjson.loads(body)
    return request
