"""`schemas/outcome.json` says what contract section 3 says, and refuses whatever differs from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest
from jsonschema import Draft202012Validator

from stream.codes import ErrorCode
from stream.model import Result

from ..builders import OUTCOME_FIELDS, TIMESTAMP
from ..outcome_schema import PATH, assert_outcomes_valid, outcome_faults

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEMA: dict[str, Any] = orjson.loads(PATH.read_bytes())
BY_NO_REQUEST = {Result.INVALID, Result.UNSUPPORTED, Result.IGNORED, Result.ABANDONED}
NOT_EXECUTED = {*BY_NO_REQUEST, Result.CONFLICT, Result.REJECTED}
PLACE = {"topic": "deltas", "partition": 0, "offset": 7}
ERROR = {"code": "record_refused", "message": "the API refused it", "path": "/fields/a~1b", "httpStatus": 400}


def outcome(result: Result, /, **members: object) -> dict[str, Any]:
    """Write an outcome with this result by hand; `members` go over the usual ones."""
    asked = result not in BY_NO_REQUEST
    return {
        "specVersion": 1,
        "eventType": "cxone.delta.executed",
        "status": "SUCCESS" if result.succeeded else "FAILED",
        "result": str(result),
        "executed": result not in NOT_EXECUTED,
        "confirmed": asked,
        "dataStoreId": "people",
        "recordId": "r1",
        "version": 3 if asked else None,
        "batchId": "11111111-2222-4333-8444-555555555555" if asked else None,
        "batchSize": 2 if asked else None,
        "checksum": "0" * 64 if asked else None,
        "checksumVerified": asked,
        "latencyMs": 12.5 if asked else None,
        "attempts": 1 if asked else None,
        "timestamp": TIMESTAMP,
        "source": {**PLACE, "timestampMs": 1_790_000_000_000},
        "supersededBy": PLACE if result is Result.SUPERSEDED else None,
        "error": None if result.succeeded else ERROR,
        **members,
    }


def test_the_schema_is_one_and_names_the_fields_in_their_order() -> None:
    """Draft 2020-12; every field is required, and no other one is allowed."""
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["required"] == list(SCHEMA["properties"]) == OUTCOME_FIELDS
    assert SCHEMA["additionalProperties"] is False


def test_its_lists_are_those_of_the_code() -> None:
    """Results on their side, and the closed list of error codes."""
    success, failure = SCHEMA["allOf"][0]["then"], SCHEMA["allOf"][0]["else"]
    assert SCHEMA["properties"]["result"]["enum"] == list(Result)
    assert success["properties"]["result"]["enum"] == [each for each in Result if each.succeeded]
    assert failure["properties"]["result"]["enum"] == [each for each in Result if not each.succeeded]
    assert SCHEMA["properties"]["error"]["properties"]["code"]["enum"] == list(ErrorCode)


@pytest.mark.parametrize("result", Result)
def test_an_outcome_of_each_result_is_accepted(result: Result) -> None:
    """Each of the eleven, with all that it may hold."""
    assert outcome_faults(outcome(result)) == []


@pytest.mark.parametrize("field", OUTCOME_FIELDS)
@pytest.mark.parametrize("result", [Result.APPLIED, Result.INVALID])
def test_a_missing_field_is_found(result: Result, field: str) -> None:
    """A field is never left out, also where it would be null."""
    lacking = outcome(result)
    del lacking[field]
    assert outcome_faults(lacking)
    assert outcome_faults(outcome(result) | {field: ["of another type"]})


@pytest.mark.parametrize(
    ("result", "members"),
    [
        (Result.APPLIED, {"more": 1}),
        (Result.APPLIED, {"specVersion": 2}),
        (Result.APPLIED, {"eventType": "other"}),
        (Result.APPLIED, {"status": "FAILED"}),
        (Result.APPLIED, {"result": "FINE"}),
        (Result.APPLIED, {"error": ERROR}),
        (Result.APPLIED, {"executed": False}),
        (Result.APPLIED, {"executed": None}),
        (Result.APPLIED, {"version": "3"}),
        (Result.APPLIED, {"recordId": None}),
        (Result.APPLIED, {"recordId": "x" * 257}),
        (Result.APPLIED, {"batchId": None}),
        (Result.APPLIED, {"batchId": "batch 1"}),
        (Result.APPLIED, {"batchSize": 0}),
        (Result.APPLIED, {"batchSize": 1001}),
        (Result.APPLIED, {"checksum": "0" * 63}),
        (Result.APPLIED, {"latencyMs": -0.1}),
        (Result.APPLIED, {"attempts": 0}),
        (Result.APPLIED, {"timestamp": "2026-11-23T04:20:00Z"}),
        (Result.APPLIED, {"timestamp": "2026-13-23T04:20:00.000Z"}),
        (Result.APPLIED, {"source": PLACE}),
        (Result.APPLIED, {"source": {**PLACE, "timestampMs": None, "more": 1}}),
        (Result.APPLIED, {"supersededBy": PLACE}),
        (Result.SUPERSEDED, {"supersededBy": None}),
        (Result.SKIPPED_STALE, {"executed": False}),
        (Result.INTEGRITY, {"executed": False}),
        (Result.CONFLICT, {"executed": True}),
        (Result.REJECTED, {"error": None}),
        (Result.REJECTED, {"error": {**ERROR, "code": "other"}}),
        (Result.REJECTED, {"error": {**ERROR, "path": "fields"}}),
        (Result.REJECTED, {"error": {**ERROR, "value": "Ada"}}),
        (Result.REJECTED, {"error": {**ERROR, "httpStatus": "400"}}),
        (Result.INVALID, {"executed": True}),
        (Result.INVALID, {"confirmed": True}),
        (Result.INVALID, {"attempts": 1}),
        (Result.ABANDONED, {"batchId": "11111111-2222-4333-8444-555555555555"}),
    ],
)
def test_what_the_contract_excludes_is_found(result: Result, members: dict[str, object]) -> None:
    """Each of these differs from a good outcome in one place alone."""
    assert outcome_faults(outcome(result, **members))


@pytest.mark.parametrize(
    "spoil",
    [lambda value: value.pop("confirmed"), lambda value: value.update(status="OK"), lambda value: value.clear()],
)
def test_the_check_of_the_other_tests_can_fail(spoil: Callable[[dict[str, Any]], object]) -> None:
    """One bad outcome among good ones fails the test that met it, and is shown."""
    bad = outcome(Result.APPLIED)
    spoil(bad)
    assert_outcomes_valid([outcome(Result.APPLIED)])
    with pytest.raises(AssertionError, match=r"\['/"):
        assert_outcomes_valid([outcome(Result.APPLIED), bad])
