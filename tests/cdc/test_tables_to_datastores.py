"""From the tables of a real PostgreSQL to the datastores, by Debezium, Kafka and a service that is killed twice.

One run is judged again and again: as it was, and with one thing in it changed, which the judge must find.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from stream.sandbox.cdc.check import judge
from stream.sandbox.cdc.evidence import Evidence, Place, Told
from stream.sandbox.cdc.script import CdcOptions, gather
from stream.sandbox.cdc.workload import KINDS
from stream.sandbox.demo.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stream.sandbox.cdc.evidence import Fields
    from stream.sandbox.cdc.workload import Record

OPTIONS = CdcOptions(rows=20_000, kills=2)
NOWHERE = Told(Place("crm.public.contacts", 0, 10**9), "APPLIED")

# It begins with the start of four programs, three of them Java's or PostgreSQL's; a busy machine is no failure.
pytestmark = [pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    """A run of 20,000 statements, in the middle of which the service is killed twice; nothing runs any more."""
    return gather(OPTIONS, Screen(Console(width=160)))


def _wrong(evidence: Evidence) -> list[str]:
    lines = [line for section in judge(evidence, OPTIONS.kills) for line in section.lines]
    return [f"{line.label.strip()}: {line.figure} {line.remark}" for line in lines if line.holds is False]


def test_datastores_equal_tables_and_every_change_has_one_outcome(evidence: Evidence) -> None:
    """Inserts, updates, deletes, changes of keys, long values, decimals and times arrive, each with its one outcome."""
    assert len(evidence.workload.changes) >= OPTIONS.rows
    assert {*KINDS, "move without its long values", "message"} <= evidence.workload.kinds.keys()
    assert _wrong(evidence) == []


def test_whatever_traps_there_are_were_met(evidence: Evidence) -> None:
    """Rows of each table are there at the end; rows came back under keys of deleted ones; long values were refused."""
    assert {datastore for datastore, _ in evidence.rows} == {"people", "seats", "orders", "teams"}
    came_back = [history for history in evidence.histories.values() if {"active": False} in history[:-1]]
    assert len(came_back) > 100
    assert 0 < evidence.workload.made.unsupported == len(evidence.letters)
    assert evidence.workload.made.ignored > 100


def _edit(evidence: Evidence, record: Record, edit: Callable[[list[Fields]], list[Fields]]) -> Evidence:
    """Change what the API was given of one record."""
    return replace(evidence, histories={**evidence.histories, record: edit(list(evidence.histories[record]))})


def _long_lived(evidence: Evidence) -> Record:
    """Name a row that is there at the end, and was created and updated since."""
    return next(
        record
        for record in sorted(evidence.rows)
        if record[0] == "people" and sum("change" in fields for fields in evidence.histories[record]) > 2
    )


def _gone(evidence: Evidence) -> Record:
    return next(record for record in sorted(evidence.histories) if evidence.histories[record][-1] == {"active": False})


def _with_row(evidence: Evidence, **fields: object) -> Evidence:
    record = _long_lived(evidence)
    return replace(evidence, rows={**evidence.rows, record: {**evidence.rows[record], **fields}})


def _without(record: Record, rows: Mapping[Record, Fields]) -> dict[Record, Fields]:
    return {name: fields for name, fields in rows.items() if name != record}


PLANTED: dict[str, tuple[Callable[[Evidence], Evidence], str]] = {
    "an outcome is lost": (
        lambda e: replace(e, outcomes=e.outcomes[1:]),
        "messages without an outcome (lost): 1 first: ",
    ),
    "an outcome comes twice": (
        lambda e: replace(e, outcomes=[*e.outcomes, e.outcomes[0]]),
        "messages with more than one (doubled): 1 first: ",
    ),
    "an outcome of nothing": (
        lambda e: replace(e, outcomes=[*e.outcomes, NOWHERE]),
        "outcomes of no message: 1 first: crm.public.contacts/0/1000000000",
    ),
    "only the reader that ran along sees one": (
        lambda e: replace(e, followed=[*e.followed, NOWHERE]),
        "seen alike by a reader that ran alongside: ",
    ),
    "a connector loses a message": (
        lambda e: replace(e, inputs=e.inputs[1:], outcomes=[o for o in e.outcomes if o.place != e.inputs[0]]),
        "messages that the connectors wrote: ",
    ),
    "a row differs from its record": (
        lambda e: _with_row(e, biography="another one"),
        "records that equal their row: ",
    ),
    "a null is not written": (
        lambda e: _with_row(e, tags=None, photo=None, biography=None, plan=None, rate=None),
        "records that equal their row: ",
    ),
    "a row has no record": (
        lambda e: replace(e, rows={**e.rows, ("people", "no such"): {"active": True}}),
        "records that equal their row: ",
    ),
    "a record has no row": (
        lambda e: replace(e, histories={**e.histories, ("people", "no such"): [{"active": True}]}),
        "records of no row: 1 first: people/no such",
    ),
    "a deleted row is not marked": (
        lambda e: replace(e, rows=_without(_long_lived(e), e.rows)),
        "records of deleted rows, marked as gone: ",
    ),
    "a delete brings made-up values": (
        lambda e: _edit(e, _gone(e), lambda history: [*history[:-1], {"active": False, "mail": ""}]),
        "records of deleted rows, marked as gone: ",
    ),
    "a change never reaches the API": (
        lambda e: _edit(e, _long_lived(e), lambda history: history[1:]),
        "changes of rows that reached the API: ",
    ),
    "two changes are swapped": (
        lambda e: _edit(e, _long_lived(e), lambda history: history[::-1]),
        "records changed out of order: 1 first: people/",
    ),
    "a dead letter is missing": (
        lambda e: replace(e, letters=e.letters[1:]),
        "dead letters, one for each FAILED: ",
    ),
    "a kill met an idle service": (
        lambda e: replace(e, kills=e.kills[1:]),
        "kill -9 with a request on the wire: 1 ",
    ),
}


@pytest.mark.parametrize("what", PLANTED)
def test_the_judge_finds_what_is_planted(evidence: Evidence, what: str) -> None:
    """The same run with one thing changed in it is not right any more, and the line that is for it says so."""
    change, told = PLANTED[what]
    wrong = _wrong(change(evidence))
    assert any(line.startswith(told) for line in wrong), wrong
