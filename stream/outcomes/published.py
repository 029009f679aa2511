"""An outcome as its readers get it: the value of contract section 3, typed, and where it stands in its topic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

if TYPE_CHECKING:
    from ..model import Headers, Message

SPEC_VERSION = 1
_TRACE_ID = slice(3, 35)
_TRACE_PARENT_CHARACTERS = 55
_CAMEL = ConfigDict(alias_generator=to_camel, strict=True)


@dataclass(frozen=True, slots=True)
class Source:
    """The position of an input, and when it was written there (milliseconds since 1970; None where unknown)."""

    __pydantic_config__: ClassVar[ConfigDict] = _CAMEL

    topic: str
    partition: int
    offset: int
    timestamp_ms: int | None = None

    def __str__(self) -> str:
        """Write `{topic}/{partition}/{offset}`, as keys and CloudEvents' ids have it."""
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an event failed. `code` is a text: a newer service may know more codes than `codes.py`."""

    __pydantic_config__: ClassVar[ConfigDict] = _CAMEL

    code: str
    message: str
    path: str | None
    http_status: int | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one event: the fields of contract section 3 by their own names; unknown ones are passed over."""

    __pydantic_config__: ClassVar[ConfigDict] = _CAMEL

    spec_version: int
    event_type: str
    status: str
    result: str
    executed: bool
    confirmed: bool
    data_store_id: str | None
    record_id: str | None
    version: int | None
    batch_id: str | None
    batch_size: int | None
    checksum: str | None
    checksum_verified: bool
    latency_ms: float | None
    attempts: int | None
    timestamp: str
    source: Source
    superseded_by: Source | None
    error: Failure | None


class Published(NamedTuple):
    """An outcome in the outcome topic.

    `partition` and `offset` are its own, `published_ms` is Kafka's time of it (milliseconds since 1970), by which a
    reader seeks. `key` and `value` are the message's as they came.
    """

    partition: int
    offset: int
    published_ms: int
    headers: Headers
    key: bytes | None
    value: bytes
    outcome: Outcome

    @property
    def batch_trace_id(self) -> str | None:
        """The trace in which it was published: with tracing on that of its batch, else the event's own."""
        return self._trace_id("traceparent")

    @property
    def event_trace_id(self) -> str | None:
        """The trace that the event came with."""
        return self._trace_id("ce_traceparent") or self._trace_id("traceparent")

    def _trace_id(self, header: str) -> str | None:
        parent = next((value for name, value in self.headers if name == header), None)
        if parent is None or len(parent) != _TRACE_PARENT_CHARACTERS or not parent.isascii():
            return None
        return parent[_TRACE_ID].decode()


_reading = TypeAdapter(Outcome)


def read_published(message: Message) -> Published | None:
    """Read a message of the outcome topic.

    Args:
        message: as Kafka gave it.

    Returns:
        The outcome; None for a message that is none, or one of another `specVersion`.
    """
    try:
        outcome = _reading.validate_json(message.value or b"")
    except ValidationError:
        return None
    if outcome.spec_version != SPEC_VERSION:
        return None
    return Published(
        message.partition.partition,
        message.offset,
        message.timestamp_ms or 0,
        message.headers or [],
        message.key,
        message.value or b"",
        outcome,
    )
