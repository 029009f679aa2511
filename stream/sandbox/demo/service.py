"""The service as the demo runs it: a process of its own, configured by nothing but what is written here."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from ..kafka_process import BoundProcess

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType

INPUT_TOPIC: Final = "cxone.deltas"
OUTCOME_TOPIC: Final = "cxone.outcomes"
DEAD_LETTER_TOPIC: Final = "cxone.dead-letters"
LOG_FILE: Final = "service.log"
AUDIT_FILE: Final = "audit.jsonl"
SECRET_FILE: Final = "client-secret"  # noqa: S105 - a file's name
SCHEMAS: Final = Path(__file__).with_name("schemas")
DRAIN_S: Final = 10
_TAIL_LINES: Final = 5
_GRACE_S: Final = 5
_HEAD_LINES: Final = 50

# A proxy, a setting or a telemetry address that happens to be set must not reach the service.
_PASSED_ON: Final = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "TMPDIR")


def service_settings(base_url: str, client_id: str, bootstrap_servers: str, directory: Path) -> dict[str, str]:
    """Return the settings of the service; those that are not named are at their defaults.

    The client secret is read from `client-secret` in `directory`, the audit log goes there too.
    """
    return {
        "CXONE_BASE_URL": base_url,
        "CXONE_CLIENT_ID": client_id,
        "CXONE_CLIENT_SECRET_FILE": str(directory / SECRET_FILE),
        "KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers,
        "KAFKA_INPUT_TOPIC": INPUT_TOPIC,
        "KAFKA_OUTCOME_TOPIC": OUTCOME_TOPIC,
        "KAFKA_DEAD_LETTER_TOPIC": DEAD_LETTER_TOPIC,
        "STREAM_SCHEMAS_DIR": str(SCHEMAS),
        "STREAM_REQUIRE_SCHEMA": "true",
        "STREAM_AUDIT_LOG": str(directory / AUDIT_FILE),
        "STREAM_DRAIN_S": str(DRAIN_S),
        "STREAM_HTTP_ADDRESS": "127.0.0.1:0",
        "STREAM_LOG_FORMAT": "json",
    }


class Service:
    """`cxone-stream run` in a process of its own; it never outlives this one."""

    def __init__(self, settings: Mapping[str, str], directory: Path) -> None:
        """Prepare it, to be started in `directory`, where its log goes."""
        self.log_file = directory / LOG_FILE
        inherited = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        # A checkout that is not installed is found from elsewhere too.
        found = {"PYTHONPATH": str(Path(__file__).parents[3])}
        self._environ = {**inherited, **found, **settings}
        self._process: BoundProcess | None = None

    def start(self) -> None:
        """Start it; returns at once."""
        command = (sys.executable, "-m", "stream", "run")
        self._process = BoundProcess(
            command, cwd=self.log_file.parent, environ=self._environ, log_file=self.log_file, removed_with_us=None
        )

    @property
    def page(self) -> str | None:
        """The address of its status page, as its log tells it; None before it listens."""
        head = self.log_file.read_text(errors="replace").splitlines()[:_HEAD_LINES]
        lines = (json.loads(line) for line in head if line.startswith("{"))
        addresses = [line["address"] for line in lines if line["event"] == "http_listening"]
        return f"http://{addresses[0]}/" if addresses else None

    @property
    def exit_code(self) -> int | None:
        """What it ended with, negative by a signal; None before it has ended."""
        return None if self._process is None else self._process.exit_code

    def wait(self, timeout_s: float) -> int | None:
        """Wait until it has ended by itself, at most `timeout_s`; return its exit code, None when it still runs."""
        return self.exit_code if self._process is not None and self._process.wait(timeout_s) else None

    def end(self) -> None:
        """End it as an operator does, by SIGTERM; by SIGKILL when it takes far longer than it may."""
        if self._process is None:
            return
        self._process.send(signal.SIGTERM)
        if not self._process.wait(DRAIN_S + _GRACE_S):
            self._process.send(signal.SIGKILL)
            self._process.wait()

    def kill(self) -> None:
        """End it as a crash does (SIGKILL)."""
        if self._process is not None:
            self._process.send(signal.SIGKILL)
            self._process.wait()

    def log_tail(self) -> str:
        """Return the last lines of its log."""
        return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-_TAIL_LINES:])


class EndSignals:
    """Turns the first SIGINT, SIGTERM or SIGHUP into a KeyboardInterrupt, and ignores all later ones.

    So whatever runs ends in order, and an impatient second Ctrl-C does not leave half of it behind. For the main thread
    only; elsewhere it does nothing.
    """

    _NUMBERS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self) -> None:
        self._is_ending = False

    def __enter__(self) -> Self:
        """Take over the signals."""
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._on_signal) for number in self._NUMBERS}
        else:
            self._before = {}
        return self

    def __exit__(self, *_error: object) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def ignore(self) -> None:
        """Be deaf from now on: all ends already."""
        self._is_ending = True

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if not self._is_ending:
            self._is_ending = True
            raise KeyboardInterrupt
