"""The service as operators see it: a process with an environment, a log, an audit log and an exit code."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import psutil

from .waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).parents[2]
RUN = ("-m", "stream", "run")
TAIL_LINES = 40


class Service:
    """One process, started on construction; its log is JSON on stderr, its audit goes to stdout, each into a file."""

    def __init__(self, name: str, environ: Mapping[str, str], directory: Path, arguments: Sequence[str] = RUN) -> None:
        """Start it.

        Args:
            name: of its files; a process that is started again under the same name appends to them.
            environ: its whole environment.
            directory: where it runs and where its files lie.
            arguments: for this Python.
        """
        self.name = name
        self.log_file = directory / f"{name}.log"
        self.audit_file = directory / f"{name}.audit"
        self._read_bytes = self.log_file.stat().st_size if self.log_file.exists() else 0
        self._lines: list[dict[str, Any]] = []
        with self.log_file.open("ab") as log, self.audit_file.open("ab") as audit:
            self._process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=directory,
                env={**environ, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=audit,
                stderr=log,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def largest_growth_bytes(self, for_s: float, what: str) -> int:
        """Watch how far its memory grows over what it holds now.

        Args:
            for_s: how long.
            what: goes on meanwhile; for a failure.
        """
        until_s, before_bytes = time.monotonic() + for_s, self.rss_bytes
        growth_bytes = [0]

        def is_over() -> bool:
            growth_bytes.append(self.rss_bytes - before_bytes)
            return time.monotonic() > until_s

        eventually(is_over, 2 * for_s + 10.0, f"the end of {what}")
        return max(growth_bytes)

    @property
    def rss_bytes(self) -> int:
        """The memory that it holds now."""
        return int(psutil.Process(self.pid).memory_info().rss)

    @property
    def command_line(self) -> str:
        """What every user of the machine can see of it."""
        return " ".join(psutil.Process(self.pid).cmdline())

    def addresses(self) -> set[str]:
        """Name its ends of connections, as `host:port`."""
        connections = psutil.Process(self.pid).net_connections("tcp4") if self.is_running else []
        return {f"{each.laddr.ip}:{each.laddr.port}" for each in connections}

    def kill(self) -> None:
        """End it as a crash does (SIGKILL)."""
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        """Let nothing run in it (SIGSTOP), as on a machine that is paused."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on (SIGCONT)."""
        self._process.send_signal(signal.SIGCONT)

    def terminate(self) -> None:
        """Ask it to end in its orderly way (SIGTERM)."""
        self._process.send_signal(signal.SIGTERM)

    def exit_code(self, within_s: float) -> int:
        """Wait for its end.

        Raises:
            AssertionError: it did not end in time.
        """
        eventually(lambda: not self.is_running, within_s, f"the end of process {self.name}")
        return self._process.wait()

    def lines(self, event: str) -> list[dict[str, Any]]:
        """Read the log lines of one kind of happening, of this process alone."""
        with self.log_file.open("rb") as log:
            log.seek(self._read_bytes)
            whole = log.read().rpartition(b"\n")[0]
        if whole:
            self._read_bytes += len(whole) + 1
            self._lines += [orjson.loads(line) for line in whole.split(b"\n") if line.startswith(b"{")]
        return [line for line in self._lines if line["event"] == event]

    def complaints(self) -> list[dict[str, Any]]:
        """Read what the clients of Kafka complained of, in their own lines and in the service's."""
        self.lines("")
        return [
            line
            for line in self._lines
            if line["event"] == "consumer_error" or str(line.get("logger")).startswith("kafka.")
        ]

    def audit_lines(self) -> list[dict[str, Any]]:
        """Read the whole lines of the audit log, of all processes of this name; a crash may have cut off the last."""
        return [orjson.loads(line) for line in self.audit_file.read_bytes().split(b"\n")[:-1]]

    def tail(self) -> str:
        """Return the end of its log, for a failure."""
        lines = self.log_file.read_text(errors="replace").splitlines()[-TAIL_LINES:]
        return "\n".join([f"--- {self.name}, the end of its log:", *lines])
