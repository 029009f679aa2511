"""Mapped sources in the intake: what becomes an event, what only an outcome, and how that outcome reads."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from stream.codes import ErrorCode
from stream.intake import Intake, Unfit
from stream.model import Event, Result, TopicPartition
from stream.outcome import Form, OutcomeWriter
from stream.schema_files import load_schemas

from ..builders import ASSIGNMENT, DEFAULTS, OUTCOME_FIELDS, SCHEMAS_DIR, TIMESTAMP, message, packaged_schemas
from ..cdc_builders import PLAIN, ROW, TOPIC, envelope, rules, text
from ..outcome_schema import assert_outcomes_valid

CDC = TopicPartition(TOPIC, 0)
ASSIGNED = ASSIGNMENT._replace(partition=CDC)
NATIVE = b'{"dataStoreId":"people","id":"r1","fields":{"name":"Ada"}}'


def intake(rule: str = PLAIN) -> Intake:
    """Build an intake of one rule."""
    return Intake(packaged_schemas(), DEFAULTS, rules(f"[[rule]]\n{rule}"))


def read(value: bytes | None, rule: str = PLAIN) -> Event | Unfit:
    """Read a message of the mapped topic."""
    return intake(rule).read(message(value, key=b'{"id":1}', partition=CDC), ASSIGNED, 1.0, suspect=False)


def test_a_change_becomes_an_event_like_any_other() -> None:
    """Message, assignment, lane, record, arrival, suspicion and size."""
    came = message(text(envelope("c")), key=b'{"id":1}', partition=CDC, headers=[("h", b"x")])
    for _ in range(2):
        found = intake().read(came, ASSIGNED, 7.5, suspect=True)
        assert isinstance(found, Event)
        assert (found.message, found.assignment, found.arrived_s, found.suspect) == (came, ASSIGNED, 7.5, True)
        assert found.record_key == ("people", "1")
        assert json.loads(found.record) == {"id": "1", "fields": ROW}
        assert found.size_bytes == len(found.record) + came.size_bytes


BY_TABLE = 'table = "postgres.public.contacts"\ndatastore = "people"\n'


@pytest.mark.parametrize("rule", [PLAIN, BY_TABLE])
@pytest.mark.parametrize("topic", [TOPIC, "deltas"])
def test_many_are_read_as_one_is(topic: str, rule: str) -> None:
    """A whole run at once gives what each message alone gives, on a mapped topic and on a native one."""
    values = [
        text(envelope("c")),
        NATIVE,
        None,
        text(envelope("d")),
        b"broken",
        b'{"ts_ms":1}',
        NATIVE,
        text(envelope("u")),
    ]
    place = TopicPartition(topic, 0)
    came = [message(value, key=b'{"id":1}', partition=place, offset=at) for at, value in enumerate(values)]
    assignment = ASSIGNMENT._replace(partition=place)
    experienced = intake(rule)
    for _ in range(2):
        together = experienced.read_all(came, assignment, 1.0, suspect=False)
        assert together == [intake(rule).read(each, assignment, 1.0, suspect=False) for each in came]
    assert any(isinstance(each, Event) for each in together)
    assert any(isinstance(each, Unfit) for each in together)


def test_a_datastore_s_schema_judges_what_the_mapping_has_made() -> None:
    """The place is that of the column, and required schemas hold for mapped sources too."""
    rule = PLAIN.replace('"people"', '"example"') + 'columns.exclude = ["id"]\ncolumns.rename = { email = "name" }\n'
    found = read(text(envelope("c", {**ROW, "email": ""})), rule)
    assert isinstance(found, Unfit)
    assert found.defect is not None
    assert (found.result, found.defect.code, found.defect.path) == (
        Result.INVALID,
        ErrorCode.FIELDS_INVALID,
        "/after/email",
    )
    assert (found.datastore_id, found.record_id) == ("example", "1")
    strict, _ = load_schemas(SCHEMAS_DIR, SCHEMAS_DIR, require=True)
    mapped = Intake(strict, DEFAULTS, rules(f"[[rule]]\n{PLAIN}"))
    unfit = mapped.read(message(text(envelope("c")), key=b'{"id":1}', partition=CDC), ASSIGNED, 1.0, suspect=False)
    assert isinstance(unfit, Unfit)
    assert unfit.defect is not None
    assert (unfit.defect.code, unfit.defect.path) == (ErrorCode.SCHEMA_MISSING, None)


def outcome(found: Event | Unfit, value: bytes | None) -> tuple[dict[str, Any], bool]:
    """Write the outcome of what is no event; return it, and whether there is a dead letter."""
    assert isinstance(found, Unfit)
    writer = OutcomeWriter(Form("group", cloudevents=False, dead_letters=True))
    settled = writer.of_unfit(message(value, key=b'{"id":1}', partition=CDC), ASSIGNED, found, TIMESTAMP)
    told: dict[str, Any] = orjson.loads(settled.value)
    assert_outcomes_valid([told])
    return told, settled.dead_letter is not None


def test_what_carries_no_change_is_a_success_without_an_error() -> None:
    """A tombstone after a delete: not executed, nothing confirmed, no dead letter; the record is named."""
    written, has_letter = outcome(read(None), None)
    assert list(written) == OUTCOME_FIELDS
    assert (written["status"], written["result"], written["error"]) == ("SUCCESS", "IGNORED", None)
    assert (written["executed"], written["confirmed"], written["batchId"]) == (False, False, None)
    assert (written["dataStoreId"], written["recordId"]) == ("people", "1")
    assert not has_letter


def test_a_delete_without_a_rule_is_a_failure_with_a_dead_letter() -> None:
    """Nothing is ever lost silently."""
    value = text(envelope("d"))
    written, has_letter = outcome(read(value), value)
    assert (written["status"], written["result"], written["error"]["code"]) == (
        "FAILED",
        "UNSUPPORTED",
        "delete_without_rule",
    )
    assert has_letter


def test_without_a_mapping_file_a_connector_s_events_are_still_known() -> None:
    """They are refused with what to do, not as native events that lack everything."""
    plain = Intake(packaged_schemas(), DEFAULTS)
    found = plain.read(message(text(envelope("c"))), ASSIGNMENT, 1.0, suspect=False)
    assert isinstance(found, Unfit)
    assert found.defect is not None
    assert (found.result, found.defect.code) == (Result.UNSUPPORTED, ErrorCode.NO_RULE)
    assert "STREAM_MAPPING_FILE" in found.defect.message
    assert plain.read(message(b'{"ts_ms":1}'), ASSIGNMENT, 1.0, suspect=False) == Unfit(Result.IGNORED, None)
