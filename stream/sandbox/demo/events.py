"""The demo's events: seeded, of up to eight datastores, a few of them bad, each with what must become of it. Pure.

Records of different datastores share their ids, and a record's events share a partition, as in a real topic. A bad
event carries the key of a record that good ones change, so that it stands right between them.
"""

from __future__ import annotations

import zlib
from collections import Counter
from dataclasses import dataclass
from itertools import cycle
from random import Random
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

Record = tuple[str, str]
"""(dataStoreId, record id)."""

PARTITIONS: Final = 4
MOST_RECORDS: Final = 1_000
"""In one datastore: as many as one request may hold, so that a backlog can fill requests."""
CHANGES_PER_RECORD: Final = 12
FEWEST_EVENTS: Final = 100
_GOOD_PER_BAD: Final = 1_000
_FIRST_ID: Final = 1_001

Fields = dict[str, Any]

_FIELDS: Final[Mapping[str, Callable[[Random], Fields]]] = {
    "customers": lambda rng: {
        "name": rng.choice(("Ada Novak", "Björn Ångström", "Chloé Martin", "Zoë Müller")),
        "email": f"mail-{rng.randrange(10_000)}@example.com",
        "tier": rng.choice(("bronze", "silver", "gold")),
    },
    "accounts": lambda rng: {
        "balance": rng.randrange(1_000_000) / 100,
        "currency": rng.choice(("CHF", "EUR", "USD")),
        "isOpen": rng.random() < 0.9,  # noqa: PLR2004 - most accounts are open
    },
    "contracts": lambda rng: {
        "plan": rng.choice(("basic", "flex", "premium")),
        "startsOn": f"20{rng.randrange(10, 30)}-0{rng.randrange(1, 10)}-01",
        "monthlyFee": rng.randrange(20_000) / 100,
    },
    "tickets": lambda rng: {
        "subject": rng.choice(("no dial tone", "invoice unclear", "Rückruf erbeten")),
        "priority": rng.randrange(1, 6),
        "state": rng.choice(("open", "waiting", "closed")),
    },
    "devices": lambda rng: {
        "model": rng.choice(("desk phone", "headset", "softphone")),
        "firmware": f"{rng.randrange(1, 9)}.{rng.randrange(20)}.{rng.randrange(100)}",
        "isOnline": rng.random() < 0.5,  # noqa: PLR2004 - half of them
    },
    "addresses": lambda rng: {
        "street": f"{rng.choice(('Main Street', 'Seestraße', 'Rue du Lac'))} {rng.randrange(1, 200)}",
        "postcode": str(rng.randrange(1_000, 100_000)),
        "city": rng.choice(("Genève", "London", "Zürich")),
    },
    "preferences": lambda rng: {
        "language": rng.choice(("de", "en", "fr")),
        "channels": rng.sample(("chat", "mail", "phone"), rng.randrange(4)),
        "wantsNews": rng.random() < 0.5,  # noqa: PLR2004 - half of them
    },
    "callbacks": lambda rng: {
        "phone": f"+41{rng.randrange(10**8, 10**9)}",
        "dueAt": f"2031-01-{rng.randrange(10, 29)}T{rng.randrange(10, 24)}:30:00Z",
        "note": rng.choice((None, "asked twice", "ruft aus Köln an \N{TELEPHONE RECEIVER}")),
    },
}
DATASTORES: Final = tuple(_FIELDS)
"""Each has a schema in `schemas/datastores/` beside this file."""


class MadeEvent(NamedTuple):
    """One message, its place in the input topic, and what must become of it.

    `code` is that of the outcome's error. `record` is what it is meant to change, None where nothing says that.
    `version` is the record's version that the outcome must show, None where it need not show one.
    """

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    result: str
    code: str | None
    record: Record | None
    version: int | None


@dataclass(frozen=True, slots=True)
class BadKind:
    """A way to be bad: what is sent instead of a good document, and the result and code that it must get."""

    name: str
    code: str
    spoil: Callable[[dict[str, Any]], bytes | None]
    result: str = "INVALID"
    has_key: bool = True


def _with_raw_member(document: dict[str, Any], member: bytes) -> bytes:
    """Add what `orjson` would never write to the fields, which stand last."""
    return orjson.dumps(document)[:-2] + b"," + member + b"}}"


BAD_KINDS: Final = (
    BadKind("cut off", "not_json", lambda good: orjson.dumps(good)[:-9]),
    BadKind("null value", "tombstone", lambda _: None, result="UNSUPPORTED"),
    BadKind("empty value, no key", "empty_value", lambda _: b"", has_key=False),
    BadKind("a list", "not_an_object", lambda good: orjson.dumps([good])),
    BadKind("not UTF-8", "not_utf8", lambda good: orjson.dumps(good).replace(b'"fields"', b'"fields\xff"')),
    BadKind("one key twice", "duplicate_key", lambda good: _with_raw_member(good, b'"changeNumber":1')),
    BadKind("integer beyond 64 bits", "number_out_of_range", lambda good: _with_raw_member(good, b'"n":' + b"9" * 30)),
    BadKind("18 digits", "number_too_precise", lambda good: _with_raw_member(good, b'"n":0.123456789012345678')),
    BadKind("unknown property", "envelope_invalid", lambda good: orjson.dumps({**good, "feilds": {}})),
    BadKind("no fields", "envelope_invalid", lambda good: orjson.dumps({**good, "fields": {}})),
    BadKind(
        "no datastore",
        "datastore_missing",
        lambda good: orjson.dumps({name: good[name] for name in ("id", "fields")}),
    ),
    BadKind("unknown datastore", "schema_missing", lambda good: orjson.dumps({**good, "dataStoreId": "unknown"})),
    BadKind(
        "refused by its schema",
        "fields_invalid",
        lambda good: orjson.dumps({**good, "fields": {**good["fields"], "changeNumber": "one"}}),
    ),
)
"""All that is told before the API sees it; what each must become is the contract's (sections 2 and 3)."""

BAD_HEADERS: Final[list[tuple[str, bytes | None]]] = [("origin", b"demo"), ("binary", b"\x00\xff"), ("null", None)]
"""For the dead letters to carry on."""


def make_events(count: int, datastores: int = len(DATASTORES), seed: int = 1) -> list[MadeEvent]:
    """Make the events of a demo, in the order in which they are to be produced to an empty topic.

    Args:
        count: how many, at least `FEWEST_EVENTS`; about one in a thousand is bad, and each kind of bad comes at least
            once; as many more are late writes, which the API must leave out (IGNORE) or refuse (FAIL).
        datastores: how many of `DATASTORES`.
        seed: the same seed gives the same events.

    Returns:
        The events with their places; the nth message of a partition has offset n.
    """
    rng = Random(seed)
    # After the first tenth there are records that a late write can be late for.
    late_from = count // 10
    odd_count = max(len(BAD_KINDS) + len(_LATE), count // _GOOD_PER_BAD)
    odd = set(rng.sample(range(late_from, count), odd_count))
    maker = _Maker(rng, DATASTORES[:datastores], record_count(count, datastores))
    return [maker.odd() if index in odd else maker.good() for index in range(count)]


def record_count(count: int, datastores: int) -> int:
    """Return how many records each datastore has, so that each is changed several times."""
    return max(1, min(MOST_RECORDS, count // (datastores * CHANGES_PER_RECORD)))


_LATE: Final = (
    ("IGNORE", "SKIPPED_STALE", None),
    ("FAIL", "CONFLICT", "version_conflict"),
)
"""Writes made for an older version than the stored one: policy, result, code (contract section 1)."""


class _Maker:
    """Keeps what the next event depends on: the versions so far, and the places taken."""

    def __init__(self, rng: Random, datastores: Sequence[str], records: int) -> None:
        self._rng = rng
        self._datastores = datastores
        self._ids = [str(number) for number in range(_FIRST_ID, _FIRST_ID + records)]
        self._versions: Counter[Record] = Counter()
        self._next_offset = [0] * PARTITIONS
        self._odd = _odd_makers(self)
        self._made = 0

    def good(self) -> MadeEvent:
        """Make an event that must be applied."""
        record = (self._rng.choice(self._datastores), self._rng.choice(self._ids))
        self._versions[record] += 1
        value = orjson.dumps(self._document(record))
        return self._place(record[1].encode(), value, "APPLIED", None, record, self._versions[record])

    def odd(self) -> MadeEvent:
        """Make the next kind of event that must not be applied."""
        return next(self._odd)()

    def bad(self, kind: BadKind) -> MadeEvent:
        """Make a bad event under the key of a record."""
        record = (self._rng.choice(self._datastores), self._rng.choice(self._ids))
        key = record[1].encode() if kind.has_key else None
        return self._place(key, kind.spoil(self._document(record)), kind.result, kind.code, None, None)

    def late(self, policy: str, result: str, code: str | None) -> MadeEvent:
        """Make a sound event that comes too late for its record."""
        record = self._rng.choice(list(self._versions))
        current = self._versions[record]
        document = {**self._document(record), "version": current - 1, "conflictResolution": policy}
        version = current if code is None else None
        return self._place(record[1].encode(), orjson.dumps(document), result, code, record, version)

    def _document(self, record: Record) -> dict[str, Any]:
        self._made += 1
        fields = _FIELDS[record[0]](self._rng)
        # Never the same value twice: a change that is lost, doubled or out of order cannot hide behind an equal one.
        return {"dataStoreId": record[0], "id": record[1], "fields": {**fields, "changeNumber": self._made}}

    def _place(
        self, key: bytes | None, value: bytes | None, result: str, code: str | None, record: Record | None,
        version: int | None,
    ) -> MadeEvent:  # fmt: skip
        partition = zlib.crc32(key or b"") % PARTITIONS
        offset = self._next_offset[partition]
        self._next_offset[partition] += 1
        headers = [] if result == "APPLIED" else BAD_HEADERS
        kept = None if value is None else compact(value)
        return MadeEvent(partition, offset, key, kept, headers, result, code, record, version)


def compact(text: bytes) -> bytes:
    """Copy what `orjson` wrote: its own result keeps the 4 KB alive that it was written into (measured)."""
    return bytes(memoryview(text))


def _odd_makers(maker: _Maker) -> Iterator[Callable[[], MadeEvent]]:
    bad = [lambda kind=kind: maker.bad(kind) for kind in BAD_KINDS]
    late = [lambda late=late: maker.late(*late) for late in _LATE]
    return cycle([*bad, *late])
