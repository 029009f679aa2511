"""One question to the API until it is answered: a request until the API says what became of it, or a record read back.

All that says nothing of the records themselves happens here: tokens, waits, and the doubt that a lost answer leaves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .answers import Meaning, Statement, meaning_of, read_statement, wait_after
from .conflict import ABSENT, Stored, read_stored
from .record_address import is_readable
from .steps import Answer, NoAnswer, Read, Renewed, RenewToken, Scope, Send

if TYPE_CHECKING:
    import random

    from .model import Batch, Event
    from .steps import Script, Wait


@dataclass(frozen=True, slots=True)
class Said:
    """What the API said of a request.

    `events` are those of the request, suspects where an earlier attempt's answer was lost. `statement` is there when
    it was applied. `attempts`: how many it needed.
    """

    batch: Batch
    events: tuple[Event, ...]
    answer: Answer
    meaning: Meaning
    statement: Statement | None
    attempts: int


@dataclass(frozen=True, slots=True)
class Unread:
    """A read that came to nothing.

    `wait`: after which it may be tried again; None when it never will be answered. `counts`: it was the read call that
    failed, not the token or the pace.
    """

    wait: Wait | None
    counts: bool


def ask(batch: Batch, rng: random.Random) -> Script[Said]:
    """Send a request until the API has looked at it.

    Args:
        batch: the request.
        rng: draws the jitter.

    Yields:
        `Send`, `RenewToken` and `Wait`.

    Returns:
        What the API said.
    """
    attempts = failures = unreadable = 0
    is_doubtful = False
    while True:
        reply = yield from _with_token(Send(batch))
        attempts += 1
        if isinstance(reply, Answer) and (meaning := meaning_of(reply.status)) in DECIDING:
            statement = read_statement(batch, reply) if meaning is Meaning.APPLIED else None
            if statement is not None or meaning is not Meaning.APPLIED:
                events = _as_suspects(batch.events) if is_doubtful else batch.events
                return Said(batch, events, reply, meaning, statement, attempts)
            unreadable += 1
        failures += 1
        wait = wait_after(reply, failures, rng, batch.events, unreadable=unreadable)
        is_doubtful = is_doubtful or bool(wait.doubtful)
        yield wait


DECIDING = frozenset({Meaning.APPLIED, Meaning.REFUSED, Meaning.CONFLICT})
"""The API has looked at the request and says what became of it."""


def read_back(event: Event, rng: random.Random) -> Script[Stored | Unread]:
    """Read a record back, once. Never waits: whoever asks says first what is decided by then.

    Args:
        event: of the record.
        rng: draws the jitter.

    Yields:
        `Read` and `RenewToken`.

    Returns:
        The stored record, or that it could not be read.
    """
    if not is_readable(event.lane.datastore_id, event.record_id):
        return Unread(None, counts=False)
    reply = yield from _with_token(Read(event.lane.datastore_id, event.record_id))
    counts = isinstance(reply, Answer) or reply.scope is Scope.REQUEST
    if isinstance(reply, Answer):
        stored = ABSENT if reply.status == NONE_THERE else read_stored(reply.body, event.record_id)
        if reply.status in (FOUND, NONE_THERE) and stored is not None:
            return stored
        meaning = meaning_of(reply.status)
        if meaning in HOPELESS:
            return Unread(None, counts=True)
        counts = meaning is not Meaning.THROTTLED
    wait = wait_after(reply, 1, rng, ())
    return Unread(replace(wait, reason=f"a record could not be read back: {wait.reason}"), counts)


FOUND, NONE_THERE = 200, 404
HOPELESS = frozenset({Meaning.REFUSED, Meaning.CONFLICT, Meaning.FORBIDDEN, Meaning.UNFORESEEN})
"""Asked again, the read call would answer the same."""


def _with_token(step: Send | Read) -> Script[Answer | NoAnswer]:
    """Perform a step; a refused token (401) is renewed once, and the step performed again once."""
    reply = yield step
    if isinstance(reply, Answer) and meaning_of(reply.status) is Meaning.UNAUTHORISED:
        reply = yield RenewToken(reply.token_generation)
        if isinstance(reply, NoAnswer):
            return replace(reply, doubtful=False)  # the 401 said that the request was not looked at
        if isinstance(reply, Renewed):
            reply = yield step
    if not isinstance(reply, Answer | NoAnswer):
        message = f"a request ends in an answer or in none, not in {type(reply).__name__}"
        raise TypeError(message)
    return reply


def _as_suspects(events: tuple[Event, ...]) -> tuple[Event, ...]:
    return tuple(event.as_suspect() for event in events)
