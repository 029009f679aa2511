"""Which outcomes somebody asks for: the filters of `outcomes` and `replay`, and the times that people write."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from .published import Published

_DURATION = re.compile(r"([0-9]{1,9})(ms|s|m|h|d|w)")
_UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an outcome must be to be shown: every part that is given must hold.

    Attributes:
        results: names of `Result`; empty: any.
        codes: names of `ErrorCode`, of the failures alone; empty: any, and successes too.
        datastore_ids: empty: any, and outcomes that name none.
        record_ids: the same of records.
        failed: only those whose status is `FAILED`.
        since_ms: the first moment at which it may have been published, milliseconds since 1970.
        until_ms: the first moment at which it may not any more.
    """

    results: AbstractSet[str] = frozenset()
    codes: AbstractSet[str] = frozenset()
    datastore_ids: AbstractSet[str] = frozenset()
    record_ids: AbstractSet[str] = frozenset()
    failed: bool = False
    since_ms: int | None = None
    until_ms: int | None = None

    def __contains__(self, published: Published) -> bool:
        """Tell whether an outcome is asked for."""
        outcome = published.outcome
        if self.failed and outcome.status != "FAILED":
            return False
        if self.results and outcome.result not in self.results:
            return False
        if self.codes and (outcome.error is None or outcome.error.code not in self.codes):
            return False
        if self.datastore_ids and outcome.data_store_id not in self.datastore_ids:
            return False
        if self.record_ids and outcome.record_id not in self.record_ids:
            return False
        return self._is_in_time(published.published_ms)

    def _is_in_time(self, published_ms: int) -> bool:
        if self.since_ms is not None and published_ms < self.since_ms:
            return False
        return self.until_ms is None or published_ms < self.until_ms


def moment_ms(text: str, now_ms: int) -> int:
    """Read a moment as people write it.

    Args:
        text: a duration before now, as `90s`, `15m`, `2h` or `7d`; or a date or time of ISO 8601, in UTC unless it
            says otherwise, as `2026-11-23` or `2026-11-23T04:20:00+01:00`.
        now_ms: milliseconds since 1970.

    Returns:
        Milliseconds since 1970, at least 0.

    Raises:
        ValueError: it is neither.
    """
    if duration := _DURATION.fullmatch(text.strip()):
        return max(0, now_ms - int(duration[1]) * _UNIT_MS[duration[2]])
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError("neither a duration as 15m nor a time as 2026-11-23T04:20:00Z") from None
    return max(0, int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1_000))
