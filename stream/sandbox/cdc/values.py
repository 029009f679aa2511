"""Keys and values of the tables as SQL: with whatever is easily changed on its way through JSON. Pure."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from random import Random

Table = Literal["contacts", "seats", "orders", "teams"]


class OneKey(NamedTuple):
    """A key of one column, as SQL."""

    id: str


class OrderKey(NamedTuple):
    """A key of one column, as SQL."""

    number: str


class SeatKey(NamedTuple):
    """A key of two columns, as SQL."""

    tenant: str
    seat: str


Key = OneKey | OrderKey | SeatKey

_TENANTS: Final = ("acme", "acme:1", "50%", "50%25", "Zürich", "o'hara")
_NAMES: Final = (
    "Ada Novak",
    "Björn Ångström",
    "Chloé Martin",
    "O'Neil",
    'the "quick"',
    "two\nlines",
    "back\\slash",
    "🙂",
)
_RATES: Final = (
    *("0", "-0.01", "0.000000000000000000012345", "123456789012345678901234567890.5", "100", "1e10", "-7.50"),
)
_INTERVALS: Final = ("1 year 2 mons 3 days 04:05:06.78", "9 years 11 mons 30 days 23:59:59.5")
_LONG_ONE_IN: Final = 8
_LONG: Final = 3_500


def make_key(table: Table, number: int) -> Key:
    """Make the nth key of a table."""
    if table == "seats":
        tenant, seat = _TENANTS[number % len(_TENANTS)], number // len(_TENANTS)
        return SeatKey(text(tenant), str(seat))
    if table == "teams":
        return OneKey(text(str(uuid.UUID(int=number * 2**64 + 2**63))))
    return OrderKey(str(number)) if table == "orders" else OneKey(str(number))


def record_id(key: Key) -> str:
    """Return the id that the record of a row must have (docs/cdc.md, keys and order)."""
    parts = [part[1:-1].replace("''", "'") if part.startswith("'") else part for part in key]
    if len(parts) == 1:
        return parts[0]
    return ":".join(part.replace("%", "%25").replace(":", "%3A") for part in parts)


def key_condition(key: Key) -> str:
    """Write the condition that one row meets."""
    return " AND ".join(f"{name} = {literal}" for name, literal in zip(key._fields, key, strict=True))


def text(value: str) -> str:
    """Write a text."""
    return "'" + value.replace("'", "''") + "'"


def _or_null(make: Callable[[Random], str]) -> Callable[[Random], str]:
    return lambda rng: "NULL" if rng.random() < 0.15 else make(rng)  # noqa: PLR2004 - some are null


def _decimal(rng: Random) -> str:
    cents = rng.choice((0, 1, -1, rng.randrange(-10_000_000, 10_000_000), 999_999_999_999 // 1000))
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def _date(rng: Random) -> str:
    return text(f"{rng.randrange(1600, 2200)}-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d}")


def _time(rng: Random) -> str:
    fraction = rng.choice(("", ".25", ".007", f".{rng.randrange(1_000_000):06d}"))
    return f"{rng.randrange(24):02d}:{rng.randrange(60):02d}:{rng.randrange(60):02d}{fraction}"


def _timestamp(rng: Random) -> str:
    return text(f"{_date(rng)[1:-1]} {_time(rng)}")


def _zoned(rng: Random) -> str:
    return text(f"{_date(rng)[1:-1]} {_time(rng)}{rng.choice(('+00', '-08', '+05:30'))}")


def _plan(rng: Random) -> str:
    plan = {
        "seats": rng.randrange(100),
        "price": rng.randrange(10_000) / 100,
        "who": rng.choice(_NAMES),
        "notes": [None],
    }
    return text(orjson.dumps(plan).decode())


def _name(rng: Random) -> str:
    return text(f"{rng.choice(_NAMES)} {rng.randrange(1_000)}")


def _long(rng: Random) -> bool:
    return rng.randrange(_LONG_ONE_IN) == 0


def _long_text(rng: Random) -> str:
    return text(f"{rng.randrange(1_000_000)} " * (_LONG // 4) if _long(rng) else f"short {rng.randrange(100)}")


def _tags(rng: Random) -> str:
    count, first = 400 if _long(rng) else rng.randrange(4), rng.randrange(1_000_000)
    made = ", ".join(f"'tag {number:07d}'" for number in range(first, first + count))
    return f"ARRAY[{made}]::text[]"


def _photo(rng: Random) -> str:
    size = _LONG if _long(rng) else rng.randrange(1, 12)
    return f"'\\x{rng.randbytes(size).hex()}'"


def _one_of(values: Sequence[str]) -> Callable[[Random], str]:
    return lambda rng: text(rng.choice(values))


COLUMNS: Final[Mapping[Table, Mapping[str, Callable[[Random], str]]]] = {
    "contacts": {
        "email": lambda rng: text(f"mail-{rng.randrange(100_000)}@example.org"),
        "tier": _or_null(_one_of(("bronze", "silver", "gold"))),
        "balance": _or_null(_decimal),
        "rate": _or_null(lambda rng: rng.choice(_RATES)),
        "born": _or_null(_date),
        "wakes": _or_null(lambda rng: text(_time(rng))),
        "made": _timestamp,
        "seen": _zoned,
        "contract": _or_null(_one_of(_INTERVALS)),
        "plan": _or_null(_plan),
        "tags": _or_null(_tags),
        "photo": _or_null(_photo),
        "biography": _or_null(_long_text),
    },
    "seats": {
        "holder": _or_null(_name),
        "colour": _one_of(("red", "green", "blue")),
        "badge": _or_null(_long_text),
    },
    "orders": {
        "total": _decimal,
        "rate": _or_null(lambda rng: rng.choice(_RATES)),
        "ordered": _date,
        "due": _or_null(lambda rng: text(_time(rng))),
        "placed": _or_null(_timestamp),
        "packed": _or_null(_timestamp),
        "paid": _or_null(_zoned),
        "is_open": lambda rng: rng.choice(("true", "false")),
        "weight": _or_null(lambda rng: repr(rng.random() * 10.0 ** rng.randrange(-8, 9))),
        "note": _or_null(_name),
    },
    "teams": {
        "name": _name,
        "budget": _or_null(lambda rng: f"{rng.randrange(-1_000_000, 1_000_000)}.5"),
        "founded": _or_null(_date),
        "motto": _or_null(_name),
    },
}
"""What stands beside key and number of a row: how a value of each column is made."""

LONG: Final[Mapping[Table, Sequence[str]]] = {
    "contacts": ("tags", "photo", "biography"),
    "seats": ("badge",),
    "orders": (),
    "teams": (),
}
"""Columns with long values here and there."""
