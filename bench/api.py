"""The API stand-in: a small C program (`api.c`), compiled when it is needed and started on a loopback port.

It is in C so that it is not the limit: it takes well over a million records a second, which `capacity` shows in each
report, and it leaves the two cores to what is measured.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

import httpx
import orjson

from stream.errors import StreamError
from stream.sandbox.kafka_process import BoundProcess
from stream.sandbox.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Sequence

SOURCE = Path(__file__).with_name("api.c")
FLAGS = ("-std=c11", "-O2", "-Wall", "-Wextra")
START_S = 10.0
CONNECTIONS = 4


class BenchError(StreamError):
    """The benchmark cannot be run, or a run of it cannot be used."""


class Counts(NamedTuple):
    """What the stand-in counted since it was told to begin anew; times in nanoseconds since 1970, 0 for none."""

    requests: int
    records: int
    bytes: int
    refused: int
    tokens: int
    most_open: int
    first_ns: int
    last_ns: int

    @property
    def mean_batch(self) -> float:
        """Records per request."""
        return self.records / self.requests if self.requests else 0.0


class ApiStandIn:
    """One process of the stand-in; as a context manager it is compiled and started, and ended."""

    def __init__(self, directory: Path) -> None:
        """Prepare it; program and log are written to `directory`."""
        self._directory = directory
        self._port = free_port()
        self.base_url = f"http://127.0.0.1:{self._port}"
        self._client = httpx.Client(base_url=self.base_url, trust_env=False)

    def __enter__(self) -> Self:
        """Compile and start it.

        Raises:
            BenchError: there is no C compiler, or it did not start.
        """
        program = _compile(self._directory)
        self._process = BoundProcess(
            (str(program), str(self._port)),
            cwd=self._directory,
            environ={},
            log_file=self._directory / "api.log",
            removed_with_us=None,
        )
        deadline_s = time.monotonic() + START_S
        while not self._answers():
            if time.monotonic() > deadline_s or not self._process.is_running():
                raise BenchError(f"the API stand-in did not start; see {self._directory / 'api.log'}")
            time.sleep(0.02)
        return self

    def __exit__(self, *_error: object) -> None:
        """End it."""
        self._client.close()
        self._process.send(signal.SIGKILL)
        self._process.wait()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def begin(self, delay_ms: float, *, names_records: bool = False) -> None:
        """Count anew, and answer by these rules from now on."""
        path = f"/bench?delay_us={round(1000 * delay_ms)}&names={int(names_records)}"
        self._client.post(path).raise_for_status()

    def counts(self) -> Counts:
        """Return what was counted."""
        return Counts(**self._client.get("/bench").raise_for_status().json())

    def capacity(self, body: bytes, seconds: float = 1.0) -> float:
        """Measure how many records a second it takes from connections that send the same body again and again."""
        self.begin(0.0)
        began_s = time.monotonic()
        senders = [threading.Thread(target=self._send_for, args=(body, began_s + seconds)) for _ in range(CONNECTIONS)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        return self.counts().records / (time.monotonic() - began_s)

    def _send_for(self, body: bytes, until_s: float) -> None:
        head = b"PATCH /api/v2/dataactions/records HTTP/1.1\r\nHost: api\r\nContent-Length: %d\r\n\r\n" % len(body)
        with socket.create_connection(("127.0.0.1", self._port)) as connection:
            while time.monotonic() < until_s:
                connection.sendall(head)
                connection.sendall(body)
                connection.recv(65_536)

    def _answers(self) -> bool:
        try:
            self.counts()
        except httpx.TransportError:
            return False
        return True


def _compile(directory: Path) -> Path:
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        raise BenchError(
            "the API stand-in of the benchmark is a C program, and there is no C compiler (cc); "
            "on Debian or Ubuntu run: apt-get install gcc libc6-dev"
        )
    program = directory / "api"
    done = subprocess.run(
        [compiler, *FLAGS, "-o", str(program), str(SOURCE)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BenchError(f"the API stand-in could not be compiled by {compiler}:\n{done.stderr}")
    return program


def request_body(datastore_id: str, records: Sequence[object]) -> bytes:
    """Write an execute request, for `capacity`."""
    return orjson.dumps({"dataStoreId": datastore_id, "records": records, "batchSize": len(records)})
