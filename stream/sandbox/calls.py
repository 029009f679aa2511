"""What was called: the log of requests, those on the wire right now, and the breaches of the contract.

Pure: times are given, in seconds of wall-clock time since the epoch.
"""

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from .faults import Call
from .payload import Execute

Ending = Literal["answered", "reset", "lost", "gone"]


@dataclass(frozen=True, slots=True)
class Request:
    """One call, as far as it has come.

    `sequence` counts calls from 1 as they arrive; `client` is the caller's `host:port`; `data_store_id`, `records` (how
    many) and `checksum` (of the body) are known once the body is read and sound. `traceparent` is the caller's trace
    context. `overlaps` names the execute requests
    that were on the wire with one of the same records when this one came: a client that keeps the order of its events
    has none. `applied` tells whether it was carried out, `status` what was answered, None when nothing was. `ending`
    is `answered`, `reset` (a fault cut the connection), `lost` (a fault kept the answer back until the client gave up)
    or `gone` (the client left before the answer, or the stand-in stopped); None while it is on the wire. A client that
    has its answer finds it noted here.
    """

    sequence: int
    call: Call
    client: str
    received_s: float
    data_store_id: str | None = None
    records: int = 0
    checksum: str | None = None
    overlaps: tuple[int, ...] = ()
    applied: bool = False
    status: int | None = None
    answered_s: float | None = None
    ended_s: float | None = None
    ending: Ending | None = None
    traceparent: str | None = None


class RequestLog:
    """Every call since the start; any thread may read while calls are served."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: list[Request] = []
        self._open: dict[int, tuple[str | None, frozenset[str]]] = {}
        self._violations: list[str] = []

    def begin(self, call: Call, client: str, received_s: float, traceparent: str | None = None) -> int:
        """Note a call that has just arrived; returns its sequence."""
        with self._lock:
            sequence = len(self._requests) + 1
            self._requests.append(Request(sequence, call, client, received_s, traceparent=traceparent))
            self._open[sequence] = (None, frozenset())
            return sequence

    def identify(self, sequence: int, execute: Execute) -> None:
        """Note what an execute holds, and which others on the wire hold one of its records."""
        wanted, ids = execute.data_store_id, frozenset(execute.ids)
        with self._lock:
            overlaps = tuple(
                other
                for other, (data_store_id, held) in self._open.items()
                if data_store_id == wanted and not held.isdisjoint(ids)
            )
            self._open[sequence] = (wanted, ids)
            self._replace(
                sequence,
                data_store_id=wanted,
                records=len(ids),
                checksum=execute.checksum,
                overlaps=overlaps,
            )

    def identify_read(self, sequence: int, data_store_id: str) -> None:
        """Note which datastore a read call names."""
        with self._lock:
            self._replace(sequence, data_store_id=data_store_id, records=1)

    def mark_applied(self, sequence: int) -> None:
        """Note that a call was carried out, whatever its client hears of it."""
        with self._lock:
            self._replace(sequence, applied=True)

    def end(self, sequence: int, ending: Ending, status: int | None, now_s: float) -> None:
        """Note how a call ended; it is no longer on the wire."""
        with self._lock:
            answered_s = now_s if ending == "answered" else None
            self._replace(sequence, ending=ending, status=status, answered_s=answered_s, ended_s=now_s)
            del self._open[sequence]

    def violate(self, sentences: Iterable[str]) -> None:
        """Note breaches of the contract, a sentence each."""
        with self._lock:
            self._violations.extend(sentences)

    def violations(self) -> list[str]:
        """Return every breach of the contract since the start."""
        with self._lock:
            return list(self._violations)

    def requests(self) -> list[Request]:
        """Return every call since the start, in the order of arrival."""
        with self._lock:
            return list(self._requests)

    def in_flight(self) -> list[Request]:
        """Return the execute requests that are on the wire right now, in the order of arrival."""
        with self._lock:
            waiting = [self._requests[sequence - 1] for sequence in self._open]
        return [request for request in waiting if request.call == "execute"]

    def totals(self) -> dict[str, dict[str, int]]:
        """Return how many calls there were, and for each call how many ended with which status or other ending."""
        counts: dict[str, Counter[str]] = {}
        for request in self.requests():
            result = request.status or request.ending or "on the wire"
            counts.setdefault(request.call, Counter())[str(result)] += 1
        return {call: dict(sorted(results.items())) for call, results in counts.items()}

    def _replace(self, sequence: int, **changes: object) -> None:
        self._requests[sequence - 1] = replace(self._requests[sequence - 1], **changes)  # type: ignore[arg-type]
