"""What the API keeps, and what one request does to it: the table of contract section 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

Json = dict[str, Any]
RecordName = tuple[str, str]

BAD = "bad"
"""The field of an event that the API refuses for ever: its value is the status."""
CONFLICTING = 409


class Stored(NamedTuple):
    """A record as the API has it."""

    version: int
    fields: Json

    def holds(self, fields: Json) -> bool:
        """Whether every one of these fields has this value."""
        return all(name in self.fields and self.fields[name] == value for name, value in fields.items())


class Fault(NamedTuple):
    """Why the API does not take one record of a request; `current` is the stored version where that is the reason."""

    place: int
    record_id: str
    status: int
    current: int | None = None


class Carried(NamedTuple):
    """What the API made of a request.

    `faults` names all that is wrong with it, `told` the part of them that its status stands for. `written` and
    `skipped` give versions by record id: the new ones, and the stored ones that were left as they are.
    """

    status: int
    faults: tuple[Fault, ...] = ()
    told: tuple[Fault, ...] = ()
    written: Mapping[str, int] = {}
    skipped: Mapping[str, int] = {}


class Records:
    """All records of all datastores."""

    def __init__(self) -> None:
        self.stored: dict[RecordName, Stored] = {}
        self.takes_all = False
        """Whether nothing is refused any more: somebody has put it right."""

    def execute(self, request: Json, *, conflicts_first: bool) -> Carried:
        """Carry out a request, all of it or nothing; what is refused for several reasons is so for one at a time."""
        faults: list[Fault] = []
        written: dict[RecordName, Stored] = {}
        skipped: dict[str, int] = {}
        for index, record in enumerate(request["records"]):
            name = (request["dataStoreId"], record["id"])
            status, current = self._judge(name, record, request)
            if status == 204:
                skipped[record["id"]] = current
            elif status != 200:
                faults.append(Fault(index, record["id"], status, current if status == CONFLICTING else None))
            else:
                fields = self.stored[name].fields | record["fields"] if current else record["fields"]
                written[name] = Stored(current + 1, fields)
        if faults:
            return refused(faults, conflicts_first=conflicts_first)
        self.stored.update(written)
        return Carried(200, written={name[1]: new.version for name, new in written.items()}, skipped=skipped)

    def write(self, name: RecordName, fields: Json) -> int:
        """Let somebody else write a record; tell its version."""
        version = self.version(name) + 1
        self.stored[name] = Stored(version, fields)
        return version

    def version(self, name: RecordName) -> int:
        """Tell a record's version: an absent one counts as version 0."""
        stored = self.stored.get(name)
        return stored.version if stored else 0

    def _judge(self, name: RecordName, record: Json, request: Json) -> tuple[int, int]:
        """Say what one record comes to, with its stored version: 200 applied, 204 left out, or why not."""
        current, sent = self.version(name), record.get("version")
        if not self.takes_all and BAD in record["fields"]:
            return record["fields"][BAD], current
        if not self.takes_all and not current and request["updateType"] == "UPDATE":
            return 400, current
        if sent is None or sent == current:
            return 200, current
        return {"OVERWRITE": 200, "FAIL": CONFLICTING, "IGNORE": 204}[request["conflictResolution"]], current


def refused(faults: list[Fault], *, conflicts_first: bool) -> Carried:
    """Refuse a request for the first of its faults, and for all others with the same status."""
    conflict = next((each for each in faults if (each.status == CONFLICTING) is conflicts_first), faults[0])
    told = tuple(each for each in faults if each.status == conflict.status)
    return Carried(conflict.status, tuple(faults), told)


def parse(body: bytes) -> Json:
    """Read a request's body."""
    request: Json = orjson.loads(body)
    return request
