"""Every answer of the API, over real HTTP, and the outcome on a real Kafka that becomes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stream.sandbox.faults import Fault

from .answer_cases import CASES, RECORDS, Case

if TYPE_CHECKING:
    from ..harness.stage import Stage
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


@pytest.mark.parametrize(("number", "times", "token_calls"), [(401, 1, 2), (401, 2, 2), (403, 2, 1)])
def test_without_access_everything_waits_for_it(stage: Stage, number: int, times: int, token_calls: int) -> None:
    """A refused token is renewed once; when that does not help, or a right is missing, it is an outage with its reason.

    Whatever is waiting then is sent when it is over, by whichever request finds that out.
    """
    stage.sandbox.faults.add(Fault("answer", status=number, next_requests=times))
    service = stage.start()
    for record_id in RECORDS:
        stage.feed.send_event("store", record_id, partition=0)
    stage.await_all_committed()
    stage.assert_exactly_once()
    assert [each.json["result"] for each in stage.outcomes()] == ["APPLIED"] * len(RECORDS)
    assert stage.assert_in_order() == 0
    assert sum(request.call == "token" for request in stage.sandbox.requests) == token_calls
    outages = service.lines("outage_begins")
    assert len(outages) == (times == 2)
    assert all(f"({number})" in outage["reason"] for outage in outages)
