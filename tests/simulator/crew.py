"""Many seeds at once: processes that each play their share, and what they bring back."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from .bugs import BUGS
from .run import play, silent_logs
from .wiring import Wiring

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

SEEDS_AT_A_TIME = 8


@dataclass(frozen=True, slots=True)
class Summary:
    """What is left of a run when its trace is gone."""

    seed: int
    broken: str | None
    counts: Counter[str]
    events: int
    lasted_s: float


@dataclass(slots=True)
class Tally:
    """Many summaries in one."""

    counts: Counter[str] = field(default_factory=Counter)
    broken: dict[int, str] = field(default_factory=dict)
    events: int = 0
    lasted_s: float = 0.0

    def add(self, summary: Summary) -> None:
        """Take in one run."""
        self.counts.update(summary.counts)
        self.events += summary.events
        self.lasted_s += summary.lasted_s
        if summary.broken is not None:
            self.broken[summary.seed] = summary.broken


def run_all(seeds: Iterable[int], bug: str | None, jobs: int) -> Iterator[Summary]:
    """Play seeds, in order as far as anybody can tell.

    Args:
        seeds: which.
        bug: the name of a planted one.
        jobs: how many processes; with one, all happens in this.

    Yields:
        One summary for each seed, in the order of the seeds.
    """
    with _mapper(jobs) as mapped:
        yield from mapped(partial(_summary, bug=bug), seeds)


def find(seeds: Iterable[int], bug: str, jobs: int) -> Summary | None:
    """Play seeds until one breaks a promise."""
    with _mapper(jobs) as mapped:
        return next((each for each in mapped(partial(_summary, bug=bug), seeds) if each.broken is not None), None)


@contextmanager
def _mapper(jobs: int) -> Iterator[Callable[[Callable[[int], Summary], Iterable[int]], Iterator[Summary]]]:
    if jobs == 1:
        yield map
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield partial(pool.imap, chunksize=SEEDS_AT_A_TIME)


def _summary(seed: int, bug: str | None) -> Summary:
    with silent_logs():
        report = play(seed, BUGS[bug] if bug else Wiring())
    broken = None if report.broken is None else str(report.broken)
    return Summary(seed, broken, report.counts, report.events, report.lasted_s)
