"""What a run leaves behind beside its outcomes: the audit, the log, and nowhere a credential."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

import pytest

from ..harness.stage import CREDENTIALS
from .answer_cases import CASES

if TYPE_CHECKING:
    from .conftest import Answered

pytestmark = pytest.mark.timeout(180)

AUDIT_FIELDS = {
    *("timestamp", "dataStoreId", "batchSize", "checksum", "status", "latencyMs", "successCount", "failureCount"),
    *("batchId", "attempts", "httpStatus"),
}


REFUSALS = {400, 404, 413, 422}


def test_each_batch_has_one_audit_line(answered: Answered) -> None:
    """One line for each request with a verdict: those that outcomes name, and refused ones whose records went again."""
    lines = {line["batchId"]: line for line in answered.service.audit_lines()}
    assert set(Counter(line["batchId"] for line in answered.service.audit_lines()).values()) == {1}
    named = {outcome.json["batchId"] for outcome in answered.outcomes}
    assert named <= lines.keys()
    assert {lines[batch_id]["httpStatus"] for batch_id in lines.keys() - named} == REFUSALS


def test_audit_lines_agree_with_the_outcomes(answered: Answered) -> None:
    """A line has the fields of the contract; it says SUCCESS only where no event failed."""
    batches: dict[str, list[dict[str, object]]] = {}
    for outcome in answered.outcomes:
        batches.setdefault(outcome.json["batchId"], []).append(outcome.json)
    for line in answered.service.audit_lines():
        assert line.keys() == AUDIT_FIELDS
        outcomes = batches.get(line["batchId"], [])
        succeeded = sum(outcome["status"] == "SUCCESS" for outcome in outcomes)
        assert line["successCount"] == succeeded
        assert line["successCount"] + line["failureCount"] == line["batchSize"]
        assert line["status"] == ("SUCCESS" if succeeded == line["batchSize"] else "FAILED")
        for name in ("dataStoreId", "checksum", "latencyMs", "attempts"):
            assert {outcome[name] for outcome in outcomes} <= {line[name]}


def test_audit_names_the_status_that_decided(answered: Answered) -> None:
    """The line of a refused request tells with which status it was refused."""
    statuses = {line["dataStoreId"]: line["httpStatus"] for line in answered.service.audit_lines()}
    for datastore_id, case in CASES.items():
        if case.error is not None:
            assert statuses[datastore_id] == case.error[1]
    assert statuses["accepted-202"] == 202


def test_each_request_is_logged_with_rate_and_average(answered: Answered) -> None:
    """There is one line `execution_completed` for each audit line; success rate and average latency add up."""
    lines, audit = answered.service.lines("execution_completed"), answered.service.audit_lines()
    assert [(line["status"], line["batch_id"]) for line in lines] == [
        (line["status"], line["batchId"]) for line in audit
    ]
    assert {line["level"] for line in lines} == {"info"}
    succeeded = sum(line["status"] == "SUCCESS" for line in lines)
    assert lines[-1]["successRate"] == pytest.approx(100 * succeeded / len(lines), abs=0.01)
    assert lines[-1]["avgLatencyMs"] == pytest.approx(sum(line["latencyMs"] for line in lines) / len(lines), abs=0.01)


def test_a_request_that_waits_says_why(answered: Answered) -> None:
    """Each answer that decides nothing leaves a warning with its reason, its datastore and the wait."""
    waits = {(line["datastore"], line["level"]): line["reason"] for line in answered.service.lines("request_waits")}
    for datastore_id, case in CASES.items():
        must_wait = case.attempts > 1 or datastore_id == "redirect-302"  # whose next attempt is another request
        assert ((datastore_id, "warning") in waits) == must_wait
    for datastore_id, told in (("timeout-408", "408"), ("redirect-302", "302"), ("error-500", "500")):
        assert told in waits[datastore_id, "warning"]


def test_the_secret_is_nowhere(answered: Answered) -> None:
    """Neither the client's secret, in any encoding of a form, nor a token stands where people or programs look."""
    places = {
        "log": answered.service.log_file.read_text(),
        "audit": answered.service.audit_file.read_text(),
        "command line": answered.command_line,
        "outcomes": repr(answered.outcomes),
        "dead letters": repr(answered.dead_letters),
    }
    assert "execution_completed" in places["log"]
    secret = CREDENTIALS.client_secret
    for shown in (secret, quote(secret), quote_plus(secret), ascii(secret)[1:-1], "Bearer", "client_secret"):
        assert [name for name, text in places.items() if shown in text] == []
