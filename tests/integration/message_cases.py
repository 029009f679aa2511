"""Messages of every kind: those that are no event, and good ones beside them whose keys and headers are unusual."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..harness.feed import event

if TYPE_CHECKING:
    from collections.abc import Mapping

Headers = list[tuple[str, bytes | None]]

MARK = "shown-to-nobody"
"""Stands in fields, and must stand nowhere else."""
MAX_DEAD_LETTER_BYTES = 20_000
TRACE_PARENT = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ODD_HEADERS: Headers = [("twice", b"1"), ("twice", None), ("schlüssel", b"\x00\xff"), ("empty", b"")]


@dataclass(frozen=True, slots=True)
class Case:
    """One message, and what must become of it; without a `code` it is a good event."""

    value: bytes | None
    code: str | None = None
    path: str | None = None
    datastore_id: str | None = None
    record_id: str | None = None
    key: bytes | None = b"key"
    headers: tuple[tuple[str, bytes | None], ...] = ()

    @property
    def result(self) -> str:
        """The outcome's result."""
        if self.code is None:
            return "APPLIED"
        return "UNSUPPORTED" if self.code == "tombstone" else "INVALID"


def _bad_tier(**members: object) -> bytes:
    return event("example", "r", 0, fields={"tier": MARK}, **members)


BAD: Mapping[str, Case] = {
    "null value": Case(None, "tombstone"),
    "empty value": Case(b"", "empty_value"),
    "not JSON": Case(b'{"id":"%b' % MARK.encode(), "not_json"),
    "not UTF-8": Case(b'{"id":"\xff"}', "not_utf8"),
    "a list": Case(b"[1,2]", "not_an_object", ""),
    "a key twice": Case(b'{"id":"a","id":"b","fields":{"x":1}}', "duplicate_key"),
    "65 bits": Case(b'{"dataStoreId":"s","id":"a","fields":{"x":18446744073709551616}}', "number_out_of_range"),
    "too precise": Case(b'{"dataStoreId":"s","id":"a","fields":{"x":0.1234567890123456789}}', "number_too_precise"),
    "no fields": Case(b'{"dataStoreId":"s","id":"a"}', "envelope_invalid", "", "s", "a"),
    "unknown property": Case(event("s", "a", 1, more=MARK), "envelope_invalid", "", "s", "a"),
    "no datastore": Case(b'{"id":"a","fields":{"x":1}}', "datastore_missing", "/dataStoreId", None, "a"),
    "schema refuses": Case(_bad_tier(), "fields_invalid", "/fields/tier", "example", "r"),
    "odd headers and no key": Case(
        _bad_tier(), "fields_invalid", "/fields/tier", "example", "r", key=None, headers=tuple(ODD_HEADERS)
    ),
    "too large to copy": Case(
        b"x" * (2 * MAX_DEAD_LETTER_BYTES), "not_json", key=b"k" * 500, headers=(("large", b"h"),)
    ),
}

GOOD: Mapping[str, Case] = {
    "plain": Case(event("s", "plain", 1, fields={"x": MARK}), key=b"plain"),
    "no key": Case(event("s", "no key", 1), key=None),
    "empty key": Case(event("s", "empty key", 1), key=b""),
    "binary key": Case(event("s", "binary key", 1), key=b"\x00\xff\x80"),
    "largest key": Case(event("s", "largest key", 1), key=b"k" * 65_536),
    "huge key": Case(event("s", "huge key", 1), key=b"k" * 65_537),
    "traced": Case(event("s", "traced", 1), headers=(("traceparent", TRACE_PARENT), ("tracestate", b"a=1,b=2"))),
    "badly traced": Case(event("s", "badly traced", 1), headers=(("traceparent", b"00-xyz"), ("tracestate", b"a=1"))),
    "id with every kind of character": Case(event("s", 'ü "\\%s\u2028/../\U0001f600', 1)),
    "integral float as version": Case(b'{"dataStoreId":"s","id":"v","version":0.0,"fields":{"x":1}}'),
}
