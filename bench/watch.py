"""Looks at processes while they work: the system's CPU time, memory and outcomes; what everybody else takes."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import psutil

from .api import BenchError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .systems import RunningSystem
    from .topics import Ends

SAMPLE_S = 0.05
CHILDREN_S = 1.0
QUIET_S = 1.0
"""When the outcome topic has not grown for so long after enough has come, the work is done."""
KAFKA, API, BENCH, ELSEWHERE = "Kafka", "API", "bench", "elsewhere"


class Sample(NamedTuple):
    """One look at a system: clock in seconds since 1970, CPU seconds so far, memory, how far the outcomes reach."""

    at_s: float
    cpu_s: float
    rss_bytes: int
    end: int


class Watch:
    """Samples one process tree and the outcome topic."""

    def __init__(self, system: RunningSystem, ends: Ends) -> None:
        self._system = system
        self._process = psutil.Process(system.pid)
        self._ends = ends
        self._children: list[psutil.Process] = []
        self._children_at_s = 0.0
        self.samples: list[Sample] = [self._sample()]
        self.grown_at_s = time.monotonic()

    def until(self, is_done: Callable[[], bool], limit_s: float) -> bool:
        """Sample until it is done; False when that takes longer than the limit.

        Raises:
            BenchError: the system ended by itself.
        """
        deadline_s = time.monotonic() + limit_s
        while not is_done():
            if not self._system.is_running:
                raise BenchError(f"it ended by itself; the end of its log:\n{self._system.log_tail()}")
            if time.monotonic() > deadline_s:
                return False
            time.sleep(SAMPLE_S)
            sample = self._sample()
            if sample.end > self.samples[-1].end:
                self.grown_at_s = time.monotonic()
            self.samples.append(sample)
        return True

    def is_quiet(self, expected: int) -> bool:
        """Whether as much as expected has come, and nothing more for a while."""
        return self.samples[-1].end >= expected and time.monotonic() - self.grown_at_s > QUIET_S

    def peak_bytes(self) -> int:
        """Return the most memory: as sampled, or as the kernel has it for a system of one process."""
        sampled = max(sample.rss_bytes for sample in self.samples)
        with suppress(OSError, StopIteration):
            status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
            return max(sampled, next(int(line.split()[1]) * 1024 for line in status.splitlines() if "VmHWM" in line))
        return sampled

    def _sample(self) -> Sample:
        if time.monotonic() - self._children_at_s > CHILDREN_S:
            self._children_at_s = time.monotonic()
            self._children = self._process.children(recursive=True)
        cpu_s, rss_bytes = _cpu_s(self._process), self._process.memory_info().rss
        for child in self._children:
            with suppress(psutil.NoSuchProcess):
                cpu_s += _cpu_s(child)
                rss_bytes += child.memory_info().rss
        return Sample(time.time(), cpu_s, rss_bytes, self._ends.total())


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


class Others:
    """What others than the system take of the CPU, from construction on."""

    def __init__(self, kafka_pid: int, api_pid: int) -> None:
        self._processes = {KAFKA: psutil.Process(kafka_pid), API: psutil.Process(api_pid), BENCH: psutil.Process()}
        self._began_s = time.monotonic()
        self._before_s = self._now_s()

    @property
    def seconds(self) -> float:
        """For how long."""
        return time.monotonic() - self._began_s

    def cpu_s(self, system_cpu_s: float) -> dict[str, float]:
        """Return CPU seconds by name; `ELSEWHERE` is what nobody here has taken.

        Args:
            system_cpu_s: what the system has taken from the same moment on.
        """
        taken = {name: now_s - self._before_s[name] for name, now_s in self._now_s().items()}
        return {**taken, ELSEWHERE: max(taken.pop(ELSEWHERE) - sum(taken.values()) - system_cpu_s, 0.0)}

    def _now_s(self) -> dict[str, float]:
        times = psutil.cpu_times()
        busy_s = sum(times) - times.idle - times.iowait - times.guest - times.guest_nice
        return {**{name: _cpu_s(process) for name, process in self._processes.items()}, ELSEWHERE: busy_s}
