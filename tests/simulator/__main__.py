"""`python -m tests.simulator --seeds 2000`: runs seeds, counts what befell them, and prints whoever broke a promise.

`--seed K` replays one with its whole trace; `--bug NAME` plants a bug, to see how the judge finds it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from .bugs import BUGS
from .run import Report, play, silent_logs
from .wiring import Wiring

SHORT_TRACE = 25
MAX_TOLD = 5


def main() -> int:
    """Run what the command line says; 1 when a promise was broken."""
    arguments = _arguments()
    wiring = BUGS[arguments.bug] if arguments.bug else Wiring()
    with silent_logs():
        if arguments.seed is not None:
            return _replay(arguments.seed, wiring)
        return _run(range(arguments.first, arguments.first + arguments.seeds), wiring)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulator", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2_000, help="how many to run (2000)")
    parser.add_argument("--first", type=int, default=0, help="the first of them (0)")
    parser.add_argument("--seed", type=int, help="replay this one, with its whole trace")
    parser.add_argument("--bug", choices=sorted(BUGS), help="plant this bug")
    return parser.parse_args()


def _replay(seed: int, wiring: Wiring) -> int:
    report = play(seed, wiring)
    _print("\n".join(map(str, report.trace)))
    _print(_verdict(report))
    _print(f"digest {report.digest}")
    return int(report.broken is not None)


def _run(seeds: range, wiring: Wiring) -> int:
    began_s = time.monotonic()
    counts: Counter[str] = Counter()
    broken: list[Report] = []
    events, lasted_s = 0, 0.0
    for seed in seeds:
        report = play(seed, wiring)
        counts.update(report.counts)
        events, lasted_s = events + report.events, lasted_s + report.lasted_s
        if report.broken is not None:
            broken.append(report)
            if len(broken) <= MAX_TOLD:
                _print("\n".join(map(str, report.trace[-SHORT_TRACE:])))
                _print(f"{_verdict(report)}; python -m tests.simulator --seed {seed}\n")
    _print("\n".join(f"{number:>9}  {what.replace('_', ' ')}" for what, number in sorted(counts.items())))
    took_s = time.monotonic() - began_s
    _print(
        f"\n{len(seeds)} seeds in {took_s:.1f} s ({60 * len(seeds) / took_s:.0f} a minute): {events} events, "
        f"{lasted_s / 3600:.1f} hours of virtual time; {len(broken)} broke a promise"
    )
    return int(bool(broken))


def _verdict(report: Report) -> str:
    if report.broken is None:
        return f"seed {report.seed}: every promise was kept"
    return f"seed {report.seed} broke {report.broken}"


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
