"""Leads a dialogue in a test: performs its steps with a function, and keeps what was said and what it came to."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

from stream.dialogue import execute
from stream.model import ConflictResolution, Decided, LaneKey, Ruling, UpdateType
from stream.steps import Answer, Policy, Read, RenewToken, Send, Wait

from .builders import event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from stream.model import Batch, Event, Result
    from stream.steps import Reply, Step

    Perform = Callable[[Send | Read | RenewToken], Reply]

FAIL_LANE = LaneKey("people", UpdateType.UPSERT, ConflictResolution.FAIL)
IGNORE_LANE = LaneKey("people", UpdateType.UPSERT, ConflictResolution.IGNORE)
PLAIN = Policy()
SENT_AT = "Mon, 23 Nov 2026 04:20:00 GMT"


@dataclass
class Conversation:
    """What was said: the steps without the verdicts, the verdicts, and what came back undecided (None: no end yet)."""

    steps: list[Step] = field(default_factory=list)
    told: list[Decided] = field(default_factory=list)
    undecided: tuple[Event, ...] | None = None

    @property
    def sent(self) -> list[list[str]]:
        """The record ids of each request."""
        return [[each.record_id for each in step.batch.events] for step in self.steps if isinstance(step, Send)]

    @property
    def read(self) -> list[str]:
        """The record ids of each read."""
        return [step.record_id for step in self.steps if isinstance(step, Read)]

    @property
    def waits(self) -> list[Wait]:
        """All waits."""
        return [step for step in self.steps if isinstance(step, Wait)]

    @property
    def rulings(self) -> dict[str, Ruling]:
        """What became of each decided record, which must be said once."""
        found: dict[str, Ruling] = {}
        for decided in self.told:
            for each in decided.events:
                assert each.record_id not in found, "decided twice"
                found[each.record_id] = ruling_of(decided, each)
        return found

    @property
    def results(self) -> dict[str, Result]:
        """The result of each decided record."""
        return {record_id: ruling.result for record_id, ruling in self.rulings.items()}

    @property
    def codes(self) -> dict[str, str]:
        """The error code of each decided record that failed."""
        return {record_id: each.defect.code for record_id, each in self.rulings.items() if each.defect}


def ruling_of(decided: Decided, one: Event) -> Ruling:
    """Read what a verdict says of one of its events."""
    verdict, versions = decided.verdict, decided.verdict.versions or {}
    is_named = verdict.confirmed or one.record_id in versions
    usual = Ruling(verdict.result, verdict.defect, versions.get(one.record_id), is_named)
    return (verdict.rulings or {}).get(one.record_id, usual)


class SilenceError(Exception):
    """Whoever performs the steps has nothing more to say: the conversation stops where it is."""


def lead(batch: Batch, perform: Perform, *, policy: Policy = PLAIN, seed: int = 1) -> Conversation:
    """Lead a dialogue to its end, or as far as steps are performed; waits pass at once."""
    conversation = Conversation()
    dialogue = execute(batch, random.Random(seed), policy)
    reply: Reply | None = None
    while True:
        try:
            step = dialogue.send(reply)
        except StopIteration as end:
            conversation.undecided = end.value
            return conversation
        reply = None
        if isinstance(step, Decided):
            conversation.told.append(step)
            continue
        conversation.steps.append(step)
        if not isinstance(step, Wait):
            try:
                reply = perform(step)
            except SilenceError:
                return conversation


def talk(batch: Batch, *replies: Reply, policy: Policy = PLAIN, seed: int = 1) -> Conversation:
    """Lead a dialogue with these replies, in their order."""
    waiting = list(replies)

    def perform(_: Send | Read | RenewToken) -> Reply:
        if not waiting:
            raise SilenceError
        return waiting.pop(0)

    conversation = lead(batch, perform, policy=policy, seed=seed)
    assert not waiting, "the dialogue ended before its last reply"
    return conversation


def answer(
    status: int, body: bytes | None = b"", *, generation: int = 1, retry_after: str | None = None, **members: object
) -> Answer:
    """Build an answer that took 12.5 ms; members make up a JSON body."""
    return Answer(status, orjson.dumps(members) if members else body, 12.5, generation, retry_after, SENT_AT)


def versioned(record_id: str, version: int | None, *, lane: LaneKey = FAIL_LANE, suspect: bool = False) -> Event:
    """Build an event that was made for a version of its record."""
    plain = event(record_id, lane=lane, suspect=suspect)
    document = {"id": record_id, "version": version, "fields": {"name": record_id}}
    if version is None:
        del document["version"]
    return plain._replace(record=orjson.dumps(document))


def ids(events: Iterable[Event]) -> list[str]:
    """Name events by their records."""
    return [each.record_id for each in events]
