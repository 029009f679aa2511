"""The rules of a mapping file: which source becomes records of which datastore, and how.

Everything here is what the file says, judged and typed; nothing of an event. Rules compare by identity: a layout is
compiled once for each of them and found again by it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..model import ConflictResolution, UpdateType

DEFAULT_PLACEHOLDER = "__debezium_unavailable_value"
"""Debezium's own default of `unavailable.value.placeholder`."""

ADDED_PREFIX = "__"
"""Of what `ExtractNewRecordState` adds to a row: `__op`, `__deleted`, `__source_ts_ms`."""


class Format(StrEnum):
    """How the connector writes a source's events."""

    ENVELOPE = "envelope"
    UNWRAPPED = "unwrapped"


class Decimals(StrEnum):
    """How a decimal of the database is sent: exact as text, or as a number of at most 17 digits."""

    TEXT = "text"
    NUMBER = "number"


class Nested(StrEnum):
    """What becomes of a column whose value is an array or an object."""

    SEND = "send"
    TEXT = "text"
    REJECT = "reject"


class Kind(StrEnum):
    """What a column holds, where only the rule knows: events may come without a schema."""

    DECIMAL = "decimal"
    TEMPORAL = "temporal"
    TEXT = "text"
    JSON = "json"


class Side(StrEnum):
    """Which state of the row."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A name in which `*` stands for any run of characters, dots included."""

    text: str

    def fits(self, name: str) -> bool:
        """Tell whether a whole name is of this form."""
        return _expression(self.text).fullmatch(name) is not None

    def fits_topic_by_default(self, topic: str) -> bool:
        """Tell whether a topic bears the name that connectors give a table of this form: `{prefix}.….{table}`.

        The last two parts decide: what stands before them is the topic prefix, and for SQL Server the database.
        """
        parts, given = self.text.split(".")[-2:], topic.split(".")
        tail = ".".join(given[-len(parts) :])
        return len(given) > len(parts) and _expression(".".join(parts)).fullmatch(tail) is not None


def _expression(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)


@dataclass(frozen=True, slots=True)
class VersionColumn:
    """Where the version that the writer last saw comes from: `before.rev`, or `after.rev` minus 1."""

    side: Side
    column: str


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns are sent, and as which fields."""

    include: frozenset[str] | None = None
    exclude: frozenset[str] = frozenset()
    rename: Mapping[str, str] = field(default_factory=dict)
    kinds: Mapping[str, Kind] = field(default_factory=dict)

    def target(self, column: str) -> str:
        """Return the field that a column becomes."""
        return self.rename.get(column, column)

    def source(self, target: str) -> str:
        """Return the column that becomes a field."""
        return next((column for column, name in self.rename.items() if name == target), target)


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """What becomes of the events of a source.

    `number` counts the rules of the file from 1. `record_id` names the columns of the record's id, None where the
    message's key is the id. `delete` holds the fields of a soft delete; it is None where deletes are refused, and empty
    where they are ignored. `changed_only` sends only what an update has changed; it needs `before_is_full`, as does
    everything that reads `before` beyond the key: by default a database logs no more of the old row, and connectors
    fill the gaps with made-up values.
    """

    number: int
    topic: Pattern | None = None
    table: Pattern | None = None
    datastore_id: str = ""
    ignore: bool = False
    format: Format = Format.ENVELOPE
    record_id: tuple[str, ...] | None = None
    id_separator: str = ":"
    version: VersionColumn | None = None
    before_is_full: bool = False
    changed_only: bool = False
    delete: Mapping[str, Any] | None = None
    truncate_ignored: bool = False
    omit_nulls: bool = False
    nested: Nested = Nested.SEND
    decimals: Decimals = Decimals.TEXT
    columns: Columns = field(default_factory=Columns)
    constants: Mapping[str, Any] = field(default_factory=dict)
    update_type: UpdateType | None = None
    conflict_resolution: ConflictResolution | None = None
    placeholder: str = DEFAULT_PLACEHOLDER

    def sends(self, column: str) -> bool:
        """Tell whether a column is sent; what an unwrapping connector adds of its own (`__op`) only if it is named."""
        columns = self.columns
        if columns.include is not None:
            return column in columns.include
        is_added = self.format is Format.UNWRAPPED and column.startswith(ADDED_PREFIX)
        return not is_added and column not in columns.exclude

    def names_topic(self, topic: str) -> bool:
        """Tell whether the topic's name alone says that its messages are of this source.

        It decides what a null value means: nothing else can be read from one.
        """
        if self.topic is not None:
            return self.topic.fits(topic)
        return self.table is not None and self.table.fits_topic_by_default(topic)

    def fits(self, topic: str, table: str) -> bool:
        """Tell whether an event is of this source.

        Args:
            topic: the message's.
            table: `db.schema.table`, or `db.table` where the database has no schemas.
        """
        return (self.topic is None or self.topic.fits(topic)) and (self.table is None or self.table.fits(table))
