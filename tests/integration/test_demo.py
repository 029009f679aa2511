"""The demo and the stand-in as a person runs them: they prove what they say, can fail, and leave nothing running."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import psutil
import pytest
from rich.console import Console

from stream.sandbox.demo import DemoOptions, run_demo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stream.sandbox.demo.evidence import Evidence

ROOT = Path(__file__).parents[2]
EVENT = '{"dataStoreId":"tickets","id":"7","fields":{"state":"open","changeNumber":1}}'

pytestmark = pytest.mark.usefixtures("kafka_installation")


class Called:
    """A command of `cxone-stream` in a process of its own, with what it says line by line."""

    def __init__(self, *arguments: str) -> None:
        """Start it, without a terminal."""
        self.lines: list[str] = []
        environ = {**os.environ, "COLUMNS": "200", "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, "-m", "stream", *arguments]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def read_until(self, said: str) -> str:
        """Read on until a line holds `said`; return that line."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line.rstrip("\n"))
            if said in line:
                return self.lines[-1]
        pytest.fail(f"it ended without saying {said!r}:\n" + "\n".join(self.lines))

    def interrupt(self) -> int:
        """Press Ctrl-C, so to speak, twice; read to the end, and return the exit code."""
        self._process.send_signal(signal.SIGINT)
        self._process.send_signal(signal.SIGINT)
        assert self._process.stdout is not None
        self.lines += self._process.stdout.read().splitlines()
        return self._process.wait(30)

    def family(self) -> list[psutil.Process]:
        """Return it and all that it has started."""
        me = psutil.Process(self._process.pid)
        return [me, *me.children(recursive=True)]

    def kill(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.communicate()


@contextmanager
def called(*arguments: str) -> Iterator[Called]:
    """Run a command, and see to it that it ends with the block."""
    command = Called(*arguments)
    try:
        yield command
    finally:
        command.kill()


def _all_gone(family: list[psutil.Process], within_s: float = 10.0) -> bool:
    _, alive = psutil.wait_procs(family, timeout=within_s)
    return not alive


def test_a_kept_demo_proves_itself_takes_events_and_ends_in_order() -> None:
    """Every figure adds up; a sent event shows its outcome; Ctrl-C, pressed twice, ends all and exits 0."""
    with called("demo", "--events", "3000", "--keep") as demo:
        demo.read_until("Every figure adds up.")
        base_url = demo.read_until("CXone stand-in    http").split()[-1]
        send = demo.read_until("/send 7").partition("| ")[2]
        demo.read_until("Ctrl-C ends it all")
        family = demo.family()
        assert len(family) > 4
        subprocess.run(send, shell=True, cwd=ROOT, input=EVENT, text=True, check=True)  # noqa: S602 - as a person would
        assert "APPLIED  tickets/7 is version 1" in demo.read_until("tickets/7")
        query = {"dataStoreId": "tickets", "id": "7"}
        history = httpx.get(f"{base_url}/_sandbox/history", params=query).json()
        assert [entry["fields"]["state"] for entry in history] == ["open"]
        assert demo.interrupt() == 0
        assert _all_gone(family)
    assert not any("WRONG" in line for line in demo.lines)


def _lose_one(evidence: Evidence) -> Evidence:
    return replace(evidence, outcomes=evidence.outcomes[1:])


def test_a_planted_loss_fails_the_verdict(tmp_path: Path) -> None:
    """With one outcome taken away before the verdict the demo says which lines are wrong, and does not succeed."""
    console, picture = Console(file=io.StringIO(), width=100), tmp_path / "demo.svg"
    assert not run_demo(DemoOptions(events=500, datastores=3, picture=picture), console, _lose_one)
    assert "WRONG" in picture.read_text(encoding="utf-8")
    assert isinstance(console.file, io.StringIO)
    wrong = [line.split("  ")[1] for line in console.file.getvalue().splitlines() if line.endswith("WRONG")]
    assert "events without an outcome (lost)" in wrong
    assert "exit code of the service after SIGTERM" not in wrong
    assert "records changed by each event once, in order" not in wrong


@pytest.mark.parametrize("said", ["from verified packages", "the backlog"])
def test_a_demo_that_is_interrupted_leaves_nothing_behind(said: str) -> None:
    """Ctrl-C while Kafka starts, or while the service does, ends all that was started, and is told in one line."""
    with called("demo", "--events", "200") as demo:
        demo.read_until(said)
        assert _eventually(lambda: len(demo.family()) > 2)
        family = demo.family()
        assert demo.interrupt() == 1
        assert _all_gone(family)
    assert demo.lines[-1] == "cxone-stream: ended before there was a verdict; nothing is left running"


def _eventually(holds: Callable[[], bool], within_s: float = 10.0) -> bool:
    deadline_s = time.monotonic() + within_s
    while not holds() and time.monotonic() < deadline_s:
        time.sleep(0.02)
    return holds()


def test_the_sandbox_is_served_with_what_was_asked_for() -> None:
    """It prints addresses that work, is armed with the faults, and fails every call from when it was told to."""
    fault = '{"kind": "delay", "min_s": 0.01, "max_s": 0.02}'
    options = ("--port", "0", "--fault", fault, "--outage-after", "0.2", "--outage-mode", "503", "--token-life", "9")
    with called("sandbox", *options) as sandbox:
        base_url = sandbox.read_until("serves at").split("serves at ")[1].partition(";")[0]
        assert sandbox.read_until("CXONE_BASE_URL=").endswith(f"={base_url}")
        control = sandbox.read_until("/_sandbox/state").split()[-1]
        assert [armed["kind"] for armed in httpx.get(control).json()["faults"]] == ["delay"]
        assert _eventually(lambda: httpx.get(control).json()["outage"] == "503")
        assert httpx.post(f"{base_url}/oauth/token").status_code == 503
        assert sandbox.interrupt() == 0
