"""The fuzzer that needs nothing: changes seeds by dice, and keeps what became something that was not seen before."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Final

from .mutate import mutate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_KEPT_OF_EACH: Final = 50
"""Of the cases that ended in one way, so many are changed further."""


@dataclass(slots=True)
class Findings:
    """What a run has seen: how often each end, and the first case that broke a promise, with its exception."""

    ends: Counter[str] = field(default_factory=Counter)
    case: bytes | None = None
    error: Exception | None = None

    def told(self) -> str:
        """Return how often each end was seen, a line each."""
        lines = (f"{count:>12,}  {end}\n" for end, count in self.ends.most_common())
        return "".join([*lines, f"{self.ends.total():>12,}  cases\n"])


def roll(hold: Callable[[bytes], str], seeds: Sequence[bytes], seed: int, goes_on: Callable[[], bool]) -> Findings:
    """Fuzz until a promise breaks or it is enough; every seed is held first.

    Args:
        hold: the target; returns what became of a case.
        seeds: at least one.
        seed: of the dice; the same one gives the same cases.
        goes_on: asked before each case whether there is to be one more.

    Returns:
        What was seen.
    """
    rng, findings, kept = Random(seed), Findings(), list(seeds)
    for case in seeds:
        if _end(hold, case, findings) is None:
            return findings
    while goes_on():
        case = mutate(rng.choice(kept), rng.choice(kept), rng)
        end = _end(hold, case, findings)
        if end is None:
            return findings
        if findings.ends[end] <= _KEPT_OF_EACH:
            kept.append(case)
    return findings


def _end(hold: Callable[[bytes], str], case: bytes, findings: Findings) -> str | None:
    """Hold one case; None where a promise broke."""
    try:
        end = hold(case)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what we look for
        findings.case, findings.error = case, error
        return None
    findings.ends[end] += 1
    return end
