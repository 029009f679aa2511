"""What is gathered of a run: values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .workload import Record, Workload

Fields = dict[str, Any]


class Place(NamedTuple):
    """Where a message of an input stands."""

    topic: str
    partition: int
    offset: int


class Told(NamedTuple):
    """What an outcome, or the headers of a dead letter, says of its input."""

    place: Place
    result: str
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Kill:
    """One `kill -9` of the service: requests on the wire and events without an outcome at that moment."""

    requests: int
    lag: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that a verdict is judged by.

    `inputs` are the messages that the connectors wrote. `outcomes` and `letters` were read when all was over,
    `followed` by a reader that ran along; both see what is committed. `rows` are the tables at the end, each row as its
    record must be; `histories` is what the API was given of each record, oldest first. `exit_code` is that of the
    service after SIGTERM.
    """

    workload: Workload
    inputs: Sequence[Place] = field(repr=False)
    outcomes: Sequence[Told] = field(repr=False)
    followed: Sequence[Told] = field(repr=False)
    letters: Sequence[Told] = field(repr=False)
    rows: Mapping[Record, Fields] = field(repr=False)
    histories: Mapping[Record, Sequence[Fields]] = field(repr=False)
    violations: Sequence[str]
    kills: Sequence[Kill]
    exit_code: int | None
