"""`python -m tests.simulator --seeds 2000`: runs seeds, counts what befell them, and prints whoever broke a promise.

`--seed K` replays one with its whole trace; `--bug NAME` plants a bug, to see how the judge finds it; `--bugs` plants
them all, one after the other, and tells how many seeds each one needs. `--jobs N` runs N processes side by side (as
many as there are processors); what a seed does never depends on it.

Seeded runs of the whole core on a virtual clock: the real loop, a fake Kafka, a fake API, and random misfortune.

`world` keeps time; `plan`, `workload` and `trouble` draw what a seed means; `run` plays it, `crew` plays many.
The world outside: `kafka` and `group`; `api`, with what it keeps (`records`), how it answers (`nature`) and what
befalls it (`weather`). One instance: `service` is one life of it, `source` (with `reader`), `sink`, `pool` its ports.
The judge, by contract section 4, knows nothing of the code that it judges: `model` for order and offsets, `truth` for
what outcomes say (by `history`), `thrift` for what isolation may cost, `restraint` for what is down, `merging` for
what goes together, `ending` for all.
`bugs` shows that it can condemn: what is planted stands in `misdeeds`, `misfits`, `mergers` and `misreadings`.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from .bugs import BUGS
from .crew import Tally, find, run_all
from .run import Report, play, silent_logs
from .wiring import Wiring

SHORT_TRACE = 25
MAX_TOLD = 5


def main() -> int:
    """Run what the command line says; 1 when a promise was broken."""
    arguments = _arguments()
    with silent_logs():
        if arguments.seed is not None:
            return _replay(arguments.seed, arguments.bug)
        if arguments.bugs:
            return _plant_all(arguments.first, arguments.seeds, arguments.jobs)
        return _run(range(arguments.first, arguments.first + arguments.seeds), arguments.bug, arguments.jobs)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulator", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2_000, help="how many to run (2000)")
    parser.add_argument("--first", type=int, default=0, help="the first of them (0)")
    parser.add_argument("--seed", type=int, help="replay this one, with its whole trace")
    parser.add_argument("--bug", choices=sorted(BUGS), help="plant this bug")
    parser.add_argument("--bugs", action="store_true", help="plant each bug, and tell how many seeds it needs")
    parser.add_argument("--jobs", type=int, default=_processors(), help="how many processes share the work")
    return parser.parse_args()


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _replay(seed: int, bug: str | None) -> int:
    report = play(seed, _wiring(bug))
    _print("\n".join(map(str, report.trace)))
    _print(_verdict(report))
    _print(f"digest {report.digest}")
    return int(report.broken is not None)


def _run(seeds: range, bug: str | None, jobs: int) -> int:
    began_s = time.monotonic()
    tally = Tally()
    for each in run_all(seeds, bug, jobs):
        tally.add(each)
        if each.broken is not None and len(tally.broken) <= MAX_TOLD:
            _tell(each.seed, bug)
    took_s = time.monotonic() - began_s
    _print("\n".join(f"{number:>9}  {what.replace('_', ' ')}" for what, number in sorted(tally.counts.items())))
    if len(tally.broken) > MAX_TOLD:
        _print(f"\nbroken: seeds {' '.join(map(str, sorted(tally.broken)))}")
    _print(
        f"\n{len(seeds)} seeds in {took_s:.1f} s ({60 * len(seeds) / took_s:.0f} a minute): {tally.events} events, "
        f"{tally.lasted_s / 3600:.1f} hours of virtual time; {len(tally.broken)} broke a promise"
    )
    return int(bool(tally.broken))


def _tell(seed: int, bug: str | None) -> None:
    """Play a seed again, for its trace."""
    report = play(seed, _wiring(bug))
    _print("\n".join(map(str, report.trace[-SHORT_TRACE:])))
    option = f' --bug "{bug}"' if bug else ""
    _print(f"{_verdict(report)}; python -m tests.simulator --seed {seed}{option}\n")


def _plant_all(first: int, most: int, jobs: int) -> int:
    survived = 0
    for bug in BUGS:
        found = find(range(first, first + most), bug, jobs)
        survived += found is None
        _print(f"{bug:<45} {f'{found.seed - first + 1:>5} seeds: {found.broken}' if found else 'NOT FOUND'}")
    _print(f"\n{len(BUGS) - survived} of {len(BUGS)} planted bugs were found")
    return int(survived > 0)


def _wiring(bug: str | None) -> Wiring:
    return BUGS[bug] if bug else Wiring()


def _verdict(report: Report) -> str:
    if report.broken is None:
        return f"seed {report.seed}: every promise was kept"
    return f"seed {report.seed} broke {report.broken}"


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
