"""Takes `schema` and `payload` apart, and reads each schema once however many messages carry it.

The JSON converter of Kafka Connect writes the whole schema beside every event: several times the event's own bytes, and
the same ones each time. So the bytes before the payload are remembered; a message that begins with them is parsed from
there on only. Nothing is taken on trust: what follows must be one JSON object and the last brace.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from ..codes import ErrorCode
from ..decode import decode
from ..model import Defect
from .converters import columns_of
from .exact import NUMBER_DEFECTS, decode_all_but_numbers

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_KNOWN = 64
"""Schemas that one topic's messages are expected to have: one for each table and each change of it."""

HEAD = b'{"schema":'
"""How a value begins that brings its schema."""

MAX_SCHEMA_BYTES = 262_144
"""A larger one is read anew with each message that brings it."""

_BETWEEN = ',"payload":'
_ROWS = ("after", "before")
_scan = json.JSONDecoder().raw_decode


@dataclass(frozen=True, slots=True, eq=False)
class ConnectSchema:
    """A schema as a message brought it; found again by identity, as the layouts that were made of it are."""

    name: str = ""
    columns: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Of the row: of an envelope's `after`, else of the schema itself."""


class Opened(NamedTuple):
    """What a message holds: its payload, and the schema that stood beside it.

    Where it is not `exact`, some numbers in it are `Inexact`.
    """

    payload: Any
    schema: ConnectSchema | None
    wrapped: bool
    exact: bool


NO_KEY = Opened(None, None, wrapped=False, exact=True)


class Wrappers:
    """The schemas that a topic's values, or its keys, have brought so far."""

    def __init__(self) -> None:
        self._known: list[tuple[bytes, ConnectSchema]] = []
        self._by_text: dict[bytes, ConnectSchema] = {}

    def strip(self, text: bytes) -> tuple[bytes, ConnectSchema | None] | None:
        """Take a known schema off a text, without reading what is left.

        Returns:
            The payload's text and the schema; the text itself where it has none around it; None where the schema is
            not known. It is good if the payload's text is one whole JSON value.
        """
        if not text.startswith(HEAD):
            return text, None
        for prefix, schema in self._known:
            if text.startswith(prefix):
                return (text[len(prefix) : -1], schema) if text.endswith(b"}") else None
        return None

    def open(self, text: bytes) -> Opened | Defect:
        """Read a message's value or key.

        Args:
            text: JSON, with `schema` and `payload` or without.

        Returns:
            The payload, which may be null; or why the text cannot be read.
        """
        known = self.strip(text)
        if known is not None and known[1] is not None:
            payload = decode(known[0])
            if type(payload) is dict:
                return Opened(payload, known[1], wrapped=True, exact=True)
        document = decode(text)
        exact = type(document) is dict
        if isinstance(document, Defect) and document.code in NUMBER_DEFECTS:
            document = decode_all_but_numbers(text, document)
        if isinstance(document, Defect):
            return document
        if len(document) == 2 and "payload" in document and "schema" in document:  # noqa: PLR2004
            return self._unwrap(document, text, exact=exact)
        return Opened(document, None, wrapped=False, exact=exact)

    def open_key(self, text: bytes | None) -> Opened | Defect:
        """Read a message's key: an object as `open` does, or one value, as JSON or as plain text.

        Returns:
            The payload, null where there is no key; or why it cannot be read.
        """
        if text is None:
            return NO_KEY
        opened = self.open(text)
        if not isinstance(opened, Defect):
            return opened
        if text.startswith(b"{"):
            return Defect(ErrorCode.ID_UNUSABLE, f"The message's key cannot be read: {opened.code}.")
        try:
            return Opened(_one_value(text.decode()), None, wrapped=False, exact=True)
        except UnicodeDecodeError:
            return Defect(ErrorCode.ID_UNUSABLE, "The message's key is neither JSON nor text in UTF-8.")

    def _unwrap(self, document: dict[str, Any], text: bytes, *, exact: bool) -> Opened:
        said, payload = document["schema"], document["payload"]
        if said is None:
            return Opened(payload, None, wrapped=True, exact=exact)
        if type(said) is not dict or type(said.get("type")) is not str:  # a row with columns of these names
            return Opened(document, None, wrapped=False, exact=exact)
        return Opened(payload, self._schema(said, text) if exact else read_schema(said), wrapped=True, exact=exact)

    def _schema(self, said: dict[str, Any], text: bytes) -> ConnectSchema:
        try:
            canonical = orjson.dumps(said)
        except orjson.JSONEncodeError:  # nested deeper than it can write
            return read_schema(said)
        if len(canonical) > MAX_SCHEMA_BYTES:
            return read_schema(said)
        schema = self._by_text.get(canonical)
        if schema is None:
            if len(self._by_text) >= MAX_KNOWN:
                self._by_text.clear()
                self._known.clear()
            schema = self._by_text[canonical] = read_schema(said)
            prefix = _prefix(text)
            if prefix is not None and len(prefix) <= 2 * MAX_SCHEMA_BYTES:
                self._known.append((prefix, schema))
        return schema


def read_schema(said: dict[str, Any]) -> ConnectSchema:
    """Read a schema; of an envelope it takes that of the row, and a single value is a column without a name."""
    columns = columns_of(said) if said.get("type") == "struct" else {"": said}
    if "op" in columns and "source" in columns:
        row = next((columns[side] for side in _ROWS if columns.get(side, {}).get("type") == "struct"), {})
        columns = columns_of(row)
    name = said.get("name")
    return ConnectSchema(name if isinstance(name, str) else "", columns)


def _one_value(text: str) -> str | None:
    """Take the quotes off a JSON text, and null for none; everything else stands for itself, numbers included."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return value if value is None or type(value) is str else text


def _prefix(text: bytes) -> bytes | None:
    """Return the bytes before the payload, where they are written without a blank and the payload stands last."""
    whole = text.decode()
    if not whole.startswith(HEAD.decode()):
        return None
    _, end = _scan(whole, len(HEAD))
    if whole[end : end + len(_BETWEEN)] != _BETWEEN:
        return None
    return whole[: end + len(_BETWEEN)].encode()
