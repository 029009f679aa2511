"""What would become of a message, for people and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from ..intake import Unfit
from ..model import Assignment

if TYPE_CHECKING:
    from ..intake import Intake
    from ..model import Event
    from .reading import Line

_MAX_SHOWN = 2_000


class Trial(NamedTuple):
    """A line, and what the intake makes of it."""

    line: Line
    found: Event | Unfit


def put_on_trial(line: Line, intake: Intake) -> Trial:
    """Let the intake read a message."""
    assignment = Assignment(line.message.partition, 1)
    return Trial(line, intake.read(line.message, assignment, 0.0, suspect=False))


def as_json(trial: Trial) -> dict[str, Any]:
    """Return what would become of a message: the record and where it would go, or the outcome's result and error.

    Members: `line`, `topic`, and either `dataStoreId`, `updateType`, `conflictResolution`, `record`; or `result`,
    `dataStoreId`, `recordId`, `error` (`code`, `message`, `path`; null where the message carries no change).
    """
    (number, message), found = trial
    where = {"line": number, "topic": message.partition.topic}
    if isinstance(found, Unfit):
        defect = found.defect
        error = None if defect is None else {"code": defect.code, "message": defect.message, "path": defect.path}
        ids = {"dataStoreId": found.datastore_id, "recordId": found.record_id}
        return {**where, "result": found.result, **ids, "error": error}
    lane = found.lane
    return {
        **where,
        "dataStoreId": lane.datastore_id,
        "updateType": lane.update_type,
        "conflictResolution": lane.conflict_resolution,
        "record": orjson.loads(found.record),
    }


def as_line(trial: Trial) -> str:
    """Write the same for people, on one line whatever stands in the event."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in _line(trial))


def _line(trial: Trial) -> str:
    (number, _), found = trial
    if not isinstance(found, Unfit):
        lane = found.lane
        record = found.record.decode()
        cut = f"{record[:_MAX_SHOWN]}…" if len(record) > _MAX_SHOWN else record
        return f"{number}: to {lane.datastore_id}, {lane.update_type}, {lane.conflict_resolution}: {cut}"
    ids = " ".join(each for each in (found.datastore_id, found.record_id) if each is not None)
    what = f"{number}: {found.result}{f' ({ids})' if ids else ''}"
    if found.defect is None:
        return f"{what}: carries no change"
    place = f" at {found.defect.path}" if found.defect.path else ""
    return f"{what}: {found.defect.code}{place}: {found.defect.message}"
