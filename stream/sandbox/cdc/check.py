"""Judges a run: has each message its one outcome, and do the datastores equal the tables? Pure.

It knows nothing of the service, nor of its mapping: what a record must be was told by the database.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from ..demo.evidence import Line, Section

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from .evidence import Evidence, Fields, Place
    from .workload import Record

REFUSAL: Final = "column_unreadable"
"""The one code that a message of the workload is refused with: a new key without its long values."""
_CHANGE: Final = "change"
_GONE: Final[Fields] = {"active": False}
_TRAILING_ZEROS: Final = re.compile(r"(:\d\d)(?:\.0*|(\.\d*[1-9])0*)Z$")
"""Of a time's fraction, which the database and the connectors write in different numbers of digits."""


def judge(evidence: Evidence, kills: int) -> list[Section]:
    """Compare what came out with what was done to the tables.

    Args:
        evidence: all that was gathered.
        kills: how often the service was to be killed.

    Returns:
        The lines of the table that must hold, in sections.
    """
    return [
        Section("From the tables to Kafka, by Debezium", _messages(evidence)),
        Section("Outcomes in Kafka", [*_outcomes(evidence), *_results(evidence)]),
        Section("Records at the API, by the stand-in's own history", [*_records(evidence), *_order(evidence)]),
        Section("The service", _service(evidence, kills)),
    ]


def _messages(evidence: Evidence) -> list[Line]:
    workload, found = evidence.workload, len(evidence.inputs)
    kinds = [Line(f"  {kind}", _n(count)) for kind, count in workload.kinds.most_common()]
    wanted = f"{_n(workload.messages)} were meant to be"
    written = Line("messages that the connectors wrote", _n(found), found == workload.messages, wanted)
    return [Line("statements, each of one row", _n(len(workload.changes))), *kinds, written]


def _outcomes(evidence: Evidence) -> list[Line]:
    inputs = set(evidence.inputs)
    found = Counter(each.place for each in evidence.outcomes)
    lost, foreign = inputs - found.keys(), found.keys() - inputs
    doubled = [place for place, count in found.items() if count > 1]
    along = Counter(evidence.followed) == Counter(evidence.outcomes)
    return [
        Line("outcomes", _n(len(evidence.outcomes)), len(evidence.outcomes) == len(evidence.inputs)),
        Line("messages without an outcome (lost)", _n(len(lost)), not lost, _first(lost)),
        Line("messages with more than one (doubled)", _n(len(doubled)), not doubled, _first(doubled)),
        Line("outcomes of no message", _n(len(foreign)), not foreign, _first(foreign)),
        Line("seen alike by a reader that ran alongside", _n(len(evidence.followed)), along),
    ]


def _results(evidence: Evidence) -> list[Line]:
    made = evidence.workload.made
    wanted = {"APPLIED": made.applied, "IGNORED": made.ignored, "UNSUPPORTED": made.unsupported}
    found = Counter(each.result for each in evidence.outcomes)
    codes = {each.code for each in evidence.outcomes} - {None, REFUSAL}
    lines = [
        Line(f"  {result}", _n(found[result]), found[result] == count, f"{_n(count)} were meant to be")
        for result, count in {**dict.fromkeys(found, 0), **wanted}.items()
    ]
    return [
        *lines,
        Line(f"codes of errors other than {REFUSAL}", _n(len(codes)), not codes, ", ".join(map(str, codes))),
    ]


def _records(evidence: Evidence) -> list[Line]:
    stored = {record: _merged(history) for record, history in evidence.histories.items()}
    wanted = {record: _merged([row]) for record, row in evidence.rows.items()}
    gone = {record for change in evidence.workload.changes for record in change.records} - evidence.rows.keys()
    unlike = {record: _differing(row, stored.get(record, {})) for record, row in wanted.items()}
    unlike = {record: names for record, names in unlike.items() if names}
    alive = [record for record in gone if not _is_gone(evidence.histories.get(record, ()))]
    foreign = stored.keys() - evidence.rows.keys() - gone
    return [
        Line("rows in the tables at the end", _n(len(evidence.rows))),
        Line(
            "records that equal their row",
            _n(len(evidence.rows) - len(unlike)),
            not unlike,
            _differences(unlike),
        ),
        Line("records of deleted rows, marked as gone", _n(len(gone) - len(alive)), not alive, _first(alive)),
        Line("records of no row", _n(len(foreign)), not foreign, _first(foreign)),
    ]


def _merged(history: Iterable[Fields]) -> Fields:
    merged: Fields = {}
    for fields in history:
        merged |= fields
    return {
        name: _TRAILING_ZEROS.sub(r"\1\2Z", value) if type(value) is str else value for name, value in merged.items()
    }


def _is_gone(history: Sequence[Fields]) -> bool:
    """Whether a record ends with its delete, and no made-up value of the delete has reached it."""
    return bool(history) and history[-1] == _GONE


def _differing(row: Fields, fields: Fields) -> list[str]:
    return sorted(name for name in row.keys() | fields.keys() if row.get(name, ...) != fields.get(name, ...))


def _differences(unlike: Mapping[Record, Sequence[str]]) -> str:
    """Name the first record that differs, and the fields that do in any of them; never their values."""
    if not unlike:
        return ""
    counts = Counter(f"{datastore}.{name}" for (datastore, _), names in unlike.items() for name in names)
    fields = ", ".join(f"{name} {_n(count)}" for name, count in counts.most_common())
    return f"{_first(unlike)}; fields: {fields}"


def _order(evidence: Evidence) -> list[Line]:
    numbers = {
        record: [fields[_CHANGE] for fields in history if _CHANGE in fields]
        for record, history in evidence.histories.items()
    }
    backwards = [record for record, told in numbers.items() if any(b < a for a, b in pairwise(told))]
    reached = {number for told in numbers.values() for number in told}
    missing = {change.number for change in evidence.workload.changes if change.is_told} - reached
    repeats = sum(a == b for told in numbers.values() for a, b in pairwise(told))
    return [
        Line(
            "changes of rows that reached the API",
            _n(len(reached)),
            not missing,
            f"first missing: {min(missing, default=0)}",
        ),
        Line("records changed out of order", _n(len(backwards)), not backwards, _first(backwards)),
        Line("changes executed again, directly after themselves", _n(repeats)),
        Line("breaches of the API's contract", _n(len(evidence.violations)), not evidence.violations),
    ]


def _service(evidence: Evidence, kills: int) -> list[Line]:
    struck = [kill for kill in evidence.kills if kill.requests and kill.lag]
    failed = Counter(each for each in evidence.outcomes if each.code is not None)
    lines = [
        Line("kill -9 with a request on the wire", _n(len(struck)), len(struck) == kills, f"{kills} were meant to be"),
        Line("dead letters, one for each FAILED", _n(len(evidence.letters)), Counter(evidence.letters) == failed),
    ]
    return [*lines, Line("exit code after SIGTERM", str(evidence.exit_code), evidence.exit_code == 0)]


def _first(found: Collection[Place] | Collection[Record]) -> str:
    first = min(found, default=None)
    return "" if first is None else f"first: {'/'.join(map(str, first))}"


def _n(count: int) -> str:
    return f"{count:,}"
