"""What is installed is what was locked: every package by hash, from wherever the machine gets its packages."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
JARS = sorted((ROOT / "stream" / "sandbox").glob("*-jars.sha256"))
PINNED = re.compile(r"[a-z0-9-]+==\S+( ; .+?)?( +--hash=sha256:[0-9a-f]{64})+")
PLACE = re.compile(r"(--(extra-)?index-url|--find-links|--trusted-host|(PIP|UV)_\w*INDEX\w*)[ =\"']+\w+[.:]")
"""What would say where packages come from: that is the machine's business."""


def unhashed(lock: str) -> list[str]:
    """Name the lines of a lock that are more, or less, than a pinned package with its hashes."""
    text = re.sub(r"^\s*#.*$", "", lock, flags=re.MULTILINE)
    requirements = re.sub(r"\\\n\s*", " ", text).splitlines()
    return [line for line in requirements if line.strip() and not PINNED.fullmatch(line.strip())]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_locked_package_has_its_hashes(lock: Path) -> None:
    """No package is locked by its name or version alone, and none comes from a place named in the lock."""
    text = lock.read_text()
    assert "==" in text
    assert unhashed(text) == []


@pytest.mark.parametrize(
    "line",
    [
        "orjson>=3.13",
        "orjson==3.13.0",
        "orjson==3.13.0 --hash=md5:00",
        "orjson @ https://example.com/orjson.whl",
        "--index-url https://example.com/simple",
        "-e .",
    ],
)
def test_a_package_without_a_hash_would_be_found(line: str) -> None:
    """Each way to weaken a lock is told."""
    good = "a-b==1.0 ; python_version < '3.13' \\\n    --hash=sha256:" + "0" * 64 + "\n    # via c\n"
    assert unhashed(good) == []
    assert unhashed(good + line + "\n") == [line]


def test_the_install_commands_demand_hashes() -> None:
    """Every installation from a lock says so, so that no lock could lose a hash unseen."""
    commands = (ROOT / "Makefile").read_text().replace("\\\n", " ").splitlines()
    installing = [line for line in commands if re.search(r"pip (sync|install|download)\b", line)]
    assert installing
    assert [
        line for line in installing if "--require-hashes" not in line and "--no-deps --no-build-isolation" not in line
    ] == []


@pytest.mark.parametrize("jars", JARS, ids=lambda jars: jars.stem)
def test_every_jar_has_its_hash(jars: Path) -> None:
    """The demo's broker and connector are made of files that are known byte for byte."""
    lines = jars.read_text().splitlines()
    assert len(lines) > 20
    assert all(re.fullmatch(r"[0-9a-f]{64}  [\w./-]+\.jar", line) for line in lines)


@pytest.mark.parametrize(
    ("line", "is_place"),
    [
        ("pip install --index-url https://packages.example/simple x", True),
        ("ENV PIP_INDEX_URL=https://packages.example", True),
        ('UV_DEFAULT_INDEX = "https://packages.example"', True),
        ("--trusted-host packages.example", True),
        ("ARG PIP_INDEX_URL", False),
    ],
)
def test_a_named_registry_would_be_found(line: str, is_place: bool) -> None:  # noqa: FBT001 - a case
    """Options and variables count where they name a place, not where they hand one through."""
    assert bool(PLACE.search(line)) is is_place


def test_no_file_says_where_packages_come_from() -> None:
    """A registry is chosen by the machine that installs; a file of the project that named one would override it."""
    listing = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    listed = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True).stdout
    found = []
    for name in filter(None, listed.decode().split("\0")):
        file = ROOT / name
        if file != Path(__file__) and file.is_file() and PLACE.search(file.read_text(errors="replace")):
            found.append(name)
    assert found == []
