"""What is wrong, the worst first, each with what to do: what somebody reads at 3 a.m. before anything else."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from ..holds import Cause

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..snapshot import Failure, Requests, Snapshot
    from ..status import HeldDatastore
    from .probes import Probe

FAILING_LATELY_MS = 5 * 60_000
"""A kind of failure is news for so long after it was last seen."""
JOINING_S = 15.0
"""A member joins within seconds; what takes longer is no start and no rebalance."""
FULL_SHARE = 0.9
"""From this share of the requests that there may be, requests are what limits the throughput."""
SLOW_SHARE = 0.5
"""From this share of an event's time on, one stretch of its way is where the time goes."""
MIN_SLOW_MS = 1_000.0
"""Requests that take less are nothing to be told of unless they are all that there may be."""
MIN_SLOW_REQUESTS = 3
SILENT_S = 5.0
"""So long without an answer is slow, whatever those before it took."""
BEHIND = 1_000
"""Events of lag that are worth a word."""
FAILING_SHARE = 0.1
"""From this share of a datastore's events on it is not a few bad ones, but its schema, its writer or a deployment."""
FAILING_EVENTS = 5
"""Fewer are no share of anything."""
MAX_KINDS = 3
"""Of a few failures, the last."""
MAX_TOLD = 5
"""Of each kind; the tables have the others."""


class Severity(StrEnum):
    """How much it matters."""

    BAD = "bad"
    """Events do not get through."""
    WARNING = "warning"
    """They do, but many fail, or slowly."""
    NOTE = "note"
    """A few events failed, as events do: nobody need get up."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: a line, what is known of it, and what to do."""

    severity: Severity
    title: str
    detail: str
    action: str


WHAT_TO_DO: Final[dict[Cause, str]] = {
    Cause.FAILING: (
        "Look whether the API is up and can be reached from here. It is tried again by itself; nothing is lost."
    ),
    Cause.UNEXPECTED: (
        "Something else than the API may have answered: look at a proxy or gateway on the way, and at CXONE_BASE_URL "
        "and the paths. It is tried again by itself."
    ),
    Cause.ACCESS: (
        "Renew CXONE_CLIENT_ID and CXONE_CLIENT_SECRET, or grant the scope that is named. Secrets in files are read "
        "again by themselves, variables need a restart; `cxone-stream check` says whether it is right."
    ),
    Cause.REFUSED: (
        "Compare what is sent with the datastore's definition in CXone: after a wrong deployment every record is "
        "refused. Its events wait, and go on when one passes."
    ),
    Cause.INTEGRITY: (
        "Look for a proxy that rewrites bodies, and read some of the records: they were executed, but not with the "
        "bytes that were sent."
    ),
}
"""A sentence or two for each cause of a hold."""
FOR_PARKED: Final = (
    "Look at this record in CXone and at the event at this place: sent alone it breaks the API. The rest goes on. Set "
    "STREAM_GIVE_UP_AFTER_S if such events may be given up."
)
FOR_STUCK: Final = "Restart it: nothing is lost or doubled. Keep the log, it has the stacks of all threads."
FOR_OUTSIDE: Final = (
    "A start takes some seconds. If it lasts: look at the brokers, at KAFKA_BOOTSTRAP_SERVERS, and at this "
    "login's right to read the group (`cxone-stream check`)."
)
FOR_FEW: Final = "The table of failures has the place of each kind, and the way out."
FOR_SLOW: Final = (
    "Ask for the API's health. If it is well and only far away, raise CXONE_MAX_IN_FLIGHT and "
    "CXONE_MAX_IN_FLIGHT_PER_DATASTORE."
)
FOR_PUBLISHER: Final = (
    "Look at the brokers, and at this login's right to its transactional id (`cxone-stream check`). Outcomes are kept, "
    "nothing is lost."
)


def findings(snapshot: Snapshot | None, is_live: Probe) -> list[Finding]:
    """Say what is wrong now.

    Args:
        snapshot: the last one; None before the first turn.
        is_live: what `/livez` says.

    Returns:
        The worst first; nothing when all is well.
    """
    stuck = [Finding(Severity.BAD, "The loop is stuck", reason, FOR_STUCK) for reason in is_live.reasons]
    if snapshot is None:
        return stuck
    found = [*stuck, *_of_kafka(snapshot), *_of_api(snapshot), *_of_speed(snapshot), *_of_failures(snapshot)]
    return sorted(found, key=lambda each: list(Severity).index(each.severity))


def what_to_do(held: HeldDatastore) -> str:
    """Say what somebody can do about a datastore that is held."""
    return WHAT_TO_DO[held.cause]


def _of_kafka(snapshot: Snapshot) -> Iterator[Finding]:
    if not snapshot.is_member:
        is_long = snapshot.outside_for_s >= JOINING_S
        yield Finding(
            Severity.BAD if is_long else Severity.WARNING,
            "Not in the consumer group" if is_long else "Joining the consumer group",
            f"for {_for(snapshot.outside_for_s)}; no partition can be given to this instance meanwhile",
            FOR_OUTSIDE,
        )
    for each in [each for each in snapshot.partitions if each.state == "refused"][:MAX_TOLD]:
        where = f"{each.topic}/{each.partition}"
        yield Finding(
            Severity.BAD, f"Partition {where} is not consumed", each.reason or "", "The reason names the ways out."
        )
    publisher = snapshot.publisher
    if publisher.state in {"rebuilding", "resolving"} and publisher.waiting:
        told = f"{publisher.waiting} outcomes have waited for {publisher.for_s:.0f} s: a producer is being made."
        yield Finding(Severity.BAD, "Outcomes do not get into Kafka", told, FOR_PUBLISHER)


def _of_api(snapshot: Snapshot) -> Iterator[Finding]:
    status = snapshot.status
    if status.outage is not None:
        cause = next((each.cause for each in status.held), Cause.FAILING)
        told = f"{status.outage.reason} · {_since(status.outage.held_for_s, status.outage.next_probe_in_s)}"
        yield Finding(Severity.BAD, "Outage: everything is held", told, WHAT_TO_DO[cause])
    for held in status.held[: 0 if status.outage else MAX_TOLD]:
        told = f"{held.reason} · {_since(held.held_for_s, held.next_probe_in_s)}"
        yield Finding(Severity.BAD, f"Datastore {held.datastore_id} is held", told, WHAT_TO_DO[held.cause])
    for parked in status.parked[:MAX_TOLD]:
        topic, number = parked.oldest.partition
        place = f"{topic}/{number} offset {parked.oldest.offset}"
        told = f"{parked.reason} · {place}, for {_for(parked.parked_for_s)}, {parked.tries_failed} tries"
        name = f"Record {parked.record_id} of {parked.datastore_id} is parked"
        yield Finding(Severity.WARNING, name, told, FOR_PARKED)


def _of_failures(snapshot: Snapshot) -> Iterator[Finding]:
    """Tell of failures that go on: kinds that strike a good part of a datastore by themselves, others together."""
    lately = [each for each in snapshot.failures if snapshot.at_ms - each.last_ms <= FAILING_LATELY_MS]
    shares = {each.data_store_id: each.failed / (each.failed + each.succeeded or 1) for each in snapshot.datastores}
    many = [each for each in lately if _is_many(each, shares)]
    for each in many[:MAX_TOLD]:
        yield _of_failure(each, shares.get(each.data_store_id or ""))
    few = [each for each in lately if each not in many[:MAX_TOLD]]
    if few:
        kinds = ", ".join(f"{each.code} of {each.data_store_id or 'no datastore'}" for each in few[:MAX_KINDS])
        others = f" and {len(few) - MAX_KINDS} more kinds" if len(few) > MAX_KINDS else ""
        told = f"{sum(each.count for each in few)} so far: {kinds}{others}"
        yield Finding(Severity.NOTE, "Some events fail", told, FOR_FEW)


def _is_many(failure: Failure, shares: Mapping[str, float]) -> bool:
    if failure.count < FAILING_EVENTS:
        return False
    return failure.data_store_id is None or shares.get(failure.data_store_id, 0.0) >= FAILING_SHARE


def _of_failure(failure: Failure, share: float | None) -> Finding:
    where = f"of {failure.data_store_id}" if failure.data_store_id is not None else "without a datastore"
    place = f"{failure.last.topic}/{failure.last.partition} offset {failure.last.offset}"
    at = f" at {failure.path}" if failure.path else ""
    part = f" · {100 * share:.0f} % of this datastore's events fail" if share else ""
    told = f"{failure.message}{at} · {failure.count} so far{part} · the last: {place}"
    return Finding(Severity.WARNING, f"Events {where} fail: {failure.code}", told, failure.remedy)


def _of_speed(snapshot: Snapshot) -> Iterator[Finding]:
    requests = snapshot.requests
    newest = requests.newest_ms
    if snapshot.status.outage is not None or not (_is_slow(requests) or _holds_up(snapshot)):
        return
    silent = (
        f"one has had no answer for {_for(requests.unanswered_for_s)}; "
        if requests.unanswered_for_s >= SILENT_S
        else ""
    )
    told = (
        f"the last requests took {_ms(newest.p50)} (longest {_ms(newest.p99)}); {silent}{requests.in_flight} of "
        f"{requests.max_in_flight} are on the wire; {snapshot.lag or 0} events are not committed"
    )
    yield Finding(Severity.WARNING, "The API is slow", told, FOR_SLOW)


def _is_slow(requests: Requests) -> bool:
    """Whether the last requests, or one that has no answer yet, take far longer than an API needs."""
    newest = requests.newest_ms
    is_long = newest.p50 is not None and newest.count >= MIN_SLOW_REQUESTS and newest.p50 >= MIN_SLOW_MS
    return is_long or requests.unanswered_for_s >= SILENT_S


def _holds_up(snapshot: Snapshot) -> bool:
    """Whether all requests that there may be are on the wire, events pile up, and requests are where the time goes."""
    requests, latency = snapshot.requests, snapshot.latency
    request_ms = requests.newest_ms.p50
    is_full = requests.in_flight >= FULL_SHARE * requests.max_in_flight
    if request_ms is None or not is_full or not ((snapshot.lag or 0) >= BEHIND or snapshot.paused_count):
        return False
    return request_ms >= SLOW_SHARE * (request_ms + (latency.waiting_ms.p50 or 0.0) + (latency.commit_ms.p50 or 0.0))


def _since(held_for_s: float, next_try_in_s: float) -> str:
    return f"for {_for(held_for_s)}, next try in {_for(next_try_in_s)}"


def _ms(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value / 1000:.1f} s" if value >= MIN_SLOW_MS else f"{value:.0f} ms"


def _for(seconds: float) -> str:
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.0f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
