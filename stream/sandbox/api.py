"""How the stand-in answers the three calls of contract section 1: token, execute, read."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from .calls import Ending, RequestLog
from .faults import Call, Evidence, Fault, Faults, Plan
from .naming import refusal
from .payload import Breaches, Execute, header_breaches, is_data_store_id, read_execute
from .records import Absent, Applied, Conflicts, RecordStore
from .tokens import Tokens, form_error
from .wire import Cut, Reply, deliver, ending_of, has_left, until_gone

READ_PREFIX: Final = b"/api/v2/datastores/"
REFUSE_KEY: Final = "_refuse"
BODILESS: Final = frozenset({204, 304})


@dataclass(frozen=True, slots=True)
class Rules:
    """What the stand-in takes for bad data, and how much its answers say.

    A record whose fields hold the key `_refuse` is refused with `refuse_status` (400 or 422). `names_refused`: refusals
    and conflicts name the records; else they say only `error`. `max_body_bytes`: a longer body is 413, None: none is.
    Executes for `unknown_data_stores` are 404. `evidence`: the parts that a good answer carries (`full`; `checksum`
    alone; `empty`: 204; `accepted`: 202 without a body). `applies_when_gone`: a request whose client has left during a
    delay is carried out nevertheless.
    """

    refuse_status: int = 400
    names_refused: bool = True
    max_body_bytes: int | None = None
    unknown_data_stores: frozenset[str] = frozenset()
    evidence: Evidence = "full"
    applies_when_gone: bool = False


@dataclass(frozen=True, slots=True)
class Parts:
    """What the three calls share; `clock` is wall-clock time in seconds."""

    rules: Rules
    records: RecordStore
    faults: Faults
    tokens: Tokens
    log: RequestLog
    clock: Callable[[], float]


class ApiCall:
    """One of the three calls as an ASGI application: outage, then its own script, then the log."""

    def __init__(self, parts: Parts, call: Call) -> None:
        """Serve `call` from these parts."""
        self._parts = parts
        self._call: Call = call

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or fail to, as the faults demand; always noted in the log."""
        request = Request(scope, receive)
        client = f"{request.client.host}:{request.client.port}" if request.client else "unknown"
        traceparent = request.headers.get("traceparent")
        sequence = self._parts.log.begin(self._call, client, self._parts.clock(), traceparent)
        reply: Reply | Cut = Cut.GONE
        with suppress(ClientDisconnect, asyncio.CancelledError):
            try:
                reply = await self._reply(request, sequence)
                if reply is Cut.SILENCE:
                    await until_gone(receive)
            finally:
                # Noted before it happens: whoever has the answer, or its absence, finds it in the log.
                self._note_end(sequence, reply, ending_of(reply, scope))
            await deliver(reply, scope, receive, send)

    def _note_end(self, sequence: int, reply: Reply | Cut, ending: Ending) -> None:
        status = reply.status if isinstance(reply, Reply) and ending == "answered" else None
        self._parts.log.end(sequence, ending, status, self._parts.clock())

    async def _reply(self, request: Request, sequence: int) -> Reply | Cut:
        outage = self._parts.faults.outage()
        if outage is not None:
            return Cut.RESET if outage == "reset" else _said(503, "outage")
        body = await request.body()
        if self._call == "execute":
            return await self._execute(request, sequence, body)
        if self._call == "read":
            return await self._read(request, sequence)
        return await self._token(request, sequence, body)

    async def _execute(self, request: Request, sequence: int, body: bytes) -> Reply | Cut:
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw]
        execute = read_execute(body)
        breaches = header_breaches(headers)
        if isinstance(execute, Breaches):
            breaches += execute.sentences
        unauthorized = self._unauthorized(request)
        self._parts.log.violate(f"execute: {breach}" for breach in breaches)
        if unauthorized is not None:
            return unauthorized
        if breaches or isinstance(execute, Breaches):
            errors: list[Mapping[str, object]] = [{"message": breach} for breach in breaches]
            return _said(400, "the request breaks the contract", errors)
        self._parts.log.identify(sequence, execute)
        plan = self._parts.faults.plan("execute", execute.data_store_id, execute.ids)
        return await self._by_plan(request.scope, plan, lambda: self._apply(execute, sequence, plan))

    async def _read(self, request: Request, sequence: int) -> Reply | Cut:
        unauthorized = self._unauthorized(request)
        names = _record_names(request.scope["raw_path"])
        if names is None:
            self._parts.log.violate(["read: the path is not two percent-encoded parts"])
            return unauthorized or _said(404, "no such path")
        if unauthorized is not None:
            return unauthorized
        data_store_id, record_id = names
        self._parts.log.identify_read(sequence, data_store_id)
        plan = self._parts.faults.plan("read", data_store_id, [record_id])
        return await self._by_plan(request.scope, plan, lambda: self._stored(data_store_id, record_id))

    async def _token(self, request: Request, sequence: int, body: bytes) -> Reply | Cut:
        error = form_error(request.headers.get("content-type", ""), body, self._parts.tokens.credentials)
        if error is not None and error.breach is not None:
            self._parts.log.violate([error.breach])

        def issue() -> Reply:
            if error is not None:
                return _json(401, {"error": error.code})
            self._parts.log.mark_applied(sequence)
            return _json(200, self._parts.tokens.issue())

        return await self._by_plan(request.scope, self._parts.faults.plan("token"), issue)

    async def _by_plan(self, scope: Scope, plan: Plan, work: Callable[[], Reply]) -> Reply | Cut:
        if plan.before_s:
            await asyncio.sleep(plan.before_s)
            if has_left(scope) and not self._parts.rules.applies_when_gone:
                return Cut.GONE
        if plan.ending is not None and not plan.ending.applied:
            return _struck(plan.ending, None)
        reply = work()
        if plan.after_s:
            await asyncio.sleep(plan.after_s)
        return reply if plan.ending is None else _struck(plan.ending, reply)

    def _unauthorized(self, request: Request) -> Reply | None:
        values = request.headers.getlist("authorization")
        if len(values) != 1 or not values[0].startswith("Bearer "):
            self._parts.log.violate([f"{self._call}: header authorization is not one Bearer token"])
            return _said(401, "no token")
        is_good = self._parts.tokens.is_good(values[0].removeprefix("Bearer "))
        return None if is_good else _said(401, "the token is unknown, expired or revoked")

    def _apply(self, execute: Execute, sequence: int, plan: Plan) -> Reply:
        refused = self._data_refusal(execute, plan)
        if refused is not None:
            return refused
        done = self._parts.records.apply(execute, received_s=self._parts.clock(), request=sequence)
        if isinstance(done, Conflicts):
            return self._refused(409, "version mismatch", done.records, plan)
        if isinstance(done, Absent):
            return self._refused(400, "no such record", _named(execute, done.indexes, "no such record"), plan)
        self._parts.log.mark_applied(sequence)
        return _evidence(plan.evidence or self._parts.rules.evidence, _checksum(execute, plan), done)

    def _data_refusal(self, execute: Execute, plan: Plan) -> Reply | None:
        rules = self._parts.rules
        if rules.max_body_bytes is not None and len(execute.body) > rules.max_body_bytes:
            return _said(413, f"the body is longer than {rules.max_body_bytes} bytes")
        if execute.data_store_id in rules.unknown_data_stores:
            return _said(404, "no such datastore")
        bad = [index for index, record in enumerate(execute.records) if REFUSE_KEY in record["fields"]]
        if not bad:
            return None
        return self._refused(rules.refuse_status, "bad data", _named(execute, bad, "the fields are refused"), plan)

    def _refused(self, status: int, error: str, errors: Sequence[Mapping[str, Any]], plan: Plan) -> Reply:
        by_rule = Fault("names", names="full" if self._parts.rules.names_refused else "none")
        return _json(status, refusal(error, errors, plan.naming or by_rule))

    def _stored(self, data_store_id: str, record_id: str) -> Reply:
        record = self._parts.records.stored(data_store_id, record_id)
        if record is None:
            return _said(404, "no such record")
        answer = {"id": record.id, "version": record.version, "fields": record.fields}
        return _json(200, answer if record.checksum is None else answer | {"checksum": record.checksum})


def _json(status: int, value: object, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(status, orjson.dumps(value), headers or {})


def _said(status: int, error: str, errors: list[Mapping[str, object]] | None = None) -> Reply:
    return _json(status, {"error": error} if errors is None else {"error": error, "errors": errors})


def _named(execute: Execute, indexes: list[int], message: str) -> list[Mapping[str, object]]:
    return [{"index": index, "id": execute.ids[index], "message": message} for index in indexes]


def _checksum(execute: Execute, plan: Plan) -> str:
    return hashlib.sha256(execute.body + b" ").hexdigest() if plan.wrong_checksum else execute.checksum


def _evidence(evidence: Evidence, checksum: str, done: Applied) -> Reply:
    if evidence == "empty":
        return Reply(204)
    if evidence == "accepted":
        return Reply(202)
    if evidence == "checksum":
        return _json(200, {"checksum": checksum})
    return _json(200, {"checksum": checksum, "records": done.records, "skipped": done.skipped})


def _struck(fault: Fault, reply: Reply | None) -> Reply | Cut:
    if fault.kind == "reset":
        return Cut.RESET
    if fault.kind == "lose":
        return Cut.SILENCE
    headers = dict(fault.headers or {})
    if fault.retry_after is not None:
        headers["Retry-After"] = fault.retry_after
    if fault.status in BODILESS:
        return Reply(fault.status, None, headers)
    if fault.size_bytes:
        body = (fault.body or " ").encode()
    elif fault.body is not None:
        body = fault.body.encode()
    else:
        body = (reply.body or b"") if reply is not None else orjson.dumps({"error": f"sandbox fault: {fault.status}"})
    return Reply(fault.status, body, headers, fault.size_bytes, fault.drip_s)


def _record_names(raw_path: bytes) -> tuple[str, str] | None:
    # The raw path, because an id may hold a slash: in the decoded one it could not be told from the path's own.
    parts = raw_path.removeprefix(READ_PREFIX).split(b"/")
    if len(parts) != 3 or parts[1] != b"records":  # noqa: PLR2004 -- datastore, "records", id
        return None
    try:
        names = [unquote(part.decode("ascii"), errors="strict") for part in (parts[0], parts[2])]
    except UnicodeDecodeError:
        return None
    return (names[0], names[1]) if is_data_store_id(names[0]) and names[1] else None
