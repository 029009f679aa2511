"""Every answer of the API, over real HTTP, and the outcome on a real Kafka that becomes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .answer_cases import CASES, RECORDS, Case

if TYPE_CHECKING:
    from .conftest import Answered

pytestmark = pytest.mark.timeout(180)


@pytest.mark.parametrize(("datastore_id", "case"), CASES.items(), ids=CASES)
def test_outcome_of_each_answer(answered: Answered, datastore_id: str, case: Case) -> None:
    """Each event of the request has the outcome that the answer means; nothing is dropped, nothing made up."""
    outcomes = [each.json for each in answered.outcomes if each.json["dataStoreId"] == datastore_id]
    assert sorted(outcome["recordId"] for outcome in outcomes) == sorted(RECORDS)
    for outcome in outcomes:
        assert (outcome["status"], outcome["result"]) == (
            "SUCCESS" if case.result == "APPLIED" else "FAILED",
            case.result,
        )
        assert (outcome["executed"], outcome["confirmed"]) == (case.executed, case.confirmed)
        assert (outcome["attempts"], outcome["version"]) == (case.attempts, case.version)
        assert outcome["checksumVerified"] == case.checksum_verified
        error = outcome["error"]
        assert (error and (error["code"], error["httpStatus"])) == case.error


@pytest.mark.parametrize(("datastore_id", "case"), CASES.items(), ids=CASES)
def test_what_reached_the_store(answered: Answered, datastore_id: str, case: Case) -> None:
    """Each record was applied as often as the answers imply: an answer that was lost makes it come again, no more."""
    for record_id in RECORDS:
        assert len(answered.stage.sandbox.records.history(datastore_id, record_id)) == case.times_applied


@pytest.mark.parametrize(("datastore_id", "case"), CASES.items(), ids=CASES)
def test_dead_letter_of_each_failure(answered: Answered, datastore_id: str, case: Case) -> None:
    """What the API refused is copied to the dead letter topic, once; what was executed is not."""
    letters = [each for each in answered.dead_letters if each.json["dataStoreId"] == datastore_id]
    assert sorted(letter.json["id"] for letter in letters) == (sorted(RECORDS) if case.has_dead_letter else [])
    for letter in letters:
        assert letter.named["__connect.errors.stage"] == b"TASK_PUT"
        assert letter.named["__cxone.result"] == case.result.encode()
        assert letter.named["__cxone.code"] == (case.error or ("",))[0].encode()


def test_the_request_that_decided_is_named(answered: Answered) -> None:
    """Batch, size and checksum of an outcome are those of the request that the stand-in answered last."""
    decided = {request.checksum: request for request in answered.stage.sandbox.requests if request.call == "execute"}
    for outcome in (each.json for each in answered.outcomes):
        request = decided[outcome["checksum"]]
        assert (request.data_store_id, request.records) == (outcome["dataStoreId"], outcome["batchSize"])
        assert outcome["latencyMs"] > 0


def test_a_refused_token_is_not_taken_for_a_verdict(answered: Answered) -> None:
    """Of all calls for a token only those that a refusal asked for were made: the first, and one for each 401."""
    calls = [request for request in answered.stage.sandbox.requests if request.call == "token"]
    refusals = [request for request in answered.stage.sandbox.requests if request.status == 401]
    assert len(refusals) == 2
    assert len(calls) == 2
