"""Does an instance leave an API in peace that is down, and a datastore that refuses everything?

Judged from outside, with more patience than the service has: what failed `SURELY_FAILING` times in a row, with nothing
else in between, must be probed by one request at a time (contract section 4.5).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .nature import BREAKING
from .world import demand

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stream.flights import InFlightLimits
    from stream.model import Settled

    from .request import Request

SAYING_NOTHING = (401, 429)
SURELY_FAILING = 8
"""More than the service waits for, and what may have been under way meanwhile."""
NOTICE_S = 1.0
"""A loop needs a moment to hear of an answer."""
OUTAGE_NOTICE_S = 12.0
"""That everything is down is believed after a while without any verdict: one datastore may be the only one at work."""
RATE_OVER = 20
"""So many requests in a row are counted; of them a tenth of a second's may go at once."""
BURST_S = 0.1
MOST_PROBES = 30
PROBES_WITHIN_S = 60.0


@dataclass(slots=True)
class Row:
    """The failures of one datastore since anything else came from it."""

    failures: int = 0
    since_s: float = 0.0
    sent_s: deque[float] = field(default_factory=lambda: deque(maxlen=MOST_PROBES))

    def is_sure(self) -> bool:
        """Whether nobody can take it for working."""
        return self.failures >= SURELY_FAILING


@dataclass(slots=True)
class Sender:
    """What one life of an instance has under way, and how its datastores do."""

    on_wire: list[Request] = field(default_factory=list)
    rows: dict[str, Row] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    seen: set[tuple[object, int]] = field(default_factory=set)
    asked_s: deque[float] = field(default_factory=lambda: deque(maxlen=RATE_OVER))


class Restraint:
    """Watches what is sent and answered."""

    def __init__(self, stop_after_refused: int, in_flight: InFlightLimits) -> None:
        self._stop_after_refused = stop_after_refused
        self._in_flight = in_flight
        self._senders: dict[str, Sender] = {}

    def sent(self, request: Request) -> None:
        """Judge that no request leaves beside another to what is known to be down."""
        sender = self._senders.setdefault(request.sender, Sender())
        row = sender.rows.setdefault(request.datastore_id, Row())
        if row.is_sure():
            first = [each for each in sender.on_wire if each.datastore_id == request.datastore_id]
            self._judge_alone("promise 5", row.since_s + NOTICE_S, first, request)
            self._judge_rate(row, request)
        if all(each.is_sure() for each in sender.rows.values()):
            since_s = max(each.since_s for each in sender.rows.values())
            self._judge_alone("outage", since_s + OUTAGE_NOTICE_S, sender.on_wire, request)
        sender.on_wire.append(request)

    def asked(self, name: str, now_s: float) -> None:
        """Judge that no more requests and reads leave than CXONE_MAX_REQUESTS_PER_S allows.

        A machine that stood still may let go at once what it had been allowed before: as many as may be in flight.
        """
        asked_s = self._senders.setdefault(name, Sender()).asked_s
        per_s = self._in_flight.per_s
        if per_s is not None and len(asked_s) == asked_s.maxlen:
            at_once = max(1.0, BURST_S * per_s) + self._in_flight.total
            least_s = (len(asked_s) - at_once) / per_s
            demand(
                now_s - asked_s[0] >= least_s, "rate", f"{len(asked_s)} requests in {now_s - asked_s[0]:.2f} s", name
            )
        asked_s.append(now_s)

    @staticmethod
    def _judge_alone(promise: str, since_s: float, others: list[Request], request: Request) -> None:
        later = [each.positions for each in others if each.sent_s > since_s and not each.is_repeated]
        later = [] if request.is_repeated else later
        demand(not later, promise, f"two probes at a time, {later} and", request.positions)

    @staticmethod
    def _judge_rate(row: Row, request: Request) -> None:
        is_dense = len(row.sent_s) == MOST_PROBES and request.sent_s - row.sent_s[0] < PROBES_WITHIN_S
        demand(not is_dense, "promise 5", f"{MOST_PROBES} probes within {PROBES_WITHIN_S:.0f} s", request.positions)
        row.sent_s.append(request.sent_s)

    def told(self, request: Request, now_s: float) -> None:
        """Take note of an answer, or of none; a 429 or a 401 says nothing either way."""
        sender = self._senders[request.sender]
        sender.on_wire.remove(request)
        if request.is_decided:
            sender.rows[request.datastore_id] = Row()
        elif request.status not in SAYING_NOTHING and not _is_poison(request):
            row = sender.rows.setdefault(request.datastore_id, Row())
            row.failures += 1
            if row.failures == SURELY_FAILING:
                row.since_s = now_s

    def disowned(self, name: str) -> None:
        """Take note that partitions were taken from a sender; with the last of its events a hold is forgotten, too."""
        if name in self._senders:
            self._senders[name].rows.clear()

    def published(self, name: str, settled: Iterable[Settled]) -> None:
        """Judge that a datastore which refuses record after record is stopped (STREAM_STOP_AFTER_REFUSED)."""
        sender = self._senders.setdefault(name, Sender())
        for each in settled:
            if each.record_key is None or (each.assignment, each.offset) in sender.seen:
                continue
            sender.seen.add((each.assignment, each.offset))
            datastore_id = each.record_key[0]
            in_row = sender.refused.get(datastore_id, 0) + 1 if each.result == "REJECTED" else 0
            sender.refused[datastore_id] = in_row
            limit = self._stop_after_refused
            demand(not limit or in_row <= limit, "stop", f"{in_row} refused in a row of {datastore_id}", each.offset)

    def succeeded(self, name: str, datastore_id: str) -> None:
        """Take note that something of a datastore was applied, whether it is published or not."""
        self._senders.setdefault(name, Sender()).refused.pop(datastore_id, None)


def _is_poison(request: Request) -> bool:
    """Whether one of its records is to blame, so that it says nothing of the others."""
    return any(BREAKING in each["fields"] for each in request.document["records"])
