"""The API as contract section 1 has it, in memory: a record's truth, whom a refusal names, and what goes wrong."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from stream.steps import NoAnswer, Read, Renewed, RenewToken

from .conversation import answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stream.steps import Answer, Reply, Send

Json = dict[str, Any]


class Naming(Enum):
    """Whom a refusal names."""

    NOBODY = auto()
    FIRST = auto()
    ALL = auto()
    CONTRADICTING = auto()
    """Index and id of two records, so that nobody is to be believed."""


class Trouble(Enum):
    """What happens to one call."""

    NONE = auto()
    LOST = auto()
    """Not carried out, and no answer."""
    ANSWER_LOST = auto()
    """Carried out, and no answer."""
    FAILED = auto()
    """503, not carried out."""
    FAILED_LATE = auto()
    """503, carried out."""
    GARBLED = auto()
    """Carried out, and a page in place of an answer."""
    THROTTLED = auto()
    UNAUTHORISED = auto()
    MEDDLED = auto()
    """Somebody else has changed every record before."""


CARRIED_OUT_UNSAID: dict[Trouble, Reply] = {
    Trouble.ANSWER_LOST: NoAnswer("no answer", doubtful=True),
    Trouble.FAILED_LATE: answer(503),
    Trouble.GARBLED: answer(200, b"<html>"),
}
NOT_CARRIED_OUT: dict[Trouble, Reply] = {
    Trouble.LOST: NoAnswer("no answer", doubtful=True),
    Trouble.FAILED: answer(503),
    Trouble.THROTTLED: answer(429),
    Trouble.UNAUTHORISED: answer(401),
}


class Stored(NamedTuple):
    """A record as the API has it."""

    version: int
    fields: Json


ABSENT = Stored(0, {})


@dataclass
class ModelApi:
    """Answers the steps of a dialogue. `bad`: the records that it refuses, and with which status."""

    stored: dict[str, Stored] = field(default_factory=dict)
    bad: Mapping[str, int] = field(default_factory=dict)
    naming: Naming = Naming.ALL
    most_bytes: int = 1 << 30
    troubles: list[Trouble] = field(default_factory=list)
    applied: Counter[str] = field(default_factory=Counter)
    refusals: int = 0

    def perform(self, step: Send | Read | RenewToken) -> Reply:
        """Answer a step, in the trouble that is next."""
        if isinstance(step, RenewToken):
            return Renewed()
        trouble = self.troubles.pop(0) if self.troubles else Trouble.NONE
        if trouble in NOT_CARRIED_OUT:
            return NOT_CARRIED_OUT[trouble]
        if trouble is Trouble.MEDDLED:
            self.stored = {name: Stored(was.version + 1, was.fields | {"by": 0}) for name, was in self.stored.items()}
        said = self._read(step) if isinstance(step, Read) else self._execute(step.batch.body)
        return CARRIED_OUT_UNSAID.get(trouble, said)

    def _read(self, step: Read) -> Answer:
        found = self.stored.get(step.record_id)
        return answer(404) if found is None else answer(200, id=step.record_id, **found._asdict())

    def _execute(self, body: bytes) -> Answer:
        request = orjson.loads(body)
        records = request["records"]
        bad = {record["id"]: None for record in records if record["id"] in self.bad}
        if len(body) > self.most_bytes:
            return self._refuse(413, {}, records)
        if bad:
            return self._refuse(self.bad[next(iter(bad))], bad, records)
        mismatched = {record["id"]: self.version_of(record["id"]) for record in records if self._mismatches(record)}
        on_mismatch = request["conflictResolution"]
        if mismatched and on_mismatch == "FAIL":
            return self._refuse(409, mismatched, records)
        left_out = mismatched if on_mismatch == "IGNORE" else {}
        done = [self._apply(record) for record in records if record["id"] not in left_out]
        skipped = [{"id": name, "currentVersion": version} for name, version in left_out.items()]
        return answer(200, records=done, skipped=skipped)

    def version_of(self, name: str) -> int:
        """Say which version is current."""
        return self.stored.get(name, ABSENT).version

    def _mismatches(self, record: Json) -> bool:
        current = self.version_of(record["id"])
        return bool(record.get("version", current) != current)

    def _apply(self, record: Json) -> Json:
        was = self.stored.get(record["id"], ABSENT)
        self.stored[record["id"]] = Stored(was.version + 1, was.fields | record["fields"])
        self.applied[record["id"]] += 1
        return {"id": record["id"], "version": was.version + 1}

    def _refuse(self, status: int, versions: Mapping[str, int | None], records: list[Json]) -> Answer:
        self.refusals += 1
        places = {record["id"]: index for index, record in enumerate(records)}
        errors: list[Json] = [
            {"index": places[name], "id": name} | ({} if version is None else {"currentVersion": version})
            for name, version in versions.items()
        ]
        match self.naming:
            case Naming.NOBODY:
                return answer(status, error="no")
            case Naming.FIRST:
                return answer(status, errors=errors[:1])
            case Naming.CONTRADICTING:
                return answer(status, errors=[each | {"index": each["index"] + 1} for each in errors])
            case Naming.ALL:
                return answer(status, errors=errors)
