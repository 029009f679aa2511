"""`python -m tests.fuzz --for-s 600`: any bytes as a message. With files it holds those cases again, and nothing else.

What broke a promise is kept in `.cache/fuzz/` and told with the command that plays it again.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .dice import roll
from .seeds import seeds

if TYPE_CHECKING:
    from collections.abc import Callable

DIRECTORY: Final = Path(".cache/fuzz")


def main() -> int:
    """Do what the command line says; 1 when a promise was broken."""
    arguments = _arguments()
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    if arguments.cases:
        return _again(arguments.cases)
    if arguments.engine == "atheris":
        from .coverage_guided import guide  # noqa: PLC0415 - it needs a package that is not to be had everywhere

        guide(_hold, DIRECTORY, arguments.seed, for_s=arguments.for_s)
    return _roll(arguments.seed, arguments.for_s)


def _arguments() -> argparse.Namespace:
    guided = importlib.util.find_spec("atheris") is not None
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--for-s", type=int, default=600, help="how long, in seconds (600)")
    parser.add_argument("--seed", type=int, default=1, help="of the dice (1)")
    parser.add_argument("--engine", choices=["atheris", "dice"], default="atheris" if guided else "dice")
    parser.add_argument("cases", nargs="*", type=Path, help="files to hold again")
    return parser.parse_args()


def _hold() -> Callable[[bytes], str]:
    from .target import Target  # noqa: PLC0415 - imported by the engine, which may watch what is imported

    return Target().hold


def _again(cases: list[Path]) -> int:
    hold = _hold()
    for case in cases:
        sys.stdout.write(f"{case}: {hold(case.read_bytes())}\n")
    return 0


def _roll(seed: int, for_s: float) -> int:
    ends_s = time.monotonic() + for_s
    findings = roll(_hold(), seeds(), seed, lambda: time.monotonic() < ends_s)
    sys.stdout.write(findings.told())
    if findings.error is None:
        return 0
    kept = DIRECTORY / "broken"
    kept.write_bytes(findings.case or b"")
    traceback.print_exception(findings.error)
    sys.stdout.write(f"play it again: python -m tests.fuzz {kept}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
