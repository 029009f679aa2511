"""What the demo gathers of a run, and the lines that it makes of it: values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

from .events import compact

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..calls import Request
    from .events import Fields, MadeEvent, Record
    from .kafka import Reading


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that a verdict is judged by.

    `outcomes` and `letters` (the dead letters) were read when all was over, `followed` by a reader that ran along.
    The first `backlog` of `events` were in the topic before the service started, the next `live` came at an even pace
    from `live_from_s` on, all others while the API failed, from `outage_from_s` to `outage_to_s` (wall clock).
    `histories` are the values of each record as the stand-in was given them, oldest
    first, each by `fields_text`. `exit_code` is the service's after SIGTERM, None while it runs on.
    """

    events: Sequence[MadeEvent] = field(repr=False)
    backlog: int
    live: int
    live_from_s: float
    outage_from_s: float
    outage_to_s: float
    outcomes: Sequence[Reading] = field(repr=False)
    followed: Sequence[Reading] = field(repr=False)
    letters: Sequence[Reading] = field(repr=False)
    histories: Mapping[Record, Sequence[bytes]] = field(repr=False)
    requests: Sequence[Request] = field(repr=False)
    violations: Sequence[str]
    audit: bytes = field(repr=False)
    log: bytes = field(repr=False)
    secret: str = field(repr=False)
    exit_code: int | None


def fields_text(fields: Fields) -> bytes:
    """Write a record's fields in the one form in which equal ones are equal, and small."""
    return compact(orjson.dumps(fields, option=orjson.OPT_SORT_KEYS))


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: a figure, whether it is as it must be, and what is to be said when it is not.

    `holds` is None where the figure need not be anything.
    """

    label: str
    figure: str
    holds: bool | None = None
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """Lines that belong together."""

    title: str
    lines: Sequence[Line]


def all_hold(sections: Sequence[Section]) -> bool:
    """Tell whether every line that must hold does."""
    return all(line.holds is not False for section in sections for line in section.lines)
