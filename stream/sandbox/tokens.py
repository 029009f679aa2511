"""Who may call: the token call's form and the tokens given out (contract section 1).

Pure but for the clock it is given and the randomness of tokens.
"""

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl

GRANT: Final = "client_credentials"
SCOPE: Final = "dataactions:execute dataactions:bulkupdate datastores:read"
FORM_KEYS: Final = ("client_id", "client_secret", "grant_type", "scope")


@dataclass(frozen=True, slots=True)
class Credentials:
    """The one client that the stand-in knows."""

    client_id: str = "sandbox-client"
    client_secret: str = field(default="sandbox-secret", repr=False)


@dataclass(frozen=True, slots=True)
class TokenRule:
    """How long a token lives, in seconds, and what the answer says about it.

    With `announces_life` the answer's `expires_in` is `life_s`; else it is `expires_in`, left out when that is None.
    """

    life_s: float = 3600.0
    announces_life: bool = True
    expires_in: int | float | str | None = None


@dataclass(frozen=True, slots=True)
class FormError:
    """A token call that gets no token: the OAuth error code; a `breach` when its form is not as the contract says."""

    code: str
    breach: str | None = None


def form_error(content_type: str, body: bytes, credentials: Credentials) -> FormError | None:
    """Say why a token call is refused, None when it is not; never names a value that was sent."""
    if content_type != "application/x-www-form-urlencoded":
        return FormError("invalid_request", "token: content-type is not application/x-www-form-urlencoded")
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict")
    except ValueError:
        return FormError("invalid_request", "token: the body is not a form in percent-encoded UTF-8")
    if sorted(name for name, _ in pairs) != list(FORM_KEYS):
        return FormError("invalid_request", f"token: the form does not hold exactly {', '.join(FORM_KEYS)}")
    return _value_error(dict(pairs), credentials)


def _value_error(form: dict[str, str], credentials: Credentials) -> FormError | None:
    if form["grant_type"] != GRANT:
        return FormError("unsupported_grant_type", "token: grant_type is not client_credentials")
    if form["scope"] != SCOPE:
        return FormError("invalid_scope", "token: scope is not the one of the contract")
    if (form["client_id"], form["client_secret"]) != (credentials.client_id, credentials.client_secret):
        return FormError("invalid_client")
    return None


class Tokens:
    """Who may have a token, and the tokens that are good now; any thread may change both."""

    def __init__(self, clock: Callable[[], float], rule: TokenRule, credentials: Credentials | None = None) -> None:
        """Start with no token given out; `clock` gives seconds of any origin."""
        self.credentials = credentials or Credentials()
        """Those of the one client; replacing them is a rotation, which leaves tokens as they are."""
        self._lock = threading.Lock()
        self._clock = clock
        self._rule = rule
        self._ends_s: dict[str, float] = {}

    def issue(self) -> dict[str, object]:
        """Give out a token, as the body of a token answer."""
        token = secrets.token_urlsafe(24)
        with self._lock:
            rule, now_s = self._rule, self._clock()
            self._ends_s = {known: end_s for known, end_s in self._ends_s.items() if end_s > now_s}
            self._ends_s[token] = now_s + rule.life_s
        expires_in = rule.life_s if rule.announces_life else rule.expires_in
        answer: dict[str, object] = {"access_token": token, "token_type": "Bearer"}
        return answer if expires_in is None else answer | {"expires_in": expires_in}

    def is_good(self, token: str) -> bool:
        """Tell whether a token was given out and has neither expired nor been revoked."""
        with self._lock:
            return self._ends_s.get(token, 0.0) > self._clock()

    def revoke_all(self) -> None:
        """Make every token that was given out so far worthless."""
        with self._lock:
            self._ends_s = {}

    def follow(self, rule: TokenRule) -> None:
        """Give out tokens by this rule from now on; those given out keep theirs."""
        with self._lock:
            self._rule = rule
