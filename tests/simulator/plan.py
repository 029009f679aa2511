"""What a seed means: the workload, the settings, and the misfortunes, all drawn before the run begins."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from stream.flights import InFlightLimits
from stream.holds import HoldLimits
from stream.lanes import BatchLimits
from stream.parts import Bounds
from stream.start import StartAt
from stream.steps import OnConflict, Policy

from .faults import ForeignWrite, Kind, Misfortune, Mishap, Point, Spell, Weather
from .merging import marked
from .nature import Nature
from .trouble import draw_misfortunes, draw_mishaps, draw_nature, draw_spells, draw_weathers
from .workload import Arrival, Kinds, Workload, plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PATIENCE_S = 1600.0
"""How long, after all other faults, a datastore may stay dead and a record may break the API in some of the runs."""


MERGING_SHARE = 0.35
"""Of the seeds: in these `STREAM_COALESCE` is on."""


class Identity(NamedTuple):
    """An instance's name; with a static id it keeps its place in the group and its transactional id."""

    name: str
    static_id: str | None
    begins_s: float


@dataclass(frozen=True, slots=True)
class Rules:
    """What the configuration says about the API, as the judge needs it."""

    policy: Policy
    hold: HoldLimits = field(default_factory=HoldLimits)


@dataclass(frozen=True, slots=True)
class Plan:
    """All of a run but the chances that are drawn on the way."""

    seed: int
    partitions: int
    low: int
    identities: Sequence[Identity]
    arrivals: Sequence[Arrival]
    foreign_writes: Sequence[ForeignWrite]
    misfortunes: Sequence[Misfortune]
    weathers: Mapping[Weather, float]
    spells: Sequence[Spell]
    nature: Nature
    mishaps: Mapping[Mishap, float]
    bounds: Bounds
    rules: Rules
    directives: Mapping[str, str]
    start: StartAt
    chunk: int
    latency_s: float
    session_timeout_s: float
    grows_s: float | None
    """When the last of the partitions is added to the topic; None: it was there from the beginning."""
    calm_s: float
    """When faults stop, but for what somebody must mend."""
    mended_s: float
    """When the rest of them stop: from then on everything must come to its end."""


def draw(seed: int) -> Plan:
    """Draw the plan of a seed."""
    rng = random.Random(f"plan {seed}")
    calm_s = rng.choice((3.0, 6.0, 12.0))
    partitions = rng.randint(1, 4)
    is_static = rng.random() < 0.5
    instances = rng.choice((1, 2, 2, 3))
    session_timeout_s = rng.choice((6.0, 10.0))
    is_patient = rng.random() < 0.1
    mended_s = calm_s + (PATIENCE_S if is_patient else 0.0)
    workload = _workload(rng, partitions, calm_s, is_patient=is_patient)
    grows_s = rng.uniform(0.0, calm_s / 2) if partitions > 1 and rng.random() < 0.1 else None
    rules = _rules(rng, is_patient=is_patient)
    return Plan(
        seed=seed,
        partitions=partitions,
        low=rng.choice((0, 0, 7)),
        identities=[
            Identity(name, name.lower() if is_static else None, 0.0 if number == 0 else rng.uniform(0.0, calm_s / 2))
            for number, name in enumerate("ABC"[:instances])
        ],
        arrivals=_to_merge(seed, [_not_before(grows_s, partitions - 1, each) for each in workload.arrivals(rng)]),
        foreign_writes=list(workload.foreign_writes(rng, rng.choice((0, 0, 0, 3, 20)))),
        misfortunes=sorted(draw_misfortunes(rng, instances, calm_s, session_timeout_s)),
        weathers=draw_weathers(rng),
        spells=list(draw_spells(rng, calm_s, mended_s)),
        nature=draw_nature(rng, may_be_slow=not workload.kinds.breaking),
        mishaps=draw_mishaps(rng),
        bounds=_bounds(rng, rules, is_patient=is_patient, merges=_merges(seed)),
        rules=rules,
        directives=_directives(rng),
        start=StartAt.LATEST if rng.random() < 0.1 else StartAt.EARLIEST,
        chunk=rng.choice((2, 8, 50)),
        latency_s=rng.choice((0.02, 0.3, 1.5)),
        session_timeout_s=session_timeout_s,
        grows_s=grows_s,
        calm_s=calm_s,
        mended_s=mended_s,
    )


def _merges(seed: int) -> bool:
    """Whether waiting events of one record merge in a seed."""
    return random.Random(f"merging {seed}").random() < MERGING_SHARE


def _to_merge(seed: int, arrivals: list[Arrival]) -> list[Arrival]:
    """Where events may merge, most have no version, and each a mark by which it is known."""
    if not _merges(seed):
        return arrivals
    rng = random.Random(f"marks {seed}")
    versions = rng.choice((0.0, 0.1, 1.0))
    return [marked(each, rng, versions) for each in arrivals]


def _not_before(grows_s: float | None, added: int, arrival: Arrival) -> Arrival:
    """Nothing is written to a partition before it is there."""
    if grows_s is None or arrival.partition != added or arrival.at_s >= grows_s:
        return arrival
    return arrival._replace(at_s=grows_s, message=arrival.message._replace(written_s=grows_s))


def draw_window(seed: int, events: int = 17_500) -> Plan:
    """Draw a plan in which one event holds up a whole partition until its window is full.

    The offsets lie close together for an even seed, and so far apart for an odd one that the metadata is the bound.
    """
    rng = random.Random(f"window {seed}")
    gap = 0 if seed % 2 == 0 else 40
    count = events if gap == 0 else 1_500
    stuck = Spell(0.0, 12.0, Weather.ERROR, "stuck")
    rules = Rules(Policy())
    return replace(
        draw(seed),
        partitions=1,
        identities=[Identity("A", "a", 0.0)],
        arrivals=[plain(rng, marker, "stuck" if marker == 0 else "d0", gap) for marker in range(count)],
        foreign_writes=[],
        misfortunes=[Misfortune(10.0, Kind.KILL, 0, 1.0, Point.PORT, 1)],
        weathers={Weather.FINE: 1.0},
        spells=[stuck],
        nature=Nature(),
        mishaps={Mishap.NONE: 1.0},
        bounds=Bounds(BatchLimits(1_000, 4_194_304, 0.05), InFlightLimits(8, 4), 67_108_864, 8.0, rules.policy),
        rules=rules,
        directives=USUAL_DIRECTIVES,
        start=StartAt.EARLIEST,
        chunk=1_000,
        latency_s=0.02,
        grows_s=None,
        calm_s=12.0,
        mended_s=12.0,
    )


USUAL_DIRECTIVES = {"updateType": "UPSERT", "conflictResolution": "OVERWRITE"}


def _directives(rng: random.Random) -> dict[str, str]:
    return {
        "updateType": "UPDATE" if rng.random() < 0.1 else "UPSERT",
        "conflictResolution": rng.choice(("OVERWRITE", "OVERWRITE", "FAIL", "IGNORE")),
    }


def _rules(rng: random.Random, *, is_patient: bool) -> Rules:
    policy = Policy(
        on_conflict=OnConflict.REBASE if rng.random() < 0.4 else OnConflict.REPORT,
        can_read=rng.random() < 0.75,
        probe_budget=rng.choice((128, 128, 20, 11)),
    )
    return Rules(
        policy,
        HoldLimits(
            rng.choice((100, 0) if is_patient else (100, 100, 0, 3)),
            rng.choice((5.0, 30.0)) if rng.random() < 0.15 else None,
        ),
    )


def _bounds(rng: random.Random, rules: Rules, *, is_patient: bool, merges: bool) -> Bounds:
    return Bounds(
        BatchLimits(
            rng.choice((1, 2, 5, 1000)), rng.choice((400, 1000, 4_194_304)), rng.choice((0.0, 0.05, 0.2)), merges
        ),
        InFlightLimits(
            rng.choice((2, 8) if is_patient else (1, 2, 8)),
            rng.choice((1, 4)),
            rng.choice((None, None, None, None, 5.0, 50.0)),
        ),
        67_108_864 if is_patient else rng.choice((2_000, 10_000, 67_108_864)),
        rng.choice((2.0, 8.0, 25.0)),
        rules.policy,
        rules.hold,
    )


def _workload(rng: random.Random, partitions: int, calm_s: float, *, is_patient: bool) -> Workload:
    kinds = Kinds(
        invalid=rng.choice((0.0, 0.1)),
        gaps=rng.choice((0.0, 0.2)),
        odd=rng.choice((0.0, 0.0, 0.3)),
        chained=rng.choice((1.0, 0.5)),
        resolution=rng.choice((None, "FAIL", "FAIL", "IGNORE")),
        bad=rng.choice((0.0, 0.0, 0.02, 0.1, 0.4)),
        breaking=0.03 if rng.random() < (0.5 if is_patient else 0.15) else 0.0,
        large=rng.choice((0.0, 0.0, 0.1)),
    )
    return Workload(
        partitions=partitions,
        calm_s=calm_s,
        records=rng.choice((1, 2, 4, 12, 200)),
        datastores=rng.choice((1, 2, 3)),
        count=rng.choice((12, 25, 50, 100)),
        spread_s=rng.choice((0.0, calm_s, calm_s)),
        kinds=kinds,
    )
