"""What a version mismatch means for one record: contract section 4.3, as pure judgements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from .codes import ErrorCode
from .model import Defect, Result, Ruling

if TYPE_CHECKING:
    from .model import Event

CONFLICT_STATUS = 409

VERSION_CONFLICT = Defect(
    ErrorCode.VERSION_CONFLICT,
    "The record has another version than the one that the event was made for (409).",
    None,
    CONFLICT_STATUS,
)
CONFLICT_AMBIGUOUS = Defect(
    ErrorCode.CONFLICT_AMBIGUOUS,
    "The event may have been applied before, and the record was changed since (409): compare the two by hand.",
    None,
    CONFLICT_STATUS,
)
CONFLICT_UNVERIFIED = Defect(
    ErrorCode.CONFLICT_UNVERIFIED,
    "The event may have been applied before, and the record could not be read back (409): look at it by hand.",
    None,
    CONFLICT_STATUS,
)


class Stored(NamedTuple):
    """A record as the API has it. `version` is None where the answer did not tell it readably."""

    version: int | None
    fields: dict[str, Any]


ABSENT = Stored(0, {})
"""A record that is not there counts as version 0 (contract section 1)."""


def read_stored(body: bytes | None, record_id: str) -> Stored | None:
    """Read the answer of the read call; None where it is no such record.

    Args:
        body: the answer's; None where it could not be read.
        record_id: of the record that was asked for.
    """
    try:
        document = orjson.loads(body or b"null")
    except orjson.JSONDecodeError:
        return None
    if not isinstance(document, dict) or document.get("id", record_id) != record_id:
        return None
    fields, version = document.get("fields"), document.get("version")
    if not isinstance(fields, dict):
        return None
    return Stored(version if type(version) is int else None, fields)


def judge_suspect(event: Event, stored: Stored | None, told: int | None, *, named: bool) -> Ruling | None:
    """Judge a refused record that may have been applied before.

    Args:
        event: as it was sent.
        stored: what the read call gave; None where it is not available.
        told: `currentVersion` of the answer that refused it.
        named: whether that answer named the record.

    Returns:
        The ruling; None when it is certain that the event was not applied: a plain conflict, or a case for a rebase.
    """
    if stored is None:
        return Ruling(Result.CONFLICT, CONFLICT_UNVERIFIED, told, named)
    if holds(stored, event):
        return Ruling(Result.ALREADY_APPLIED, None, stored.version, confirmed=True)
    if stored.version is None:
        return Ruling(Result.CONFLICT, CONFLICT_UNVERIFIED, told, named)
    sent = sent_version(event)
    if sent is None or stored.version > sent + 1:
        return Ruling(Result.CONFLICT, CONFLICT_AMBIGUOUS, stored.version, confirmed=True)
    return None


def judge_skipped_suspect(event: Event, stored: Stored | None, told: int | None) -> Ruling:
    """Judge a suspect that the API left out (IGNORE): was it left out because it had been applied before?

    Args:
        event: as it was sent.
        stored: what the read call gave; None where it is not available.
        told: `currentVersion` of the answer that left it out.
    """
    if stored is not None and holds(stored, event):
        return Ruling(Result.ALREADY_APPLIED, None, stored.version, confirmed=True)
    return Ruling(Result.SKIPPED_STALE, None, told, confirmed=True)


def plain_conflict(version: int | None, *, named: bool) -> Ruling:
    """Rule that a record stays as it is: its version is another one, by somebody else's change."""
    return Ruling(Result.CONFLICT, VERSION_CONFLICT, version, named)


def holds(stored: Stored, event: Event) -> bool:
    """Whether every field that the event sent has that very value in the stored record."""
    sent = orjson.loads(event.record)["fields"]
    return all(name in stored.fields and is_same(value, stored.fields[name]) for name, value in sent.items())


def is_same(one: object, other: object) -> bool:
    """Whether two JSON values are equal: `1` and `1.0` are one number, `true` is none, objects have no order."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(is_same(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def sent_version(event: Event) -> int | None:
    """Return the version that the event's record names; None where it names none."""
    version = orjson.loads(event.record).get("version")
    return None if version is None else int(version)


def is_ahead(version: int, event: Event) -> bool:
    """Whether a stored version is later than the one that the event was sent with: only then it is rebased.

    A rebase to an earlier version would make a lie of `judge_suspect`: whoever finds the event after a crash knows only
    the version that it came with, and takes it for certain that it was not applied where the stored one is no later
    than the next.
    """
    sent = sent_version(event)
    return sent is not None and version > sent


def on_version(event: Event, version: int) -> Event:
    """Return the event with its record on another version; sure not to be applied, it is no suspect any more."""
    record = {"id": None, "version": None} | orjson.loads(event.record) | {"version": version}  # the usual order
    return event._replace(record=b"%b" % orjson.dumps(record), suspect=False)
