"""The names of all that can go wrong: of an instance, of its transactions, of the API."""

from __future__ import annotations

from enum import StrEnum, auto
from typing import NamedTuple


class Kind(StrEnum):
    """A misfortune of an instance, of the group, of the broker, or of all tokens."""

    KILL = auto()
    """After so many calls of its ports."""
    TERM = auto()
    FREEZE = auto()
    """The whole process stands still: a paused machine."""
    TWIN = auto()
    """It stands still, and another process takes its place and its name."""
    STALL = auto()
    """The loop's thread stands still; heartbeats and workers go on."""
    CUT = auto()
    """Kafka cannot be reached from it."""
    CHURN = auto()
    """A partition moves for no reason."""
    BROKER_DOWN = auto()
    REVOCATION = auto()
    """Every token that was ever given is void."""


class Point(StrEnum):
    """Where in an instance's work a misfortune waits for it."""

    PORT = auto()
    """Any call of a port."""
    ARRIVED = auto()
    """A request is read by the API."""
    ANSWERED = auto()
    """An answer has come, and nothing is made of it yet."""
    PRODUCED = auto()
    """Outcomes are written, offsets are not."""
    OFFSETS_SENT = auto()
    ENDED = auto()
    """The transaction is committed, and the instance does not know it."""
    REVOKING = auto()
    """In the callback of a revocation."""


class Misfortune(NamedTuple):
    """What happens to whom: from a time on, when the instance meets the point for so many times more."""

    at_s: float
    kind: Kind
    instance: int
    amount_s: float
    point: Point
    times: int


class Mishap(StrEnum):
    """What befalls one transaction, or the start of a producer."""

    NONE = auto()
    ABORT = auto()
    """An abortable error."""
    UNKNOWN_APPLIED = auto()
    """Committed, but the answer is lost."""
    UNKNOWN_LATE = auto()
    """The request to commit is still under way when the error comes."""
    UNKNOWN_DROPPED = auto()
    """The request to commit never arrives."""
    HANG = auto()
    """The call does not come back for long, perhaps never."""
    SLOW = auto()


class Weather(StrEnum):
    """How the API takes one request."""

    FINE = auto()
    BARE = auto()
    """200, with an empty body."""
    ACCEPTED = auto()
    """202, with an empty body."""
    NO_CONTENT = auto()
    """204."""
    GARBLED = auto()
    """200, carried out, with a body that is no JSON."""
    BROKEN_OFF = auto()
    """200, carried out, with a body that cannot be read: encoded, too long, or cut."""
    SLOW = auto()
    THROTTLED = auto()
    """429 without `Retry-After`."""
    THROTTLED_UNTIL = auto()
    """429 with `Retry-After` in seconds."""
    THROTTLED_TO_DATE = auto()
    """429 with `Retry-After` as a date."""
    THROTTLED_ODDLY = auto()
    """429 with a `Retry-After` that nobody can read."""
    ERROR = auto()
    """408, 425 or 5xx, not carried out."""
    ERROR_APPLIED = auto()
    """5xx, and carried out."""
    ODD = auto()
    """A status that the contract does not know, not carried out."""
    ODD_APPLIED = auto()
    UNREACHED = auto()
    RESET = auto()
    RESET_APPLIED = auto()
    SILENT = auto()
    """No answer within the deadline, not carried out."""
    SILENT_APPLIED = auto()
    """No answer within the deadline, and carried out, perhaps late."""
    UNAUTHORISED = auto()
    FORBIDDEN = auto()
    MISMATCH = auto()
    """Carried out, with another checksum in the answer."""
    CONTRADICTION = auto()
    """200, with errors in the body: carried out, or not."""
    REFUSING = auto()
    """Every record is refused: a wrong deployment. Comes in spells only."""
    TOKENLESS = auto()
    """No token is given. Comes in spells only; requests with a token are taken as ever."""


class Spell(NamedTuple):
    """From when until when every request meets the same weather; of one datastore, or (None) of all."""

    begin_s: float
    end_s: float
    weather: Weather
    datastore_id: str | None


class ForeignWrite(NamedTuple):
    """Somebody else writes a record."""

    at_s: float
    datastore_id: str
    record_id: str
