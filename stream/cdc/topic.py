"""Reads the messages of one topic: what each is, which rule is for it, and what becomes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..codes import ErrorCode
from ..decode import decode
from ..model import Defect
from . import shapes
from .compiled import ROW_CHANGES, CompiledRule
from .result import IGNORED, Delta, NotSent, refused, shown
from .rules import Format
from .usual import UsualForms
from .wrapper import Opened, Wrappers

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_TABLES = 10_000

_JSON_NULL = b"null"
"""What the JSON converter writes where an unwrapped row was deleted: the record has a schema, and no value."""

_NULL = Defect(ErrorCode.TOMBSTONE, "The value is null, which is no change on a native topic.")
_NO_OBJECT = Defect(ErrorCode.NOT_AN_OBJECT, "The payload is JSON, but not an object.", "/payload")
_TOO_DEEP = Defect(ErrorCode.NESTED_TOO_DEEP, "The value is nested deeper than can be sent on.")


class TopicReader:
    """What is known of one topic: its schemas, its usual forms, and which rule is for what it brings."""

    def __init__(self, name: str, rules: Iterable[CompiledRule]) -> None:
        """Choose from the rules those that may be for this topic.

        Args:
            name: the topic's.
            rules: all, in their order.
        """
        self._name = name
        self._rules = tuple(each for each in rules if each.rule.topic is None or each.rule.topic.fits(name))
        self._named = next((each for each in self._rules if each.rule.names_topic(name)), None)
        self._tables: dict[tuple[object, ...], CompiledRule | None] = {}
        self._values = Wrappers()
        self._keys = Wrappers()
        self.usual = UsualForms(self._values)
        self.expects_native = self._named is None
        """Whether the next message is probably a native event, and best read as one first: only speed depends on it."""

    def read(self, key: bytes | None, value: bytes | None) -> Delta | NotSent | dict[str, Any]:
        """Read one message.

        Args:
            key: its key.
            value: its value; what null means is decided by the topic's name alone, never by earlier messages.

        Returns:
            The delta to send; or why nothing is sent; or, for a native event, the decoded object, not judged yet.
        """
        named = self._named
        if named is not None and named.rule.ignore and named.rule.table is None:
            return IGNORED
        try:
            usual = self.usual.read(key, value) if self._rules and value is not None else None
            return usual or self._read_in_full(key, value)
        except RecursionError:
            return refused(_TOO_DEEP)

    def _read_in_full(self, key: bytes | None, value: bytes | None) -> Delta | NotSent | dict[str, Any]:
        opened = None if value is None else self._values.open(value)
        if isinstance(opened, Defect):
            is_null = opened.code is ErrorCode.NOT_AN_OBJECT and value is not None and value.strip() == _JSON_NULL
            return self._null(key) if is_null and self._named is not None else refused(opened)
        if value is None or opened is None or opened.payload is None:
            return self._null(key)
        if type(opened.payload) is not dict:
            return refused(_NO_OBJECT)
        if shapes.is_envelope(opened.payload):
            return self._envelope(key, opened, value)
        if self._named is not None and self._named.rule.format is Format.UNWRAPPED:
            return self._named.unwrapped(opened, self._keys.open_key(key), value)
        return self._other(opened, value)

    def _null(self, key: bytes | None) -> Delta | NotSent:
        if self._named is None:
            return refused(_NULL)
        if self._named.rule.ignore:
            return IGNORED
        opened = self._keys.open_key(key)
        if self._named.rule.format is Format.UNWRAPPED:
            return self._named.delete(opened, None)
        return self._named.no_change(opened)

    def _envelope(self, key: bytes | None, opened: Opened, value: bytes) -> Delta | NotSent:
        change, prefix = opened.payload, "/payload" if opened.wrapped else ""
        self.expects_native = False
        if change["op"] == "m":  # a message that somebody wrote into the log: of no row
            return IGNORED
        foreign = shapes.why_foreign(change)
        if foreign is not None:
            return refused(Defect(ErrorCode.FORMAT_UNSUPPORTED, foreign, f"{prefix}/source/connector"))
        found = self._rule_of(change["source"])
        if found is None:
            table = shown(shapes.table_of(change["source"]))
            text = f"No rule of the mapping file (STREAM_MAPPING_FILE) fits table {table} on this topic: write one."
            return refused(Defect(ErrorCode.NO_RULE, text, f"{prefix}/source"))
        if found.rule.ignore:
            return IGNORED
        if found.rule.format is Format.UNWRAPPED:
            text = (
                f"Rule {found.rule.number} maps its source as unwrapped rows, and this value is an envelope: say "
                'format = "envelope", or let the connector unwrap all of them.'
            )
            return refused(Defect(ErrorCode.FORMAT_UNSUPPORTED, text, f"{prefix}/op"), found.rule.datastore_id)
        return self._change(found, key, opened, value)

    def _change(self, rule: CompiledRule, key: bytes | None, opened: Opened, value: bytes) -> Delta | NotSent:
        opened_key = self._keys.open_key(key)
        found = rule.envelope(opened, opened_key, value)
        if isinstance(found, Delta) and opened.exact and rule.is_simple and opened.payload["op"] in ROW_CHANGES:
            self.usual.learn(value, opened.payload, rule)
            if not isinstance(opened_key, Defect):
                rule.identity.learn(key, opened_key)
        return found

    def _other(self, opened: Opened, value: bytes) -> NotSent | dict[str, Any]:
        """Judge an object that is no change of a row: the connector's own, a native event, or misplaced."""
        if shapes.is_of_connector(opened.payload, opened.schema):
            return IGNORED
        if self._named is None or (shapes.is_native(opened.payload) and not opened.wrapped):
            self.expects_native = self._named is None
            return _native(opened, value)
        text = (
            f"Rule {self._named.rule.number} maps its source as envelopes, and this value is none: if the connector "
            'unwraps rows (ExtractNewRecordState), say format = "unwrapped".'
        )
        return refused(Defect(ErrorCode.FORMAT_UNSUPPORTED, text, ""), self._named.rule.datastore_id)

    def _rule_of(self, source: dict[str, Any]) -> CompiledRule | None:
        """Find the first rule for the table that an envelope's `source` names."""
        place = (source.get("db"), source.get("schema"), source.get("table"))
        try:
            return self._tables[place]
        except KeyError:
            if len(self._tables) >= MAX_TABLES:
                self._tables.clear()
            self._tables[place] = found = self._first(shapes.table_of(source))
            return found
        except TypeError:  # no text: nobody's table
            return self._first(shapes.table_of(source))

    def _first(self, table: str) -> CompiledRule | None:
        return next((each for each in self._rules if each.rule.fits(self._name, table)), None)


def _native(opened: Opened, value: bytes) -> NotSent | dict[str, Any]:
    if opened.exact and not opened.wrapped:
        document: dict[str, Any] = opened.payload
        return document
    found = decode(value)
    return refused(found) if isinstance(found, Defect) else found
