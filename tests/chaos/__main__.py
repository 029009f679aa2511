"""`python -m tests.chaos campaign|outage|soak|scaling`: the long runs, by hand; each says what it came to."""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from stream.sandbox.kafka_jars import ensure_kafka

from ..harness.cluster import Cluster
from ..harness.judgement import judge
from .campaign import Campaign, Plan, staged
from .outage import run_outage
from .report import figures_of, markdown, publish
from .scaling import run_scaling
from .soak import run_soak

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_TOLD = 10
GC_THRESHOLDS = (50_000, 20, 100)


def main() -> int:
    """Run what the command line says; 1 when a promise or a bound was broken."""
    arguments = _arguments()
    gc.set_threshold(*GC_THRESHOLDS)
    runs = {"campaign": _campaign, "outage": _outage, "soak": _soak, "scaling": _scaling}
    return runs[arguments.run](arguments)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--publish", type=Path, help="directory for figures and plots")
    runs = parser.add_subparsers(dest="run", required=True)
    campaign = runs.add_parser("campaign", help="kills, crashes and HTTP faults, mixed and seeded")
    plan = Plan()
    campaign.add_argument("--events", type=int, default=plan.events)
    campaign.add_argument("--kills", type=int, default=plan.kills)
    campaign.add_argument("--crashes", type=int, default=plan.crashes)
    campaign.add_argument("--rate-per-s", type=float, default=plan.rate_per_s)
    campaign.add_argument("--seed", type=int, default=plan.seed)
    outage = runs.add_parser("outage", help="the API is dead while events keep coming")
    outage.add_argument("--for-s", type=float, default=600.0)
    outage.add_argument("--rate-per-s", type=float, default=500.0)
    soak = runs.add_parser("soak", help="a steady rate with mild faults: what grows?")
    soak.add_argument("--for-s", type=float, default=1_800.0)
    soak.add_argument("--rate-per-s", type=float, default=5_000.0)
    scaling = runs.add_parser("scaling", help="throughput of 1, 2 and 4 instances; restarts under load")
    scaling.add_argument("--for-s", type=float, default=15.0)
    return parser.parse_args()


def _campaign(arguments: argparse.Namespace) -> int:
    plan = Plan(arguments.events, arguments.kills, arguments.crashes, arguments.rate_per_s, arguments.seed)
    with Cluster(ensure_kafka(), 3) as cluster, staged(cluster, _logs()) as stage:
        campaign = Campaign(stage, cluster, plan, _say)
        began_s = time.time()
        campaign.run()
        ended_s = time.time()
        _say("judging")
        judgement = judge(stage, [*campaign.strikes.times_s, *campaign.flow.interruptions_s()])
        figures = figures_of(campaign, judgement, began_s, ended_s)
    command = (
        f"python -m tests.chaos campaign --events {plan.events} --kills {plan.kills} --crashes {plan.crashes} "
        f"--rate-per-s {plan.rate_per_s:g} --seed {plan.seed}"
    )
    _say(markdown(figures, command))
    if arguments.publish:
        publish("campaign", figures, arguments.publish)
        (arguments.publish / "campaign.md").write_text(markdown(figures, command))
    return _verdict([*figures.failures(), *judgement.breaches])


def _outage(arguments: argparse.Namespace) -> int:
    with Cluster(ensure_kafka()) as cluster:
        figures, judgement = run_outage(cluster, _logs(), arguments.for_s, arguments.rate_per_s, arguments.publish)
    _say(f"{figures}; {judgement.executed_again} events executed again")
    if arguments.publish:
        publish("outage", figures, arguments.publish)
    return _verdict([*figures.failures(), *judgement.breaches])


def _soak(arguments: argparse.Namespace) -> int:
    with Cluster(ensure_kafka()) as cluster:
        figures = run_soak(cluster, _logs(), arguments.for_s, arguments.rate_per_s, arguments.publish)
    _say(f"{figures}")
    if arguments.publish:
        publish("soak", figures, arguments.publish)
    return _verdict(figures.failures())


def _scaling(arguments: argparse.Namespace) -> int:
    with Cluster(ensure_kafka()) as cluster:
        figures = run_scaling(cluster, _logs(), arguments.for_s, arguments.publish)
    _say(f"{figures}")
    if arguments.publish:
        publish("scaling", figures, arguments.publish)
    return _verdict(figures.failures())


def _logs() -> Path:
    directory = Path(tempfile.mkdtemp(prefix="cxone-chaos-"))
    _say(f"logs in {directory}")
    return directory


def _verdict(failures: Sequence[str]) -> int:
    _say("\n".join(["FAILED", *failures[:MAX_TOLD]]) if failures else "every promise was kept")
    return int(bool(failures))


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
