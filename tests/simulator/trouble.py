"""What goes wrong, drawn before a run begins: with the instances, the broker, their transactions, and the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .faults import Kind, Misfortune, Mishap, Point, Spell, Weather
from .nature import Naming, Nature
from .weather import IN_SPELLS_ONLY

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

SPELLS = (
    *(Weather.ERROR, Weather.RESET, Weather.UNREACHED, Weather.FORBIDDEN, Weather.UNAUTHORISED, Weather.SILENT),
    *(Weather.ODD, Weather.GARBLED, Weather.THROTTLED, Weather.REFUSING, Weather.TOKENLESS, Weather.ERROR_APPLIED),
)
PLACES = (("errors",), ("errors",), ("details",), ("error", "errors"), ("failedRecords",))
"""The contract's own, and other usual ones."""
DEADLY = (Weather.ERROR, Weather.RESET, Weather.SILENT, Weather.ODD, Weather.REFUSING, Weather.UNREACHED)
"""What a datastore may be dead of for long."""


def draw_weathers(rng: random.Random) -> dict[Weather, float]:
    """Draw which answers come: never the same ones, so that each fault is met alone and with others."""
    storm = rng.choice((0.0, 0.05, 0.2, 0.5))
    possible = [each for each in Weather if each is not Weather.FINE and each not in IN_SPELLS_ONLY]
    kinds = [each for each in possible if rng.random() < 0.5]
    heavy = {Weather.SILENT: 0.5, Weather.SILENT_APPLIED: 0.7}
    weights = {each: storm * heavy.get(each, 1.0) / max(1, len(kinds)) for each in kinds}
    return {Weather.FINE: 1.0 - storm} | weights


def draw_spells(rng: random.Random, calm_s: float, mended_s: float) -> Iterator[Spell]:
    """Draw outages: of all, or of one datastore; and a datastore that is dead until somebody mends it."""
    for _ in range(rng.choice((0, 0, 0, 1, 1, 2))):
        begin_s = rng.uniform(0.0, calm_s)
        end_s = min(calm_s, begin_s + rng.uniform(0.5, 10.0))
        yield Spell(begin_s, end_s, rng.choice(SPELLS), rng.choice((None, "d0")))
    if mended_s > calm_s and rng.random() < 0.6:
        yield Spell(0.0, mended_s, rng.choice(DEADLY), rng.choice(("d0", "d0", None)))


def draw_nature(rng: random.Random, *, may_be_slow: bool) -> Nature:
    """Draw how the API puts its answers; where it breaks on records too, to find out about size takes for ever."""
    return Nature(
        naming=rng.choice(tuple(Naming)),
        place=rng.choice(PLACES),
        names_conflicts=rng.random() < 0.7,
        tells_versions=rng.random() < 0.8,
        tells_checksum=rng.random() < 0.7,
        tells_records=rng.random() < 0.7,
        tells_skipped=rng.random() < 0.8,
        conflicts_first=rng.random() < 0.5,
        max_body_bytes=rng.choice((330, 500, 2_000)) if rng.random() < 0.15 else None,
        slow_above=rng.choice((1, 3, 10)) if may_be_slow and rng.random() < 0.1 else None,
        slow_applies=rng.random() < 0.5,
        breaks_silently=rng.random() < 0.3,
    )


def draw_mishaps(rng: random.Random) -> dict[Mishap, float]:
    """Draw what befalls transactions."""
    if rng.random() < 0.1:  # a sick coordinator: one transaction after the other has no end that is known
        return {Mishap.NONE: 0.3, Mishap.HANG: 0.4, Mishap.UNKNOWN_DROPPED: 0.3}
    trouble = rng.choice((0.0, 0.05, 0.2, 0.6))
    kinds = [each for each in Mishap if each is not Mishap.NONE and rng.random() < 0.6]
    shares = {each: rng.choice((1.0, 5.0)) for each in kinds}
    whole = sum(shares.values())
    return {Mishap.NONE: 1.0 - trouble} | {each: trouble * share / whole for each, share in shares.items()}


def draw_misfortunes(rng: random.Random, instances: int, calm_s: float, session_s: float) -> Iterator[Misfortune]:
    """Draw what befalls instances, the broker, and all tokens."""
    longest = {
        Kind.KILL: 2.0 * session_s,
        Kind.TERM: 5.0,
        Kind.FREEZE: 2.0 * session_s,
        Kind.TWIN: 2.0 * session_s,
        Kind.STALL: 3.0 * session_s,
        Kind.CUT: 2.0 * session_s,
        Kind.CHURN: 0.0,
        Kind.BROKER_DOWN: 13.0,
        Kind.REVOCATION: 0.0,
    }
    kinds = (Kind.KILL,) * 5 + (Kind.TERM, Kind.FREEZE, Kind.STALL) * 2 + (Kind.CHURN,) * 3 + tuple(Kind)
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
