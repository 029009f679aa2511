"""What a seed means: the workload, the settings, and the misfortunes, all drawn before the run begins."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from stream.flights import InFlightLimits
from stream.lanes import BatchLimits
from stream.parts import Bounds
from stream.start import StartAt
from stream.steps import Policy

from .faults import Kind, Misfortune, Mishap, Outage, Point, Weather
from .model import Input
from .records import REFUSED_ID

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MAX_EVENT_BYTES = 1_000
"""Of `Event.size_bytes`, as the inputs are made here."""


class Identity(NamedTuple):
    """An instance's name; with a static id it keeps its place in the group and its transactional id."""

    name: str
    static_id: str | None
    begins_s: float


class Arrival(NamedTuple):
    """An input and when it is written, behind a gap in the offsets."""

    at_s: float
    partition: int
    gap: int
    message: Input


@dataclass(frozen=True, slots=True)
class Plan:
    """All of a run but the chances that are drawn on the way."""

    seed: int
    partitions: int
    low: int
    identities: Sequence[Identity]
    arrivals: Sequence[Arrival]
    misfortunes: Sequence[Misfortune]
    weathers: Mapping[Weather, float]
    outages: Sequence[Outage]
    mishaps: Mapping[Mishap, float]
    bounds: Bounds
    start: StartAt
    chunk: int
    latency_s: float
    session_timeout_s: float
    calm_s: float
    """When faults stop: from then on everything must come to its end."""


def draw(seed: int) -> Plan:
    """Draw the plan of a seed."""
    rng = random.Random(f"plan {seed}")
    calm_s = rng.choice((3.0, 6.0, 12.0))
    partitions = rng.randint(1, 4)
    is_static = rng.random() < 0.5
    instances = rng.choice((1, 2, 2, 3))
    session_timeout_s = rng.choice((6.0, 10.0))
    return Plan(
        seed=seed,
        partitions=partitions,
        low=rng.choice((0, 0, 7)),
        identities=[
            Identity(name, name.lower() if is_static else None, 0.0 if number == 0 else rng.uniform(0.0, calm_s / 2))
            for number, name in enumerate("ABC"[:instances])
        ],
        arrivals=list(_arrivals(rng, partitions, calm_s)),
        misfortunes=sorted(_misfortunes(rng, instances, calm_s, session_timeout_s)),
        weathers=_weathers(rng),
        outages=list(_outages(rng, calm_s)),
        mishaps=_mishaps(rng),
        bounds=_bounds(rng),
        start=StartAt.LATEST if rng.random() < 0.1 else StartAt.EARLIEST,
        chunk=rng.choice((2, 8, 50)),
        latency_s=rng.choice((0.02, 0.3, 1.5)),
        session_timeout_s=session_timeout_s,
        calm_s=calm_s,
    )


def draw_window(seed: int, events: int = 17_500) -> Plan:
    """Draw a plan in which one event holds up a whole partition until its window is full.

    The offsets lie close together for an even seed, and so far apart for an odd one that the metadata is the bound.
    """
    rng = random.Random(f"window {seed}")
    gap = 0 if seed % 2 == 0 else 40
    count = events if gap == 0 else 1_500
    stuck = Outage(0.0, 12.0, Weather.ERROR, "stuck")
    return replace(
        draw(seed),
        partitions=1,
        identities=[Identity("A", "a", 0.0)],
        arrivals=[_plain(rng, marker, "stuck" if marker == 0 else "d0", gap) for marker in range(count)],
        misfortunes=[Misfortune(10.0, Kind.KILL, 0, 1.0, Point.PORT, 1)],
        weathers={Weather.FINE: 1.0},
        outages=[stuck],
        mishaps={Mishap.NONE: 1.0},
        bounds=Bounds(BatchLimits(1_000, 4_194_304, 0.05), InFlightLimits(8, 4), 67_108_864, 8.0, Policy()),
        start=StartAt.EARLIEST,
        chunk=1_000,
        latency_s=0.02,
        calm_s=12.0,
    )


def _plain(rng: random.Random, marker: int, datastore_id: str, gap: int) -> Arrival:
    document = {"dataStoreId": datastore_id, "id": f"r{rng.randrange(4_000)}", "fields": {"marker": marker}}
    return Arrival(0.0, 0, gap, Input(None, orjson.dumps(document), document, None, 0.0))


def _bounds(rng: random.Random) -> Bounds:
    return Bounds(
        BatchLimits(rng.choice((1, 2, 5, 1000)), rng.choice((400, 1000, 4_194_304)), rng.choice((0.0, 0.05, 0.2))),
        InFlightLimits(rng.choice((1, 2, 8)), rng.choice((1, 4))),
        rng.choice((2_000, 10_000, 67_108_864)),
        rng.choice((2.0, 8.0, 25.0)),
        Policy(),
    )


def _weathers(rng: random.Random) -> dict[Weather, float]:
    """Draw which answers come: never the same ones, so that each fault is met alone and with others."""
    storm = rng.choice((0.0, 0.05, 0.2, 0.5))
    kinds = [each for each in Weather if each is not Weather.FINE and rng.random() < 0.5]
    heavy = {Weather.SILENT: 0.2, Weather.SILENT_APPLIED: 0.3}
    weights = {each: storm * heavy.get(each, 1.0) / max(1, len(kinds)) for each in kinds}
    return {Weather.FINE: 1.0 - storm} | weights


def _outages(rng: random.Random, calm_s: float) -> Iterator[Outage]:
    if rng.random() < 0.25:
        begin_s = rng.uniform(0.0, calm_s)
        weather = rng.choice((Weather.ERROR, Weather.RESET, Weather.UNREACHED, Weather.FORBIDDEN, Weather.UNAUTHORISED))
        yield Outage(begin_s, min(calm_s, begin_s + rng.uniform(0.5, 10.0)), weather, rng.choice((None, "d0")))


def _mishaps(rng: random.Random) -> dict[Mishap, float]:
    if rng.random() < 0.1:  # a sick coordinator: one transaction after the other has no end that is known
        return {Mishap.NONE: 0.3, Mishap.HANG: 0.4, Mishap.UNKNOWN_DROPPED: 0.3}
    trouble = rng.choice((0.0, 0.05, 0.2, 0.6))
    kinds = [each for each in Mishap if each is not Mishap.NONE and rng.random() < 0.6]
    shares = {each: rng.choice((1.0, 5.0)) for each in kinds}
    whole = sum(shares.values())
    return {Mishap.NONE: 1.0 - trouble} | {each: trouble * share / whole for each, share in shares.items()}


def _misfortunes(rng: random.Random, instances: int, calm_s: float, session_s: float) -> Iterator[Misfortune]:
    longest = {
        Kind.KILL: 2.0 * session_s,
        Kind.TERM: 5.0,
        Kind.FREEZE: 2.0 * session_s,
        Kind.TWIN: 2.0 * session_s,
        Kind.STALL: session_s,
        Kind.CUT: 2.0 * session_s,
        Kind.CHURN: 0.0,
        Kind.BROKER_DOWN: 13.0,
    }
    kinds = (Kind.KILL,) * 5 + (Kind.TERM,) * 2 + (Kind.FREEZE,) * 2 + (Kind.CHURN,) * 3 + tuple(Kind)
    for _ in range(rng.choice((0, 1, 3, 5, 8))):
        kind = rng.choice(kinds)
        amount_s = rng.choice((0.1, longest[kind])) * rng.random()
        if kind is Kind.TWIN:  # nobody gives a name away before its owner has been silent for long
            amount_s = rng.uniform(0.7, 2.0) * session_s
        point = rng.choice((Point.PORT, Point.PORT, Point.ARRIVED, Point.ANSWERED, *Point))
        times = rng.choice((1, 2, 5, 20) if point is Point.PORT else (1, 2))
        at_s = rng.uniform(0.0, calm_s)
        yield Misfortune(at_s, kind, rng.randrange(instances), amount_s, point, times)
        if point is Point.REVOKING:
            yield Misfortune(at_s, Kind.CHURN, 0, 0.0, Point.PORT, 1)


def _arrivals(rng: random.Random, partitions: int, calm_s: float) -> Iterator[Arrival]:
    """Draw few records, so that order matters, written at once or over time."""
    records, datastores = rng.choice((1, 2, 4, 12)), rng.choice((1, 2, 3))
    invalid, gaps, odd = rng.choice((0.0, 0.1)), rng.choice((0.0, 0.2)), rng.choice((0.0, 0.0, 0.3))
    spread_s, count = rng.choice((0.0, calm_s, calm_s)), rng.choice((12, 25, 50, 100))
    for marker in range(count):
        message = _message(rng, marker, f"d{rng.randrange(datastores)}", f"r{rng.randrange(records)}", odd)
        if rng.random() < invalid:
            message = _unfit(rng, message)
        written_s = spread_s * marker / count
        keyed = hash_of(message.key) if message.key and rng.random() < 0.95 else rng.randrange(partitions)
        gap = rng.choice((1, 5, 30_000)) if rng.random() < gaps else 0
        yield Arrival(written_s, keyed % partitions, gap, message._replace(written_s=written_s))


def hash_of(key: bytes) -> int:
    """Find a key's partition, the same in each process."""
    return sum(key)


def _message(rng: random.Random, marker: int, datastore_id: str, record_id: str, odd: float) -> Input:
    document: dict[str, Any] = {"dataStoreId": datastore_id, "id": record_id, "fields": {"marker": marker}}
    if rng.random() < odd:
        document["version"] = rng.randint(0, 4)
        document["conflictResolution"] = rng.choice(("OVERWRITE", "FAIL", "IGNORE"))
        document["updateType"] = rng.choice(("UPSERT", "UPSERT", "UPDATE"))
    elif rng.random() < odd / 4:
        document["id"] = f"{REFUSED_ID}{rng.choice((400, 404, 413, 422))}"
    key = None if rng.random() < 0.05 else str(document["id"]).encode()
    return Input(key, orjson.dumps(document), document, None, 0.0)


def _unfit(rng: random.Random, message: Input) -> Input:
    value, result = rng.choice(
        (
            (None, "UNSUPPORTED"),
            (b"", "INVALID"),
            (b'{"id":', "INVALID"),
            (b'{"id":"r0","fields":{}}', "INVALID"),
            (b'{"id":"r0","fields":{"a":1,"a":2}}', "INVALID"),
        )
    )
    return message._replace(value=value, unfit=result)
