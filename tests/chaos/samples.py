"""Looks at a process once a second while it works, and draws what was seen."""

from __future__ import annotations

import statistics
import threading
import time
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, Self

import psutil

from bench.plots import Line, Mark, lines

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ..harness.service import Service
    from ..harness.stage import Stage

STEP_S = 1.0
MEBIBYTE = 1_048_576
HOUR_S = 3_600.0
WARM_SHARE = 0.2
"""Of a run, at its beginning: caches fill, the heap finds its size."""
STYLE = """<style>
svg { background: #fff; font: 13px system-ui, sans-serif } text { fill: #1c2330 }
.tick, .mark-label { font-size: 11.5px; fill: #5b6472 } .grid { stroke: #e1e5ea }
.mark { stroke: #b91c1c; stroke-dasharray: 4 3 } .mark-label { fill: #b91c1c }
polyline { fill: none; stroke: #2563eb; stroke-width: 2; stroke-linejoin: round }
</style>"""


class Sample(NamedTuple):
    """One look: seconds since the first, memory, descriptors, threads, outcomes so far, offsets not committed."""

    at_s: float
    rss_mib: float
    descriptors: int
    threads: int
    outcomes: int
    lag: int


class Sampler:
    """Samples one service from construction until closed, in a thread of its own."""

    def __init__(self, stage: Stage, service: Service) -> None:
        self.samples: list[Sample] = []
        self._stage = stage
        self._process = psutil.Process(service.pid)
        self._began_s = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)
        self._thread.start()

    @property
    def now_s(self) -> float:
        """Seconds since the first sample."""
        return time.monotonic() - self._began_s

    def __enter__(self) -> Self:
        """Use it in a `with` block."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Look no more."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        with suppress(psutil.NoSuchProcess):
            while not self._stop.wait(STEP_S):
                self.samples.append(
                    Sample(
                        self.now_s,
                        self._process.memory_info().rss / MEBIBYTE,
                        self._process.num_fds(),
                        self._process.num_threads(),
                        len(self._stage.reader),
                        self._stage.lag() or 0,
                    )
                )


def slope_per_h(samples: Sequence[Sample], value: Callable[[Sample], float]) -> float:
    """Fit a line through a value of the samples after the warm-up; return its rise in an hour."""
    warm = samples[int(WARM_SHARE * len(samples)) :]
    fitted = statistics.linear_regression([each.at_s for each in warm], [value(each) for each in warm])
    return fitted.slope * HOUR_S


def rates(samples: Sequence[Sample]) -> list[tuple[float, float]]:
    """Outcomes a second, over each ten samples."""
    steps = samples[::10]
    return [
        (later.at_s, (later.outcomes - earlier.outcomes) / (later.at_s - earlier.at_s))
        for earlier, later in pairwise(steps)
    ]


def draw(
    file: Path,
    points: Sequence[tuple[float, float]],
    y_name: str,
    marks: Sequence[Mark] = (),
    *,
    x_name: str = "seconds",
) -> None:
    """Draw one line, over time unless `x_name` says otherwise, into a file of its own."""
    drawn = lines([Line(y_name, points, "service")], x_name, y_name, marks)
    picture = drawn[: drawn.index("</svg>") + len("</svg>")]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(
        picture.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1).replace(">", f">{STYLE}", 1)
    )
