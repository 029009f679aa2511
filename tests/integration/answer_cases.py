"""What the API can answer, and what must become of the events: one datastore for each answer, three records each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from stream.sandbox.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

RECORDS = ("a", "b", "c")
BROKEN = '{"errors":[{"id":"a","message":"not stored"}]}'


@dataclass(frozen=True, slots=True)
class Case:
    """Faults of one datastore, and the outcome of each of its events.

    `times_applied` counts how often each event reaches the store; `version` is what its outcome says. `members` are
    further members of each event.
    """

    faults: tuple[Fault, ...] = ()
    result: Literal["APPLIED", "REJECTED", "CONFLICT", "INTEGRITY"] = "APPLIED"
    attempts: int = 1
    times_applied: int = 1
    version: int | None = 1
    confirmed: bool = True
    checksum_verified: bool = True
    error: tuple[str, int] | None = None
    members: Mapping[str, object] | None = None

    @property
    def executed(self) -> bool:
        """Whether the outcome says that a request was answered as applied."""
        return self.result in ("APPLIED", "INTEGRITY")

    @property
    def has_dead_letter(self) -> bool:
        """Whether a copy of the event must lie in the dead letter topic."""
        return self.result in ("REJECTED", "CONFLICT")


def _answers(status: int, times: int, attempts: int) -> Case:
    """An answer that says nothing of what was done, so many times, and then the real one."""
    return Case((Fault("answer", status=status, next_requests=times),), attempts=attempts)


def _refused(status: int, code: str) -> Case:
    return Case(
        (Fault("answer", status=status),),
        result="REJECTED",
        times_applied=0,
        version=None,
        confirmed=False,
        checksum_verified=False,
        error=(code, status),
    )


def _untrue(fault: Fault, code: str) -> Case:
    return Case((fault,), result="INTEGRITY", version=None, confirmed=False, checksum_verified=False, error=(code, 200))


CASES: Mapping[str, Case] = {
    "ok-200": Case(),
    "created-201": Case((Fault("answer", status=201, applied=True),)),
    "only-checksum": Case((Fault("evidence", evidence="checksum"),), version=None),
    "accepted-202": Case(
        (Fault("evidence", evidence="accepted"),), version=None, confirmed=False, checksum_verified=False
    ),
    "empty-204": Case((Fault("evidence", evidence="empty"),), version=None, confirmed=False, checksum_verified=False),
    "timeout-408": _answers(408, times=1, attempts=2),
    "early-425": _answers(425, times=1, attempts=2),
    # its datastore is held; what a probe sends is another request
    "redirect-302": _answers(302, times=1, attempts=1),
    "error-500": _answers(500, times=2, attempts=3),
    "unavailable-503": Case((Fault("answer", status=503, retry_after="1", next_requests=1),), attempts=2),
    "reset-before": Case((Fault("reset", next_requests=2),), attempts=3),
    "reset-after": Case((Fault("reset", applied=True, next_requests=2),), attempts=3, times_applied=3, version=3),
    "error-500-after": Case(
        (Fault("answer", status=500, applied=True, next_requests=1),), attempts=2, times_applied=2, version=2
    ),
    "not-json-200": Case(
        (Fault("answer", status=200, body="<html>", applied=True, next_requests=1),),
        attempts=2,
        times_applied=2,
        version=2,
    ),
    # as long as the deadline of a request, 30 s
    "lost-answer": Case((Fault("lose", applied=True, next_requests=1),), attempts=2, times_applied=2, version=2),
    "refused-400": _refused(400, "record_refused"),
    "unknown-404": _refused(404, "not_found"),
    "too-large-413": _refused(413, "too_large"),
    "unprocessable-422": _refused(422, "unprocessable"),
    "conflict-409": Case(
        result="CONFLICT",
        times_applied=0,
        version=0,  # told by the answer, which names the records
        checksum_verified=False,
        error=("version_conflict", 409),
        members={"version": 7, "conflictResolution": "FAIL"},
    ),
    "wrong-checksum": _untrue(Fault("checksum"), "checksum_mismatch"),
    "errors-in-200": _untrue(Fault("answer", status=200, applied=True, body=BROKEN), "answer_contradicts_status"),
}
