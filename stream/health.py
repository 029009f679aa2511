"""How one datastore does, by what its requests came to: is it gone, or does one batch break it (contract section 4.5)?

A request that failed (5xx, a timeout, a reset) says nothing by itself. What tells is the row: different batches that
fail one after the other mean the datastore, one batch that fails while others pass means something in that batch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum, auto

from .model import Result

DIFFERENT_BATCHES = 3
"""So many failing in a row hold their datastore: two may share a bad moment, and with the default of four in flight
three have failed before any is tried for the third time."""
FAILURES_IN_A_ROW = 5
"""So often one batch is tried in vain (contract section 4.5): then it is halved if others pass meanwhile; if nothing
passes, it is all that its datastore has to say, and that is held."""
UNTRUE_IN_A_ROW = 3
"""So many `INTEGRITY` requests in a row hold their datastore (contract section 5, `STREAM_STOP_AFTER_REFUSED`)."""
FIRST_LIMIT_S = 10.0
LAST_LIMIT_S = 600.0
"""How long a limit on the size of batches is kept: then each batch that passes lets the next be twice as large. One
that is too large may cost a time-out, so a limit that is found anew is kept twice as long."""
MAX_RECORDS = 1000
"""Of any request (contract section 1)."""


class Reaction(Enum):
    """What is done with a batch that has no verdict yet."""

    WAIT = auto()
    """It is sent again, as it is, after its backoff."""
    HALVE = auto()
    """Something in it breaks the API: two batches are made of it."""
    PARK = auto()
    """It is one record, and breaks the API alone."""
    DISSOLVE = auto()
    """Its datastore is held: its events go back to their lane, and are probed one at a time."""


@dataclass(slots=True)
class Tries:
    """How often a batch was sent in vain since its last verdict.

    `origin` is a number that it shares with the halves made of it. `passes_before` is what its datastore had passed
    when it first failed, or when it was made as a half.
    """

    origin: int
    failures: int = 0
    passes_before: int = 0


@dataclass(slots=True)
class Health:
    """What is remembered of one datastore: what came in a row since the last pass, and what passed."""

    passes: int = 0
    passed_s: float = -math.inf
    refused_in_row: int = 0
    most_records: int | None = None
    """The largest batch that it takes, where that was learnt; None: any."""
    _untrue_in_row: int = 0
    _failures_in_row: int = 0
    _failed_origins: set[int] = field(default_factory=set)
    _smallest_failed: int = 0
    _limit_s: float = FIRST_LIMIT_S
    _limited_until_s: float = -math.inf

    def failed(self, tries: Tries, records: int) -> Reaction:
        """Take note that a request failed, and say what that means for its batch.

        Args:
            tries: of the batch; counted up here.
            records: how many of its events have no verdict yet.

        Returns:
            `DISSOLVE` means that the datastore is to be held.
        """
        if not tries.failures:
            tries.passes_before = self.passes
        tries.failures += 1
        self._failures_in_row += 1
        if len(self._failed_origins) < DIFFERENT_BATCHES:
            self._failed_origins.add(tries.origin)
        if records > 1:
            self._smallest_failed = min(records, self._smallest_failed or records)
        if len(self._failed_origins) == DIFFERENT_BATCHES:
            return Reaction.DISSOLVE
        if tries.failures >= FAILURES_IN_A_ROW and self.passes > tries.passes_before:
            self._failures_in_row = 0
            return Reaction.HALVE if records > 1 else Reaction.PARK
        return Reaction.DISSOLVE if self._failures_in_row >= FAILURES_IN_A_ROW else Reaction.WAIT

    def half_of(self, tries: Tries) -> Tries:
        """Begin the count of a half: its next failure halves it in turn, if anything has passed until then."""
        return Tries(tries.origin, FAILURES_IN_A_ROW - 1, self.passes)

    def passed(self, records: int, now_s: float) -> None:
        """Take note that the API gave a verdict on a request with so many records."""
        self.passes += 1
        self.passed_s = now_s
        self._failures_in_row = self._smallest_failed = 0
        self._failed_origins.clear()
        if self.most_records is not None and records >= self.most_records and now_s >= self._limited_until_s:
            self.most_records = 2 * self.most_records if 2 * self.most_records < MAX_RECORDS else None

    def judge_truth(self, result: Result) -> bool:
        """Take note of a request's result; false where one more `INTEGRITY` is one too many in a row."""
        if result is Result.INTEGRITY:
            self._untrue_in_row += 1
        elif result.succeeded:
            self._untrue_in_row = 0
        return result is not Result.INTEGRITY or self._untrue_in_row < UNTRUE_IN_A_ROW

    def learn_limit(self, now_s: float) -> None:
        """Take note that a single record passes where whole batches failed: it may be the size.

        Batches of half the smallest that failed are made from now on.
        """
        if not self._smallest_failed:
            return
        if now_s - self._limited_until_s > LAST_LIMIT_S:
            self._limit_s = FIRST_LIMIT_S
        self.most_records = max(self._smallest_failed // 2, 1)
        self._limited_until_s = now_s + self._limit_s
        self._limit_s = min(2.0 * self._limit_s, LAST_LIMIT_S)
