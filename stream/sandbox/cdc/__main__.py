"""`python -m stream.sandbox.cdc`: what `make cdc` runs."""

from __future__ import annotations

import argparse
import sys

from rich.console import Console

from ...errors import StreamError
from .script import CdcOptions, run_cdc


def main() -> int:
    """Read the command line, play, and return the exit code."""
    usual = CdcOptions()
    parser = argparse.ArgumentParser(prog="make cdc", description="From a real database to CXone, with the proof.")
    parser.add_argument("--rows", type=int, default=usual.rows, help="statements, each of one row")
    parser.add_argument("--kills", type=int, default=usual.kills, help="how often the service is killed")
    given = parser.parse_args()
    try:
        return 0 if run_cdc(CdcOptions(given.rows, given.kills), Console()) else 1
    except StreamError as error:
        print(f"cdc: {error}", file=sys.stderr)  # noqa: T201 - a command's last word
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
