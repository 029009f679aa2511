"""What holds for all requests together: the pace that a 429 asks for, and the one token."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from stream.sandbox.faults import Fault
from stream.sandbox.tokens import TokenRule

from ..harness.feed import Pace, Population
from ..harness.stage import CREDENTIALS
from ..harness.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from stream.sandbox.calls import Request

    from ..harness.stage import Stage

DATASTORES = 8
RETRY_AFTER_S = 3.0


def _executes(stage: Stage) -> list[Request]:
    return [request for request in stage.sandbox.requests if request.call == "execute"]


def _token_calls(stage: Stage) -> int:
    return sum(request.call == "token" for request in stage.sandbox.requests)


def _send_to_all_datastores(stage: Stage) -> None:
    for index in range(DATASTORES):
        stage.feed.send_event(f"store-{index}", f"record-{index}")
    stage.feed.flush()


def test_retry_after_holds_all_requests_back(stage: Stage) -> None:
    """After a 429 no request of any datastore comes before the time that was asked for; then all are applied."""
    stage.sandbox.faults.add(Fault("answer", status=429, retry_after=f"{RETRY_AFTER_S:.0f}", next_requests=1))
    service = stage.start()
    stage.feed.send_event("throttled", "first")
    eventually(lambda: service.lines("request_waits"), 30.0, "the 429")
    _send_to_all_datastores(stage)
    stage.await_all_committed()
    stage.assert_exactly_once()
    throttled, *later = _executes(stage)
    assert throttled.status == 429
    assert len(later) == 1 + DATASTORES
    assert min(request.received_s for request in later) >= throttled.received_s + RETRY_AFTER_S
    assert {each.json["attempts"] for each in stage.outcomes() if each.json["dataStoreId"] == "throttled"} == {2}
    assert stage.assert_in_order() == 0


def test_without_retry_after_it_backs_off(stage: Stage) -> None:
    """A 429 that names no time is waited out as well: nothing is dropped and nothing is applied twice."""
    stage.sandbox.faults.add(Fault("answer", status=429, next_requests=4))
    _send_to_all_datastores(stage)
    stage.start()
    stage.await_all_committed()
    stage.assert_exactly_once()
    assert {each.json["result"] for each in stage.outcomes()} == {"APPLIED"}
    assert sum(request.status == 429 for request in _executes(stage)) == 4
    assert stage.assert_in_order() == 0


@pytest.mark.parametrize("end", ["revoked", "expired"])
def test_many_workers_renew_a_dead_token_once(stage: Stage, end: str) -> None:
    """Eight requests that are refused at once make one call for a token; each is then sent again and applied."""
    if end == "expired":
        stage.sandbox.tokens.follow(TokenRule(life_s=2.0, announces_life=False, expires_in=3600))
    stage.start()
    stage.feed.send_event("store-0", "first")
    stage.await_outcomes(1)
    stage.sandbox.tokens.follow(TokenRule())
    if end == "revoked":
        stage.sandbox.tokens.revoke_all()
    else:
        issued_s = max(request.received_s for request in stage.sandbox.requests if request.call == "token")
        eventually(lambda: time.time() > issued_s + 2.0, 10.0, "the end of the token's life")
    # The new token comes late, so that all eight requests are refused before it is there.
    stage.sandbox.faults.add(Fault("delay", call="token", min_s=1.0, max_s=1.0))
    _send_to_all_datastores(stage)
    stage.await_all_committed()
    stage.assert_exactly_once()
    refused = [request for request in _executes(stage) if request.status == 401]
    assert len(refused) == DATASTORES
    assert _token_calls(stage) == 2
    assert {(each.json["result"], each.json["attempts"]) for each in stage.outcomes()} == {("APPLIED", 1)}
    assert stage.assert_in_order() == 0


def test_a_secret_that_is_corrected_in_its_file_is_taken_up(stage: Stage, tmp_path: Path) -> None:
    """With a wrong secret everything waits and the log says what to look at; the right one in the file ends that."""
    secret = tmp_path / "secret"
    secret.write_text("wrong+secret&=")
    service = stage.start(CXONE_CLIENT_SECRET=None, CXONE_CLIENT_SECRET_FILE=str(secret))
    _send_to_all_datastores(stage)
    eventually(lambda: len(service.lines("token_not_renewed")) > 1, 30.0, "refusals of the wrong secret")
    assert "CXONE_CLIENT_SECRET" in service.lines("token_not_renewed")[0]["reason"]
    assert len(stage.reader) == 0
    secret.write_text(f"{CREDENTIALS.client_secret}\n")
    stage.await_all_committed()
    stage.assert_exactly_once()
    assert stage.assert_in_order() == 0
    for shown in ("wrong+secret", CREDENTIALS.client_secret):
        assert shown not in service.log_file.read_text()


def test_a_short_token_is_renewed_in_the_background(stage: Stage) -> None:
    """Under load, with tokens that live three seconds, no request ever meets an expired one."""
    stage.sandbox.tokens.follow(TokenRule(life_s=3.0))
    stage.sandbox.faults.add(Fault("delay", min_s=0.005, max_s=0.02))
    stage.start()
    pace = Pace(stage.feed, Population(), 300.0)
    eventually(lambda: _token_calls(stage) >= 5, 60.0, "four renewals")
    pace.stop()
    stage.await_all_committed()
    stage.assert_exactly_once()
    assert {request.status for request in stage.sandbox.requests} == {200}
    assert stage.assert_in_order() == 0
