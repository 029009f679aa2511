"""The vocabulary of a dialogue with the API: steps that it asks for, replies that it is told, and what governs it.

The script (`dialogue.py`) speaks only in these; whoever drives it does the I/O and the waiting.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from .model import Decided, Event

if TYPE_CHECKING:
    from .model import Batch


class OnConflict(StrEnum):
    """`STREAM_ON_CONFLICT`: what becomes of a version mismatch under FAIL."""

    REPORT = "report"
    REBASE = "rebase"


NAMING_POINTERS = (
    "/errors",
    "/details",
    "/error/errors",
    "/error/details",
    "/failedRecords",
    "/invalidRecords",
    "/error",
    "",
)
"""Where a refusing answer may name its bad records: JSON Pointers, looked at in this order; the last is the whole."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the configuration says about a dialogue.

    `can_read`: there is a read call (`CXONE_RECORD_PATH` is not `off`). `probe_budget`: how many refused requests one
    batch may cost before the rest of it goes back to its lane. `naming_pointers`: `NAMING_POINTERS`.
    """

    on_conflict: OnConflict = OnConflict.REPORT
    can_read: bool = False
    probe_budget: int = 128
    naming_pointers: tuple[str, ...] = NAMING_POINTERS


class Silence(StrEnum):
    """Which kind of failure kept an answer away, for metrics and spans (`error.type`)."""

    TIMEOUT = "timeout"
    CONNECTION = "connection_error"
    WITHDRAWN = "lease_lost"
    UNREADABLE = "answer_unreadable"
    TOO_EARLY = "answered_too_early"
    NO_TOKEN = "no_token"  # noqa: S105 - the name of a failure
    OTHER = "_OTHER"


class Scope(Enum):
    """How far a failure reaches, and with it who waits."""

    REQUEST = auto()
    """This request: 408, 425, 5xx, a timeout, a reset."""
    CREDENTIAL = auto()
    """All requests of the credential slow down together (429): neither an outage nor a failure."""
    DATASTORE = auto()
    """The datastore is held at once, with the reason."""
    EVERYTHING = auto()
    """An outage: no valid token, or one without the rights."""


@dataclass(frozen=True, slots=True)
class Send:
    """Step: send the batch's request, with the current token."""

    batch: Batch


@dataclass(frozen=True, slots=True)
class Read:
    """Step: read a record back (contract section 1), with the current token; told an `Answer` or `NoAnswer`."""

    datastore_id: str
    record_id: str


@dataclass(frozen=True, slots=True)
class RenewToken:
    """Step: get another token than the one of this generation; many may ask, one request is made."""

    generation: int


@dataclass(frozen=True, slots=True)
class Wait:
    """Step: go on after this time.

    `reason` is for people, without values. `doubtful`: the events of the request just sent that may have been applied
    without our knowing. `http_status`: of the answer that is the cause, if there was one; else `silence` is its kind.
    """

    seconds: float
    reason: str
    scope: Scope = Scope.REQUEST
    doubtful: tuple[Event, ...] = ()
    http_status: int | None = None
    silence: Silence = Silence.OTHER

    @property
    def error_type(self) -> str:
        """The cause in a word from a short list: the status, or the kind of silence."""
        return self.silence.value if self.http_status is None else str(self.http_status)


@dataclass(frozen=True, slots=True)
class Answer:
    """Reply: the API answered. `body` is None when it was encoded, too long or broke off."""

    status: int
    body: bytes | None
    latency_ms: float
    token_generation: int
    retry_after: str | None = None
    date: str | None = None


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Reply: no answer. `doubtful` unless it is certain that the request did not reach the API.

    `scope` is `EVERYTHING` when there is no token to ask with. `kind`: why, in a word.
    """

    reason: str
    doubtful: bool
    scope: Scope = Scope.REQUEST
    kind: Silence = Silence.OTHER


@dataclass(frozen=True, slots=True)
class Renewed:
    """Reply: another token is there."""


Step: TypeAlias = Send | Read | RenewToken | Wait | Decided
"""A `Decided` is a step too: what is decided leaves at once. Its reply, and that of a `Wait`, is None."""
Reply: TypeAlias = Answer | NoAnswer | Renewed
_T = TypeVar("_T")
Script: TypeAlias = Generator[Step, Reply | None, _T]
"""A stretch of a dialogue; it ends in a value."""
Dialogue: TypeAlias = Script[tuple[Event, ...]]
"""A whole one; it ends in the events that go back to their lane undecided."""
