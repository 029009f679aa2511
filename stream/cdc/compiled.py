"""One rule at work: it turns a change of a row into the delta of a record."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from ..codes import ErrorCode
from ..model import Defect, LaneKey
from ..validate import pointer
from .identity import MAX_LAYOUTS, Identity
from .layout import Layout
from .result import IGNORED, Delta, NotSent, refused
from .rules import Side
from .unavailable import Unavailable

if TYPE_CHECKING:
    from .rules import Rule
    from .wrapper import ConnectSchema, Opened

MAX_VERSION = 2**63 - 1
ROW_CHANGES = frozenset({"c", "r", "u"})
CREATES = frozenset({"c", "r"})
"""After these a record may be there that was not there before."""

_DELETE = Defect(
    ErrorCode.DELETE_WITHOUT_RULE,
    'The row was deleted, and its rule says nothing of deletes: say delete = "ignore", or the fields of a soft delete.',
)
_TRUNCATED = Defect(
    ErrorCode.TRUNCATED,
    'The table was truncated, which no request can say record by record: truncate = "ignore" lets it pass.',
)
_ID_CHANGED = Defect(
    ErrorCode.ID_CHANGED,
    "The update changes the columns of the record's id: let the connector key the topic by them (message.key.columns), "
    "so that it writes a delete of the old key and a create of the new one.",
)
_BEFORE_UNKNOWN = Defect(
    ErrorCode.ID_UNUSABLE,
    "The columns of the record's id are not in the message's key, and what `before` says of others is made up unless "
    'the database logs whole rows: key the topic by them (message.key.columns), or say before = "full".',
)
_NO_FIELDS = Defect(
    ErrorCode.NO_FIELDS, "No column of the row is left to send, and a record needs one: add a column, or a constant."
)

_TOO_DEEP = Defect(ErrorCode.NESTED_TOO_DEEP, "The fields are nested deeper than can be sent on.")

_new_delta = partial(tuple.__new__, Delta)
"""Makes a delta of its six values: a named tuple's own constructor is a Python function, at twice the time."""


class CompiledRule:
    """A rule with what was compiled for the rows it has met."""

    def __init__(self, rule: Rule, lane: LaneKey) -> None:
        """Prepare a rule.

        Args:
            rule: as the file gives it.
            lane: its datastore and directives, those of the configuration filled in.
        """
        self.rule = rule
        self._lane = lane
        self.identity = Identity(rule)
        self._unavailable = Unavailable(rule.placeholder)
        self._layouts: dict[tuple[ConnectSchema | None, tuple[str, ...]], Layout] = {}

    def envelope(self, opened: Opened, key: Opened | Defect, text: bytes) -> Delta | NotSent:
        """Map a change that stands in Debezium's envelope.

        Args:
            opened: the message's value.
            key: the message's key.
            text: the value's bytes.
        """
        change, prefix = opened.payload, "/payload" if opened.wrapped else ""
        op, before = change["op"], change.get("before")
        if op == "d":
            return self.delete(key, before)
        if op == "t":
            defect = _TRUNCATED._replace(path=f"{prefix}/op")
            return IGNORED if self.rule.truncate_ignored else self._refused(defect, None)
        row = change.get("after")
        if op not in ROW_CHANGES or type(row) is not dict or not row:
            what = f"The change lacks what its kind must have: {'after' if op in ROW_CHANGES else 'a known op'}."
            return self._refused(Defect(ErrorCode.CHANGE_INVALID, what, f"{prefix}/op"), None)
        return self._row(op, row, before, opened, key, text, f"{prefix}/after")

    def unwrapped(self, opened: Opened, key: Opened | Defect, text: bytes) -> Delta | NotSent:
        """Map a row that the connector has taken out of its envelope (`ExtractNewRecordState`)."""
        row, op = opened.payload, opened.payload.get("__op")
        if row.get("__deleted") in ("true", True) or op == "d":
            return self.delete(key, row)
        if not row:
            return self._refused(Defect(ErrorCode.CHANGE_INVALID, "The row has no columns.", ""), None)
        place = "/payload" if opened.wrapped else ""
        return self._row(op if type(op) is str else None, row, None, opened, key, text, place)

    @property
    def is_simple(self) -> bool:
        """Whether a change is read from its row and its key alone, so that `row_change` may be asked."""
        rule = self.rule
        return rule.record_id is None and rule.version is None and not rule.changed_only

    def row_change(
        self, row: dict[str, Any], row_text: bytes, schema: ConnectSchema | None, key: bytes | None, *, creates: bool
    ) -> Delta | None:
        """Map a change of a row, by a simple rule.

        Args:
            row: after the change.
            row_text: its bytes, as orjson would write them.
            schema: that stood around the envelope.
            key: the message's.
            creates: whether the record begins with this row.

        Returns:
            The delta; or None where the full way must say what becomes of the change.
        """
        record_id = self.identity.of_usual_key(key)
        if record_id is None:
            return None
        layout = self._layout(row, schema)
        fields = layout.fields(row, None, row_text, creates=creates)
        if not fields or isinstance(fields, Defect):
            return None
        place = "/after" if schema is None else "/payload/after"
        if layout.is_copy and fields is row:
            record = b'{"id":"%b","fields":%b}' % (record_id, row_text)
            return _new_delta((self._lane, record_id.decode(), record, fields, self.rule.columns, place))
        if self.rule.constants:
            fields = {**fields, **self.rule.constants}
        found = self._delta(record_id.decode(), None, fields, place)
        return found if isinstance(found, Delta) else None

    def delete(self, key: Opened | Defect, before: object) -> Delta | NotSent:
        """Apply the rule's word on deletes.

        Args:
            key: the message's key.
            before: the row as it was, if the message has it; only its key is trusted unless the rule says more.
        """
        known = before if self.rule.before_is_full and type(before) is dict else None
        record_id = self._deleted_id(key, known)
        fields = self.rule.delete
        if not fields:
            readable = None if isinstance(record_id, Defect) else record_id
            if fields is None:
                return self._refused(_DELETE, readable)
            return IGNORED._replace(datastore_id=self._lane.datastore_id, record_id=readable)
        if isinstance(record_id, Defect):
            return self._refused(record_id, None)
        told = self.rule.version
        version = None if told is None or known is None else _whole(known.get(told.column), 0)
        if isinstance(version, Defect):
            return self._refused(version, record_id)
        return self._delta(record_id, version, dict(fields), None)

    def no_change(self, key: Opened | Defect) -> NotSent:
        """Pass over a message that repeats what another one has said, with the ids that it names."""
        record_id = self._deleted_id(key, None)
        return IGNORED._replace(
            datastore_id=self._lane.datastore_id, record_id=None if isinstance(record_id, Defect) else record_id
        )

    def _row(
        self,
        op: str | None,
        row: dict[str, Any],
        before: object,
        opened: Opened,
        key: Opened | Defect,
        text: bytes,
        place: str,
    ) -> Delta | NotSent:
        rule = self.rule
        known = before if rule.before_is_full and op == "u" and type(before) is dict else None
        record_id = self._id(row, known, opened.schema, key)
        if isinstance(record_id, Defect):
            return self._refused(record_id, None)
        version = None if rule.version is None else self._version(op, row, known)
        if isinstance(version, Defect):
            return self._refused(version, record_id)
        layout = self._layout(row, opened.schema)
        compare, creates = known if rule.changed_only else None, op in CREATES
        if opened.exact:
            fields = layout.fields(row, compare, text, creates=creates)
        else:
            fields = layout.fields_one_by_one(row, compare, creates=creates)
        if isinstance(fields, Defect):
            return self._refused(fields._replace(path=place + pointer([fields.path or ""])), record_id)
        if not fields and op == "u":
            return IGNORED._replace(datastore_id=self._lane.datastore_id, record_id=record_id)
        if rule.constants:
            fields = {**fields, **rule.constants}
        if not fields:
            return self._refused(_NO_FIELDS, record_id)
        return self._delta(record_id, version, fields, place)

    def _delta(self, record_id: str, version: int | None, fields: dict[str, Any], row: str | None) -> Delta | NotSent:
        record: dict[str, Any] = {"id": record_id}
        if version is not None:
            record["version"] = version
        record["fields"] = fields
        try:
            # A copy: what orjson returns holds on to its whole working buffer, 4 KiB (measured, 3.13).
            text = b"%b" % orjson.dumps(record)
        except orjson.JSONEncodeError:
            return self._refused(_TOO_DEEP, record_id)
        return Delta(self._lane, record_id, text, fields, self.rule.columns, row)

    def _layout(self, row: dict[str, Any], schema: ConnectSchema | None) -> Layout:
        names = tuple(row)
        layout = self._layouts.get((schema, names))
        if layout is None:
            if len(self._layouts) >= MAX_LAYOUTS:
                self._layouts.clear()
            layout = self._layouts[schema, names] = Layout(self.rule, schema, names, self._unavailable)
        return layout

    def _id(
        self, row: dict[str, Any], before: dict[str, Any] | None, schema: ConnectSchema | None, key: Opened | Defect
    ) -> str | Defect:
        names = self.rule.record_id
        if names is None:
            return key if isinstance(key, Defect) else self.identity.of_key(key.payload, key.schema)
        if any(self._unavailable.hides(row.get(name)) for name in names):
            return Defect(ErrorCode.ID_UNUSABLE, "A column of the record's id is not known to the connector.")
        if before is not None and any(before.get(name) != row.get(name) for name in names):
            return _ID_CHANGED
        return self.identity.of_columns(names, row, schema)

    def _deleted_id(self, key: Opened | Defect, before: dict[str, Any] | None) -> str | Defect:
        names = self.rule.record_id
        if isinstance(key, Defect):
            return key
        if names is None:
            return self.identity.of_key(key.payload, key.schema)
        if type(key.payload) is dict and all(name in key.payload for name in names):
            return self.identity.of_columns(names, key.payload, key.schema)
        return _BEFORE_UNKNOWN if before is None else self.identity.of_columns(names, before, None)

    def _version(self, op: str | None, row: dict[str, Any], before: dict[str, Any] | None) -> int | Defect | None:
        """Return the version that the writer of the row last saw: the one before this change."""
        told = self.rule.version
        if told is None or (told.side is Side.BEFORE and op == "r"):
            return None
        if told.side is Side.AFTER:
            return _whole(row.get(told.column), 1)
        return 0 if op == "c" else _whole((before or {}).get(told.column), 0)

    def _refused(self, defect: Defect, record_id: str | None) -> NotSent:
        return refused(defect, self._lane.datastore_id, record_id)


def _whole(value: object, less: int) -> int | Defect:
    if type(value) is int and 0 <= value - less <= MAX_VERSION:
        return value - less
    text = "The column that the version is taken from holds no whole number that could be one."
    return Defect(ErrorCode.VERSION_UNUSABLE, text)
