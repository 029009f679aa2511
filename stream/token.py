"""The access token: how it is asked for, what the answer means, and when it is renewed (contract section 1)."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

import orjson

SCOPE = "dataactions:execute dataactions:bulkupdate datastores:read"
RENEW_BEFORE_EXPIRY_S = 30.0
DEFAULT_LIFE_S = 300.0
MIN_LIFE_S = 1.0
MAX_LIFE_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Token:
    """An access token. `generation` counts the tokens of this process; times are of the monotonic clock."""

    generation: int
    bearer: str
    renew_at_s: float
    expires_at_s: float
    life_was_told: bool

    def __repr__(self) -> str:
        """Keep the token out of every log and traceback."""
        return f"Token(generation={self.generation})"


class UnusableAnswerError(ValueError):
    """The token endpoint's answer holds no token; the message says why, without the body."""


def form(client_id: str, client_secret: str) -> bytes:
    """Write the body of the token request, each value form-encoded."""
    values = {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_secret": client_secret,
        "scope": SCOPE,
    }
    return urlencode(values).encode()


def read_answer(status: int, body: bytes | None, generation: int, now_s: float) -> Token:
    """Read the token endpoint's answer.

    Args:
        status: the HTTP status.
        body: the answer's body; None when it could not be read.
        generation: of the new token.
        now_s: when the request was sent, so that the token's life is never overrated.

    Returns:
        The token. Without a readable `expires_in` it lives `DEFAULT_LIFE_S`, and `life_was_told` is false.

    Raises:
        UnusableAnswerError: for any other status than 200, or an answer without a token.
    """
    if status != 200:  # noqa: PLR2004
        raise UnusableAnswerError(_why_not(status))
    try:
        answer = orjson.loads(body or b"")
    except orjson.JSONDecodeError:
        answer = None
    bearer = answer.get("access_token") if isinstance(answer, dict) else None
    if not isinstance(bearer, str) or not bearer.isascii() or not bearer.isprintable() or not bearer:
        message = "the token endpoint answered 200 without a usable access_token"
        raise UnusableAnswerError(message)
    told_s = answer.get("expires_in")
    was_told = isinstance(told_s, int | float) and not isinstance(told_s, bool) and told_s > 0
    life_s = min(max(float(told_s), MIN_LIFE_S), MAX_LIFE_S) if was_told else DEFAULT_LIFE_S
    renew_after_s = max(life_s - RENEW_BEFORE_EXPIRY_S, life_s / 2)
    return Token(generation, bearer, now_s + renew_after_s, now_s + life_s, was_told)


def _why_not(status: int) -> str:
    """Say what a status other than 200 means, and what to do."""
    match status:
        case 400 | 401 | 403:
            fix = "look at CXONE_CLIENT_ID and CXONE_CLIENT_SECRET, and that CXONE_REGION is their region"
            return f"the token endpoint refuses the credentials ({status}); {fix}"
        case 429 | 500 | 502 | 503 | 504:
            return f"the token endpoint fails ({status}); nothing can be done here but to wait"
        case _:
            return f"the token endpoint answered {status}; look at CXONE_REGION, CXONE_BASE_URL and CXONE_TOKEN_PATH"
