"""The CXone stand-in over real HTTP: `Sandbox` for tests and the demo, `serve` for the command line.

Every call of contract section 1, strict about what it is sent, with the history of every value, and misbehaving on
request. Its own endpoints (`/_sandbox/state`, `/history`, `/requests`, `/faults`) answer this machine only.
"""

import gc
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .api import ApiCall, Parts, Rules
from .calls import Request, RequestLog
from .control import control_routes, state
from .faults import Fault, Faults
from .records import RecordStore
from .tokens import Credentials, TokenRule, Tokens
from .wire import HttpThread

TOKEN_PATH: Final = "/oauth/token"  # noqa: S105 -- a path
EXECUTE_PATH: Final = "/api/v2/dataactions/records"
READ_PATH: Final = "/api/v2/datastores/{rest:path}"


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """How a stand-in starts: whom it knows, its rules, the faults armed from the start, the seed of their choices."""

    credentials: Credentials = field(default_factory=Credentials)
    token: TokenRule = field(default_factory=TokenRule)
    rules: Rules = field(default_factory=Rules)
    faults: tuple[Fault, ...] = ()
    seed: int = 0


class Sandbox:
    """A CXone stand-in on a loopback port; its memory outlives `stop`, so stopping and starting it is an outage.

    `app` is what it serves. `faults`, `tokens` and `records` may be used from any thread at any time, started or not.
    """

    def __init__(self, options: SandboxOptions | None = None, *, host: str = "127.0.0.1", port: int = 0) -> None:
        """Prepare a stand-in that will listen on `host` and `port` (0: a free one, kept over later starts)."""
        options = options or SandboxOptions()
        self.faults = Faults(time.monotonic, options.seed)
        self.tokens = Tokens(time.monotonic, options.token, options.credentials)
        self.records = RecordStore()
        self._log = RequestLog()
        self._parts = Parts(options.rules, self.records, self.faults, self.tokens, self._log, time.time)
        self.app = _app(self._parts)
        self._host = host
        self._port = port
        self._thread: HttpThread | None = None
        for fault in options.faults:
            self.faults.add(fault)

    @property
    def base_url(self) -> str:
        """The value for `CXONE_BASE_URL`; of use once it has been started."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    @property
    def requests(self) -> list[Request]:
        """Every call since the first start, in the order of arrival."""
        return self._log.requests()

    @property
    def in_flight(self) -> list[Request]:
        """The execute requests on the wire right now."""
        return self._log.in_flight()

    @property
    def violations(self) -> list[str]:
        """Every breach of the contract since the first start, a sentence each, without any value."""
        return self._log.violations()

    def state(self) -> dict[str, object]:
        """Return what `GET /_sandbox/state` answers."""
        return state(self._parts)

    def start(self) -> Self:
        """Listen; returns when calls are served.

        Raises:
            OSError: the address is in use, or not of this machine.
        """
        if self._thread is None:
            self._thread = HttpThread(self.app, self._host, self._port)
            self._port = self._thread.port
        return self

    def stop(self) -> None:
        """Refuse connections from now on, and reset those that are open; everything that was seen is kept."""
        if self._thread is not None:
            self._thread.stop()
            self._thread = None

    def __enter__(self) -> Self:
        """Start, for a `with` block."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop at the end of a `with` block."""
        self.stop()


def serve(options: SandboxOptions, host: str, port: int, announce: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM, for the command line; only from the main thread, which ends the process then.

    Both are ignored from then on: who presses Ctrl-C twice has said nothing new.

    Args:
        options: how it starts.
        host: address to listen on; other machines may reach it there, but never its own endpoints.
        port: 0 for a free one.
        announce: is told the base URL once calls are served.

    Raises:
        OSError: the address is in use, or not of this machine.
    """
    asked_to_stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked_to_stop.set())
    # A request makes thousands of objects that soon die; at the usual threshold, looking for cycles among them costs as
    # much as the HTTP (measured 0.8 ms of 3.3 ms for a thousand records).
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    try:
        with Sandbox(options, host=host, port=port) as sandbox:
            announce(sandbox.base_url)
            asked_to_stop.wait()
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)


def _app(parts: Parts) -> Starlette:
    async def refuse(request: HttpRequest, error: Exception) -> Response:
        parts.log.violate([f"{request.method} {request.url.path} is no call of the contract"])
        status = error.status_code if isinstance(error, HTTPException) else 404
        return JSONResponse({"error": "no such call"}, status)

    return Starlette(
        routes=[
            Route(TOKEN_PATH, ApiCall(parts, "token"), methods=["POST"]),
            Route(EXECUTE_PATH, ApiCall(parts, "execute"), methods=["PATCH"]),
            Route(READ_PATH, ApiCall(parts, "read"), methods=["GET"]),
            *control_routes(parts),
        ],
        exception_handlers={404: refuse, 405: refuse},
    )
