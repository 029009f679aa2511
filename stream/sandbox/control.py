"""The stand-in's own endpoints, for loopback callers only: what it holds and saw, and what is to go wrong."""

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .api import Parts
from .faults import Fault, FaultError
from .tokens import Credentials, TokenRule


def state(parts: Parts) -> dict[str, object]:
    """Return what `GET /_sandbox/state` answers: totals, what is on the wire, breaches, armed faults."""
    return {
        "store": asdict(parts.records.state()),
        "requests": parts.log.totals(),
        "in_flight": [asdict(request) for request in parts.log.in_flight()],
        "violations": parts.log.violations(),
        "faults": parts.faults.armed(),
        "outage": parts.faults.outage(),
    }


def change_faults(parts: Parts, wish: object) -> None:
    """Do what the body of `POST /_sandbox/faults` says, all of it or, when any of it makes no sense, nothing.

    Args:
        parts: what is to change.
        wish: an object with any of `clear` (true), `remove` (numbers), `add` (faults, fields as of `Fault`), `outage`
            (null ends it; or `{"mode", "for_s"}`), `revoke_tokens` (true), `token` (fields as of `TokenRule`),
            `credentials` (`{"client_id", "client_secret"}`: the only ones that are good from now on); done in that
            order.

    Raises:
        FaultError: says which part makes no sense.
    """
    if not isinstance(wish, dict) or not wish.keys() <= WISHES.keys():
        raise FaultError(f"the body must be an object with any of {', '.join(WISHES)}")
    actions = [prepare(parts, wish[name]) for name, prepare in WISHES.items() if name in wish]
    for act in actions:
        act()


def control_routes(parts: Parts) -> list[Route]:
    """Return the routes of `/_sandbox/…`."""

    def show_state(_: Request) -> object:
        return state(parts)

    def show_history(request: Request) -> object:
        try:
            names = request.query_params["dataStoreId"], request.query_params["id"]
        except KeyError as error:
            raise FaultError("the query must hold dataStoreId and id") from error
        return [asdict(entry) for entry in parts.records.history(*names)]

    def show_requests(_: Request) -> object:
        return [asdict(request) for request in parts.log.requests()]

    async def post_faults(request: Request) -> Response:
        body = await request.body()
        return _answer(request, lambda _: _changed(parts, body))

    async def get_state(request: Request) -> Response:
        return _answer(request, show_state)

    async def get_history(request: Request) -> Response:
        return _answer(request, show_history)

    async def get_requests(request: Request) -> Response:
        return _answer(request, show_requests)

    return [
        Route("/_sandbox/state", get_state),
        Route("/_sandbox/history", get_history),
        Route("/_sandbox/requests", get_requests),
        Route("/_sandbox/faults", post_faults, methods=["POST"]),
    ]


def _answer(request: Request, answer: Callable[[Request], object]) -> Response:
    if request.client is None or not ipaddress.ip_address(request.client.host).is_loopback:
        return _json(403, {"error": "only for callers on this machine"})
    try:
        return _json(200, answer(request))
    except FaultError as error:
        return _json(400, {"error": str(error)})


def _changed(parts: Parts, body: bytes) -> object:
    try:
        wish = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise FaultError("the body is not JSON") from error
    change_faults(parts, wish)
    return {"faults": parts.faults.armed(), "outage": parts.faults.outage()}


def _json(status: int, value: object) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")


def _clear(parts: Parts, value: object) -> Callable[[], object]:
    _only_true("clear", value)
    return parts.faults.clear


def _remove(parts: Parts, value: object) -> Callable[[], object]:
    if not isinstance(value, list):
        raise FaultError("remove must be a list of the numbers that adding gave")

    def remove() -> None:
        for number in value:
            parts.faults.remove(number)

    return remove


def _add(parts: Parts, value: object) -> Callable[[], object]:
    if not isinstance(value, list):
        raise FaultError("add must be a list of faults")
    faults = [Fault.from_json(item) for item in value]
    return lambda: [parts.faults.add(fault) for fault in faults]


def _outage(parts: Parts, value: object) -> Callable[[], object]:
    if value is None:
        return parts.faults.end_outage
    if not isinstance(value, dict) or not value.keys() <= {"mode", "for_s"}:
        raise FaultError('outage must be null or {"mode": "reset" or "503", "for_s": seconds}')
    mode, for_s = value.get("mode", "reset"), value.get("for_s")
    if mode not in ("reset", "503") or not isinstance(for_s, int | float | None):
        raise FaultError('an outage has the mode "reset" or "503", and for_s in seconds or none')
    return lambda: parts.faults.begin_outage(mode, for_s)


def _revoke_tokens(parts: Parts, value: object) -> Callable[[], object]:
    _only_true("revoke_tokens", value)
    return parts.tokens.revoke_all


def _token(parts: Parts, value: object) -> Callable[[], object]:
    names = {part.name for part in fields(TokenRule)}
    if not isinstance(value, dict) or not value.keys() <= names:
        raise FaultError(f"token must be an object with some of {', '.join(sorted(names))}")
    rule = TokenRule(**value)
    if not isinstance(rule.life_s, int | float):
        raise FaultError("life_s must be a number of seconds")
    return lambda: parts.tokens.follow(rule)


def _credentials(parts: Parts, value: object) -> Callable[[], object]:
    if not isinstance(value, dict) or value.keys() != {"client_id", "client_secret"}:
        raise FaultError("credentials must be an object with client_id and client_secret")
    if not all(isinstance(text, str) for text in value.values()):
        raise FaultError("client_id and client_secret must be strings")

    def rotate() -> None:
        parts.tokens.credentials = Credentials(**value)

    return rotate


def _only_true(name: str, value: object) -> None:
    if value is not True:
        raise FaultError(f"{name} must be true")


WISHES: Final[Mapping[str, Callable[[Parts, Any], Callable[[], object]]]] = {
    "clear": _clear,
    "remove": _remove,
    "add": _add,
    "outage": _outage,
    "revoke_tokens": _revoke_tokens,
    "token": _token,
    "credentials": _credentials,
}
