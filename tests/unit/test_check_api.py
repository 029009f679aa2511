"""What `check` makes of the API's answers: the token, the read of a record that is not there, the clock."""

from __future__ import annotations

import json

import pytest

from stream.check.api import Reply, judge_clock, judge_read, judge_token
from stream.check.facts import Fault
from stream.check.report import State
from stream.token import SCOPE

BEARER = "eyJ-the-token"


def reply(status: int, **members: object) -> Reply:
    """An answer with a JSON body, after 12 ms."""
    return Reply(status, json.dumps(members).encode(), 12.3, 0.0)


def test_a_token_is_good_with_its_life() -> None:
    """Status, latency and life are told, the token is not."""
    token, found = judge_token(reply(200, access_token=BEARER, expires_in=3600, scope=SCOPE))
    assert token is not None
    assert token.bearer == BEARER
    assert found.state is State.OK
    assert "200 in 12 ms, good for 3600 s" in found.detail
    assert BEARER not in str(found)


@pytest.mark.parametrize("expires_in", [None, "3600", 0, True])
def test_a_token_without_a_life_is_a_warning(expires_in: object) -> None:
    """The assumption that the service makes is told."""
    token, found = judge_token(reply(200, access_token=BEARER, expires_in=expires_in))
    assert token is not None
    assert found.state is State.WARNING
    assert "300 s are assumed" in found.detail


def test_a_token_with_fewer_scopes_fails() -> None:
    """An answer that names scopes, but not all that were asked for, foretells 403."""
    _, found = judge_token(reply(200, access_token=BEARER, expires_in=60, scope="dataactions:execute"))
    assert found.state is State.FAILED
    assert "without the scopes dataactions:bulkupdate, datastores:read" in found.detail


@pytest.mark.parametrize(
    ("answer", "told", "fix"),
    [
        (reply(401, error="invalid_client"), "401 in 12 ms (invalid_client)", "CXONE_CLIENT_SECRET"),
        (reply(400, error="no such client: the-client-id"), "400 in 12 ms", "CXONE_CLIENT_ID"),
        (reply(403), "403", "CXONE_CLIENT_ID"),
        (reply(404), "404", "CXONE_TOKEN_PATH"),
        (reply(302), "302", "CXONE_BASE_URL"),
        (reply(429), "429", "later"),
        (reply(503), "503", "later"),
        (reply(200, scope=SCOPE), "without a usable access_token", "CXONE_TOKEN_PATH"),
        (Reply(200, b"<html>", 1.0, None), "without a usable access_token", "CXONE_TOKEN_PATH"),
        (Fault("look at it", "it refuses connections"), "it refuses connections", "look at it"),
    ],
)
def test_no_token_is_told_with_the_way_out(answer: Reply | Fault, told: str, fix: str) -> None:
    """Credentials, address and outage are told apart; of the body only OAuth's own words are shown."""
    token, found = judge_token(answer)
    assert token is None
    assert found.state is State.FAILED
    assert told in found.detail
    assert fix in found.fix
    assert "the-client-id" not in str(found)


@pytest.mark.parametrize("status", [200, 404])
def test_a_read_that_is_answered_is_good(status: int) -> None:
    """That the record is not there proves as much as that it is."""
    found = judge_read(reply(status), "people")
    assert found.state is State.OK
    assert "datastore people" in found.detail


@pytest.mark.parametrize(
    ("answer", "state", "fix"),
    [
        (reply(401), State.FAILED, "CXONE_REGION"),
        (reply(403), State.FAILED, "datastores:read"),
        (reply(301), State.FAILED, "CXONE_BASE_URL"),
        (reply(405), State.FAILED, "CXONE_RECORD_PATH"),
        (reply(429), State.WARNING, "later"),
        (reply(502), State.FAILED, "later"),
        (Fault("look at it", "no answer in time"), State.FAILED, "look at it"),
    ],
)
def test_a_read_that_is_refused_says_what_is_missing(answer: Reply | Fault, state: State, fix: str) -> None:
    """Scope, token, address and outage are told apart."""
    found = judge_read(answer, "people")
    assert found.state is state
    assert fix in found.fix


@pytest.mark.parametrize(
    ("ahead_s", "state", "told"),
    [
        (0.4, State.OK, "within 30 s"),
        (-30.0, State.OK, "within 30 s"),
        (41.0, State.WARNING, "41 s behind the API"),
        (-3600.0, State.WARNING, "3600 s ahead of the API"),
        (None, State.WARNING, "does not tell its time"),
    ],
)
def test_the_clocks_are_compared(ahead_s: float | None, state: State, told: str) -> None:
    """A difference is a warning that says who is behind."""
    found = judge_clock(ahead_s)
    assert found.state is state
    assert told in found.detail
