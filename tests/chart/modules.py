"""Go modules, held by their hash: programs are built from them, schemas are read out of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "chart"
GO = ROOT / ".cache" / "chart-venv" / "bin" / "go"
LOCK = Path(__file__).with_name("modules.lock")

PROGRAMS = {
    "helm": ("helm.sh/helm/v4", "./cmd/helm", ""),
    "promtool": ("github.com/prometheus/prometheus", "./cmd/promtool", "remove_all_sd"),
}
"""Each program's module, its package there, and the build tags that leave out what is not needed."""

_ENVIRONMENT = {
    "CGO_ENABLED": "0",
    "GOCACHE": str(CACHE / "go-build"),
    "GOFLAGS": "-modcacherw -trimpath -buildvcs=false",
    "GONOSUMDB": "*",  # the lock says what a module must be; nobody else is asked
    "GOPATH": str(CACHE / "go"),
    "GOTOOLCHAIN": "local",
    "GOWORK": "off",  # a module of the cache is built by its own files alone
}


def directory(module: str) -> Path:
    """Return where a module of the lock lies, fetched and of the right content.

    Raises:
        ValueError: it is not the module that the lock means.
    """
    version, sum_ = _locked()[module]
    fetched = json.loads(_go("mod", "download", "-json", f"{module}@{version}", cwd=CACHE))
    if fetched["Sum"] != sum_:
        raise ValueError(f"{module} {version} has the hash {fetched['Sum']}, the lock says {sum_}")
    return Path(fetched["Dir"])


def build(program: str) -> Path:
    """Build a program of `PROGRAMS` into the cache, and return its path."""
    module, package, tags = PROGRAMS[program]
    target = CACHE / "bin" / program
    quick = ("-gcflags=all=-N -l -dwarf=false", "-ldflags=-s -w")  # compiled once and run for a minute
    _go("build", *quick, f"-tags={tags}", "-o", str(target), package, cwd=directory(module))
    return target


def _locked() -> dict[str, tuple[str, str]]:
    lines = [line.split() for line in LOCK.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return {module: (version, sum_) for module, version, sum_ in lines}


def _go(*arguments: str, cwd: Path) -> str:
    CACHE.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, **_ENVIRONMENT}
    return subprocess.run(
        [GO, *arguments], cwd=cwd, env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


if __name__ == "__main__":
    for name in sys.argv[1:]:
        build(name)
