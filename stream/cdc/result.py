"""What becomes of a message of a mapped source: a delta to send, or the reason why nothing is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ..codes import ErrorCode
from ..model import Defect, Result
from ..validate import pointer

if TYPE_CHECKING:
    from ..model import LaneKey
    from .rules import Columns

MAX_NAME_CHARACTERS = 80

_UNREADABLE = frozenset(
    {
        ErrorCode.EMPTY_VALUE,
        ErrorCode.NOT_UTF8,
        ErrorCode.NOT_JSON,
        ErrorCode.NOT_AN_OBJECT,
        ErrorCode.DUPLICATE_KEY,
        ErrorCode.NUMBER_OUT_OF_RANGE,
        ErrorCode.NUMBER_TOO_PRECISE,
        ErrorCode.NESTED_TOO_DEEP,
        ErrorCode.CHANGE_INVALID,
        ErrorCode.ID_UNUSABLE,
        ErrorCode.VERSION_UNUSABLE,
    }
)
"""The event is at fault; everything else is well-formed, and only cannot be said to the API."""


class Delta(NamedTuple):
    """One record to write, as a native event would give it; `fields` has at least one member.

    `record` is the record of the request body, serialised; `fields` is what a schema judges of it. `row` is the JSON
    Pointer to the row in the received value, None where the fields are the rule's own.
    """

    lane: LaneKey
    record_id: str
    record: bytes
    fields: dict[str, Any]
    columns: Columns
    row: str | None

    def path_in_value(self, path: str | None) -> str | None:
        """Lead a JSON Pointer into a native event (`/fields/email`) back to the received value (`/after/mail`).

        Returns:
            The pointer, or None where the received value has no such place.
        """
        if self.row is None or path is None or not path.startswith("/fields"):
            return None
        field, *deeper = path.removeprefix("/fields").removeprefix("/").split("/")
        if not field:
            return self.row
        column = self.columns.source(field.replace("~1", "/").replace("~0", "~"))
        return "/".join((self.row + pointer([column]), *deeper))


class NotSent(NamedTuple):
    """A message that gives no delta. `defect` is None where it carries no change (`IGNORED`)."""

    result: Result
    defect: Defect | None = None
    datastore_id: str | None = None
    record_id: str | None = None


IGNORED = NotSent(Result.IGNORED)


def shown(name: str) -> str:
    """Cut a name that somebody else gave, so that a message about it stays a sentence."""
    return name if len(name) <= MAX_NAME_CHARACTERS else f"{name[:MAX_NAME_CHARACTERS]}…"


def refused(defect: Defect, datastore_id: str | None = None, record_id: str | None = None) -> NotSent:
    """Refuse a message: `INVALID` where it is at fault itself, else `UNSUPPORTED`."""
    result = Result.INVALID if defect.code in _UNREADABLE else Result.UNSUPPORTED
    return NotSent(result, defect, datastore_id, record_id)
