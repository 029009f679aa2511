"""Finds the record that an event is of: from the message's key, or from columns that the rule names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from ..codes import ErrorCode
from ..model import Defect
from .converters import Converter, UnreadableError, from_kind, from_schema, undeclared
from .result import shown
from .rules import Decimals, Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .rules import Rule
    from .wrapper import ConnectSchema, Opened

MAX_ID_CHARACTERS = 256
"""Of a record's id (contract section 2)."""
MAX_LAYOUTS = 1_000

MAX_KEY_FORMS = 16

MAX_DIGITS = 18
"""So that an integer fits into 64 bits, whatever its digits are."""

_ZERO = ord("0")
_PLAIN_TEXT = re.compile(rb"[A-Za-z0-9_.:@-]{1,256}")
"""Nothing that JSON escapes, and no `=`, which may end a decimal in base64."""
_NO_KEY = "The message has no key that could be the record's id: let the connector write one (message.key.columns)."
_NO_COLUMN = "A column that the record's id is made of is missing, null, or not known to the connector."


class _KeyForm(NamedTuple):
    """A key of one column: what stands before and behind the value, and what a text may be; None for an integer."""

    begin: bytes
    end: bytes
    shape: re.Pattern[bytes] | None


class Identity:
    """Makes record ids by one rule.

    Several columns are joined by the rule's separator, which is escaped inside of them (`%3A` for `:`, `%25` for `%`):
    two rows never become one record. An integer is taken as it came, whatever it counts, and a decimal as text: so a
    record keeps its id when the connector begins or ceases to send schemas.
    """

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._converters: dict[tuple[str, ConnectSchema | None], Converter | None] = {}
        self._usual: list[_KeyForm] = []

    def of_usual_key(self, text: bytes | None) -> bytes | None:
        """Make the id from a key that differs from an earlier one in its value only.

        Returns:
            The id, of which JSON escapes nothing; None where the key must be read in full.
        """
        if text is None:
            return None
        for begin, end, shape in self._usual:
            if text.startswith(begin) and text.endswith(end):
                value = text[len(begin) : len(text) - len(end)]
                if _is_whole_number(value) if shape is None else shape.fullmatch(value):
                    return value
        return None

    def learn(self, text: bytes | None, opened: Opened) -> None:
        """Take note of the form of a key of one column, where its value is the id as it stands."""
        if text is None or type(opened.payload) is not dict or len(opened.payload) != 1:
            return
        ((name, value),) = opened.payload.items()
        is_read = (
            opened.schema is not None and from_schema(opened.schema.columns.get(name, {}), Decimals.TEXT) is not None
        )
        if is_read or name in self._rule.columns.kinds or len(self._usual) >= MAX_KEY_FORMS:
            return
        written = str(value).encode()
        is_number = type(value) is int and _is_whole_number(written)
        if not is_number and not (type(value) is str and _PLAIN_TEXT.fullmatch(written)):
            return
        end = (b"" if is_number else b'"') + (b"}}" if opened.wrapped else b"}")
        form = _KeyForm(text[: -len(written + end)], end, None if is_number else _PLAIN_TEXT)
        if text.endswith(written + end) and form not in self._usual:
            self._usual.append(form)

    def of_key(self, key: object, schema: ConnectSchema | None) -> str | Defect:
        """Make the id from a message's key.

        Args:
            key: an object of columns, or one value.
            schema: that came with the key.
        """
        if type(key) is dict and key:
            return self._join(list(key.items()), schema)
        if key is None or type(key) is dict:
            return Defect(ErrorCode.ID_UNUSABLE, _NO_KEY)
        return self._join([("", key)], schema)

    def of_columns(self, names: Sequence[str], row: dict[str, Any], schema: ConnectSchema | None) -> str | Defect:
        """Make the id from columns of a row, or of a key."""
        return self._join([(name, row.get(name)) for name in names], schema)

    def _join(self, columns: list[tuple[str, Any]], schema: ConnectSchema | None) -> str | Defect:
        parts: list[str] = []
        for name, value in columns:
            part = value if type(value) is int else self._part(name, value, schema)
            if isinstance(part, Defect):
                return part
            parts.append(str(part))
        text = parts[0] if len(parts) == 1 else self._rule.id_separator.join(map(self._escape, parts))
        if not 1 <= len(text) <= MAX_ID_CHARACTERS:
            return Defect(ErrorCode.ID_UNUSABLE, f"The record's id has not 1 to {MAX_ID_CHARACTERS} characters.")
        return text

    def _part(self, name: str, value: object, schema: ConnectSchema | None) -> str | int | Defect:
        if value is None:
            return Defect(ErrorCode.ID_UNUSABLE, _NO_COLUMN)
        try:
            value = self._read(name, value, schema)
        except UnreadableError as error:
            return Defect(ErrorCode.ID_UNUSABLE, f"Column {shown(name)}, of which the record's id is made, {error}.")
        if type(value) is bool:
            return "true" if value else "false"
        if type(value) is str or type(value) is int:
            return value
        return Defect(ErrorCode.ID_UNUSABLE, "The record's id is made of a value that is no text and no integer.")

    def _read(self, name: str, value: object, schema: ConnectSchema | None) -> object:
        if schema is not None and name in schema.columns:
            place = (name, schema)
            if place not in self._converters:
                if len(self._converters) >= MAX_LAYOUTS:
                    self._converters.clear()
                self._converters[place] = from_schema(schema.columns[name], Decimals.TEXT)
            convert = self._converters[place]
            return value if convert is None else convert(value)
        kind = self._rule.columns.kinds.get(name)
        convert = from_kind(kind, Decimals.TEXT)
        if convert is not None:
            return convert(value)
        return value if kind is Kind.TEXT else undeclared(value, Decimals.TEXT)

    def _escape(self, part: str) -> str:
        separator = self._rule.id_separator
        return part.replace("%", "%25").replace(separator, f"%{ord(separator):02X}")


def _is_whole_number(text: bytes) -> bool:
    return text.isdigit() and text[0] != _ZERO and len(text) <= MAX_DIGITS
