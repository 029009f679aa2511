"""EDGE, HTTP: performs the steps of a dialogue with `httpx`.

Every call has a total deadline, and a redirect is an answer like any other: the token never goes to another place.
Nothing of an answer is kept for the next call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import httpx

from . import __version__
from .answer_body import MAX_ANSWER_BYTES, believable, headers_of, read
from .deadline import Deadline, TooLongError, WithdrawnError
from .errors import FatalError
from .log import get_log
from .observer import NO_TRACING, SILENT, Called
from .payload import EXECUTE_HEADERS
from .record_address import READ_HEADERS, is_readable, record_address
from .renewal import Renewal
from .steps import Answer, NoAnswer, Read, Renewed, RenewToken, Scope, Send, Silence
from .token import Token, UnusableAnswerError, form, read_answer
from .wire import impose, told

if TYPE_CHECKING:
    from .clock import Clock
    from .observer import Observer, Tracing

TOKEN_DEADLINE_S = 10.0
EXECUTE_DEADLINE_S = 30.0
"""Of a read, too."""
USER_AGENT = f"cxone-delta-stream/{__version__}"
FORM_HEADERS = {
    "Content-Type": "application/x-www-form-urlencoded",
    "Accept": "application/json",
    "Accept-Encoding": "identity",
}

MaySend = Callable[[], bool]
"""Asked when the first byte of a request is about to leave: a token, a name, a connection may have taken seconds."""


@dataclass(frozen=True, slots=True)
class Api:
    """Where the API is, and how its credentials are read (anew each time, for they may rotate on disk).

    `record_path` is None when there is no read call. The deadlines are those of contract section 1.
    """

    base_url: str
    token_path: str
    execute_path: str
    record_path: str | None
    max_in_flight: int
    credentials: Callable[[], tuple[str, str]]
    execute_deadline_s: float = EXECUTE_DEADLINE_S
    token_deadline_s: float = TOKEN_DEADLINE_S


class CxoneClient:
    """The API as the workers see it; safe to be used by all of them at once."""

    def __init__(self, api: Api, clock: Clock, observer: Observer = SILENT, tracing: Tracing = NO_TRACING) -> None:
        """Prepare the connections; none is made yet.

        Args:
            api: where it is.
            clock: by which calls are timed.
            observer: told of each call and of each token.
            tracing: gives the trace context that a call carries.

        Raises:
            FatalError: when the certificates or proxies that the environment names cannot be used.
        """
        self._api = api
        self._clock = clock
        self._observer = observer
        self._tracing = tracing
        self._deadline = Deadline(clock.monotonic_s)
        self._client = _http_client(api)
        impose(self._deadline, self._client)
        self._tokens = Renewal(self._request_token, clock, observer=observer)

    def perform(self, step: Send | Read | RenewToken, may_send: MaySend) -> Answer | NoAnswer | Renewed:
        """Perform one step of a dialogue.

        Args:
            step: a request to send, a record to read, or a token to renew.
            may_send: see `MaySend`.

        Returns:
            The reply; no error of the network or the API is ever raised.
        """
        match step:
            case Send():
                path, deadline_s = self._api.execute_path, self._api.execute_deadline_s
                batch = step.batch
                request = _Request("execute", "PATCH", path, EXECUTE_HEADERS, batch.body, deadline_s, batch.batch_id)
                return self._ask(request, may_send)
            case Read():
                if self._api.record_path is None or not is_readable(step.datastore_id, step.record_id):
                    return NoAnswer("this record cannot be read back", doubtful=False)
                path = record_address(self._api.record_path, step.datastore_id, step.record_id)
                request = _Request("read", "GET", path, READ_HEADERS, b"", self._api.execute_deadline_s)
                return self._ask(request, may_send)
            case RenewToken():
                token = self._tokens.after(step.generation)
                return token if isinstance(token, NoAnswer) else Renewed()

    def close(self) -> None:
        """Stop renewing the token and close all connections; for when no more steps are performed."""
        self._tokens.close()
        self._client.close()

    def _ask(self, request: _Request, may_send: MaySend) -> Answer | NoAnswer:
        """Make a call under the current token."""
        token = self._tokens.current()
        if isinstance(token, NoAnswer):
            return token
        heard = self._call(request.with_headers({"Authorization": f"Bearer {token.bearer}"}), may_send)
        if isinstance(heard, NoAnswer):
            return heard
        retry_after, date = heard.header(b"retry-after"), heard.header(b"date")
        return Answer(
            heard.status,
            believable(heard.body, heard.headers.get(b"content-type")),
            heard.latency_ms,
            token.generation,
            retry_after,
            date,
        )

    def _request_token(self, generation: int) -> Token | NoAnswer:
        """Ask for a token; refused, and the credentials have changed meanwhile, ask once more with the new ones."""
        used = self._api.credentials()
        token = self._request_token_with(used, generation)
        if isinstance(token, NoAnswer) and (now := self._api.credentials()) != used:
            get_log().info("token_asked_again", reason="the credentials have just changed")
            token = self._request_token_with(now, generation)
        return token

    def _request_token_with(self, credentials: tuple[str, str], generation: int) -> Token | NoAnswer:
        started_s = self._clock.monotonic_s()
        body, deadline_s = form(*credentials), self._api.token_deadline_s
        request = _Request("token", "POST", self._api.token_path, FORM_HEADERS, body, deadline_s)
        heard = self._call(request, _always)
        if isinstance(heard, NoAnswer):
            return _no_token(heard.reason)
        try:
            return read_answer(heard.status, heard.body, generation, started_s)
        except UnusableAnswerError as error:
            return _no_token(str(error))

    def _call(self, request: _Request, may_send: MaySend) -> _Heard | NoAnswer:
        """Send one request and read its answer; tell of it."""
        began_s = self._clock.monotonic_s()
        traced = request.with_headers(self._tracing.calling(request.kind, request.batch_id))
        heard = self._exchange(traced, may_send)
        status, error_type = (None, heard.kind.value) if isinstance(heard, NoAnswer) else (heard.status, None)
        ended_s, size_bytes = self._clock.monotonic_s(), len(request.body)
        self._observer.called(
            Called(request.kind, request.method, request.batch_id, status, error_type, began_s, ended_s, size_bytes)
        )
        return heard

    def _exchange(self, request: _Request, may_send: MaySend) -> _Heard | NoAnswer:
        started_s = self._clock.monotonic_s()
        body = _Body(request.body)
        try:
            with self._deadline.within(request.deadline_s, may_send) as call:
                response = self._client.send(self._built(request, body), stream=True)
                call.room_bytes += MAX_ANSWER_BYTES
                text = read(response)
        except WithdrawnError:
            why = "the partitions of this request may be another instance's by now"
            return NoAnswer(why, doubtful=False, kind=Silence.WITHDRAWN)
        except TooLongError:
            return NoAnswer("the API's answer does not begin", doubtful=body.is_sent, kind=Silence.UNREADABLE)
        except httpx.TimeoutException:
            why = f"the API did not answer within {request.deadline_s:g} s"
            return NoAnswer(why, doubtful=body.is_sent, kind=Silence.TIMEOUT)
        except httpx.HTTPError as error:
            why = f"the API cannot be reached, or gave no answer: {told(error)}"
            return NoAnswer(why, doubtful=body.is_sent, kind=Silence.CONNECTION)
        if response.is_success and request.body and not body.is_sent:
            why = "the API answered as applied before it had the request"
            return NoAnswer(why, doubtful=False, kind=Silence.TOO_EARLY)
        latency_ms = 1000.0 * (self._clock.monotonic_s() - started_s)
        return _Heard(response.status_code, text, headers_of(response), latency_ms)

    def _built(self, request: _Request, body: _Body) -> httpx.Request:
        """Build a request with these headers and no others."""
        headers = {"User-Agent": USER_AGENT, **request.headers}
        if request.body:
            headers["Content-Length"] = str(len(request.body))
        return httpx.Request(
            request.method,
            self._api.base_url + request.path,
            headers=headers,
            content=body if request.body else None,
            extensions={"timeout": dict.fromkeys(("connect", "read", "write", "pool"), request.deadline_s)},
        )


class _Request(NamedTuple):
    kind: Literal["execute", "read", "token"]
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    deadline_s: float
    batch_id: str | None = None

    def with_headers(self, more: Mapping[str, str]) -> _Request:
        """Add headers."""
        return self._replace(headers={**self.headers, **more}) if more else self


class _Heard(NamedTuple):
    """An answer; `body` is None where it cannot be read. The names of headers are in lower case."""

    status: int
    body: bytes | None
    headers: Mapping[bytes, bytes]
    latency_ms: float

    def header(self, name: bytes) -> str | None:
        """Return a header's value; None when it is not given."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")


class _Body:
    """What a request carries; knows whether its last byte has left: a part of a JSON body can never be applied."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.is_sent = False

    def __iter__(self) -> Iterator[bytes]:
        yield self._content
        self.is_sent = True


class _NoCookies(CookieJar):
    """Keeps none and reads none: what an answer sets would be sent with every later request, and grow."""

    def extract_cookies(self, response: Any, request: Any) -> None:  # noqa: ANN401 - as inherited
        pass


def _http_client(api: Api) -> httpx.Client:
    connections = api.max_in_flight + 1  # one more, so that a token never waits behind requests
    try:
        return httpx.Client(
            cookies=_NoCookies(),
            follow_redirects=False,
            event_hooks={"response": [_forget_location]},
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            # Plain http is for this machine alone: a proxy would be sent the token in clear.
            trust_env=api.base_url.startswith("https:"),
        )
    except (ImportError, OSError, ValueError, httpx.InvalidURL) as error:  # its text may hold a proxy's password
        raise FatalError(
            f"there is no HTTP client ({type(error).__name__})",
            "look at HTTPS_PROXY, ALL_PROXY, NO_PROXY, SSL_CERT_FILE and SSL_CERT_DIR",
        ) from None


def _forget_location(response: httpx.Response) -> None:
    """Hide where a redirect points to: `httpx` would read it, and fail where it is no address."""
    if response.has_redirect_location:
        del response.headers["Location"]


def _no_token(why: str) -> NoAnswer:
    return NoAnswer(f"no token: {why}", doubtful=False, scope=Scope.EVERYTHING, kind=Silence.NO_TOKEN)


def _always() -> bool:
    return True
