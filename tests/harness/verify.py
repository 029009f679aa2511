"""The checker: were the promises of contract section 4 held? Pure; every finding is a sentence, none is the proof."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from stream.sandbox.calls import Request

    from .feed import Sent
    from .topics import Record

BROKEN_OFF = frozenset({"reset", "lost", "gone"})
"""Endings of requests without an answer."""
Position = tuple[int, int]
"""Partition and offset of an input."""

APPLIED = frozenset({"APPLIED", "ALREADY_APPLIED"})
MAX_TOLD = 20
ROUNDING_S = 0.002
"""Kafka's timestamps are whole milliseconds."""
CLOCK_SLACK_S = 1.0
"""The stand-in notes a request when it gets to it, which may be after the kill that interrupted it."""


class Executed(NamedTuple):
    """One execution of an event, as the stand-in kept it.

    When it came, in seconds since the epoch; and whether its request was answered as applied.
    """

    number: int
    received_s: float
    is_answered: bool = True


class Verdict(NamedTuple):
    """What the executions show: breaches, and how many events were executed again directly after themselves."""

    breaches: list[str]
    repeats: int


def outcome_breaches(inputs: Iterable[Position], outcomes: Iterable[Position]) -> list[str]:
    """Judge promise 1: exactly one outcome for each input.

    Args:
        inputs: the position of each message of the input.
        outcomes: the position that each committed outcome names.
    """
    wanted, found = Counter(inputs), Counter(outcomes)
    breaches = [f"lost: {position} has no outcome" for position in sorted(wanted.keys() - found.keys())]
    breaches += [f"doubled: {position} has {count} outcomes" for position, count in sorted(found.items()) if count > 1]
    breaches += [f"unknown: {position} is no input" for position in sorted(found.keys() - wanted.keys())]
    return breaches


def doubled_inputs(sent: Iterable[Sent]) -> list[int]:
    """Name the numbers that stand in the input more than once: written twice by the feed, or by its library."""
    return sorted(number for number, times in Counter(each.number for each in sent).items() if times > 1)


def unlike_applied(outcomes: Iterable[Record]) -> list[str]:
    """Judge what the outcomes of valid events say, where the API refuses none and nobody else writes: applied.

    Args:
        outcomes: all that are committed.
    """
    return [
        f"{each.json['source']['partition']}/{each.json['source']['offset']} became {each.json['result']}"
        for each in outcomes
        if each.json["result"] not in APPLIED
    ]


class Outcomes(NamedTuple):
    """How many inputs there were, and of how many there is no outcome, or more than one."""

    inputs: int
    lost: int
    doubled: int


class Census:
    """Promise 1 for inputs without gaps of any number: counts outcomes by a byte for each position."""

    def __init__(self) -> None:
        self._counts: dict[int, bytearray] = {}

    def add(self, position: Position) -> None:
        """Count one committed outcome."""
        partition, offset = position
        counts = self._counts.setdefault(partition, bytearray())
        if offset >= len(counts):
            counts.extend(bytes(offset + 1 - len(counts)))
        counts[offset] = min(counts[offset] + 1, 255)

    def judge(self, ends: Mapping[int, int]) -> Outcomes:
        """Count what is lost and doubled.

        Args:
            ends: of each partition of the input, which has a message at every offset below.
        """
        counts = {partition: self._counts.get(partition, bytearray()) for partition in ends}
        lost = sum(max(end - len(counts[each]), 0) + counts[each].count(0) for each, end in ends.items())
        doubled = sum(len(each) - each.count(0) - each.count(1) for each in counts.values())
        return Outcomes(sum(ends.values()), lost, doubled)


def execution_verdict(
    sent: Iterable[Sent],
    executed: Mapping[tuple[str, str], Sequence[Executed]],
    interruptions_s: Collection[float] = (),
) -> Verdict:
    """Judge promise 2: each record's events were executed in input order, again only directly after themselves.

    An event is what stands at an offset. Two offsets with one number (`doubled_inputs`) are two events, both due.

    Args:
        sent: the valid events, in the order of each partition.
        executed: what reached the API, by record, in that order.
        interruptions_s: when a process was killed, in seconds since the epoch: an event whose execution was answered
            may be executed again only with one of these in between.
    """
    wanted: dict[tuple[str, str], list[int]] = {}
    for each in sent:
        wanted.setdefault(each.record, []).append(each.number)
    moments_s = sorted(interruptions_s)
    breaches = [f"{record} was executed without any event" for record in executed.keys() - wanted.keys()]
    repeats = 0
    for record, numbers in wanted.items():
        verdict = _judge_record(record, numbers, executed.get(record, ()), moments_s)
        breaches += verdict.breaches
        repeats += verdict.repeats
    return Verdict(breaches, repeats)


def _any_between(interruptions_s: Sequence[float], earlier_s: float, later_s: float) -> bool:
    at = bisect_left(interruptions_s, earlier_s - CLOCK_SLACK_S)
    return at < len(interruptions_s) and interruptions_s[at] <= later_s


def _judge_record(
    record: tuple[str, str], numbers: Sequence[int], executed: Sequence[Executed], interruptions_s: Sequence[float]
) -> Verdict:
    breaches = []
    done = repeats = 0
    before: Executed | None = None
    for each in executed:
        if done < len(numbers) and each.number == numbers[done]:
            done += 1  # also where the input itself holds this event twice in a row
        elif before is not None and each.number == before.number:
            repeats += 1
            if before.is_answered and not _any_between(interruptions_s, before.received_s, each.received_s):
                breaches.append(f"{record}: {each.number} came again although nothing was interrupted")
        else:
            due = numbers[done] if done < len(numbers) else "nothing"
            breaches.append(f"{record}: {each.number} was executed where {due} was due")
            break
        before = each
    else:
        if done < len(numbers):
            breaches.append(f"{record}: ends with {done} of {len(numbers)} events executed")
    return Verdict(breaches, repeats)


def late_executions(
    executed: Mapping[tuple[str, str], Sequence[Executed]], decided_s: Mapping[int, float]
) -> list[str]:
    """Judge promise 3: what has a committed outcome is not executed any more.

    So whatever was executed twice was in flight, undecided, when it was interrupted.

    Args:
        executed: what reached the API, by record.
        decided_s: when the committed outcome of each event was written, by the event's number; the last of several.
    """
    return [
        f"{record}: {each.number} was executed {each.received_s - decided_s[each.number]:.3f} s after its outcome"
        for record, entries in executed.items()
        for each in entries
        if each.received_s > decided_s.get(each.number, math.inf) + ROUNDING_S
    ]


def longest_pause_s(written: Iterable[tuple[int, float]], since_s: float, until_s: float) -> float:
    """Find the longest time in which no outcome of some partition's events was written; infinite without any outcome.

    Args:
        written: of each outcome its event's partition, and when it was written, in seconds since the epoch.
        since_s: the same.
        until_s: the same.
    """
    times_s: dict[int, list[float]] = {}
    for partition, at_s in written:
        times_s.setdefault(partition, []).append(at_s)
    gaps_s = (
        later_s - earlier_s
        for found_s in times_s.values()
        for earlier_s, later_s in pairwise([since_s, *sorted(s for s in found_s if since_s < s < until_s), until_s])
    )
    return max(gaps_s, default=math.inf)


def state_breaches(sent: Iterable[Sent], stored: Mapping[tuple[str, str], int]) -> list[str]:
    """Judge the state at the end: each record holds its newest event.

    Args:
        sent: the valid events, in the order of each partition.
        stored: the number of the event that each record holds.
    """
    wanted = {each.record: each.number for each in sent}
    return [
        f"{record} holds {stored.get(record)} where {number} was sent last"
        for record, number in wanted.items()
        if stored.get(record) != number
    ]


def request_breaches(requests: Iterable[Request], violations: Iterable[str]) -> list[str]:
    """Judge the requests: none breaks the contract, holds a record twice, or shares one with another on the wire.

    A request that broke off no longer counts as on the wire for its client, whenever the stand-in noticed.
    """
    known = {each.sequence: each for each in requests}
    overlapping = [
        f"request {each.sequence} overlaps {other}"
        for each in known.values()
        for other in each.overlaps
        if other not in known or known[other].ending not in BROKEN_OFF
    ]
    return [*violations, *overlapping]


def told(breaches: Sequence[str]) -> str:
    """Shorten breaches for a failure's message."""
    return "\n".join([f"{len(breaches)} breaches", *breaches[:MAX_TOLD]])
