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
    """One message, and what must become of it; without a `code` it is a good event.

    `is_copied` is false for one that is larger than its dead letter topic takes.
    """

    value: bytes | None
    code: str | None = None
    path: str | None = None
    datastore_id: str | None = None
    record_id: str | None = None
    key: bytes | None = b"key"
    headers: tuple[tuple[str, bytes | None], ...] = ()
    is_copied: bool = True

    @property
    def result(self) -> str:
        """The outcome's result."""
        if self.code is None:
            return "APPLIED"
        return "UNSUPPORTED" if self.code == "tombstone" else "INVALID"


def _bad_tier() -> bytes:
    return event("example", "r", 0, fields={"tier": MARK})


def _refused(key: bytes | None, headers: Headers | None = None, *, is_copied: bool = True) -> Case:
    """A bad event under this key and with these headers, which its dead letter must carry on."""
    return Case(
        _bad_tier(), "fields_invalid", "/fields/tier", "example", "r", key, tuple(headers or ()), is_copied=is_copied
    )


def _raw(member: bytes, fields: bytes = b'{"x":1}') -> bytes:
    """An event as nobody's library writes it."""
    return b'{"dataStoreId":"s","id":"a",%b"fields":%b}' % (member, fields)


def _nested(depth: int) -> bytes:
    return _raw(b"", b'{"x":' + b"[" * depth + b"]" * depth + b"}")


UNREADABLE: Mapping[str, Case] = {
    "null value": Case(None, "tombstone"),
    "empty value": Case(b"", "empty_value"),
    "truncated": Case(b'{"id":"%b' % MARK.encode(), "not_json"),
    "byte order mark": Case(b"\xef\xbb\xbf" + event("s", "a", 1), "not_utf8"),
    "not UTF-8": Case(b'{"id":"\xff"}', "not_utf8"),
    "lone surrogate": Case(_raw(b"", b'{"x":"\\ud800"}'), "not_utf8"),
    "a list": Case(b"[1,2]", "not_an_object", ""),
    "a string": Case(b'"%b"' % MARK.encode(), "not_an_object", ""),
    "null, as JSON": Case(b"null", "not_an_object", ""),
    "a key twice": Case(b'{"id":"a","id":"b","fields":{"x":1}}', "duplicate_key"),
    "a key twice, deep": Case(_raw(b"", b'{"x":[{"y":{"z":1,"z":1}}]}'), "duplicate_key"),
    "NaN": Case(_raw(b"", b'{"x":NaN}'), "not_json"),
    "1e999": Case(_raw(b"", b'{"x":1e999}'), "number_out_of_range"),
    "65 bits": Case(_raw(b"", b'{"x":18446744073709551616}'), "number_out_of_range"),
    "65 bits, deep": Case(_raw(b"", b'{"x":[{"y":-9223372036854775809}]}'), "number_out_of_range"),
    "too precise": Case(_raw(b"", b'{"x":0.1234567890123456789}'), "number_too_precise"),
    "300 deep": Case(_nested(300), "nested_too_deep", "/fields", "s", "a"),
    "5,000 deep": Case(_nested(5_000), "nested_too_deep"),
    "200,000 deep": Case(_nested(200_000), "nested_too_deep", is_copied=False),
    "deep and never closed": Case(b"[" * 10_000, "nested_too_deep"),
    "too large to copy": Case(
        b"x" * (2 * MAX_DEAD_LETTER_BYTES), "not_json", key=b"k" * 500, headers=(("large", b"h"),), is_copied=False
    ),
}

BROKEN: Mapping[str, Case] = {
    "no fields": Case(b'{"dataStoreId":"s","id":"a"}', "envelope_invalid", "", "s", "a"),
    "empty fields": Case(_raw(b"", b"{}"), "envelope_invalid", "/fields", "s", "a"),
    "fields of the wrong type": Case(_raw(b"", b'["%b"]' % MARK.encode()), "envelope_invalid", "/fields", "s", "a"),
    "unknown property": Case(event("s", "a", 1, more=MARK), "envelope_invalid", "", "s", "a"),
    "empty id": Case(event("s", "", 1), "envelope_invalid", "/id", "s", ""),
    "id of 257 characters": Case(event("s", "i" * 257, 1), "envelope_invalid", "/id", "s", "i" * 256),
    "id of 15 kB": Case(event("s", "i" * 15_000, 1), "envelope_invalid", "/id", "s", "i" * 256),
    "id of the wrong type": Case(b'{"dataStoreId":"s","id":7,"fields":{"x":1}}', "envelope_invalid", "/id", "s"),
    "negative version": Case(_raw(b'"version":-1,'), "envelope_invalid", "/version", "s", "a"),
    "version as text": Case(_raw(b'"version":"1",'), "envelope_invalid", "/version", "s", "a"),
    "datastore of another folder": Case(event("../s", "a", 1), "envelope_invalid", "/dataStoreId", "../s", "a"),
    "datastore with control characters": Case(
        event("s\r\n\0", "a", 1), "envelope_invalid", "/dataStoreId", "s\r\n\0", "a"
    ),
    "datastore of 10 kB": Case(event("s" * 10_000, "a", 1), "envelope_invalid", "/dataStoreId", "s" * 256, "a"),
    "no datastore": Case(b'{"id":"a","fields":{"x":1}}', "datastore_missing", "/dataStoreId", None, "a"),
    "bad update type": Case(event("s", "a", 1, updateType="upsert"), "envelope_invalid", "/updateType", "s", "a"),
    "bad conflict resolution": Case(
        event("s", "a", 1, conflictResolution=MARK), "envelope_invalid", "/conflictResolution", "s", "a"
    ),
    "schema refuses": Case(_bad_tier(), "fields_invalid", "/fields/tier", "example", "r"),
}

HOSTILE: Mapping[str, Case] = {
    "odd headers and no key": _refused(None, ODD_HEADERS),
    "bad, with a binary key": _refused(b"\x00\xff\x80"),
    "line feeds in the trace context": _refused(b"key", [("traceparent", TRACE_PARENT + b"\r\nevil: 1")]),
    "a megabyte of trace context": _refused(b"key", [("traceparent", b"0" * 900_000)], is_copied=False),
    "two hundred headers": _refused(b"key", [(f"header {number}", b"x") for number in range(200)]),
}

BAD: Mapping[str, Case] = {**UNREADABLE, **BROKEN, **HOSTILE}

GOOD: Mapping[str, Case] = {
    "plain": Case(event("s", "plain", 1, fields={"x": MARK}), key=b"plain"),
    "no key": Case(event("s", "no key", 1), key=None),
    "empty key": Case(event("s", "empty key", 1), key=b""),
    "binary key": Case(event("s", "binary key", 1), key=b"\x00\xff\x80"),
    "largest key": Case(event("s", "largest key", 1), key=b"k" * 65_536),
    "huge key": Case(event("s", "huge key", 1), key=b"k" * 65_537),
    "traced": Case(event("s", "traced", 1), headers=(("traceparent", TRACE_PARENT), ("tracestate", b"a=1,b=2"))),
    "traced with line feeds": Case(event("s", "line feeds", 1), headers=(("traceparent", TRACE_PARENT + b"\r\n"),)),
    "traced by a megabyte": Case(event("s", "megabyte", 1), headers=(("traceparent", b"0" * 900_000),)),
    "badly traced": Case(event("s", "badly traced", 1), headers=(("traceparent", b"00-xyz"), ("tracestate", b"a=1"))),
    "id with every kind of character": Case(event("s", 'ü "\\%s\u2028/../\U0001f600', 1)),
    "integral float as version": Case(b'{"dataStoreId":"s","id":"v","version":0.0,"fields":{"x":1}}'),
}
