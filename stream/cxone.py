"""EDGE, HTTP: performs the steps of a dialogue with `httpx`, and keeps the token.

Every call has a total deadline, an answer is read to 4 MiB and no further, an encoded one is not read at all (a gzip of
292 KB unpacks to 300 MB), and a redirect is an answer like any other: the token never goes to another place.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from . import __version__
from .deadline import Deadline, WithdrawnError, impose
from .dialogue import Answer, NoAnswer, Renewed, RenewToken, Send
from .log import get_log
from .payload import EXECUTE_HEADERS
from .token import Token, UnusableAnswerError, form, read_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .clock import Clock

TOKEN_DEADLINE_S = 10.0
EXECUTE_DEADLINE_S = 30.0
MAX_ANSWER_BYTES = 4 * 1024 * 1024
RENEW_RETRY_S = 5.0
FORM_HEADERS = {
    "Content-Type": "application/x-www-form-urlencoded",
    "Accept": "application/json",
    "Accept-Encoding": "identity",
}

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
"""Errors after which it is certain that the request did not reach the API."""


@dataclass(frozen=True, slots=True)
class Api:
    """Where the API is, and how its credentials are read (anew each time, for they may rotate on disk).

    The deadlines are those of contract section 1.
    """

    base_url: str
    token_path: str
    execute_path: str
    max_in_flight: int
    credentials: Callable[[], tuple[str, str]]
    execute_deadline_s: float = EXECUTE_DEADLINE_S
    token_deadline_s: float = TOKEN_DEADLINE_S


class CxoneClient:
    """The API as the workers see it; safe to be used by all of them at once."""

    def __init__(self, api: Api, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._deadline = Deadline(clock.monotonic_s)
        connections = api.max_in_flight + 1  # one more for the token
        self._client = httpx.Client(
            base_url=api.base_url,
            headers={"User-Agent": f"cxone-delta-stream/{__version__}"},
            follow_redirects=False,
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
        )
        impose(self._deadline, self._client)
        self._tokens = _Tokens(self._request_token, clock)

    def perform(self, step: Send | RenewToken, may_send: Callable[[], bool]) -> Answer | NoAnswer | Renewed:
        """Perform one step of a dialogue.

        Args:
            step: a request to send, or a token to renew.
            may_send: asked when the first byte of a request is about to leave: a token, a name, a connection may each
                have taken seconds.

        Returns:
            The reply; no error of the network or the API is ever raised.
        """
        match step:
            case Send():
                return self._execute(step, may_send)
            case RenewToken():
                token = self._tokens.after(step.generation)
                return token if isinstance(token, NoAnswer) else Renewed()

    def close(self) -> None:
        """Stop renewing the token; connections end with the process."""
        self._tokens.close()

    def _execute(self, step: Send, may_send: Callable[[], bool]) -> Answer | NoAnswer:
        token = self._tokens.current()
        if isinstance(token, NoAnswer):
            return token
        headers = {**EXECUTE_HEADERS, "Authorization": f"Bearer {token.bearer}"}
        reply = self._call(
            "PATCH", self._api.execute_path, step.batch.body, headers, self._api.execute_deadline_s, may_send
        )
        if isinstance(reply, NoAnswer):
            return reply
        status, body, answered, latency_ms = reply
        return Answer(status, body, latency_ms, token.generation, answered.get("Retry-After"), answered.get("Date"))

    def _request_token(self, generation: int) -> Token | NoAnswer:
        started_s = self._clock.monotonic_s()
        body = form(*self._api.credentials())
        reply = self._call("POST", self._api.token_path, body, FORM_HEADERS, self._api.token_deadline_s, _always)
        if isinstance(reply, NoAnswer):
            return NoAnswer(f"no token: {reply.reason}", doubtful=False)
        try:
            return read_answer(reply[0], reply[1], generation, started_s)
        except UnusableAnswerError as error:
            return NoAnswer(f"no token: {error}", doubtful=False)

    def _call(
        self,
        method: str,
        path: str,
        body: bytes,
        headers: Mapping[str, str],
        deadline_s: float,
        may_send: Callable[[], bool],
    ) -> tuple[int, bytes | None, httpx.Headers, float] | NoAnswer:
        """Send one request and read its answer: status, body (None when unreadable), headers, latency in ms."""
        started_s = self._clock.monotonic_s()
        request = self._client.build_request(method, path, content=body, headers=dict(headers), timeout=deadline_s)
        try:
            with self._deadline.within(deadline_s, may_send):
                response = self._client.send(request, stream=True)
                try:
                    answer = _read(response)
                finally:
                    response.close()
        except WithdrawnError:
            return NoAnswer("the partitions of this request may be another instance's by now", doubtful=False)
        except _NOT_SENT as error:
            return NoAnswer(f"the API cannot be reached ({type(error).__name__})", doubtful=False)
        except httpx.HTTPError as error:
            return NoAnswer(f"the API gave no answer ({type(error).__name__})", doubtful=True)
        latency_ms = 1000.0 * (self._clock.monotonic_s() - started_s)
        return response.status_code, answer, response.headers, latency_ms


def _always() -> bool:
    return True


def _read(response: httpx.Response) -> bytes | None:
    """Read an answer's body as it came; None for one that is encoded or too long: neither is looked at."""
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        return None
    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            return None
    return bytes(body)


class _Tokens:
    """The current token: renewed in the background before it expires, and by whoever finds it refused.

    Single flight: the lock is held during a renewal, and whoever waited for it looks first whether the token changed.
    """

    def __init__(self, request: Callable[[int], Token | NoAnswer], clock: Clock) -> None:
        self._request = request
        self._clock = clock
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._failure: tuple[float, NoAnswer] | None = None
        self._generations = 0
        self._closed = threading.Event()
        self._due = threading.Event()
        self._renewer = threading.Thread(target=self._renew_in_time, name="token-renewal", daemon=True)
        self._renewer.start()

    def current(self) -> Token | NoAnswer:
        """Return a token that has not expired; get one if there is none."""
        token = self._token
        if token is not None and self._clock.monotonic_s() < token.expires_at_s:
            return token
        return self.after(token.generation if token else 0)

    def after(self, generation: int) -> Token | NoAnswer:
        """Return a token later than this generation; of many callers at once one makes the request."""
        asked_s = self._clock.monotonic_s()
        with self._lock:
            if self._token is not None and self._token.generation > generation:
                return self._token
            if self._failure is not None and self._failure[0] > asked_s:
                return self._failure[1]  # another caller has just failed, while this one waited
            return self._renew()

    def close(self) -> None:
        """Stop renewing."""
        self._closed.set()
        self._due.set()

    def _renew(self) -> Token | NoAnswer:
        token = self._request(self._generations + 1)
        if isinstance(token, NoAnswer):
            self._failure = (self._clock.monotonic_s(), token)
            get_log().warning("token_not_renewed", reason=token.reason)
            return token
        self._generations = token.generation
        self._token = token
        self._due.set()
        if not token.life_was_told:
            get_log().warning("token_without_expiry", assumed_s=round(token.expires_at_s - self._clock.monotonic_s()))
        get_log().info("token_renewed", generation=token.generation)
        return token

    def _renew_in_time(self) -> None:
        """Renew when it is time; a failure is logged and repeated while the old token still serves."""
        while not self._closed.is_set():
            token = self._token
            if token is None:
                self._due.wait()
                self._due.clear()
                continue
            if self._closed.wait(max(0.0, token.renew_at_s - self._clock.monotonic_s())):
                return
            if isinstance(self.after(token.generation), NoAnswer):
                self._closed.wait(RENEW_RETRY_S)
