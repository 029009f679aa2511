"""Where the answers come from: what does not change while the process lives, and what the loop tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..board import Board
    from ..clock import Clock
    from ..watchdog import Watchdog


@dataclass(frozen=True, slots=True)
class Facts:
    """What does not change: the build, the configuration without secrets, and by what events are judged and mapped.

    `schemas` maps file names to SHA-256, `mapping` is name and SHA-256 of the mapping file, None without one.
    """

    version: str
    build: Mapping[str, str]
    started_ms: int
    group_id: str
    instance_id: str | None
    configuration: Mapping[str, str]
    schemas: Mapping[str, str]
    mapping: Mapping[str, str] | None


class Exposition(Protocol):
    """What `/metrics` serves: `text()` writes all metrics, in the form that `content_type` names."""

    @property
    def content_type(self) -> str:
        """Of the answer."""
        ...

    @property
    def text(self) -> Callable[[], bytes]:
        """Writes it."""
        ...


@dataclass(frozen=True, slots=True)
class Told:
    """All that the routes may look at; `metrics` is None where there are none to be scraped."""

    facts: Facts
    board: Board
    watchdog: Watchdog
    clock: Clock
    metrics: Exposition | None = None
