"""What the API's answers mean: the statuses of contract section 1, the body of an applied request, the waits.

Where a status is decided: the table `MEANING_OF_STATUS`.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from .codes import ErrorCode
from .conflict import VERSION_CONFLICT
from .model import ConflictResolution, Defect, Result
from .pace import FAILED, THROTTLED, retry_after_s
from .steps import NoAnswer, Scope, Wait
from .token import SCOPE

if TYPE_CHECKING:
    import random

    from .model import Batch, Event
    from .steps import Answer

ACCEPTED = 202
TOO_LARGE = 413


class Meaning(Enum):
    """What a status says about a request (contract section 1)."""

    APPLIED = auto()
    REFUSED = auto()
    CONFLICT = auto()
    UNAUTHORISED = auto()
    FORBIDDEN = auto()
    THROTTLED = auto()
    UNKNOWN = auto()
    """It may have been applied; the API is in trouble."""
    UNFORESEEN = auto()
    """It may have been applied; the API is not what it was taken for."""


MEANING_OF_STATUS = {
    200: Meaning.APPLIED,
    201: Meaning.APPLIED,
    202: Meaning.APPLIED,
    204: Meaning.APPLIED,
    400: Meaning.REFUSED,
    401: Meaning.UNAUTHORISED,
    403: Meaning.FORBIDDEN,
    404: Meaning.REFUSED,
    408: Meaning.UNKNOWN,
    409: Meaning.CONFLICT,
    413: Meaning.REFUSED,
    422: Meaning.REFUSED,
    425: Meaning.UNKNOWN,
    429: Meaning.THROTTLED,
    **dict.fromkeys(range(500, 600), Meaning.UNKNOWN),
}
"""Any other status is `UNFORESEEN`."""

_REJECTIONS = {
    400: (ErrorCode.RECORD_REFUSED, "The API refused the record (400)."),
    404: (ErrorCode.NOT_FOUND, "The API does not know the datastore or the record (404)."),
    413: (ErrorCode.TOO_LARGE, "The API refused the record for its size (413)."),
    422: (ErrorCode.UNPROCESSABLE, "The API could not process the record (422)."),
}
REFUSALS = {
    409: (Result.CONFLICT, VERSION_CONFLICT),
    **{status: (Result.REJECTED, Defect(*why, None, status)) for status, why in _REJECTIONS.items()},
}
"""What becomes of the records that a request was refused for."""
_CHECKSUM_MISMATCH = "The API reports another checksum than was sent."
_CONTRADICTION = "The API answered as applied, with errors in the body."


def meaning_of(status: int) -> Meaning:
    """Say what a status means."""
    return MEANING_OF_STATUS.get(status, Meaning.UNFORESEEN)


class Statement(NamedTuple):
    """What an answer says of an applied request beyond its status; every part of it is optional.

    `untruth`: why it cannot be believed. `confirmed`: it is evidence for every record, named or not. `versions` and
    `skipped` map the ids of the records that it names to their versions.
    """

    untruth: Defect | None
    checksum_verified: bool
    confirmed: bool
    versions: dict[str, int | None]
    skipped: dict[str, int | None]


def read_statement(batch: Batch, answer: Answer) -> Statement | None:
    """Read the answer to an applied request.

    Args:
        batch: the request.
        answer: its answer, with a status that means applied.

    Returns:
        What it states; None where its body is no JSON object: such an answer is no success.
    """
    body = _json_object(answer.body)
    if body is None:
        return None
    checksum, sent = body.get("checksum"), batch.checksum  # computed here, on a worker: a long hash lets the loop run
    verified = isinstance(checksum, str) and checksum.lower() == sent
    tells_skipped = isinstance(body.get("skipped"), list)
    may_be_left_out = batch.lane.conflict_resolution is ConflictResolution.IGNORE and not tells_skipped
    return Statement(
        _untruth(body, answer.status, mismatch=isinstance(checksum, str) and not verified),
        verified,
        verified and answer.status != ACCEPTED and not may_be_left_out,
        _by_id(body.get("records"), "version"),
        _by_id(body.get("skipped"), "currentVersion"),
    )


def _untruth(body: dict[str, Any], status: int, *, mismatch: bool) -> Defect | None:
    if mismatch:
        return Defect(ErrorCode.CHECKSUM_MISMATCH, _CHECKSUM_MISMATCH, None, status)
    if body.get("errors") or body.get("error"):
        return Defect(ErrorCode.ANSWER_CONTRADICTS_STATUS, _CONTRADICTION, None, status)
    return None


def _json_object(body: bytes | None) -> dict[str, Any] | None:
    """Read an answer's body: an empty one says nothing, one that is no JSON object cannot be believed."""
    try:
        document = orjson.loads(b"{}" if body == b"" else body or b"")
    except orjson.JSONDecodeError:
        return None
    return document if isinstance(document, dict) else None


def _by_id(records: object, member: str) -> dict[str, int | None]:
    """Read the records that an answer names; one without a readable version is named all the same."""
    if not isinstance(records, list):
        return {}
    return {
        record["id"]: version if type(version := record.get(member)) is int else None
        for record in records
        if isinstance(record, dict) and isinstance(record.get("id"), str)
    }


def wait_after(
    reply: Answer | NoAnswer, failures: int, rng: random.Random, events: tuple[Event, ...], *, unreadable: int = 0
) -> Wait:
    """Say how long to wait, and who, after what came of a request that decided nothing.

    Args:
        reply: what came of it.
        failures: of this request, in a row.
        rng: draws the jitter.
        events: that it carried.
        unreadable: how many answers of this request said applied and could not be read.
    """
    if isinstance(reply, NoAnswer):
        doubtful = events if reply.doubtful else ()
        return Wait(FAILED.delay_s(failures, rng), reply.reason, reply.scope, doubtful, silence=reply.kind)
    told_s = retry_after_s(reply.retry_after, reply.date) or 0.0
    meaning = meaning_of(reply.status)
    if meaning is Meaning.THROTTLED:
        # As told, with up to a tenth more so that not all come back at once; else backed off.
        wait_s = told_s + rng.uniform(0.0, 0.1 * told_s) if told_s else THROTTLED.delay_s(failures, rng)
    else:
        wait_s = max(told_s, FAILED.delay_s(failures, rng))
    is_repeated = meaning is Meaning.APPLIED and unreadable > 1
    scope = Scope.DATASTORE if is_repeated else SCOPE_OF_MEANING[meaning]
    return Wait(wait_s, _reason(meaning, reply.status), scope, () if meaning in UNTOUCHED else events, reply.status)


SCOPE_OF_MEANING = {
    Meaning.APPLIED: Scope.REQUEST,
    Meaning.UNAUTHORISED: Scope.EVERYTHING,
    Meaning.FORBIDDEN: Scope.EVERYTHING,
    Meaning.THROTTLED: Scope.CREDENTIAL,
    Meaning.UNKNOWN: Scope.REQUEST,
    Meaning.UNFORESEEN: Scope.DATASTORE,
}
"""Who waits after an answer that decided nothing; `APPLIED` is one whose body could not be read."""

UNTOUCHED = frozenset({Meaning.UNAUTHORISED, Meaning.FORBIDDEN, Meaning.THROTTLED})
"""It is certain that the request was not applied."""


def _reason(meaning: Meaning, status: int) -> str:
    match meaning:
        case Meaning.THROTTLED:
            return f"the API asks for fewer requests ({status})"
        case Meaning.UNAUTHORISED:
            return f"the API refuses a fresh token ({status}): look at the client's rights and secret"
        case Meaning.FORBIDDEN:
            return f"the API forbids the call ({status}): give the client the scopes {SCOPE}"
        case Meaning.APPLIED:
            return f"the API answered {status} with a body that cannot be read: look at what stands before the API"
        case Meaning.UNKNOWN:
            return f"the API answered {status}, which does not say what was done"
        case _:
            return f"the API answered {status}, which it never should: look at CXONE_BASE_URL and CXONE_EXECUTE_PATH"
