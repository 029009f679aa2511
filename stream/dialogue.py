"""What is said to the API about one batch, and what its answers mean: the whole script, without a socket or a clock.

`execute` is a generator. It yields steps (`Send`, `RenewToken`, `Wait`) and is sent what came of them; whoever drives
it does the I/O and the waiting. It returns each request with its verdict; so far a batch is one request.

Where a status is decided: the table `MEANING_OF_STATUS`, then the function named after the meaning.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

import orjson

from .codes import ErrorCode
from .model import Batch, Decided, Defect, Result, Verdict
from .pace import FAILED, THROTTLED, retry_after_s

if TYPE_CHECKING:
    import random
    from collections.abc import Generator


@dataclass(frozen=True, slots=True)
class Send:
    """Step: send the batch's request, with the current token."""

    batch: Batch


@dataclass(frozen=True, slots=True)
class RenewToken:
    """Step: get another token than the one of this generation; many may ask, one request is made."""

    generation: int


@dataclass(frozen=True, slots=True)
class Wait:
    """Step: go on after this time.

    `for_all` holds back all requests of the credential. `doubtful` says that the request may have been applied.
    `reason` is for people, without values.
    """

    seconds: float
    reason: str
    for_all: bool = False
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """Reply: the API answered. `body` is None when it was encoded, too long or broke off."""

    status: int
    body: bytes | None
    latency_ms: float
    token_generation: int
    retry_after: str | None = None
    date: str | None = None


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Reply: no answer. `doubtful` unless it is certain that the request did not reach the API."""

    reason: str
    doubtful: bool


@dataclass(frozen=True, slots=True)
class Renewed:
    """Reply: another token is there."""


Step = Send | RenewToken | Wait
Reply = Answer | NoAnswer | Renewed


class Meaning(Enum):
    """What a status says about a request (contract section 1)."""

    APPLIED = auto()
    REFUSED = auto()
    CONFLICT = auto()
    UNAUTHORISED = auto()
    FORBIDDEN = auto()
    THROTTLED = auto()
    UNKNOWN = auto()


MEANING_OF_STATUS = {
    200: Meaning.APPLIED,
    201: Meaning.APPLIED,
    202: Meaning.APPLIED,
    204: Meaning.APPLIED,
    400: Meaning.REFUSED,
    401: Meaning.UNAUTHORISED,
    403: Meaning.FORBIDDEN,
    404: Meaning.REFUSED,
    409: Meaning.CONFLICT,
    413: Meaning.REFUSED,
    422: Meaning.REFUSED,
    429: Meaning.THROTTLED,
}
"""Any other status says nothing about the request: it may have been applied, and is sent again."""

DECIDING = frozenset({Meaning.APPLIED, Meaning.REFUSED, Meaning.CONFLICT})
"""The API has looked at the request and says what became of it."""

REFUSALS = {
    400: (ErrorCode.RECORD_REFUSED, "The API refused the request with this record (400)."),
    404: (ErrorCode.NOT_FOUND, "The API does not know the datastore or the record (404)."),
    413: (ErrorCode.TOO_LARGE, "The API refused the request with this record for its size (413)."),
    422: (ErrorCode.UNPROCESSABLE, "The API could not process the request with this record (422)."),
}


def execute(batch: Batch, rng: random.Random) -> Generator[Step, Reply | None, tuple[Decided, ...]]:
    """Talk about one batch until it is decided.

    Args:
        batch: the request.
        rng: draws the jitter.

    Yields:
        The next step; to be sent its reply.

    Returns:
        The request and its verdict.
    """
    attempts = failures = 0
    renewed = False
    while True:
        attempts += 1
        reply = yield Send(batch)
        if isinstance(reply, Answer):
            meaning, body = _meaning(reply)
            if meaning in DECIDING:
                return (Decided(batch, _verdict(meaning, batch, reply, body, attempts)),)
            if meaning is Meaning.UNAUTHORISED and not renewed:
                renewed = True
                attempts -= 1  # the request itself was not looked at
                reply = yield RenewToken(reply.token_generation)
                if isinstance(reply, Renewed):
                    continue
                if isinstance(reply, NoAnswer):  # of the token call: the 401 said that the request was not looked at
                    reply = replace(reply, doubtful=False)
        failures += 1
        renewed = False
        yield _wait(reply, failures, rng)


def _meaning(answer: Answer) -> tuple[Meaning, dict[str, Any]]:
    """Say what an answer means, with its body; one applied by its status with a body that is no JSON is unknown."""
    meaning = MEANING_OF_STATUS.get(answer.status, Meaning.UNKNOWN)
    body = _json_object(answer.body) if meaning is Meaning.APPLIED else {}
    return (Meaning.UNKNOWN, {}) if body is None else (meaning, body)


def _wait(reply: Reply | None, failures: int, rng: random.Random) -> Wait:
    """Say how long to wait after what came of a request that decided nothing."""
    match reply:
        case NoAnswer():
            return Wait(FAILED.delay_s(failures, rng), reply.reason, doubtful=reply.doubtful)
        case Answer():
            if MEANING_OF_STATUS.get(reply.status) is Meaning.THROTTLED:
                return _throttled(reply, failures, rng)
            return _after_failure(reply, failures, rng)
        case _:
            message = f"a request ends in an answer or in none, not in {type(reply).__name__}"
            raise TypeError(message)


def _throttled(answer: Answer, failures: int, rng: random.Random) -> Wait:
    """Wait as told (429), with up to a tenth more so that not all come back at once; else back off."""
    told_s = retry_after_s(answer.retry_after, answer.date)
    wait_s = told_s + rng.uniform(0.0, 0.1 * told_s) if told_s else THROTTLED.delay_s(failures, rng)
    return Wait(wait_s, "the API asks for fewer requests (429)", for_all=True)


def _after_failure(answer: Answer, failures: int, rng: random.Random) -> Wait:
    told_s = retry_after_s(answer.retry_after, answer.date) or 0.0
    wait_s = max(told_s, FAILED.delay_s(failures, rng))
    match MEANING_OF_STATUS.get(answer.status):
        case Meaning.UNAUTHORISED:
            return Wait(wait_s, "the API refuses a fresh token (401): look at the client's rights and secret")
        case Meaning.FORBIDDEN:
            return Wait(wait_s, "the API forbids the call (403): the client lacks a scope of contract section 1")
        case _:
            reason = f"the API answered {answer.status}, which does not say what was done"
            return Wait(wait_s, reason, doubtful=True)


def _verdict(meaning: Meaning, batch: Batch, answer: Answer, body: dict[str, Any], attempts: int) -> Verdict:
    match meaning:
        case Meaning.APPLIED:
            return _applied(batch, answer, body, attempts)
        case Meaning.CONFLICT:
            code, message = ErrorCode.VERSION_CONFLICT, "A record of the request has another version (409)."
            result = Result.CONFLICT
        case _:
            code, message = REFUSALS[answer.status]
            result = Result.REJECTED
    defect = Defect(code, message, None, answer.status)
    return Verdict(result, answer.status, answer.latency_ms, attempts, defect)


def _applied(batch: Batch, answer: Answer, body: dict[str, Any], attempts: int) -> Verdict:
    """Read what an answer says beyond its status; every part of it is optional."""
    checksum = body.get("checksum")
    if isinstance(checksum, str) and checksum.lower() != batch.checksum:
        return _untrue(answer, attempts, ErrorCode.CHECKSUM_MISMATCH, "The API reports another checksum than was sent.")
    if body.get("errors"):
        return _untrue(
            answer,
            attempts,
            ErrorCode.ANSWER_CONTRADICTS_STATUS,
            "The API answered as applied, with errors in the body.",
        )
    verified = isinstance(checksum, str)
    return Verdict(
        Result.APPLIED,
        answer.status,
        answer.latency_ms,
        attempts,
        checksum_verified=verified,
        confirmed=verified,
        versions=_by_id(body.get("records"), "version"),
        skipped=_by_id(body.get("skipped"), "currentVersion"),
    )


def _untrue(answer: Answer, attempts: int, code: ErrorCode, message: str) -> Verdict:
    defect = Defect(code, message, None, answer.status)
    return Verdict(Result.INTEGRITY, answer.status, answer.latency_ms, attempts, defect)


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
