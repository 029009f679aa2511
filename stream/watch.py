"""Tells the log what is held or parked: on each change, and once a minute while it lasts, with partition and offset."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .circuit import ChangeKind
from .log import get_log

if TYPE_CHECKING:
    from collections.abc import Callable

    from .circuit import Change
    from .status import HeldDatastore, ParkedRecord, Position, Status

REMIND_AFTER_S = 60.0
MAX_CHANGES_TOLD = 100
"""A minute: of more it is only said how many there were, for names come from events."""
GOOD_NEWS = frozenset({ChangeKind.DATASTORE_RELEASED, ChangeKind.OUTAGE_ENDS, ChangeKind.RECORD_DECIDED})

log = get_log()


class Watch:
    """Looks at what has changed, once a turn."""

    def __init__(self) -> None:
        self._remind_at_s = math.inf
        self._window_ends_s = -math.inf
        self._told = 0

    def look(self, changes: list[Change], status: Callable[[], Status], now_s: float) -> None:
        """Tell what has changed, and remind of what lasts.

        Args:
            changes: since the last look; emptied.
            status: says what is held; asked only if there is something to tell.
            now_s: the loop's clock.
        """
        if not changes and now_s < self._remind_at_s:
            return
        now = status()
        held = {each.datastore_id: each for each in now.held}
        for change in changes:
            self._tell(change, held, now_s)
        changes.clear()
        if now_s >= self._remind_at_s:
            self._remind(now)
        if now.is_ready and not now.parked:
            self._remind_at_s = math.inf
        elif now_s >= self._remind_at_s or math.isinf(self._remind_at_s):
            self._remind_at_s = now_s + REMIND_AFTER_S

    def _tell(self, change: Change, held: dict[str, HeldDatastore], now_s: float) -> None:
        if now_s >= self._window_ends_s:
            if self._told > MAX_CHANGES_TOLD:
                log.warning("more_changes", not_told=self._told - MAX_CHANGES_TOLD)
            self._window_ends_s, self._told = now_s + REMIND_AFTER_S, 0
        self._told += 1
        if self._told > MAX_CHANGES_TOLD:
            return
        names = {"datastore": change.datastore_id, "record": change.record_id}
        facts: dict[str, object] = {name: text for name, text in names.items() if text is not None}
        if change.kind in GOOD_NEWS:
            log.info(change.kind, **facts, lasted_s=round(now_s - change.since_s, 3), reason=change.reason)
            return
        if change.kind is ChangeKind.DATASTORE_HELD and (hold := held.get(change.datastore_id or "")):
            facts |= {"cause": hold.cause, **_where(hold.oldest)}
        log.warning(change.kind, **facts, reason=change.reason)

    def _remind(self, status: Status) -> None:
        if status.outage is not None:
            outage = status.outage
            log.warning(
                "outage_lasts",
                reason=outage.reason,
                for_s=round(outage.held_for_s),
                next_probe_in_s=round(outage.next_probe_in_s, 1),
            )
        for each in status.held:
            log.warning("datastore_still_held", **_of_datastore(each))
        for parked in status.parked:
            log.warning("record_still_parked", **_of_record(parked))
        more = (status.held_count - len(status.held)) + (status.parked_count - len(status.parked))
        if more:
            log.warning("more_is_held", not_listed=more)


def _of_datastore(held: HeldDatastore) -> dict[str, object]:
    return {
        "datastore": held.datastore_id,
        "cause": held.cause,
        "reason": held.reason,
        "for_s": round(held.held_for_s),
        "next_probe_in_s": round(held.next_probe_in_s, 1),
        "probes_failed": held.probes_failed,
        **_where(held.oldest),
    }


def _of_record(parked: ParkedRecord) -> dict[str, object]:
    return {
        "datastore": parked.datastore_id,
        "record": parked.record_id,
        "reason": parked.reason,
        "for_s": round(parked.parked_for_s),
        "next_try_in_s": round(parked.next_try_in_s, 1),
        "tries_failed": parked.tries_failed,
        **_where(parked.oldest),
    }


def _where(oldest: Position | None) -> dict[str, object]:
    if oldest is None:
        return {}
    topic, number = oldest.partition
    return {"partition": f"{topic}/{number}", "offset": oldest.offset}
