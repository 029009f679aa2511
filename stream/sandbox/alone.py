"""`cxone-stream sandbox`: the CXone stand-in alone, for a Kafka of one's own, and how to use it in a person's words."""

from __future__ import annotations

import errno
import shlex
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, get_args

import httpx
import orjson

from ..errors import StreamError
from .cxone import SandboxOptions, serve
from .faults import Fault, FaultError, Kind
from .tokens import Credentials, TokenRule

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .faults import OutageMode

_LOOPBACK_OF: Final = {
    "127.0.0.1": "127.0.0.1",
    "localhost": "127.0.0.1",
    "0.0.0.0": "127.0.0.1",  # noqa: S104 - a name to look up
    "::1": "[::1]",
    "::": "[::1]",
}
_WHY_NOT: Final = {
    errno.EADDRINUSE: "is in use; give another --port, or --port 0 for any free one",
    errno.EACCES: "needs rights that this user does not have; give a --port above 1023",
    errno.EADDRNOTAVAIL: "is no address of this machine; give another --host",
}


class SandboxError(StreamError):
    """The stand-in cannot be served as asked."""


@dataclass(frozen=True, slots=True)
class Outage:
    """An outage ordered from the start: it begins after `after_s` seconds and lasts `for_s`, None until it is ended."""

    after_s: float
    for_s: float | None
    mode: OutageMode


@dataclass(frozen=True, slots=True)
class AloneOptions:
    """What `cxone-stream sandbox` was asked for; credentials of None are those that the stand-in makes up."""

    host: str = "127.0.0.1"
    port: int = 8480
    client_id: str | None = None
    client_secret: str | None = None
    token_life_s: float = 3600.0
    faults: Sequence[Fault] = ()
    outage: Outage | None = None


def read_fault(text: str) -> Fault:
    """Read a fault as `--fault` gives it: JSON with the fields of `Fault`.

    Raises:
        FaultError: it is not JSON, or a fault that makes no sense.
    """
    try:
        return Fault.from_json(orjson.loads(text))
    except orjson.JSONDecodeError as error:
        raise FaultError('a fault must be JSON, as {"kind": "answer", "status": 503, "next_requests": 3}') from error


def serve_alone(options: AloneOptions, say: Callable[[str], None]) -> None:
    """Serve the stand-in until SIGINT or SIGTERM, after saying how to use it; only from the main thread.

    Args:
        options: how it starts.
        say: is given each line for a person.

    Raises:
        SandboxError: the address cannot be used, or an outage cannot be ordered from this machine.
    """
    if options.outage is not None and options.host not in _LOOPBACK_OF:
        hosts = ", ".join(_LOOPBACK_OF)
        raise SandboxError(f"an outage is ordered over loopback, where {options.host} is not reached; --host: {hosts}")
    made_up = Credentials()
    credentials = Credentials(options.client_id or made_up.client_id, options.client_secret or made_up.client_secret)

    def announce(base_url: str) -> None:
        for line in greeting(base_url, credentials, options):
            say(line)
        if options.outage is not None:
            _order(options.outage, control_url(base_url, options.host))

    sandbox = SandboxOptions(credentials, TokenRule(options.token_life_s), faults=tuple(options.faults))
    try:
        serve(sandbox, options.host, options.port, announce)
    except OSError as error:
        why = _WHY_NOT.get(error.errno or 0, f"cannot be listened on: {error}")
        raise SandboxError(f"{options.host}:{options.port} {why}") from error


def control_url(base_url: str, host: str) -> str:
    """Return where this machine reaches the stand-in's own endpoints, which answer loopback callers only."""
    return f"http://{_LOOPBACK_OF.get(host, host)}:{base_url.rpartition(':')[2]}/_sandbox"


def greeting(base_url: str, credentials: Credentials, options: AloneOptions) -> list[str]:
    """Return how to point the service at the stand-in, look into it, and let it misbehave.

    A secret that was given is not shown; only the made-up one is.
    """
    control = control_url(base_url, options.host)
    secret = "(the one you gave)" if options.client_secret else shlex.quote(credentials.client_secret)
    faults = f"{control}/faults"
    return [
        f"The CXone stand-in serves at {base_url}; Ctrl-C ends it.",
        "",
        "Run the service against it:",
        f"  export CXONE_BASE_URL={control.removesuffix('/_sandbox')}",
        f"  export CXONE_CLIENT_ID={shlex.quote(credentials.client_id)}",
        f"  export CXONE_CLIENT_SECRET={secret}",
        "  export KAFKA_BOOTSTRAP_SERVERS=localhost:9092",
        "  cxone-stream run",
        "See what it was sent and what it holds:",
        f"  curl {control}/state",
        f"  curl '{control}/history?dataStoreId=example&id=1'",
        f"Let it misbehave; kinds of fault are {', '.join(get_args(Kind))}:",
        f"  curl -d '{_ADD_429}' {faults}",
        f"  curl -d '{_ADD_DELAY}' {faults}",
        f"  curl -d '{_OUTAGE}' {faults}",
        f"  curl -d '{_REVOKE}' {faults}",
        f"  curl -d '{_CLEAR}' {faults}",
    ]


_ADD_429: Final = '{"add": [{"kind": "answer", "status": 429, "retry_after": "2", "next_requests": 3}]}'
_ADD_DELAY: Final = '{"add": [{"kind": "delay", "min_s": 0.02, "max_s": 0.05}]}'
_OUTAGE: Final = '{"outage": {"mode": "reset", "for_s": 60}}'
_REVOKE: Final = '{"revoke_tokens": true}'
_CLEAR: Final = '{"clear": true}'


def _order(outage: Outage, control: str) -> None:
    """Let the outage begin in its time, by the same call that a person would make."""
    wish = {"outage": {"mode": outage.mode, "for_s": outage.for_s}}
    timer = threading.Timer(
        outage.after_s, lambda: httpx.post(f"{control}/faults", json=wish, timeout=10.0, trust_env=False)
    )
    timer.daemon = True
    timer.start()
