"""What a run of the benchmark came to, as it is kept in JSON: the report is made of this alone."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import orjson

from .figures import Figures, Point
from .machine import Machine
from .targets import Ratio, Target

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Result:
    """Everything that a reader may want to know of it.

    `results` holds one entry for each workload of a system, `singles` every run by itself. `why_void`: None when the
    whole counts. `api_records_per_s`: what the API stand-in takes alone.
    """

    machine: Machine
    versions: Mapping[str, str]
    commit: str
    measured_at: str
    took_s: float
    api_records_per_s: float
    results: Sequence[Figures]
    singles: Sequence[Figures]
    targets: Sequence[Target]
    ratios: Sequence[Ratio]
    why_void: str | None


def write_result(result: Result, path: Path) -> None:
    """Write it as JSON."""
    path.write_bytes(orjson.dumps(asdict(result), default=list) + b"\n")


def read_result(path: Path) -> Result:
    """Read what `write_result` wrote."""
    found: dict[str, Any] = orjson.loads(path.read_bytes())
    return Result(
        **{
            **found,
            "machine": Machine(**found["machine"]),
            "results": [_figures(each) for each in found["results"]],
            "singles": [_figures(each) for each in found["singles"]],
            "targets": [Target(**each) for each in found["targets"]],
            "ratios": [Ratio(**each) for each in found["ratios"]],
        }
    )


def _figures(found: dict[str, Any]) -> Figures:
    curve = tuple(Point(*point) for point in found["curve"])
    return Figures(**{**found, "curve": curve, "latency_ms": tuple(found["latency_ms"])})
