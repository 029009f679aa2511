"""On what was measured, and what: the machine, the versions, the commit."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from .systems import ROOT, TITLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .systems import Name

GIBIBYTE = 1_073_741_824
OURS = ("confluent-kafka", "httpx", "orjson", "jsonschema-rs")
RIVAL_PACKAGES: Mapping[Name, str] = {"quix": "quixstreams", "arroyo": "sentry-arroyo"}
REPORTS = "docs/bench"


@dataclass(frozen=True, slots=True)
class Machine:
    """Where it ran."""

    cpu: str
    cores: int
    memory_gib: float
    system: str
    load_before: float
    """Processes that wanted a core in the minute before: above 0.5, somebody else was at work."""


def machine() -> Machine:
    """Describe this machine, as it is before the first run."""
    return Machine(
        _cpu_model(),
        len(os.sched_getaffinity(0)),
        round(psutil.virtual_memory().total / GIBIBYTE, 1),
        f"{platform.system()} {platform.release()}",
        round(os.getloadavg()[0], 2),
    )


def versions(kafka: str, rival_pythons: Mapping[Name, Path]) -> dict[str, str]:
    """Name the versions of everything that was measured; `kafka` is the broker's."""
    found = {"Python": platform.python_version(), "Kafka": kafka, **{name: version(name) for name in OURS}}
    for rival, python in rival_pythons.items():
        found[TITLES[rival]] = _version_in(python, RIVAL_PACKAGES[rival])
        found[f"confluent-kafka of {TITLES[rival]}"] = _version_in(python, "confluent-kafka")
    return found


def commit() -> str:
    """Name the commit, and say when files differ from it; reports do not count."""
    name = _git("rev-parse", "--short=12", "HEAD")
    changed = _git("status", "--porcelain", "--", ".", f":(exclude){REPORTS}")
    return f"{name or 'unknown'}{' and changes' if changed else ''}"


def _git(*arguments: str) -> str:
    git = shutil.which("git")
    if git is None:
        return ""
    done = subprocess.run([git, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _version_in(python: Path, package: str) -> str:
    script = f"from importlib.metadata import version; print(version({package!r}))"
    done = subprocess.run([str(python), "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())
