"""What a worker asks before each request: does this instance still own the partitions of this batch?

The broker fences generations of the group, not ownership, and a process may stand still for minutes (a paused machine).
So the loop renews the lease each turn, and a request starts only while the lease is younger than the time after which
the group may have given the partitions away (design, ledger).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from .model import Assignment

SHARE_OF_SESSION = 0.6
AFTER_STANDSTILL_S = 2.0
"""How long a consumer that stood still may take to find out, with its first heartbeat, that the group removed it."""


class Lease:
    """Written by the loop thread alone, read by the workers: each write replaces one reference."""

    def __init__(self, session_timeout_s: float) -> None:
        self._life_s = SHARE_OF_SESSION * session_timeout_s
        self._owned: frozenset[Assignment] = frozenset()
        self._renewed_s = math.inf
        self._not_before_s = -math.inf

    def renew(self, now_s: float) -> None:
        """Take note that the loop turned.

        One turn after a standstill proves nothing: the consumer may hand out what it had fetched before it learns that
        its partitions are another's. So requests start again a while later.
        """
        if now_s - self._renewed_s >= self._life_s:
            self._not_before_s = now_s + AFTER_STANDSTILL_S  # written first: a worker reads it last
        self._renewed_s = now_s

    def is_sure(self, now_s: float) -> bool:
        """Whether this instance is known to be in the group still."""
        return now_s - self._renewed_s < self._life_s and now_s >= self._not_before_s

    def own(self, assignments: Collection[Assignment]) -> None:
        """Let requests start only with events of these assignments."""
        self._owned = frozenset(assignments)

    def holds(self, assignments: frozenset[Assignment], now_s: float) -> bool:
        """Whether a request with events of these assignments may start."""
        return self.is_sure(now_s) and assignments <= self._owned
