"""Is an outcome true? What it says of an event is held against what the API did with it and said of it.

One function for each result of contract section 3; each knows only the history, never the code that wrote the outcome.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stream.steps import OnConflict

from .records import CONFLICTING
from .request import APPLIED_STATUSES, REFUSING_STATUSES, Input, Position, Request
from .world import demand

if TYPE_CHECKING:
    from collections.abc import Callable

    from .history import History
    from .plan import Rules
    from .records import Stored

Outcome = dict[str, Any]

SUCCESSES = {"APPLIED", "ALREADY_APPLIED", "SKIPPED_STALE", "SUPERSEDED"}
MAY_BE_FOUND = {"ALREADY_APPLIED", "SUPERSEDED"}
"""Successes that a request may have which was not answered as applied."""
EXECUTED = {*SUCCESSES, "INTEGRITY"}
OF_ONE_ALONE = {"REJECTED", "CONFLICT", "SKIPPED_STALE"}
"""What says nothing of the single events of a group."""
NEVER_READ_BACK = {".", ".."}


class Truth:
    """Judges outcomes of events that reached the API."""

    def __init__(self, history: History, rules: Rules) -> None:
        self._history = history
        self._rules = rules
        self._of_result: dict[str, Callable[[Outcome, Request, Input, Position], None]] = {
            "APPLIED": self._applied,
            "ALREADY_APPLIED": self._already_applied,
            "SKIPPED_STALE": self._skipped,
            "SUPERSEDED": self._superseded,
            "CONFLICT": self._conflict,
            "REJECTED": self._rejected,
            "INTEGRITY": self._integrity,
        }

    def judge(self, outcome: Outcome, told: Input, position: Position, now_s: float) -> None:
        """Judge one outcome; raises PromiseBrokenError."""
        result = outcome["result"]
        _demand(outcome["recordId"] == told.document["id"], "another record", position)
        _demand(outcome["dataStoreId"] == told.document["dataStoreId"], "another datastore", position)
        _demand((outcome["error"] is None) == (result in SUCCESSES), f"error of {result}", position)
        if result == "ABANDONED":
            self._abandoned(outcome, told, position, now_s)
            return
        requests = self._history.requests(outcome["batchId"])
        _demand(bool(requests), f"{result} by a request that nobody sent", position)
        request = requests[-1]
        was_executed = result in EXECUTED and (result not in MAY_BE_FOUND or request.has_passed)
        _demand(outcome["executed"] == was_executed, f"executed of {result}", position)
        self._facts(outcome, request, len(requests), position)
        _demand(result in self._of_result, f"the result {result}", position)
        went_alone = (position,) in request.groups
        _demand(went_alone or result not in OF_ONE_ALONE, f"{result} of a group that was not taken apart", position)
        self._of_result[result](outcome, request, told, position)

    @staticmethod
    def _facts(outcome: Outcome, request: Request, sent_times: int, position: Position) -> None:
        told = request.told or {}
        is_verified = request.status in APPLIED_STATUSES and told.get("checksum") == request.checksum
        is_open = outcome["result"] == "INTEGRITY" and is_verified
        _demand(position in request.all_positions, "decided by a request without it", position)
        _demand(outcome["batchSize"] == len(request.positions), "batchSize", position)
        _demand(outcome["checksum"] == request.checksum, "checksum", position)
        _demand(is_open or outcome["checksumVerified"] == is_verified, "checksumVerified", position)
        _demand(1 <= outcome["attempts"] <= sent_times, f"{outcome['attempts']} attempts of {sent_times}", position)
        if outcome["error"] is not None:
            _demand(outcome["error"]["httpStatus"] == request.status, "httpStatus", position)

    def _applied(self, outcome: Outcome, request: Request, told: Input, position: Position) -> None:
        body = _passed(request, position)
        record_id = told.document["id"]
        written = request.carried.written if request.carried else {}
        named = {each["id"]: each["version"] for each in body.get("records", ())}
        _demand(record_id not in _skipped_by(body), "APPLIED, and the answer said skipped", position)
        _demand(not body.get("errors"), "APPLIED, and the answer named errors", position)
        _demand(body.get("checksum") in (None, request.checksum), "APPLIED, with another checksum", position)
        _demand(outcome["version"] == named.get(record_id), "version of APPLIED", position)
        if not self._is_mute(request, body):
            _demand(record_id in written, "APPLIED, and the API never carried it out", position)
            evidence = "checksum" in body or record_id in named
            _demand(outcome["confirmed"] == evidence, f"confirmed is {outcome['confirmed']}", position)
        elif record_id not in written:
            _demand(not outcome["confirmed"], "confirmed, and the API left it out", position)

    @staticmethod
    def _is_mute(request: Request, body: dict[str, Any]) -> bool:
        """Whether an answer under IGNORE leaves open what was left out."""
        return request.document["conflictResolution"] == "IGNORE" and not body.get("skipped")

    def _already_applied(self, outcome: Outcome, request: Request, told: Input, position: Position) -> None:
        record_id = told.document["id"]
        is_conflict = request.status == CONFLICTING and _is_at_fault(request, record_id)
        is_skipped = request.has_passed and record_id in _skipped_by(request.told or {})
        _demand(is_conflict or is_skipped, "ALREADY_APPLIED, and the API took it", position)
        equal = [each.version for each in self._readings(request, told) if each and each.holds(told.document["fields"])]
        _demand(bool(equal), "ALREADY_APPLIED, and no reading shows its values", position)
        _demand(position in self._history.applied, "ALREADY_APPLIED, and never applied", position)
        _demand(outcome["confirmed"], "ALREADY_APPLIED without evidence", position)
        _demand(outcome["version"] in equal, "version of ALREADY_APPLIED", position)

    def _superseded(self, outcome: Outcome, request: Request, _told: Input, position: Position) -> None:
        """What its carrier says is judged where both are settled."""
        (group,) = (each for each in request.groups if position in each)
        by = outcome["supersededBy"]
        _demand((by["partition"], by["offset"]) == group[-1] != position, "superseded by another", position)
        _demand(position in self._history.applied, "SUPERSEDED, and never applied", position)

    def _skipped(self, outcome: Outcome, request: Request, told: Input, position: Position) -> None:
        skipped = _skipped_by(_passed(request, position))
        record_id = told.document["id"]
        _demand(record_id in skipped, "SKIPPED_STALE, and the answer did not say so", position)
        _demand(outcome["confirmed"], "SKIPPED_STALE without evidence", position)
        versions = {skipped.get(record_id), *(each.version for each in self._readings(request, told) if each)}
        _demand(outcome["version"] in versions, "version of SKIPPED_STALE", position)
        if self._history.was_applied(position, request.sent_s) and self._could_read(request, told):
            fields, readings = told.document["fields"], self._readings(request, told)
            shown = [each for each in readings if each is None or not each.holds(fields)]
            _demand(bool(shown), "SKIPPED_STALE of our own write", position)

    def _conflict(self, outcome: Outcome, request: Request, told: Input, position: Position) -> None:
        document = told.document
        code = outcome["error"]["code"]
        _demand(request.status == CONFLICTING, f"CONFLICT after {request.status}", position)
        _demand(_is_at_fault(request, document["id"]), "CONFLICT of a record whose version is right", position)
        knows = outcome["version"] is None or self._history.knows_version(request.sender, told.name, outcome["version"])
        _demand(knows, "version of CONFLICT", position)
        readings = self._readings(request, told)
        if code == "conflict_unverified":
            _demand(not self._could_read(request, told), "conflict_unverified, with a read call", position)
        elif code == "conflict_ambiguous":
            ahead = [each for each in readings if each and each.version > _sent(request, document["id"]) + 1]
            _demand(bool(ahead), "conflict_ambiguous, and no reading shows a later version", position)
            _demand(not ahead[-1].holds(document["fields"]), "conflict_ambiguous of its own values", position)
        else:
            _demand(code == "version_conflict", f"CONFLICT with the code {code}", position)
            was_applied = self._history.was_applied(position, request.sent_s)
            _demand(not was_applied, "version_conflict, and it was applied", position)

    def _rejected(self, _outcome: Outcome, request: Request, told: Input, position: Position) -> None:
        _demand(request.status in REFUSING_STATUSES, f"REJECTED after {request.status}", position)
        _demand(_is_at_fault(request, told.document["id"]), "REJECTED, and nothing is wrong with it", position)

    def _integrity(self, outcome: Outcome, request: Request, _told: Input, position: Position) -> None:
        body = _passed(request, position)
        is_other = body.get("checksum") not in (None, request.checksum)
        codes = {"checksum_mismatch"} if is_other else set()
        codes |= {"answer_contradicts_status"} if body.get("errors") else set()
        _demand(outcome["error"]["code"] in codes, f"INTEGRITY: {outcome['error']['code']}", position)

    def _abandoned(self, outcome: Outcome, told: Input, position: Position, now_s: float) -> None:
        limit_s = self._rules.hold.give_up_after_s
        _demand(limit_s is not None, "ABANDONED, and nobody has asked for it", position)
        _demand(not outcome["executed"] and outcome["batchId"] is None, "ABANDONED by a request", position)
        _demand(not told.unfit and now_s - told.written_s >= (limit_s or 0.0), "ABANDONED too early", position)

    def _readings(self, request: Request, told: Input) -> list[Stored | None]:
        return list(self._history.readings(request.sender, told.name))

    def _could_read(self, request: Request, told: Input) -> bool:
        """Whether there is a read call for a record, and every read of the sender was answered."""
        can_read = self._rules.policy.can_read and told.document["id"] not in NEVER_READ_BACK
        return can_read and not self._history.has_read_in_vain(request.sender, told.name)

    @property
    def rebases(self) -> bool:
        """Whether a conflict is sent again on the current version."""
        return self._rules.policy.on_conflict is OnConflict.REBASE


def _passed(request: Request, position: Position) -> dict[str, Any]:
    """Return the body of a request that was answered as applied."""
    _demand(request.has_passed, f"a success after {request.status}", position)
    return request.told or {}


def _is_at_fault(request: Request, record_id: str) -> bool:
    """Whether it was this record for which the API refused the request."""
    carried = request.carried
    return carried is not None and any(
        each.record_id == record_id and each.status == carried.status for each in carried.faults
    )


def _sent(request: Request, record_id: str) -> int:
    """Return the version with which a request sent a record: after a rebase it is not the event's own."""
    version: int = next(each["version"] for each in request.document["records"] if each["id"] == record_id)
    return version


def _skipped_by(body: dict[str, Any]) -> dict[str, int]:
    return {each["id"]: each["currentVersion"] for each in body.get("skipped", ())}


def _demand(holds: bool, what: str, position: Position) -> None:  # noqa: FBT001 - an assertion
    demand(holds, "truth", what, position)
