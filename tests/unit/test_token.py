"""The token's request and answer: encoding, renewal time, what is unreadable, and that it stays secret."""

from __future__ import annotations

from urllib.parse import parse_qsl

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.token import SCOPE, Token, UnusableAnswerError, form, read_answer

SECRET = "p+w & x=1%/2 \u00fc"  # noqa: S105 - made up


def granted(**members: object) -> bytes:
    """Write the answer of a token endpoint."""
    return orjson.dumps({"access_token": "abc.def-1", "token_type": "Bearer", "expires_in": 3600, **members})


def test_the_form_is_encoded_as_a_browser_would() -> None:
    """The bytes of a secret with every awkward character, as RFC 6749 appendix B wants them."""
    assert form("the id", SECRET) == (
        b"grant_type=client_credentials&client_id=the+id&client_secret=p%2Bw+%26+x%3D1%25%2F2+%C3%BC"
        b"&scope=dataactions%3Aexecute+dataactions%3Abulkupdate+datastores%3Aread"
    )


@given(st.text(), st.text())
def test_any_credentials_arrive_as_they_are(client_id: str, secret: str) -> None:
    """Whatever the characters are, the other side decodes the same."""
    assert dict(parse_qsl(form(client_id, secret).decode(), keep_blank_values=True)) == {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_secret": secret,
        "scope": SCOPE,
    }


@pytest.mark.parametrize(
    ("expires_in", "renew_s", "expire_s"),
    [
        (3600, 3570.0, 3600.0),
        (60, 30.0, 60.0),
        (40, 20.0, 40.0),
        (1, 0.5, 1.0),
        (90.5, 60.5, 90.5),
        (10**9, 86370.0, 86400.0),
    ],
)
def test_a_token_is_renewed_before_it_expires(expires_in: float, renew_s: float, expire_s: float) -> None:
    """At 30 s before its end, but never before half its life; counted from when it was asked for."""
    token = read_answer(200, granted(expires_in=expires_in), 3, 1_000.0)
    assert token == Token(3, "abc.def-1", 1_000.0 + renew_s, 1_000.0 + expire_s, life_was_told=True)


@pytest.mark.parametrize("expires_in", [None, "3600", 0, -5, True, [], {}, "soon"])
def test_an_unreadable_life_is_five_minutes(expires_in: object) -> None:
    """What does not say how long it lives is taken to live 300 s, and that is said."""
    token = read_answer(200, granted(expires_in=expires_in), 1, 0.0)
    assert token == Token(1, "abc.def-1", 270.0, 300.0, life_was_told=False)


def test_a_missing_life_is_five_minutes() -> None:
    """The same for an answer without `expires_in`."""
    assert read_answer(200, b'{"access_token":"abc"}', 1, 0.0).expires_at_s == 300.0


UNUSABLE = {
    "refused": (401, granted()),
    "created": (201, granted()),
    "forbidden": (403, b""),
    "no body": (200, None),
    "empty": (200, b""),
    "no JSON": (200, b"<html>"),
    "no object": (200, b"[]"),
    "no token": (200, b'{"expires_in":3600}'),
    "token is a number": (200, granted(access_token=5)),
    "token is empty": (200, granted(access_token="")),
    "token with a line feed": (200, granted(access_token="abc\r\nX-Evil: 1")),  # noqa: S106 - made up
    "token is not ASCII": (200, granted(access_token="\u00fc")),  # noqa: S106 - made up
}


@pytest.mark.parametrize(("status", "body"), UNUSABLE.values(), ids=UNUSABLE)
def test_an_answer_without_a_usable_token_says_why(status: int, body: bytes | None) -> None:
    """The error names the status or what is missing, and nothing of the body."""
    with pytest.raises(UnusableAnswerError) as unusable:
        read_answer(status, body, 1, 0.0)
    said = str(unusable.value)
    assert str(status) in said
    assert "abc" not in said
    assert "html" not in said


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (400, "CXONE_CLIENT_ID"),
        (401, "CXONE_CLIENT_SECRET"),
        (403, "CXONE_REGION"),
        (429, "wait"),
        (503, "wait"),
        (302, "CXONE_BASE_URL"),
        (404, "CXONE_TOKEN_PATH"),
    ],
)
def test_a_refused_token_says_what_to_look_at(status: int, told: str) -> None:
    """Wrong credentials, a wrong address and a service that is down are three things."""
    with pytest.raises(UnusableAnswerError, match=told):
        read_answer(status, b"", 1, 0.0)


def test_a_token_does_not_show_itself() -> None:
    """Neither `repr` nor any format of it holds the bearer."""
    token = read_answer(200, granted(), 3, 0.0)
    assert repr(token) == str(token) == f"{token}" == "Token(generation=3)"
    assert "abc" not in f"{[token]!r} {token!s}"
