"""A real Kafka Connect worker with Debezium's connector for PostgreSQL: one Java process, from packages alone.

It is the standalone kind: its connectors are given when it starts, and it keeps its place in a file. It never outlives
the process that started it.
"""

from __future__ import annotations

import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import httpx

from ..errors import StreamError
from .java import JAVA_ALWAYS, JAVA_OPTIONS, java_environ
from .kafka_process import BoundProcess
from .ports import free_port

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .kafka_jars import KafkaInstallation

Properties = dict[str, str]

JSON_CONVERTER: Final = "org.apache.kafka.connect.json.JsonConverter"
_WORKER: Final[Mapping[str, str]] = {
    "key.converter": JSON_CONVERTER,
    "value.converter": JSON_CONVERTER,
    "offset.storage.file.filename": "offsets",
    "offset.flush.interval.ms": "1000",
    # the class path is all there is: no directories of plugins
    "plugin.discovery": "service_load",
}
_STEP_S: Final = 0.1
_CALL_S: Final = 5.0
_STOP_S: Final = 20.0
_TAIL_LINES: Final = 25
_TRACE_LINES: Final = 4


class ConnectError(StreamError):
    """Kafka Connect did not come up, or one of its connectors failed; the message ends with what it says of it."""


class Connect:
    """One standalone worker; as a context manager it is started on entering, ended and removed on leaving."""

    def __init__(
        self, installation: KafkaInstallation, bootstrap_servers: str, connectors: Mapping[str, Properties]
    ) -> None:
        """Prepare a worker; nothing is started and no file is written.

        Args:
            installation: what `ensure_kafka` returned for `CONNECT`.
            bootstrap_servers: of the cluster that it writes to; its topics must be there.
            connectors: the properties of each connector by its name. They may hold passwords: they are written to
                files that only this user can read.
        """
        port = free_port()
        self._url = f"http://127.0.0.1:{port}"
        self._connectors = connectors
        listeners = {"bootstrap.servers": bootstrap_servers, "listeners": self._url}
        self._files = {"worker": {**_WORKER, **listeners}, **{n: {"name": n, **p} for n, p in connectors.items()}}
        options = (*JAVA_OPTIONS, *JAVA_ALWAYS, "-cp", installation.classpath)
        names = tuple(f"{name}.properties" for name in self._files)
        main = "org.apache.kafka.connect.cli.ConnectStandalone"
        self._command = (str(installation.java), *options, main, *names)
        self._directory: Path | None = None
        self._process: BoundProcess | None = None

    def start(self, timeout_s: float = 90.0) -> None:
        """Start it, and return when every connector has its task running (about 5 s).

        A running task may still be reading its first snapshot.

        Raises:
            ConnectError: it ended, a connector failed, or it took too long; nothing is left behind.
        """
        try:
            self._directory = Path(tempfile.mkdtemp(prefix="cxone-connect-"))
            (self._directory / "tmp").mkdir()
            for name, properties in self._files.items():
                text = "".join(f"{key}={value}\n" for key, value in properties.items())
                (self._directory / f"{name}.properties").write_text(text)
            self._process = BoundProcess(
                self._command,
                cwd=self._directory,
                environ=java_environ(),
                log_file=self._log_file,
                removed_with_us=self._directory,
            )
            self._wait_until_all_run(timeout_s)
        except BaseException:
            self.close()
            raise

    def check(self) -> None:
        """Make sure that it runs and that no connector has failed.

        Raises:
            ConnectError: it has ended, or one has; says why.
        """
        if self._process is None or not self._process.is_running():
            raise ConnectError(f"Kafka Connect has ended{self._log_tail()}")
        for name in self._connectors:
            self._is_running(name)

    def stop(self) -> None:
        """End it in its orderly way (SIGTERM): what it has read of the database is written, and its place kept."""
        if self._process is not None:
            self._process.send(signal.SIGTERM)
            if not self._process.wait(_STOP_S):
                self._process.send(signal.SIGKILL)
                self._process.wait()

    def close(self) -> None:
        """End it and remove its files."""
        if self._process is not None:
            self._process.send(signal.SIGKILL)
            self._process.wait()
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        """End it and clean up."""
        self.close()

    @property
    def _log_file(self) -> Path:
        return (self._directory or Path()) / "connect.log"

    def _wait_until_all_run(self, timeout_s: float) -> None:
        deadline_s = time.monotonic() + timeout_s
        while not all(map(self._is_running, self._connectors)):
            if self._process is None or not self._process.is_running():
                raise ConnectError(f"Kafka Connect ended while starting{self._log_tail()}")
            if time.monotonic() > deadline_s:
                raise ConnectError(f"Kafka Connect had not started within {timeout_s:g} s{self._log_tail()}")
            time.sleep(_STEP_S)

    def _is_running(self, name: str) -> bool:
        """Ask for one connector's status; False while there is none."""
        try:
            answer = httpx.get(f"{self._url}/connectors/{name}/status", timeout=_CALL_S, trust_env=False)
        except httpx.TransportError:
            return False
        if answer.is_error:
            return False
        status: dict[str, Any] = answer.json()
        parts: list[dict[str, Any]] = [status["connector"], *status["tasks"]]
        for part in parts:
            if part["state"] == "FAILED":
                why = "\n".join(str(part.get("trace", "")).splitlines()[:_TRACE_LINES])
                raise ConnectError(f"the connector {name} failed: {why}")
        return len(parts) > 1 and all(part["state"] == "RUNNING" for part in parts)

    def _log_tail(self) -> str:
        lines = self._log_file.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
        return "\n".join(["; the end of its log:", *lines])
