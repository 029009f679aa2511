"""The systems that are measured, each as a command with an environment: the service, the floor, the rivals."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from stream.sandbox.kafka_process import BoundProcess

from .collector import collecting
from .task import Task

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).parents[1]
STOP_S = 25.0
TAIL_LINES = 15
MAPPING_FILE = "mapping.toml"
"""Stands in the directory of a run's files."""

Name = Literal["service", "floor", "quix", "arroyo"]
TITLES: Mapping[Name, str] = {
    "service": "cxone-delta-stream",
    "floor": "floor",
    "quix": "Quix Streams",
    "arroyo": "Arroyo",
}
RIVALS: Sequence[Name] = ("quix", "arroyo")


@dataclass(frozen=True, slots=True)
class Job:
    """What one run of a system is told beside the places of things.

    `is_mapped`: its events come from a connector. `is_watched`: traces, metrics and the pages of its own are all on.
    """

    system: Name
    linger_ms: int
    max_in_flight: int
    max_in_flight_per_datastore: int
    cloudevents: bool
    is_mapped: bool = False
    coalesces: bool = False
    is_watched: bool = False


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are: broker, API, topics, the schemas, a directory for the run's files."""

    bootstrap_servers: str
    api_url: str
    input_topic: str
    outcome_topic: str
    schemas_dir: Path
    directory: Path


class RunningSystem:
    """One process of a system, from construction until the end of the `with`; then `ended_well` says how it ended."""

    def __init__(self, job: Job, places: Places, rival_pythons: Mapping[Name, Path]) -> None:
        """Start it.

        Args:
            job: which system, and what it is told.
            places: where things are.
            rival_pythons: the interpreter of each rival's own environment.
        """
        self._log_file = places.directory / f"{places.outcome_topic}.log"
        self.ended_well = False
        self._ending = ExitStack()
        watching = self._ending.enter_context(collecting()) if job.is_watched else {}
        python = rival_pythons.get(job.system, Path(sys.executable))
        self._process = BoundProcess(
            (str(python), *_arguments(job.system)),
            cwd=places.directory,
            environ={**_environ(job, places), **watching},
            log_file=self._log_file,
            removed_with_us=None,
        )

    def __enter__(self) -> Self:
        """Return itself: it runs already."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Ask it to end, and make it end when it does not."""
        was_running = self._process.is_running()
        self._process.send(signal.SIGTERM)
        self.ended_well = was_running and self._process.wait(STOP_S) and self._process.exit_code == 0
        self._process.send(signal.SIGKILL)
        self._process.wait()
        self._ending.close()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended by itself."""
        return self._process.is_running()

    def log_tail(self) -> str:
        """Return the end of its log, for a failure."""
        return "\n".join(self._log_file.read_text(errors="replace").splitlines()[-TAIL_LINES:])


def _arguments(name: Name) -> tuple[str, ...]:
    modules: Mapping[Name, tuple[str, ...]] = {
        "service": ("stream", "run"),
        "floor": ("bench.floor",),
        "quix": ("bench.rival_quix",),
        "arroyo": ("bench.rival_arroyo",),
    }
    return ("-m", *modules[name])


def _environ(job: Job, places: Places) -> dict[str, str]:
    """Write a whole environment: nothing of the caller's settings gets through."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    told = _service_environ(job, places) if job.system == "service" else _task(job, places).environ()
    return {**kept, "PYTHONPATH": str(ROOT), **told}


def _task(job: Job, places: Places) -> Task:
    return Task(
        places.bootstrap_servers,
        places.api_url,
        places.input_topic,
        places.outcome_topic,
        f"group-{places.outcome_topic}",
        job.linger_ms / 1000,
        job.max_in_flight,
        places.schemas_dir,
    )


def _service_environ(job: Job, places: Places) -> dict[str, str]:
    """Configure the service as a user does; what is not here has its default, audit and log at INFO included."""
    return {
        "CXONE_BASE_URL": places.api_url,
        "CXONE_CLIENT_ID": "benchmark",
        "CXONE_CLIENT_SECRET": "benchmark",
        "CXONE_MAX_IN_FLIGHT": str(job.max_in_flight),
        "CXONE_MAX_IN_FLIGHT_PER_DATASTORE": str(job.max_in_flight_per_datastore),
        "KAFKA_BOOTSTRAP_SERVERS": places.bootstrap_servers,
        "KAFKA_GROUP_ID": f"group-{places.outcome_topic}",
        "KAFKA_INPUT_TOPIC": places.input_topic,
        "KAFKA_OUTCOME_TOPIC": places.outcome_topic,
        "STREAM_BATCH_LINGER_MS": str(job.linger_ms),
        **({"STREAM_MAPPING_FILE": MAPPING_FILE} if job.is_mapped else {}),
        "STREAM_CLOUDEVENTS": str(job.cloudevents).lower(),
        "STREAM_COALESCE": "fields" if job.coalesces else "off",
        "STREAM_SCHEMAS_DIR": str(places.schemas_dir),
        "STREAM_REQUIRE_SCHEMA": "true",
        "STREAM_AUDIT_LOG": f"{places.outcome_topic}.audit",
        "STREAM_HTTP_ADDRESS": "off",
    }
