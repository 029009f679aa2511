"""From a row to the fields of a record: what a rule makes of one set of columns, compiled once.

Most rows are plain: nothing hidden, nothing null that matters, nothing to look at closely. Those take the quick way,
one comprehension; all others go column by column.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ..codes import ErrorCode
from ..model import Defect
from .converters import Converter, UnreadableError, as_text, from_kind, from_schema, undeclared
from .exact import find_inexact
from .result import shown
from .rules import Nested

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .rules import Rule
    from .unavailable import Unavailable
    from .wrapper import ConnectSchema

_UNKNOWN = (
    "is not known to the connector, and the record begins with this event: where rows with long values change their "
    "key, the table needs REPLICA IDENTITY FULL."
)
_ESCAPED_EQUALS = b"\\u003"


class Column(NamedTuple):
    """A column that is sent: as which field, read by what, and whether nothing is known of what it holds."""

    name: str
    target: str
    convert: Converter | None
    is_undeclared: bool


class Layout:
    """What one rule makes of rows with the same columns and the same schema.

    With `is_copy` the fields of a row are the row itself, where `fields` gives back the very same object.
    """

    def __init__(
        self, rule: Rule, schema: ConnectSchema | None, names: Iterable[str], unavailable: Unavailable
    ) -> None:
        self._rule = rule
        self._unavailable = unavailable
        names = tuple(names)
        self._columns = tuple(_column(rule, schema, name) for name in names if rule.sends(name))
        self._defect = _collision(rule, self._columns)
        self._pairs = tuple((column.name, column.target) for column in self._columns)
        self._converted = tuple((column.target, column.convert) for column in self._columns if column.convert)
        self._is_whole = self._pairs == tuple((name, name) for name in names)
        self.is_copy = self._is_whole and not self._converted and not rule.constants
        self._has_undeclared = any(column.is_undeclared for column in self._columns)
        self._never_quick = rule.omit_nulls or rule.nested is not Nested.SEND

    def fields(
        self, row: dict[str, Any], before: dict[str, Any] | None, text: bytes, *, creates: bool
    ) -> dict[str, Any] | Defect:
        """Make the fields of a record.

        Args:
            row: with just these columns; it may be handed on as the fields, and is not changed.
            before: the row as it was, where only what has changed is to be sent.
            text: from which the row was read.
            creates: whether the record begins with this row, so that nothing may be missing in it.

        Returns:
            The fields, without the rule's constants; or why a column cannot be sent, its name as the defect's path.
        """
        if self._defect is not None:
            return self._defect
        if (
            before is not None
            or self._never_quick
            or not self._unavailable.absent_from(row)
            or (self._has_undeclared and (b'="' in text or _ESCAPED_EQUALS in text))
        ):
            return self.fields_one_by_one(row, before, creates=creates)
        if self._is_whole and not self._converted:
            return row
        fields = {target: row[name] for name, target in self._pairs}
        for target, convert in self._converted:
            value = fields[target]
            if value is not None:
                try:
                    fields[target] = convert(value)
                except UnreadableError as error:
                    return _refused(self._rule.columns.source(target), error)
        return fields

    def fields_one_by_one(
        self, row: dict[str, Any], before: dict[str, Any] | None, *, creates: bool
    ) -> dict[str, Any] | Defect:
        """Make the fields of a record, looking at each value; a row that is not exact goes this way only."""
        if self._defect is not None:
            return self._defect
        fields: dict[str, Any] = {}
        for column in self._columns:
            value = row[column.name]
            if self._unavailable.hides(value):
                if creates:
                    return Defect(ErrorCode.COLUMN_UNREADABLE, f"Column {shown(column.name)} {_UNKNOWN}", column.name)
                continue
            if before is not None and _is_same(before, column.name, value):
                continue
            if value is None:
                if not self._rule.omit_nulls:
                    fields[column.target] = None
                continue
            defect = find_inexact(value)
            if defect is not None:
                return defect._replace(path=column.name)
            try:
                fields[column.target] = self._value(column, value)
            except UnreadableError as error:
                return _refused(column.name, error)
        return fields

    def _value(self, column: Column, value: object) -> object:
        if column.convert is not None:
            value = column.convert(value)
        elif column.is_undeclared:
            value = undeclared(value, self._rule.decimals)
        if self._rule.nested is Nested.SEND or type(value) not in (dict, list):
            return value
        if self._rule.nested is Nested.TEXT:
            return as_text(value)
        raise UnreadableError('is an array or an object, which the rule refuses (nested = "reject")')


def _column(rule: Rule, schema: ConnectSchema | None, name: str) -> Column:
    kind = rule.columns.kinds.get(name)
    if schema is None or name not in schema.columns:
        return Column(name, rule.columns.target(name), from_kind(kind, rule.decimals), kind is None)
    convert = from_schema(schema.columns[name], rule.decimals)
    if convert is None and kind is not None:
        convert = from_kind(kind, rule.decimals)
    return Column(name, rule.columns.target(name), convert, is_undeclared=False)


def _collision(rule: Rule, columns: tuple[Column, ...]) -> Defect | None:
    taken = dict.fromkeys(rule.constants, "a constant")
    for column in columns:
        if column.target in taken:
            both = f"Column {shown(column.name)} and {taken[column.target]}"
            text = f"{both} would both become the field {shown(column.target)}."
            return Defect(ErrorCode.COLUMN_UNREADABLE, text, column.name)
        taken[column.target] = f"column {shown(column.name)}"
    return None


def _is_same(before: dict[str, Any], name: str, value: object) -> bool:
    return name in before and type(before[name]) is type(value) and before[name] == value


def _refused(column: str, error: UnreadableError) -> Defect:
    return Defect(ErrorCode.COLUMN_UNREADABLE, f"Column {shown(column)} {error}.", column)
