"""Where a run keeps what it wrote: a directory for each, the last few of them."""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_KEPT_RUNS: Final = 4


def make_directory(runs: Path) -> Path:
    """Make a directory for this run, and remove those of runs long ago."""
    runs.mkdir(parents=True, exist_ok=True)
    for old in sorted(runs.iterdir())[:-_KEPT_RUNS]:
        shutil.rmtree(old, ignore_errors=True)
    directory = runs / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    directory.mkdir()
    return directory
