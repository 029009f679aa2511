"""What is said to the API about one batch: the whole script, without a socket or a clock.

`execute` is a generator. It yields steps and is sent what came of them (`steps.py`); whoever drives it does the I/O and
the waiting. Each request that the API has looked at is told as a `Decided`, at once: whatever comes later may wait, or
be called back, and nothing that is decided is lost or executed again.

Where a status is decided: `answers.py`. How a request is sent until it is answered: `asking.py`. Here stands what
follows: applied is done; of a refused request the bad records are told apart and the others go again; of a conflict
contract section 4.3 says what becomes.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from .answers import REFUSALS, TOO_LARGE, Meaning
from .asking import ask, read_back
from .conflict import Stored, is_ahead, judge_skipped_suspect, judge_suspect, plain_conflict
from .model import Decided, Result, Ruling
from .naming import named_records
from .steps import Wait
from .talk import Talk

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Collection, Mapping

    from .answers import Statement
    from .asking import Said
    from .model import Batch, Event
    from .steps import Dialogue, Policy, Script

    Judged = dict[str, Ruling | Event]
    """What becomes of records, by id: a ruling, or the event as it goes again."""
    Judge = Callable[[Event, Stored | None], Ruling | Event]
    """Judges a record, given what is stored; None: not known."""

READ_TRIES = 3
"""So many reads in a row that come to nothing, while requests are answered, mean that there is no read call."""


def execute(batch: Batch, rng: random.Random, policy: Policy) -> Dialogue:
    """Talk about one batch until each of its events is decided, or the budget for refused requests is spent.

    Args:
        batch: the first request.
        rng: draws the jitter, and the ids of further requests.
        policy: what the configuration says.

    Yields:
        The next step; to be sent its reply.

    Returns:
        The events that go back to their lane undecided, mostly none. The default budget suffices to decide at least
        one event before, so that a batch comes to its end in any case.
    """
    talk = Talk(rng, policy, policy.probe_budget)
    yield from _settle(talk, batch)
    return tuple(talk.undecided)


def _settle(talk: Talk, batch: Batch) -> Script[bool]:
    """Send a request, and again what is left of it, until all is decided; return whether it was applied at once."""
    is_first = True
    while talk.refusals_left > 0:
        said = yield from ask(batch, talk.rng)
        if said.statement is not None:
            left = yield from _applied(talk, said, said.statement)
            if not left:
                return is_first
        else:
            talk.refusals_left -= 1
            blame = _blame(said, talk.policy)
            if not blame.versions:
                yield Decided(batch, talk.verdict(said, *REFUSALS[said.answer.status]), ())
                yield from _isolate(talk, said.events, by_size=said.answer.status == TOO_LARGE)
                return False
            left = yield from (_conflicting if said.meaning is Meaning.CONFLICT else _refused)(talk, said, blame)
            if not left:
                return False
        batch = talk.request(left)
        is_first = False
    talk.undecided += batch.events
    return False


def _isolate(talk: Talk, events: tuple[Event, ...], *, by_size: bool = False) -> Script[None]:
    """Settle records that are refused together, in two requests, the first half first.

    One bad record among n costs at most ceil(log2 n) + 1 refused requests. Where the first half is applied at once the
    bad one must be in the second, which is not sent whole again; but of a size (413) that says nothing.
    """
    middle = _middle_by_size(events) if by_size else (len(events) + 1) // 2
    first, second = events[:middle], events[middle:]
    was_applied = yield from _settle(talk, talk.request(first))
    if was_applied and len(second) > 1 and not by_size:
        yield from _isolate(talk, second)
    else:
        yield from _settle(talk, talk.request(second))


def _middle_by_size(events: tuple[Event, ...]) -> int:
    """Say how many of the first events make up half of the bytes; at least one event stands on each side."""
    ends_bytes = list(accumulate(len(event.record) for event in events))
    first = sum(end_bytes <= ends_bytes[-1] // 2 for end_bytes in ends_bytes)
    return min(max(first, 1), len(events) - 1)


class _Blame(NamedTuple):
    """The records that a request was refused for, with the current version where it is told; empty: nobody knows."""

    versions: Mapping[str, int | None]
    by_name: bool


def _blame(said: Said, policy: Policy) -> _Blame:
    """Blame the records that the answer names, or else the only one of the request."""
    record_ids = [event.record_id for event in said.events]
    named = named_records(said.answer.body, record_ids, policy.naming_pointers)
    return _Blame(named or (dict.fromkeys(record_ids) if len(record_ids) == 1 else {}), bool(named))


def _refused(talk: Talk, said: Said, blame: _Blame) -> Script[tuple[Event, ...]]:
    """The records to blame are rejected; the others go again."""
    verdict = talk.verdict(said, *REFUSALS[said.answer.status], confirmed=blame.by_name)
    bad = _of(said.events, blame.versions)
    yield Decided(said.batch, verdict, bad)
    return _without(said.events, bad)


def _applied(talk: Talk, said: Said, statement: Statement) -> Script[tuple[Event, ...]]:
    """All is decided but for suspects that were left out (IGNORE), perhaps because they had been applied before."""
    if statement.untruth is not None:
        yield Decided(said.batch, talk.verdict(said, Result.INTEGRITY, statement.untruth), said.events)
        return ()
    skipped = _of(said.events, statement.skipped)
    stale = {
        event.record_id: Ruling(Result.SKIPPED_STALE, None, statement.skipped[event.record_id], confirmed=True)
        for event in skipped
    }
    doubted = tuple(event for event in skipped if event.suspect) if talk.policy.can_read else ()
    verdict = talk.verdict(
        said, Result.APPLIED, confirmed=statement.confirmed, versions=statement.versions, rulings=stale
    )
    told = Decided(said.batch, verdict, _without(said.events, doubted))
    yield told

    def judge(event: Event, stored: Stored | None) -> Ruling:
        return judge_skipped_suspect(event, stored, statement.skipped[event.record_id])

    return _not_ruled(doubted, (yield from _look_up(talk, told, doubted, judge)))


def _conflicting(talk: Talk, said: Said, blame: _Blame) -> Script[tuple[Event, ...]]:
    """Suspects are read back, other conflicts reported or rebased (contract section 4.3); what is left goes again."""
    told = Decided(said.batch, talk.verdict(said, *REFUSALS[said.answer.status]), ())

    def judge(event: Event, stored: Stored | None) -> Ruling | Event:
        told = blame.versions[event.record_id]
        if event.suspect and (ruling := judge_suspect(event, stored, told, named=blame.by_name)):
            return ruling
        version = told if stored is None else stored.version
        if version is not None and talk.may_rebase(event) and is_ahead(version, event):
            return talk.rebase(event, version)
        return plain_conflict(version, named=blame.by_name or stored is not None)

    def must_be_read(event: Event) -> bool:
        return event.suspect or (blame.versions[event.record_id] is None and talk.may_rebase(event))

    blamed = _of(said.events, blame.versions)
    doubted = tuple(event for event in blamed if must_be_read(event)) if talk.policy.can_read else ()
    judged = {event.record_id: judge(event, None) for event in _without(blamed, doubted)}
    yield _ruled(told, blamed, judged)
    judged |= yield from _look_up(talk, told, doubted, judge)
    if not all(isinstance(each, Ruling) for each in judged.values()):
        talk.refusals_left += 1  # a rebase is no search: it needs no budget, for each record has but three
    return _not_ruled(said.events, judged)


def _look_up(talk: Talk, told: Decided, doubted: tuple[Event, ...], judge: Judge) -> Script[Judged]:
    """Read records back and tell of each at once; after a read that failed it and those after it stay as they are.

    They go again then: a request that is answered as before shows that it is the read call alone that fails.
    """
    judged: Judged = {}
    for event in doubted:
        stored = yield from _stored(talk, event)
        if isinstance(stored, Wait):
            yield stored
            break
        judged[event.record_id] = judge(event, stored)
        if isinstance(judged[event.record_id], Ruling):
            yield replace(_ruled(told, (event,), judged), has_line=True)
    return judged


def _stored(talk: Talk, event: Event) -> Script[Stored | Wait | None]:
    """Read one record back: what is stored; after which wait to try again; None where there is no read call for it."""
    found = yield from read_back(event, talk.rng)
    if isinstance(found, Stored):
        talk.reads_in_vain = 0
        return found
    talk.reads_in_vain += found.counts
    return None if found.counts and talk.reads_in_vain >= READ_TRIES else found.wait


def _ruled(told: Decided, events: tuple[Event, ...], judged: Judged) -> Decided:
    """Tell of those events that have a ruling of their own."""
    found = {event.record_id: judged.get(event.record_id) for event in events}
    rulings = {record_id: ruling for record_id, ruling in found.items() if isinstance(ruling, Ruling)}
    return replace(told, verdict=replace(told.verdict, rulings=rulings or None), events=_of(events, rulings))


def _not_ruled(events: tuple[Event, ...], judged: Judged) -> tuple[Event, ...]:
    """Return the events that go again, rebased where they were, in their order."""
    found = (judged.get(event.record_id, event) for event in events)
    return tuple(each for each in found if not isinstance(each, Ruling))


def _of(events: tuple[Event, ...], record_ids: Collection[str]) -> tuple[Event, ...]:
    return tuple(event for event in events if event.record_id in record_ids) if record_ids else ()


def _without(events: tuple[Event, ...], others: tuple[Event, ...]) -> tuple[Event, ...]:
    record_ids = {event.record_id for event in others}
    return tuple(event for event in events if event.record_id not in record_ids) if record_ids else events
