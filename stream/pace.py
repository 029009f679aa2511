"""How fast the API may be asked: backoff with jitter, what `Retry-After` says, and the one pace of the credential."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

MAX_RETRY_AFTER_S = 600.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff with full jitter: a uniform wait up to `base_s`, doubled by each failure, up to `cap_s`."""

    base_s: float
    cap_s: float

    def delay_s(self, failures: int, rng: random.Random) -> float:
        """Draw the wait after so many failures in a row (at least one)."""
        return rng.uniform(0.0, min(self.cap_s, self.base_s * 2.0 ** min(failures - 1, 32)))


THROTTLED = Backoff(base_s=1.0, cap_s=60.0)
"""After a 429 that names no time (contract section 1)."""
FAILED = Backoff(base_s=0.5, cap_s=10.0)
"""After an answer that does not say whether the request was applied, or none at all."""
PROBE = Backoff(base_s=1.0, cap_s=60.0)
"""Between the probes of what is held, and between the tries of a parked record (contract section 4.5)."""

BURST_S = 0.1
"""How much of `CXONE_MAX_REQUESTS_PER_S` may start at once: the loop lets requests start some 50 times a second."""


def retry_after_s(retry_after: str | None, date: str | None) -> float | None:
    """Read a `Retry-After` header (RFC 9110 section 10.2.3).

    Args:
        retry_after: its value: seconds, or an HTTP date.
        date: the answer's `Date`: an HTTP date is counted from it, so that no clock of ours is needed.

    Returns:
        Seconds to wait, from 0 to `MAX_RETRY_AFTER_S`; None when it is missing or cannot be read.
    """
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), MAX_RETRY_AFTER_S)
    until, sent = _http_date(text), _http_date(date or "")
    if until is None or sent is None:
        return None
    return min(max((until - sent).total_seconds(), 0.0), MAX_RETRY_AFTER_S)


def _http_date(text: str) -> datetime | None:
    try:
        parsed = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


class Pace:
    """The one pace of the credential: after a 429 all its requests wait together; and `CXONE_MAX_REQUESTS_PER_S`.

    In any stretch of time no more requests start than the rate allows for it, and a burst of `BURST_S` (at least one).
    It is a token bucket that keeps one number: until when the requests that have started use the rate up.
    """

    def __init__(self, requests_per_s: float | None = None) -> None:
        self.held_until_s = 0.0
        self._each_s = 1.0 / requests_per_s if requests_per_s else 0.0
        self._ahead_s = max(BURST_S - self._each_s, 0.0)
        self._used_up_s = -math.inf

    @property
    def is_metered(self) -> bool:
        """Whether each request needs a permit."""
        return self._each_s > 0.0

    def hold(self, until_s: float) -> None:
        """Let no request start before this time; an earlier one never shortens a hold."""
        self.held_until_s = max(self.held_until_s, until_s)

    def permits(self, now_s: float) -> bool:
        """Whether a request may start."""
        return now_s >= self.held_until_s and self._used_up_s - self._ahead_s <= now_s

    def spend(self, now_s: float) -> None:
        """Take note that a request starts."""
        self._used_up_s = max(self._used_up_s, now_s) + self._each_s
