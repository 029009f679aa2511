"""Judges a run of the demo: whether each event has its one outcome and each record its history. Pure.

It knows nothing of the service: it compares what was sent with what came out of Kafka and with what the stand-in saw.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from .evidence import Evidence, Line, Section, fields_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .events import MadeEvent, Record
    from .kafka import Reading

Place = tuple[int, int]
"""Partition and offset of an input."""

Document = dict[str, Any]

OUTCOME_FIELDS: Final = frozenset(
    {
        *("specVersion", "eventType", "status", "result", "executed", "confirmed", "dataStoreId", "recordId"),
        *("version", "batchId", "batchSize", "checksum", "checksumVerified", "latencyMs", "attempts"),
        *("timestamp", "source", "supersededBy", "error"),
    }
)
"""Contract section 3: every field is always present."""

_NOWHERE: Final[Place] = (-1, -1)


class _Told(NamedTuple):
    """What is kept of an outcome: a hundred thousand whole ones would take 200 MB."""

    place: Place
    result: str
    batch_id: str | None
    is_right: bool


def judge(evidence: Evidence) -> list[Section]:
    """Compare what came out with what was sent.

    Args:
        evidence: all that was gathered.

    Returns:
        The lines of the table that must hold, in sections.
    """
    events = {(event.partition, event.offset): event for event in evidence.events}
    told = [_read(reading, events) for reading in evidence.outcomes]
    return [
        Section("Outcomes in Kafka", [*_counts(evidence, told), *_results(evidence, told)]),
        Section("Records at the API, by the stand-in's own history", _record_lines(evidence)),
        Section("Dead letters, audit, process", [*_letter_lines(evidence), *_service_lines(evidence, told)]),
    ]


def _read(reading: Reading, events: Mapping[Place, MadeEvent]) -> _Told:
    document = _document(reading.value)
    place = place_of(document)
    is_right = place in events and _is_right(events[place], reading, document)
    return _Told(place, str(document.get("result")), document.get("batchId"), is_right)


def _document(value: bytes | None) -> Document:
    try:
        document = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}


def place_of(document: Document) -> Place:
    """Return the place of the input that an outcome tells of; a place that no message has when it tells of none."""
    source = document.get("source")
    if not isinstance(source, dict):
        return _NOWHERE
    return source.get("partition", -1), source.get("offset", -1)


def _counts(evidence: Evidence, told: Sequence[_Told]) -> list[Line]:
    sent = {(event.partition, event.offset) for event in evidence.events}
    found = Counter(each.place for each in told)
    lost, foreign = sent - found.keys(), found.keys() - sent
    doubled = {place for place, count in found.items() if count > 1}
    along = Counter((reading.partition, reading.offset) for reading in evidence.followed)
    after = Counter((reading.partition, reading.offset) for reading in evidence.outcomes)
    return [
        Line("events sent", _n(len(evidence.events))),
        Line("outcomes", _n(len(told)), len(told) == len(evidence.events)),
        Line("events without an outcome (lost)", _n(len(lost)), not lost, _first(lost)),
        Line(
            "outcomes too many (doubled)", _n(sum(found[place] - 1 for place in doubled)), not doubled, _first(doubled)
        ),
        Line("outcomes of events that nobody sent", _n(len(foreign)), not foreign, _first(foreign)),
        Line("seen alike by a reader that ran alongside", _n(len(evidence.followed)), along == after),
    ]


def _results(evidence: Evidence, told: Sequence[_Told]) -> list[Line]:
    expected = Counter(event.result for event in evidence.events)
    found = Counter(each.result for each in told)
    lines = [
        Line(
            f"  {result}",
            _n(found[result]),
            found[result] == expected[result],
            f"{_n(expected[result])} were meant to be",
        )
        for result in sorted(expected | found, key=lambda result: (-expected[result], result))
    ]
    wrong = [each.place for each in told if not each.is_right]
    right = _n(len(told) - len(wrong))
    return [*lines, Line("with the right result, code, ids, version and key", right, not wrong, _first(wrong))]


def _is_right(event: MadeEvent, reading: Reading, document: Document) -> bool:
    """Whether an outcome says of its event what it must (contract section 3)."""
    error = document.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    ids = (document.get("dataStoreId"), document.get("recordId"))
    return (
        document.keys() == OUTCOME_FIELDS
        and (document["result"], code) == (event.result, event.code)
        and document["status"] == ("SUCCESS" if event.code is None else "FAILED")
        and event.record in (None, ids)
        and event.version in (None, document["version"])
        and reading.key == (event.key or _place_key(document["source"]))
    )


def _place_key(source: Mapping[str, object]) -> bytes:
    return f"{source.get('topic')}/{source.get('partition')}/{source.get('offset')}".encode()


def _record_lines(evidence: Evidence) -> list[Line]:
    expected: dict[Record, list[bytes]] = {}
    for event in evidence.events:
        if event.result == "APPLIED" and event.record is not None:
            expected.setdefault(event.record, []).append(fields_text(_document(event.value)["fields"]))
    found = evidence.histories
    stale = {record for record in expected if found.get(record, [b""])[-1] != expected[record][-1]}
    unlike = {record for record in expected if found.get(record) != expected[record]}
    changes = sum(map(len, found.values()))
    unwanted = found.keys() - expected.keys()
    executes = [request for request in evidence.requests if request.call == "execute"]
    overlapping = [request for request in executes if request.overlaps]
    breaches = [*evidence.violations, *(f"request {request.sequence} overlaps another" for request in overlapping)]
    return [
        Line("records that hold their last value", _n(len(expected) - len(stale)), not stale, _first(stale)),
        Line(
            "records changed by each event once, in order", _n(len(expected) - len(unlike)), not unlike, _first(unlike)
        ),
        Line("changes in all", _n(changes), changes == sum(map(len, expected.values()))),
        Line("records changed by bad events", _n(len(unwanted)), not unwanted, _first(unwanted)),
        Line("breaches of the API's contract", _n(len(breaches)), not breaches, "".join(breaches[:1])),
    ]


def _letter_lines(evidence: Evidence) -> list[Line]:
    failed = {(event.partition, event.offset): event for event in evidence.events if event.code is not None}
    places = Counter(_letter_place(letter) for letter in evidence.letters)
    unlike = [
        place
        for letter in evidence.letters
        if (place := _letter_place(letter)) not in failed or not _is_copy(letter, failed[place])
    ]
    holds = not unlike and places == Counter(failed.keys())
    remark = _first(unlike) or f"{_n(len(failed))} events failed"
    return [Line("dead letters, one for each FAILED, byte for byte", _n(len(evidence.letters)), holds, remark)]


def _letter_place(letter: Reading) -> Place:
    headers = dict(letter.headers)
    try:
        return int(headers["__connect.errors.partition"] or b""), int(headers["__connect.errors.offset"] or b"")
    except (KeyError, ValueError):
        return _NOWHERE


def _is_copy(letter: Reading, event: MadeEvent) -> bool:
    headers = dict(letter.headers)
    return (
        (letter.key, letter.value) == (event.key, event.value)
        and letter.headers[: len(event.headers)] == event.headers
        and headers.get("__cxone.result") == event.result.encode()
        and headers.get("__cxone.code") == (event.code or "").encode()
    )


def _service_lines(evidence: Evidence, told: Sequence[_Told]) -> list[Line]:
    batches = {each.batch_id for each in told} - {None}
    audited = {_document(line).get("batchId") for line in evidence.audit.splitlines()}
    unaudited = batches - audited
    leaks = evidence.log.count(evidence.secret.encode()) + evidence.audit.count(evidence.secret.encode())
    lines = [
        Line("batches that stand in the audit log", _n(len(batches) - len(unaudited)), not unaudited),
        Line("times that the client secret stands in a log", _n(leaks), leaks == 0),
    ]
    if evidence.exit_code is not None:
        lines.append(Line("exit code of the service after SIGTERM", str(evidence.exit_code), evidence.exit_code == 0))
    return lines


def _first(found: Iterable[Place] | Iterable[Record]) -> str:
    """Name the first of those that are wrong; nothing when none is."""
    first = min(found, default=None)
    if first is None:
        return ""
    place, within = first
    return f"first: partition {place}, offset {within}" if isinstance(place, int) else f"first: {place}/{within}"


def _n(count: int) -> str:
    return f"{count:,}"
