"""EDGE, HTTP: gets a token as the service does, reads one record that does not exist, and compares the clocks."""

from __future__ import annotations

import secrets
import socket
import ssl
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import httpx
import orjson

from .. import __version__
from ..answer_body import MAX_ANSWER_BYTES
from ..cxone import FORM_HEADERS
from ..record_address import READ_HEADERS, record_address
from ..token import DEFAULT_LIFE_S, SCOPE, UnusableAnswerError, form, read_answer
from .facts import Fault
from .report import bad, doubtful, good

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..clock import Clock
    from ..settings import Cxone
    from ..token import Token
    from .report import Finding

TOKEN, READ, CLOCK = "token", "record read", "clock"
READ_SCOPE = "datastores:read"
TOLERATED_S = 30.0
"""Retry-After dates and the timestamps of outcomes are as good as the clock is."""

_OAUTH_ERRORS = frozenset(
    {
        *("invalid_request", "invalid_client", "invalid_grant", "invalid_scope", "unauthorized_client"),
        "unsupported_grant_type",
    }
)
"""RFC 6749, section 5.2: the only part of an answer that is shown, for all else could repeat what was sent."""
_CREDENTIALS = "look at CXONE_CLIENT_ID and CXONE_CLIENT_SECRET, and that CXONE_REGION is their region"
_ADDRESS = "look at CXONE_REGION or CXONE_BASE_URL"
_LATER = "try again later, and ask NICE if it stays so"
_NETWORK = "look at the network between here and the API: firewall, HTTPS_PROXY"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; `ahead_s`: how far the API's clock is ahead of ours, None where it does not say."""

    status: int
    body: bytes
    latency_ms: float
    ahead_s: float | None


def probe_api(cxone: Cxone, datastore_id: str | None, deadline_s: float, clock: Clock) -> Iterator[Finding]:
    """Probe the API.

    Args:
        cxone: where it is, and the credentials.
        datastore_id: from which a record is read; None when none is known.
        deadline_s: of each request.
        clock: for latencies, and to be compared.

    Yields:
        What was found about token, read call and clock.
    """
    headers = {"User-Agent": f"cxone-delta-stream/{__version__}"}
    try:
        client = httpx.Client(
            base_url=cxone.base_url,
            headers=headers,
            follow_redirects=False,
            timeout=deadline_s,
            trust_env=cxone.base_url.startswith("https:"),  # as the service does
        )
    except (ImportError, OSError, ValueError, httpx.InvalidURL) as error:  # certificates, proxies of the environment
        yield bad(TOKEN, f"there is no HTTP client ({type(error).__name__})", "look at SSL_CERT_FILE and HTTPS_PROXY")
        return
    with client:
        body = form(cxone.client_id(), cxone.client_secret())
        reply = _call(client, client.build_request("POST", cxone.token_path, content=body, headers=FORM_HEADERS), clock)
        token, found = judge_token(reply)
        yield found
        yield from _read(client, cxone, datastore_id, token, clock)
    if isinstance(reply, Reply):
        yield judge_clock(reply.ahead_s)


def judge_token(reply: Reply | Fault) -> tuple[Token | None, Finding]:
    """Judge the token endpoint's answer; the token is None when there is none."""
    if isinstance(reply, Fault):
        return None, bad(TOKEN, reply.reason, reply.code)
    told = f"{reply.status} in {reply.latency_ms:.0f} ms"
    try:
        token = read_answer(reply.status, reply.body, 1, 0.0)
    except UnusableAnswerError:
        return None, _no_token(reply, told)
    missing = sorted(set(SCOPE.split()) - _scopes(reply.body)) if _scopes(reply.body) else []
    if missing:
        fix = "grant them to this client in CXone: without them requests are answered 403, an outage"
        return token, bad(TOKEN, f"{told}, without the scopes {', '.join(missing)}", fix)
    if not token.life_was_told:
        detail = f"{told}, without a readable expires_in: {DEFAULT_LIFE_S:.0f} s are assumed"
        return token, doubtful(TOKEN, detail, "none is needed; the service warns each time it renews the token")
    scopes = "the scopes asked for" if _scopes(reply.body) else "scopes are not told"
    return token, good(TOKEN, f"{told}, good for {token.expires_at_s:.0f} s, {scopes}")


def judge_read(reply: Reply | Fault, datastore_id: str) -> Finding:
    """Judge the answer to the read of a record that does not exist."""
    if isinstance(reply, Fault):
        return bad(READ, reply.reason, reply.code)
    told = f"{reply.status} in {reply.latency_ms:.0f} ms from datastore {datastore_id}"
    if reply.status in {200, 404}:
        return good(READ, f"{told}: the API answers and lets this client read; writing is not tried")
    if reply.status == 429:  # noqa: PLR2004 - too many requests
        return doubtful(READ, f"{told}: too many requests of this client", "try again later")
    why, fix = _refused_read(reply.status)
    return bad(READ, f"{told}: {why}", fix)


def judge_clock(ahead_s: float | None) -> Finding:
    """Judge how far the API's clock is ahead of ours."""
    if ahead_s is None:
        return doubtful(CLOCK, "the API does not tell its time", "make sure that this machine's clock is set by NTP")
    if abs(ahead_s) > TOLERATED_S:
        side = "behind" if ahead_s > 0 else "ahead of"
        return doubtful(
            CLOCK, f"this machine is {abs(ahead_s):.0f} s {side} the API", "set this machine's clock by NTP"
        )
    return good(CLOCK, f"within {TOLERATED_S:.0f} s of the API's")


def _read(
    client: httpx.Client, cxone: Cxone, datastore_id: str | None, token: Token | None, clock: Clock
) -> Iterator[Finding]:
    if cxone.record_path is None:
        detail = "CXONE_RECORD_PATH is off: nothing is read back, so what a lost answer did stays unknown"
        yield doubtful(READ, detail, "set it if your API has the call")
    elif token is None:
        yield doubtful(READ, "not tried: there is no token", "mend that first")
    elif datastore_id is None:
        fix = "set CXONE_DATASTORE_ID, or give a datastore a schema file"
        yield doubtful(READ, "not tried: no datastore is known", fix)
    else:
        url = record_address(cxone.record_path, datastore_id, f"cxone-stream-check-{secrets.token_hex(8)}")
        headers = {**READ_HEADERS, "Authorization": f"Bearer {token.bearer}"}
        yield judge_read(_call(client, client.build_request("GET", url, headers=headers), clock), datastore_id)


def _refused_read(status: int) -> tuple[str, str]:
    """Say what a status of the read call means, and what to do."""
    match status:
        case 401:
            return "a fresh token is refused", "look that CXONE_REGION is the region of the credentials"
        case 403:
            fix = f"grant the scope {READ_SCOPE} to this client in CXone, and see that it may use this datastore"
            return f"the scope {READ_SCOPE} is missing", fix
        case _ if 300 <= status < 400:  # noqa: PLR2004 - redirects
            return "a redirect, which is never followed", _ADDRESS
        case _ if status >= 500:  # noqa: PLR2004 - the server's own errors
            return "the API fails", _LATER
        case _:
            return "no answer of this call", "look at CXONE_RECORD_PATH; off: there is no such call"


def _call(client: httpx.Client, request: httpx.Request, clock: Clock) -> Reply | Fault:
    """Send a request; a fault's `code` is what to do."""
    started_s, started_ms = clock.monotonic_s(), clock.wall_ms()
    try:
        response = client.send(request, stream=True)
        try:
            body = _start_of(response)
        finally:
            response.close()
    except httpx.HTTPError as error:
        return _fault(error)
    latency_ms = 1000.0 * (clock.monotonic_s() - started_s)
    ahead_s = _ahead_s(response.headers, (started_ms + clock.wall_ms()) / 2000)
    return Reply(response.status_code, body, latency_ms, ahead_s)


def _start_of(response: httpx.Response) -> bytes:
    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            break
    return bytes(body)


def _fault(error: httpx.HTTPError) -> Fault:
    for cause in _causes(error):
        match cause:
            case ssl.SSLCertVerificationError():
                fix = f"{_ADDRESS}, or name the authority that signs it in SSL_CERT_FILE"
                return Fault(fix, f"its certificate is not trusted: {cause.verify_message}")
            case ssl.SSLError():
                return Fault(_ADDRESS, f"no TLS connection ({cause.reason or 'unknown reason'})")
            case socket.gaierror():
                return Fault(f"{_ADDRESS}, and the name server", "its host name is not known")
            case ConnectionRefusedError():
                return Fault(f"{_ADDRESS}; {_NETWORK}", "it refuses connections")
    if isinstance(error, httpx.TimeoutException):
        return Fault(_NETWORK, "no answer in time")
    return Fault(_NETWORK, f"no answer ({type(error).__name__})")


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _no_token(reply: Reply, told: str) -> Finding:
    code = _member(reply.body, "error")
    told += f" ({code})" if code in _OAUTH_ERRORS else ""
    match reply.status:
        case 200:
            return bad(TOKEN, f"{told}, without a usable access_token", f"{_ADDRESS} and CXONE_TOKEN_PATH")
        case 400 | 401 | 403:
            return bad(TOKEN, told, _CREDENTIALS)
        case status if status == 429 or status >= 500:  # noqa: PLR2004 - too many requests, the server's own errors
            return bad(TOKEN, told, _LATER)
        case _:
            return bad(TOKEN, told, f"{_ADDRESS} and CXONE_TOKEN_PATH")


def _scopes(body: bytes) -> set[str]:
    return set((_member(body, "scope") or "").split())


def _member(body: bytes, name: str) -> str | None:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    value = answer.get(name) if isinstance(answer, dict) else None
    return value if isinstance(value, str) else None


def _ahead_s(headers: Mapping[str, str], now_s: float) -> float | None:
    try:
        return parsedate_to_datetime(headers["Date"]).timestamp() - now_s
    except (KeyError, ValueError):
        return None
