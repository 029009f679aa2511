"""Which runs the benchmark makes, in which order: values only."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from .systems import RIVALS, Job, Name
from .workload import RECORDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .workload import Form

Kind = Literal["drain", "slow", "paced", "envelope", "schema", "hot"]
FORMS: Mapping[Kind, Form] = {"envelope": "envelope", "schema": "schema"}
"""The form of the events, where they are not native."""
DEFAULT_LINGER_MS = 200
SHORT_LINGER_MS = 5
RIVAL_LINGER_MS = 1000
"""In drains a rival waits longer than the service: that gives it fuller requests and a higher rate."""
LEAST_PACED_S = 5
HOT_RECORDS = 20
LEAST_HOT_EVENTS = 2_000


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is done: events of the drain, of the drain on a slow API and of a rival's drain, and how often.

    A rival drains fewer events because its rate is all that counts.
    """

    drain_events: int = 1_000_000
    slow_events: int = 300_000
    paced_s: int = 30
    repeats: int = 3
    hot_events: int = 10_000

    @classmethod
    def of(cls, events: int, repeats: int, *, is_quick: bool) -> Sizes:
        """Scale by the drain's number of events; quick is a tenth of everything, once."""
        if is_quick:
            return cls(events // 10, events * 3 // 100, LEAST_PACED_S, 1, LEAST_HOT_EVENTS)
        return cls(events, events * 3 // 10, 30, repeats, max(events // 100, LEAST_HOT_EVENTS))


@dataclass(frozen=True, slots=True)
class Workload:
    """What a system is given.

    `drain`: `events` stand in the topic before it starts, the API answers at once. `slow`: the same, the API answers
    after 100 ms. `paced`: they come at `rate_per_s` while it runs, the API answers after 10 ms. `envelope` and `schema`
    are drains of the same changes as Debezium writes them, without and with their schemas. `hot`: a drain of `records`
    records alone, so that each waits for itself; the API answers after 10 ms.
    """

    kind: Kind
    events: int
    delay_ms: float
    rate_per_s: float | None = None
    names_records: bool = False
    records: int = RECORDS

    @property
    def input_topic(self) -> str:
        """The topic of a workload that stands ready; paced ones have one each."""
        return f"{self.form}-{self.events}" + (f"-of-{self.records}" if self.kind == "hot" else "")

    @property
    def form(self) -> Form:
        """How its events are written."""
        return FORMS.get(self.kind, "native")


@dataclass(frozen=True, slots=True)
class Planned:
    """One run to be made."""

    job: Job
    workload: Workload
    round: int = 1

    @property
    def label(self) -> str:
        """Name it for a person."""
        job, load = self.job, self.workload
        parts = {
            "drain": f"drain of {load.events:,}",
            "slow": f"drain of {load.events:,}, API {load.delay_ms:.0f} ms",
            "envelope": f"drain of {load.events:,} Debezium envelopes",
            "schema": f"drain of {load.events:,} Debezium envelopes with schema",
            "paced": f"{load.rate_per_s or 0:,.0f}/s, API {load.delay_ms:.0f} ms, linger {job.linger_ms} ms",
            "hot": f"drain of {load.events:,} of {load.records} records, API {load.delay_ms:.0f} ms",
        }
        extras = [", CloudEvents"] * job.cloudevents + [", API names records"] * load.names_records
        extras += [", coalescing"] * job.coalesces + [", telemetry on"] * job.is_watched
        return parts[load.kind] + "".join(extras)


def plan(sizes: Sizes, *, hot: bool = False) -> list[Planned]:
    """List the runs: those that are compared stand side by side, so that a machine that slows down slows both.

    Args:
        sizes: how much is done.
        hot: whether hot records are drained as well, with `STREAM_COALESCE` and without.
    """
    drain = Workload("drain", sizes.drain_events, 0.0)
    named = Workload("drain", sizes.drain_events, 0.0, names_records=True)
    slow = Workload("slow", sizes.slow_events, 100.0)
    rival_drain = Workload("drain", sizes.slow_events, 0.0)
    mapped = (Workload("envelope", sizes.slow_events, 0.0), Workload("schema", sizes.slow_events // 2, 0.0))
    rounds = [Planned(job, drain, number) for number in range(1, sizes.repeats + 1) for job in IN_TURN]
    return [
        *rounds,
        Planned(_job("service"), named),
        *(Planned(replace(_job("service"), is_mapped=True), load) for load in mapped),
        Planned(_slow_job("service"), slow),
        *(Planned(_job(name, linger_ms=RIVAL_LINGER_MS), rival_drain) for name in RIVALS),
        *(Planned(_slow_job(name, linger_ms=RIVAL_LINGER_MS), slow) for name in RIVALS),
        *_paced(sizes),
        *(_hot(sizes) if hot else ()),
    ]


def _hot(sizes: Sizes) -> Sequence[Planned]:
    load = Workload("hot", sizes.hot_events, 10.0, records=HOT_RECORDS)
    return [Planned(replace(_job("service"), coalesces=coalesces), load) for coalesces in (False, True)]


def _paced(sizes: Sizes) -> Sequence[Planned]:
    load = Workload("paced", 2_000 * sizes.paced_s, 10.0, 2_000.0)
    return [
        *(
            Planned(_job("service", linger_ms=linger_ms, cloudevents=cloudevents), load)
            for linger_ms in (DEFAULT_LINGER_MS, SHORT_LINGER_MS)
            for cloudevents in (False, True)
        ),
        *(Planned(_job(name, linger_ms=SHORT_LINGER_MS), load) for name in RIVALS),
    ]


def _job(system: Name, *, linger_ms: int = DEFAULT_LINGER_MS, cloudevents: bool = False) -> Job:
    return Job(system, linger_ms, 8, 4, cloudevents)


def _slow_job(system: Name, *, linger_ms: int = DEFAULT_LINGER_MS) -> Job:
    return Job(system, linger_ms, 16, 8, cloudevents=False)


IN_TURN: Sequence[Job] = (
    _job("floor"),
    _job("service"),
    replace(_job("service"), is_watched=True),
    _job("service", cloudevents=True),
)
"""What drains the backlog by turns."""
