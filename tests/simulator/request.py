"""What the judge knows of inputs and requests: values without a rule."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from stream.steps import Answer

if TYPE_CHECKING:
    from stream.steps import Reply

    from .records import Carried, Json, RecordName

Position = tuple[int, int]
"""A partition's number and an offset: there is one topic."""

APPLIED_STATUSES = frozenset({200, 201, 202, 204})
REFUSING_STATUSES = frozenset({400, 404, 413, 422})
DECIDING_STATUSES = APPLIED_STATUSES | REFUSING_STATUSES | {409}


class Input(NamedTuple):
    """One input message. `unfit` is the result that it must come to without the API; None for a valid event."""

    key: bytes | None
    value: bytes | None
    document: dict[str, Any]
    unfit: str | None
    written_s: float

    @property
    def name(self) -> RecordName:
        """The record that it changes."""
        return self.document["dataStoreId"], self.document["id"]


@dataclass(slots=True, eq=False)
class Request:
    """One request: who sent it, which events it holds, and what became of it as far as that is known."""

    sender: str
    batch_id: str
    document: Json
    checksum: str
    groups: tuple[tuple[Position, ...], ...]
    """For each record the events that it carries: mostly one."""
    sent_s: float
    is_repeated: bool
    """Whether it was sent before and answered 401: it went on when it had another token, however long that took."""
    carried: Carried | None = None
    reply: Reply | None = None
    _told: Json | None = None

    @property
    def datastore_id(self) -> str:
        """The datastore that it changes."""
        datastore_id: str = self.document["dataStoreId"]
        return datastore_id

    @property
    def positions(self) -> tuple[Position, ...]:
        """The last event of each record."""
        return tuple(group[-1] for group in self.groups)

    @property
    def all_positions(self) -> list[Position]:
        """All events that it carries."""
        return [position for group in self.groups for position in group]

    @property
    def names(self) -> list[RecordName]:
        """The records that it changes."""
        return [(self.datastore_id, each["id"]) for each in self.document["records"]]

    @property
    def status(self) -> int | None:
        """Of its answer; None without one."""
        return self.reply.status if isinstance(self.reply, Answer) else None

    @property
    def has_passed(self) -> bool:
        """Whether it was answered as applied, in a way that can be read."""
        return self.status in APPLIED_STATUSES and self.told is not None

    @property
    def is_decided(self) -> bool:
        """Whether its answer says what became of it."""
        return self.has_passed or self.status in DECIDING_STATUSES - APPLIED_STATUSES

    @property
    def told(self) -> Json | None:
        """The body of its answer; None when it cannot be read."""
        if self._told is None and isinstance(self.reply, Answer) and self.reply.body is not None:
            try:
                told = orjson.loads(self.reply.body or b"{}")
            except orjson.JSONDecodeError:
                return None
            self._told = told if isinstance(told, dict) else None
        return self._told


def checksum_of(body: bytes) -> str:
    """Compute what the API would, had it all bytes."""
    return hashlib.sha256(body).hexdigest()
