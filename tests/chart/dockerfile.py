"""Reads a Dockerfile as its builder would, and carries its steps out in a directory that stands for the image's root.

No engine is needed: every step of ours is a list of words, never a shell's line, so it can be run as it stands. What
the base image brings (a Python, an empty root) is given by the machine.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

NOTHING: Mapping[str, str] = MappingProxyType({})
_OF_THE_NETWORK = re.compile(r"(PIP|UV)_(?!CACHE_DIR)|SSL_CERT|REQUESTS_CA_BUNDLE$|HOME$|(?i:(https?|all|no)_proxy)$")


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction: its word, and the rest of its line."""

    word: str
    rest: str

    @property
    def words(self) -> list[str]:
        """What the instruction is given: the words of a JSON list, or those between spaces."""
        return list(map(str, json.loads(self.rest))) if self.rest.startswith("[") else shlex.split(self.rest)


@dataclass(slots=True)
class Stage:
    """One `FROM` and what follows: what the image of that stage is and does."""

    steps: list[Step]
    environment: dict[str, str] = field(default_factory=dict)
    directory: str = "/"

    def last(self, word: str) -> Step:
        """Return the instruction of that word that counts."""
        return [step for step in self.steps if step.word == word][-1]


def read(text: str) -> list[Stage]:
    """Return the stages of a Dockerfile."""
    stages: list[Stage] = []
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]
    for line in lines:
        word, _, rest = line.partition(" ")
        if word == "FROM":
            stages.append(Stage([]))
        if stages:
            stages[-1].steps.append(Step(word, rest.strip()))
    return stages


def carry_out(stage: Stage, context: Path, root: Path) -> None:
    """Do what a stage says, with `root` as the image's root; what is copied comes from `context`.

    Raises:
        CalledProcessError: a step failed.
    """
    for step in stage.steps:
        if step.word == "ENV":
            stage.environment |= dict(word.split("=", 1) for word in step.words)
        elif step.word == "WORKDIR":
            stage.directory = step.rest
            inside(root, step.rest).mkdir(parents=True, exist_ok=True)
        elif step.word == "COPY" and not step.rest.startswith("--from"):
            *sources, target = step.words
            for source in sources:
                _copy(context / source, inside(root, str(Path(stage.directory, target))), into=target.endswith("/"))
        elif step.word == "RUN":
            run(stage, step.words, root, machine=_network(), check=True)


def run(
    stage: Stage, words: list[str], root: Path, *, machine: Mapping[str, str] = NOTHING, check: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run a command of the image, with the image's environment; its absolute paths lie below `root`.

    Args:
        stage: whose environment and directory it has.
        words: the command.
        root: stands for the image's root.
        machine: what it is given beside that.
        check: whether to raise an error when it fails.
    """
    given = {name: value.replace("/opt/", f"{root}/opt/") for name, value in stage.environment.items()}
    path = given.pop("PATH", "$PATH").replace("$PATH", os.environ["PATH"])
    environment = {"HOME": "/nonexistent", **machine, "PATH": path, **given}
    command = [str(inside(root, word)) if word.startswith("/") else word for word in words]
    program = sys.executable if command[0] == "python" else shutil.which(command[0], path=path)
    if program is None:
        raise FileNotFoundError(f"{command[0]} is not in the image")
    directory = inside(root, stage.directory)
    return subprocess.run(
        [program, *command[1:]],
        cwd=directory,
        env=environment,
        check=check,
        capture_output=True,
        text=True,
        timeout=280,
    )


def _network() -> dict[str, str]:
    """Return how this machine reaches packages: a mirror, a proxy, an authority."""
    return {name: text for name, text in os.environ.items() if _OF_THE_NETWORK.match(name)}


def inside(root: Path, path: str) -> Path:
    """Return where an absolute path of the image lies."""
    return root / path.lstrip("/")


def _copy(source: Path, target: Path, *, into: bool) -> None:
    at = target / source.name if into else target
    at.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, at, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, at)
