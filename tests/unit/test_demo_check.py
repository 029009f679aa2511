"""The demo's verdict: a perfect run passes, and each way to break a promise is found in its own line."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from stream.sandbox.calls import Request
from stream.sandbox.demo.check import OUTCOME_FIELDS, judge
from stream.sandbox.demo.events import MadeEvent, make_events
from stream.sandbox.demo.evidence import Evidence, Line, all_hold, fields_text
from stream.sandbox.demo.kafka import Reading

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = "made up & secret"  # noqa: S105 - of no system
TOPIC = "cxone.deltas"


def _outcome(index: int, event: MadeEvent) -> Reading:
    error = None if event.code is None else {"code": event.code, "message": "why", "path": None, "httpStatus": None}
    datastore_id, record_id = event.record or (None, None)
    document: dict[str, Any] = dict.fromkeys(sorted(OUTCOME_FIELDS)) | {
        "status": "SUCCESS" if event.code is None else "FAILED",
        "result": event.result,
        "dataStoreId": datastore_id,
        "recordId": record_id,
        "version": event.version,
        "batchId": "batch-1" if event.result == "APPLIED" else None,
        "source": {"topic": TOPIC, "partition": event.partition, "offset": event.offset, "timestampMs": 1_000},
        "error": error,
    }
    key = event.key or f"{TOPIC}/{event.partition}/{event.offset}".encode()
    return Reading(0, index, 1_100, key, orjson.dumps(document), [], 1_150.0)


def _letter(index: int, event: MadeEvent) -> Reading:
    told = {
        "__connect.errors.partition": str(event.partition),
        "__connect.errors.offset": str(event.offset),
        "__cxone.result": event.result,
        "__cxone.code": event.code or "",
    }
    headers = [*event.headers, *((name, text.encode()) for name, text in told.items())]
    return Reading(0, index, 1_100, event.key, event.value, headers, 0.0)


def perfect_run() -> Evidence:
    """The evidence of a run in which everything was as it must be."""
    events = make_events(300, datastores=2)
    outcomes = [_outcome(index, event) for index, event in enumerate(events)]
    histories: dict[tuple[str, str], list[bytes]] = {}
    for event in events:
        if event.result == "APPLIED" and event.record is not None:
            histories.setdefault(event.record, []).append(fields_text(orjson.loads(event.value or b"")["fields"]))
    return Evidence(
        events=events,
        backlog=225,
        live=37,
        live_from_s=1.0,
        outage_from_s=1.2,
        outage_to_s=4.2,
        outcomes=outcomes,
        followed=outcomes,
        letters=[_letter(index, event) for index, event in enumerate(events) if event.code is not None],
        histories=histories,
        requests=[Request(1, "execute", "client", 0.5, "customers", 30)],
        violations=[],
        audit=b'{"batchId":"batch-1"}\n',
        log=b'{"event":"execution_completed"}\n',
        secret=SECRET,
        exit_code=0,
    )


def wrong_lines(evidence: Evidence) -> list[Line]:
    """The lines of the verdict that do not hold."""
    return [line for section in judge(evidence) for line in section.lines if line.holds is False]


def _with_outcomes(evidence: Evidence, outcomes: list[Reading]) -> Evidence:
    return replace(evidence, outcomes=outcomes, followed=outcomes)


def _change_outcome(**changes: object) -> Callable[[Evidence], Evidence]:
    def change(evidence: Evidence) -> Evidence:
        first, *others = evidence.outcomes
        document = orjson.loads(first.value or b"") | changes
        return _with_outcomes(evidence, [first._replace(value=orjson.dumps(document)), *others])

    return change


def _change_history(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Evidence], Evidence]:
    def changed(evidence: Evidence) -> Evidence:
        record, history = next((record, list(found)) for record, found in evidence.histories.items() if len(found) > 2)
        return replace(evidence, histories={**evidence.histories, record: change(history)})

    return changed


def _lose(evidence: Evidence) -> Evidence:
    return _with_outcomes(evidence, list(evidence.outcomes[1:]))


def _double(evidence: Evidence) -> Evidence:
    again = evidence.outcomes[0]._replace(offset=len(evidence.outcomes))
    return _with_outcomes(evidence, [*evidence.outcomes, again])


def _spoil_letter(**changes: Any) -> Callable[[Evidence], Evidence]:  # noqa: ANN401 - fields of a Reading
    return lambda evidence: replace(evidence, letters=[evidence.letters[0]._replace(**changes), *evidence.letters[1:]])


RIGHT = "with the right result, code, ids, version and key"
HISTORY = "records changed by each event once, in order"
LETTERS = "dead letters, one for each FAILED, byte for byte"
SABOTAGES: dict[str, tuple[Callable[[Evidence], Evidence], str]] = {
    "an outcome is lost": (_lose, "events without an outcome (lost)"),
    "an outcome is lost, the count of a result tells": (_lose, "  APPLIED"),
    "an outcome comes twice": (_double, "outcomes too many (doubled)"),
    "an outcome is of no event": (
        _change_outcome(source={"topic": TOPIC, "partition": 9, "offset": 0, "timestampMs": 0}),
        "outcomes of events that nobody sent",
    ),
    "an outcome is not JSON": (
        lambda run: _with_outcomes(run, [run.outcomes[0]._replace(value=b"{"), *run.outcomes[1:]]),
        "outcomes of events that nobody sent",
    ),
    "the two readers differ": (
        lambda run: replace(run, followed=run.followed[1:]),
        "seen alike by a reader that ran alongside",
    ),
    "a result is wrong": (_change_outcome(result="SUPERSEDED"), "  SUPERSEDED"),
    "a status is wrong": (_change_outcome(status="FAILED"), RIGHT),
    "an error stands in a success": (_change_outcome(error={"code": "not_json"}), RIGHT),
    "a version is wrong": (_change_outcome(version=77), RIGHT),
    "an id is wrong": (_change_outcome(recordId="other"), RIGHT),
    "a field is too many": (_change_outcome(more=1), RIGHT),
    "a key is wrong": (
        lambda run: _with_outcomes(run, [run.outcomes[0]._replace(key=b"other"), *run.outcomes[1:]]),
        RIGHT,
    ),
    "a record holds an older value": (_change_history(lambda h: h[:-1]), "records that hold their last value"),
    "a record was never written": (
        lambda run: replace(run, histories=dict(list(run.histories.items())[1:])),
        "records that hold their last value",
    ),
    "two changes are out of order": (_change_history(lambda h: [h[1], h[0], *h[2:]]), HISTORY),
    "a change was applied twice": (_change_history(lambda h: [h[0], *h]), HISTORY),
    "a change was applied twice, the sum tells": (_change_history(lambda h: [h[0], *h]), "changes in all"),
    "a change in between is missing": (_change_history(lambda h: [h[0], *h[2:]]), HISTORY),
    "a bad event reached the API": (
        lambda run: replace(run, histories={**run.histories, ("unknown", "1001"): [b"{}"]}),
        "records changed by bad events",
    ),
    "the API's contract was broken": (
        lambda run: replace(run, violations=["execute: header if-match must stand once, as *"]),
        "breaches of the API's contract",
    ),
    "a record was on the wire twice at a time": (
        lambda run: replace(run, requests=[replace(run.requests[0], overlaps=(7,))]),
        "breaches of the API's contract",
    ),
    "a dead letter is missing": (lambda run: replace(run, letters=run.letters[1:]), LETTERS),
    "a dead letter comes twice": (lambda run: replace(run, letters=[*run.letters, run.letters[0]]), LETTERS),
    "a dead letter has another value": (_spoil_letter(value=b"changed"), LETTERS),
    "a dead letter has another key": (_spoil_letter(key=b"changed"), LETTERS),
    "a dead letter has lost its headers": (_spoil_letter(headers=[]), LETTERS),
    "a batch is not in the audit": (lambda run: replace(run, audit=b""), "batches that stand in the audit log"),
    "the secret is in the log": (
        lambda run: replace(run, log=b"secret: " + SECRET.encode()),
        "times that the client secret stands in a log",
    ),
    "the secret is in the audit": (
        lambda run: replace(run, audit=run.audit + SECRET.encode()),
        "times that the client secret stands in a log",
    ),
    "the service failed": (lambda run: replace(run, exit_code=1), "exit code of the service after SIGTERM"),
}


def test_a_perfect_run_passes() -> None:
    """Every line that must hold does, and every promise has such a line."""
    sections = judge(perfect_run())
    assert all_hold(sections)
    assert {label for _, label in SABOTAGES.values()} - {"  SUPERSEDED"} <= {
        line.label for section in sections for line in section.lines if line.holds is True
    }


@pytest.mark.parametrize(("sabotage", "label"), SABOTAGES.values(), ids=SABOTAGES.keys())
def test_each_way_to_fail_is_found(sabotage: Callable[[Evidence], Evidence], label: str) -> None:
    """A run that breaks one promise fails, and the line of that promise says so."""
    evidence = sabotage(perfect_run())
    assert label in [line.label for line in wrong_lines(evidence)]
    assert not all_hold(judge(evidence))


def test_a_wrong_line_names_the_first_event() -> None:
    """Whoever reads WRONG learns where to look: partition and offset, or the record."""
    event = perfect_run().events[0]
    lost = {line.label: line.remark for line in wrong_lines(_lose(perfect_run()))}
    assert lost["events without an outcome (lost)"] == f"first: partition {event.partition}, offset {event.offset}"
    assert lost["  APPLIED"].endswith("were meant to be")
    unwanted = replace(perfect_run(), histories={**perfect_run().histories, ("unknown", "1001"): [b"{}"]})
    assert wrong_lines(unwanted)[-1].remark == "first: unknown/1001"


def test_no_exit_code_is_demanded_of_a_service_that_runs_on() -> None:
    """With --keep there is no line for what has not happened yet."""
    labels = [line.label for section in judge(replace(perfect_run(), exit_code=None)) for line in section.lines]
    assert "exit code of the service after SIGTERM" not in labels
