"""From a Kafka message to a change event: decode, validate, and fill in what the event leaves to the configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from .cdc import Delta, Mapper, NotSent
from .codes import ErrorCode
from .model import Assignment, ConflictResolution, Defect, Event, LaneKey, Message, Result, UpdateType
from .usual import UsualForms, new_event

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .cdc import TopicReader
    from .cdc.rules import Rule
    from .validate import Schemas

_NO_DATASTORE = Defect(
    ErrorCode.DATASTORE_MISSING, "The event names no datastore and CXONE_DATASTORE_ID is not set.", "/dataStoreId"
)
_TOO_DEEP = Defect(ErrorCode.NESTED_TOO_DEEP, "The fields are nested deeper than can be sent on.", "/fields")


@dataclass(frozen=True, slots=True)
class Defaults:
    """What an event may leave out: `CXONE_DATASTORE_ID`, `STREAM_UPDATE_TYPE`, `STREAM_CONFLICT_RESOLUTION`."""

    datastore_id: str | None
    update_type: UpdateType
    conflict_resolution: ConflictResolution


class Unfit(NamedTuple):
    """A message that is no event to execute, and why; the ids as far as they could be read.

    `defect` is None where it carries no change (`IGNORED`).
    """

    result: Result
    defect: Defect | None
    datastore_id: str | None = None
    record_id: str | None = None


class Intake:
    """Reads messages; every message gives exactly one value, whatever its bytes are."""

    def __init__(self, schemas: Schemas, defaults: Defaults, rules: Iterable[Rule] = ()) -> None:
        """Prepare to read.

        Args:
            schemas: compiled.
            defaults: what an event may leave out.
            rules: of the mapping file, for sources that are not native.
        """
        self._mapper = Mapper(rules, defaults.update_type, defaults.conflict_resolution)
        self._schemas = schemas
        self._defaults = defaults
        self._lanes: dict[tuple[str | None, str | None, str | None], LaneKey] = {}
        self.usual = UsualForms(schemas)

    def read_all(
        self, messages: Sequence[Message], assignment: Assignment, arrived_s: float, *, suspect: bool
    ) -> list[Event | Unfit]:
        """Turn messages of one partition into change events, as `read` does, those of the usual form in half the time.

        Args:
            messages: as they came.
            assignment: under which they came.
            arrived_s: the loop's clock, from which the linger counts.
            suspect: whether an earlier owner may have executed them.

        Returns:
            For each message its event, or why it is none.
        """
        topic = self._mapper.topic(assignment.partition.topic)
        if not topic.expects_native:
            return [self._read(topic, message, assignment, arrived_s, suspect=suspect) for message in messages]
        found = self.usual.read(messages, assignment, arrived_s, suspect=suspect)
        return [
            event or self._read(topic, message, assignment, arrived_s, suspect=suspect)
            for message, event in zip(messages, found, strict=True)
        ]

    def read(self, message: Message, assignment: Assignment, arrived_s: float, *, suspect: bool) -> Event | Unfit:
        """Turn one message into a change event (contract section 2).

        Args:
            message: as it came.
            assignment: under which it came.
            arrived_s: the loop's clock, from which the linger counts.
            suspect: whether an earlier owner may have executed it.

        Returns:
            The event, its record serialised; or why it is none.
        """
        topic = self._mapper.topic(message.partition.topic)
        return self._read(topic, message, assignment, arrived_s, suspect=suspect)

    def _read(
        self, topic: TopicReader, message: Message, assignment: Assignment, arrived_s: float, *, suspect: bool
    ) -> Event | Unfit:
        found = topic.read(message.key, message.value)
        if isinstance(found, Delta):
            lane, record_id, record, fields = found[:4]
            defect = self._schemas.judge_fields(lane.datastore_id, fields)
            if defect is not None:
                defect = defect._replace(path=found.path_in_value(defect.path))
                return Unfit(Result.INVALID, defect, lane.datastore_id, record_id)
            size_bytes = len(record) + message.size_bytes
            return new_event((message, assignment, lane, record_id, record, arrived_s, suspect, size_bytes, ()))
        if isinstance(found, NotSent):
            return Unfit(*found)
        defect = self._schemas.judge_envelope(found)
        if defect is not None:
            return Unfit(Result.INVALID, defect, *_readable_ids(found))
        return self._event(found, message, assignment, arrived_s, suspect=suspect)

    def _event(
        self, document: dict[str, Any], message: Message, assignment: Assignment, arrived_s: float, *, suspect: bool
    ) -> Event | Unfit:
        lane = self._lane(document)
        record_id = document["id"]
        if lane is None:
            return Unfit(Result.INVALID, _NO_DATASTORE, None, record_id)
        defect = self._schemas.judge_fields(lane.datastore_id, document["fields"])
        record = _record(document) if defect is None else None
        if record is None:
            return Unfit(Result.INVALID, defect or _TOO_DEEP, lane.datastore_id, record_id)
        self.usual.learn(document, lane)
        size_bytes = len(record) + message.size_bytes
        return Event(message, assignment, lane, record_id, record, arrived_s, suspect, size_bytes)

    def _lane(self, document: dict[str, Any]) -> LaneKey | None:
        """Find the lane; keys are shared, so that a million events hold a handful of them."""
        named = (document.get("dataStoreId"), document.get("updateType"), document.get("conflictResolution"))
        lane = self._lanes.get(named)
        if lane is not None:
            return lane
        datastore_id = named[0] or self._defaults.datastore_id
        if datastore_id is None:
            return None
        if len(self._lanes) >= MAX_SHARED_LANE_KEYS:
            self._lanes.clear()
            self.usual.forget()
        lane = LaneKey(
            datastore_id,
            UpdateType(named[1] or self._defaults.update_type),
            ConflictResolution(named[2] or self._defaults.conflict_resolution),
        )
        self._lanes[named] = lane
        return lane


MAX_SHARED_LANE_KEYS = 10_000


def _record(document: dict[str, Any]) -> bytes | None:
    """Serialise the event's record of the request body; None where it is nested too deep to be written."""
    record: dict[str, Any] = {"id": document["id"]}
    if "version" in document:
        record["version"] = int(document["version"])  # JSON Schema's integers include 1.0
    record["fields"] = document["fields"]
    if "checksum" in document:
        record["checksum"] = document["checksum"]
    try:
        # A copy: what orjson returns holds on to its whole working buffer, 4 KiB (measured, 3.13).
        return b"%b" % orjson.dumps(record)
    except orjson.JSONEncodeError:
        return None


def _readable_ids(document: dict[str, Any]) -> tuple[str | None, str | None]:
    datastore_id, record_id = document.get("dataStoreId"), document.get("id")
    return (
        datastore_id if isinstance(datastore_id, str) else None,
        record_id if isinstance(record_id, str) else None,
    )
