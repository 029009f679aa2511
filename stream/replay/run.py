"""One run of `cxone-stream replay`: read what failed, find what speaks against it, send the rest or only say so."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..model import Result, position
from .candidates import Candidates
from .decision import decision_of
from .evidence import Evidence, Fate
from .original import Resend, resend
from .sending import Watch, send

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ..model import TopicPartition
    from ..outcomes import Wanted
    from .decision import Decision
    from .ports import Found, Log

PARCEL = 100
"""Most events of one transaction; so many messages, of whatever size, are in memory at once."""
PARCEL_BYTES = 8_388_608
"""Of one transaction, unless a single message is larger: it must be written within seconds."""
DEFAULT_AT_ONCE = 100_000
"""Of each about 1 KB is kept (measured: 820 bytes with ids of 36 letters)."""
DEFAULT_MAX_ATTEMPTS = 3
MAX_TOLD = 20


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """What was asked for on the command line.

    Attributes:
        wanted: which failed outcomes.
        input_topics: of the service; nothing is sent to any other.
        execute: send; without it only look.
        force: also those whose record holds newer values by now, or gets them next.
        max_attempts: how often an event is sent again, in all.
        at_once: how many events are remembered at a time; more are done in rounds.
    """

    wanted: Wanted
    input_topics: Sequence[str]
    execute: bool = False
    force: bool = False
    max_attempts: int = DEFAULT_MAX_ATTEMPTS
    at_once: int = DEFAULT_AT_ONCE


@dataclass(slots=True)
class Tally:
    """What a run has found, and done.

    Attributes:
        outcomes: how many outcomes were read to find what failed.
        integrity: how many of those asked for are `INTEGRITY`, which has to be asked for by name.
        kinds: how many events there are of each result, code and datastore.
        fates: what becomes of them; the sums of both are the same.
        gone: where messages stood that cannot be sent; not more than `MAX_TOLD`.
    """

    outcomes: int = 0
    integrity: int = 0
    kinds: Counter[tuple[str, str, str | None]] = field(default_factory=Counter)
    fates: Counter[Fate] = field(default_factory=Counter)
    gone: list[str] = field(default_factory=list)

    @property
    def is_short(self) -> bool:
        """Whether something that should be sent cannot be."""
        return bool(self.fates[Fate.GONE] or self.fates[Fate.UNFIT])

    def note(self, failed: Decision, fate: Fate) -> None:
        """Count what becomes of an event."""
        self.fates[fate] += 1
        if fate in (Fate.GONE, Fate.UNFIT) and len(self.gone) < MAX_TOLD:
            self.gone.append(position(failed.partition, failed.offset).decode())


def replay(options: ReplayOptions, log: Log, tell: Callable[[str], None]) -> Tally:
    """Send failed events again, or say what would be sent.

    Args:
        options: as given on the command line.
        log: the topics.
        tell: is given a line now and then while events are sent.

    Returns:
        What was found and done.

    Raises:
        StreamError: Kafka did not do its part. What was sent until then stays sent, and another run finds it.
    """
    if options.execute:
        log.begin()
    run = _Run(options, log, tell)
    run.rounds()
    return run.tally


class _Run:
    """One run, in as many rounds as its events need memory."""

    def __init__(self, options: ReplayOptions, log: Log, tell: Callable[[str], None]) -> None:
        self.tally = Tally()
        self._options = options
        self._log = log
        self._tell = tell
        self._newest_ms = 0

    def rounds(self) -> None:
        """Do the oldest events of each partition, then the next, until none are left."""
        left: Mapping[TopicPartition, int] | None = None
        while left is None or left:
            candidates = Candidates(self._options.at_once, left)
            for failed in self._failed(is_first=left is None):
                candidates.add(failed)
            self._send(self._planned(candidates))
            left = candidates.left

    def _failed(self, *, is_first: bool) -> Iterator[Decision]:
        """Find what failed and is asked for; later rounds take no newer ones, and so come to an end."""
        wanted = self._options.wanted
        for published in self._log.outcomes(wanted.since_ms):
            if is_first:
                self.tally.outcomes += 1
                self._newest_ms = max(self._newest_ms, published.published_ms)
            if published not in wanted or published.published_ms > self._newest_ms:
                continue
            if published.outcome.result == Result.INTEGRITY and Result.INTEGRITY not in wanted.results:
                self.tally.integrity += is_first
            else:
                yield decision_of(published)

    def _planned(self, candidates: Candidates) -> list[Decision]:
        """List what is going to be sent: of each partition in the order in which the events first stood there."""
        evidence = Evidence(candidates)
        if candidates:  # in this order: what is decided in between is seen by the second
            for message in self._log.undecided():
                evidence.see_undecided(message)
            for published in self._log.outcomes(None):
                evidence.see_decided(decision_of(published))
        planned, options = [], self._options
        for failed in sorted(candidates, key=lambda each: each.origin):
            self.tally.kinds[failed.result, failed.code, failed.datastore_id] += 1
            fate = evidence.fate(failed, options.input_topics, options.max_attempts, force=options.force)
            if fate is Fate.SENT:
                planned.append(failed)
            else:
                self.tally.note(failed, fate)
        return planned

    def _send(self, planned: Sequence[Decision]) -> None:
        self._log.expect(planned)
        watch = None if self._options.force else Watch(planned)
        for parcel in self._parcels(planned):
            sent = send(parcel, self._log, watch) if self._options.execute else parcel
            self.tally.fates[Fate.SENT] += len(sent)
            self.tally.fates[Fate.WAITING] += len(parcel) - len(sent)
            if self._options.execute:
                self._tell(f"sent: {self.tally.fates[Fate.SENT]}")

    def _parcels(self, planned: Sequence[Decision]) -> Iterator[list[Resend]]:
        """Read the planned messages back, some at a time, in the order in which they are sent."""
        for begin in range(0, len(planned), PARCEL):
            some = planned[begin : begin + PARCEL]
            found = self._log.originals(some)
            parcel = []
            for failed in some:
                made = self._made(failed, found.get(failed.origin))
                if isinstance(made, Fate):
                    self.tally.note(failed, made)
                else:
                    parcel.append(made)
            yield from _divided(parcel)

    def _made(self, failed: Decision, found: Found | None) -> Resend | Fate:
        if found is None:
            return Fate.GONE
        made = resend(failed, found.message)
        fits = made.size_bytes <= self._log.largest_bytes(failed.partition.topic)
        return made if found.is_whole and fits else Fate.UNFIT


def _divided(parcel: Sequence[Resend]) -> Iterator[list[Resend]]:
    """Divide what is too much for one transaction, and keep the order."""
    some: list[Resend] = []
    size_bytes = 0
    for sent in parcel:
        if some and size_bytes + sent.size_bytes > PARCEL_BYTES:
            yield some
            some, size_bytes = [], 0
        some.append(sent)
        size_bytes += sent.size_bytes
    if some:
        yield some
