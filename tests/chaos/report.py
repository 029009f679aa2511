"""What a campaign came to: figures, judged, as JSON for programs and as a table for people."""

from __future__ import annotations

import platform
import statistics
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

import orjson

from bench.machine import commit, machine
from stream.sandbox.kafka_jars import WANTED

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from _typeshed import DataclassInstance

    from ..harness.judgement import Judgement
    from .campaign import Campaign

GOOD = 200
MAX_RECOVERY_P95_S = 5.0
MAX_STALL_S = 60.0


@dataclass(frozen=True, slots=True)
class Figures:
    """All that is told of a campaign; times in seconds.

    `lost` and `doubled` count outcomes for a `read_committed` reader that ran along and for one afterwards, whichever
    found more. `executed_again` counts executions of events beyond their first; `executed_late` those after the event's
    outcome, of which there must be none: so what was executed again was in flight. `recovery_*` run from a kill -9 to
    the first committed outcome of the next process of that name; `stall_*` is the longest time without an outcome after
    the crash of a broker, `longest_silence_s` the longest of the whole run.
    """

    commit: str
    machine: str
    versions: Mapping[str, str]
    seed: int
    lasted_s: float
    events: int
    requests: int
    requests_failed: int
    kills: int
    kills_counted: int
    kills_in_transaction: int
    broker_crashes: int
    other_faults: Mapping[str, int]
    failed_and_restarted: int
    lost: int
    doubled: int
    out_of_order: int
    executed_again: int
    executed_late: int
    wrong_at_the_end: int
    contract_breaches: int
    recovery_p50_s: float
    recovery_p95_s: float
    recovery_max_s: float
    stall_p50_s: float
    stall_max_s: float
    longest_silence_s: float

    def failures(self) -> list[str]:
        """Name the figures that break a promise or a bound."""
        zero = ("lost", "doubled", "out_of_order", "executed_late", "wrong_at_the_end", "contract_breaches")
        wrong = [f"{name}: {getattr(self, name)}" for name in zero if getattr(self, name)]
        if self.recovery_p95_s >= MAX_RECOVERY_P95_S:
            wrong.append(f"recovery_p95_s: {self.recovery_p95_s}")
        if self.stall_max_s >= MAX_STALL_S:
            wrong.append(f"stall_max_s: {self.stall_max_s}")
        return wrong


def figures_of(campaign: Campaign, judgement: Judgement, began_s: float, ended_s: float) -> Figures:
    """Put together what is told of a campaign.

    Args:
        campaign: it has come to its end, and its stage is still there.
        judgement: of its stage.
        began_s: of the flow, in seconds since the epoch.
        ended_s: the same.
    """
    strikes, where = campaign.strikes, machine()
    requests = [request for request in campaign.stage.sandbox.requests if request.call == "execute"]
    returns_s = sorted(strike.back_s for strike in strikes.all if strike.back_s is not None) or [0.0]
    stalls_s = campaign.crash_stalls_s or [0.0]
    return Figures(
        commit=commit(),
        machine=f"{where.cores} cores, {where.cpu}",
        versions=_versions(),
        seed=campaign.plan.seed,
        lasted_s=round(ended_s - began_s, 1),
        events=judgement.events,
        requests=len(requests),
        requests_failed=sum(request.status != GOOD for request in requests),
        kills=len(strikes.all),
        kills_counted=strikes.counted,
        kills_in_transaction=sum(strike.in_transaction for strike in strikes.all),
        broker_crashes=len(campaign.crash_stalls_s),
        other_faults=dict(sorted(campaign.others.items())),
        failed_and_restarted=sum(keeper.restarts for keeper in campaign.keepers.values()),
        lost=sum(breach.startswith("lost") for breach in judgement.outcomes),
        doubled=sum(breach.startswith("doubled") for breach in judgement.outcomes),
        out_of_order=len(judgement.order),
        executed_again=judgement.executed_again,
        executed_late=len(judgement.late),
        wrong_at_the_end=len(judgement.state),
        contract_breaches=len(judgement.requests),
        recovery_p50_s=round(statistics.median(returns_s), 2),
        recovery_p95_s=round(returns_s[int(0.95 * (len(returns_s) - 1))], 2),
        recovery_max_s=round(returns_s[-1], 2),
        stall_p50_s=round(statistics.median(stalls_s), 2),
        stall_max_s=round(max(stalls_s), 2),
        longest_silence_s=round(campaign.stage.reader.longest_silence_s(began_s, ended_s), 2),
    )


def publish(name: str, figures: DataclassInstance, directory: Path) -> None:
    """Write figures as JSON into a directory, which is made if it is not there."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{name}.json").write_bytes(orjson.dumps(asdict(figures), option=orjson.OPT_INDENT_2) + b"\n")


def markdown(figures: Figures, command: str) -> str:
    """Write the figures as a table."""
    others = ", ".join(f"{name} ({times})" for name, times in figures.other_faults.items()) or "none"
    share = 100 * figures.requests_failed / max(figures.requests, 1)
    rows = {
        "events, each with one outcome": f"{figures.events:,}",
        "lost · doubled": f"{figures.lost} · {figures.doubled}",
        "executed out of order · after its outcome · wrong value at the end": (
            f"{figures.out_of_order} · {figures.executed_late} · {figures.wrong_at_the_end}"
        ),
        "executed again, directly after itself, undecided when it was interrupted": f"{figures.executed_again:,}",
        "kill -9 of an instance with work in flight": (
            f"{figures.kills_counted} of {figures.kills}, {figures.kills_in_transaction} inside of a transaction"
        ),
        "kill -9 of a broker with a transaction in hand": f"{figures.broker_crashes}",
        "requests that failed": f"{figures.requests_failed:,} of {figures.requests:,} ({share:.0f} %)",
        "other faults": others,
        "from kill -9 to the next outcome of that instance, p50 · p95 · longest": (
            f"{figures.recovery_p50_s} · {figures.recovery_p95_s} · {figures.recovery_max_s} s"
        ),
        "no outcome after a broker's crash, p50 · longest": f"{figures.stall_p50_s} · {figures.stall_max_s} s",
        "no outcome, longest of the whole run": f"{figures.longest_silence_s} s",
        "instances that ended with 1 and were started again": f"{figures.failed_and_restarted}",
        "lasted": f"{figures.lasted_s / 60:.0f} min",
    }
    head = f"Commit `{figures.commit}`, seed {figures.seed}; {figures.machine}; " + ", ".join(
        f"{name} {number}" for name, number in figures.versions.items()
    )
    table = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    return f"# Campaign of faults\n\n{head}. Again: `{command}`\n\n| what | figure |\n|---|---|\n{table}\n"


def _versions() -> dict[str, str]:
    return {
        "Python": platform.python_version(),
        "Kafka": WANTED[0].rpartition(":")[2],
        "confluent-kafka": version("confluent-kafka"),
    }
