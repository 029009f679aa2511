"""How the API puts its answers: what it names, what it tells, what it cannot bear. One run has one nature."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum, auto

import orjson

from .records import CONFLICTING, Carried, Fault, Json

BREAKING = "breaks"
"""The field of an event on which the API breaks, for as long as the weather says."""


class Naming(StrEnum):
    """How a refusal names the records at fault."""

    BOTH = auto()
    INDEX = auto()
    ID = auto()
    PATH = auto()
    """By where they stand in the request."""
    FIRST = auto()
    """Only the first of them."""
    OFF_BY_ONE = auto()
    """By a true id, and an index that counts from one."""
    NOBODY = auto()
    STRANGERS = auto()
    """By ids and indices that the request does not hold."""
    SILENT = auto()
    """No body at all."""


WHOLE = frozenset({Naming.BOTH, Naming.INDEX, Naming.ID, Naming.PATH})
"""Those that name all that are at fault, beyond doubt."""


@dataclass(frozen=True, slots=True)
class Nature:
    """One API."""

    naming: Naming = Naming.BOTH
    place: tuple[str, ...] = ("errors",)
    """Where in the answer the names stand."""
    names_conflicts: bool = True
    tells_versions: bool = True
    """Whether a conflict is told with the version that is there."""
    tells_checksum: bool = True
    tells_records: bool = True
    tells_skipped: bool = True
    conflicts_first: bool = False
    max_body_bytes: int | None = None
    slow_above: int | None = None
    """Requests of more records get no answer within the deadline."""
    slow_applies: bool = False
    """They are carried out all the same."""
    breaks_silently: bool = False
    """A request that breaks it gets no answer instead of a 500."""

    def applied_body(self, carried: Carried, body: bytes) -> Json:
        """Write the answer to a request that was carried out; every part of it is optional."""
        told: Json = {"checksum": hashlib.sha256(body).hexdigest()} if self.tells_checksum else {}
        if self.tells_records:
            told["records"] = [{"id": name, "version": version} for name, version in carried.written.items()]
        if self.tells_skipped and carried.skipped:
            told["skipped"] = [{"id": name, "currentVersion": version} for name, version in carried.skipped.items()]
        return told

    def refused_body(self, carried: Carried) -> bytes:
        """Write the answer to a request that was refused."""
        naming = self.naming
        if carried.status == CONFLICTING and not self.names_conflicts:
            naming = Naming.NOBODY
        if naming is Naming.SILENT:
            return b""
        if naming is Naming.NOBODY:
            return orjson.dumps({"error": "not like this"})
        faults = carried.told[:1] if naming is Naming.FIRST else carried.told
        body: object = [self._name(naming, each) for each in faults]
        for member in reversed(self.place):
            body = {member: body, "message": "not like this"}
        return orjson.dumps(body)

    def names(self, status: int) -> bool:
        """Whether a refusal with this status names all records at fault."""
        return self.naming in WHOLE and (self.names_conflicts or status != CONFLICTING)

    def _name(self, naming: Naming, fault: Fault) -> Json:
        told: Json = {"index": fault.place, "id": fault.record_id, "message": "not like this"}
        if naming is Naming.INDEX:
            del told["id"]
        elif naming is Naming.ID:
            del told["index"]
        elif naming is Naming.PATH:
            told = {"path": f"/records/{fault.place}/fields", "message": "not like this"}
        elif naming is Naming.OFF_BY_ONE:
            told["index"] += 1
        elif naming is Naming.STRANGERS:
            told |= {"id": "a stranger", "index": 1_000_000}
        if fault.current is not None and self.tells_versions:
            told["currentVersion"] = fault.current
        return told
