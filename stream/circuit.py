"""The one circuit for all: open in an outage, when everything is held (contract section 4.5).

It opens when every datastore that has work is held, and when no request can be allowed: there is no valid token, or it
lacks a right. While it is open there is at most one probe on its way in all.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from .pace import PROBE

if TYPE_CHECKING:
    import random

    from .model import Event


@dataclass(slots=True)
class Probes:
    """When what is held is tried again, and what was sent last: the next probe is another event.

    A probe that fails lets the next one wait longer, with full jitter, up to a minute.
    """

    next_s: float
    failed: int = 0
    last: Event | None = None

    def fail(self, now_s: float, rng: random.Random, at_least_s: float) -> None:
        """Take note that a probe has not passed; `at_least_s` is what the API asked for."""
        self.failed += 1
        self.postpone(now_s + max(PROBE.delay_s(self.failed, rng), at_least_s))

    def postpone(self, until_s: float) -> None:
        """Let the next one wait."""
        self.next_s = max(self.next_s, until_s)

    def hasten(self, now_s: float) -> None:
        """Let the next one go now: something has passed."""
        self.next_s = min(self.next_s, now_s)


def first_probe(now_s: float, rng: random.Random) -> Probes:
    """Begin to probe."""
    return Probes(now_s + PROBE.delay_s(1, rng))


@dataclass(slots=True)
class Outage:
    """Everything is held. `is_access`: because no request can be allowed, not because every datastore is held."""

    reason: str
    is_access: bool
    since_s: float
    probes: Probes


class ChangeKind(StrEnum):
    """What can be told of what is held, by the name that it has in the log."""

    DATASTORE_HELD = "datastore_held"
    DATASTORE_RELEASED = "datastore_released"
    OUTAGE_BEGINS = "outage_begins"
    OUTAGE_ENDS = "outage_ends"
    RECORD_PARKED = "record_parked"
    RECORD_DECIDED = "parked_record_decided"


class Change(NamedTuple):
    """Something is held or parked now, or no longer; without a datastore it is everything."""

    kind: ChangeKind
    reason: str
    since_s: float
    datastore_id: str | None = None
    record_id: str | None = None


class Circuit:
    """Closed as a rule; what it opens and closes for stands in `changes`."""

    def __init__(self, changes: list[Change], rng: random.Random) -> None:
        self.outage: Outage | None = None
        self._changes = changes
        self._rng = rng

    @property
    def denies_all(self) -> bool:
        """Whether no request can be allowed."""
        return self.outage is not None and self.outage.is_access

    def deny(self, reason: str, now_s: float) -> None:
        """Open, because there is no valid token, or it lacks a right."""
        if self.outage is None:
            self._open(Outage(reason, is_access=True, since_s=now_s, probes=first_probe(now_s, self._rng)))
        else:
            self.outage.reason, self.outage.is_access = reason, True

    def answered(self, now_s: float) -> None:
        """Take note of a verdict: the credential is good, and the API is there."""
        if self.outage is not None:
            self.outage.is_access = False
            self.outage.probes.hasten(now_s)

    def look(self, now_s: float, *, all_held: bool, any_work: bool, reason: str) -> None:
        """Open or close, by what is held.

        Args:
            now_s: the loop's clock.
            all_held: whether every datastore that has work is held.
            any_work: whether any has.
            reason: why one of those is held.
        """
        if self.outage is None:
            if any_work and all_held:
                why = f"every datastore that has work is held: {reason}"
                self._open(Outage(why, is_access=False, since_s=now_s, probes=first_probe(now_s, self._rng)))
        elif not any_work or not (all_held or self.outage.is_access):
            self._changes.append(Change(ChangeKind.OUTAGE_ENDS, self.outage.reason, self.outage.since_s))
            self.outage = None

    def _open(self, outage: Outage) -> None:
        self.outage = outage
        self._changes.append(Change(ChangeKind.OUTAGE_BEGINS, outage.reason, outage.since_s))
