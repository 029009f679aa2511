"""What is done to the tables: seeded inserts, updates, deletes and changes of keys, and what must become of each. Pure.

Each statement changes one row and knows the messages that a connector makes of it, by what must become of them. Keys
come back: a row is deleted and made again, and rows move to keys that others had.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

from .values import COLUMNS, LONG, Table, key_condition, make_key, record_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .values import Key

Record = tuple[str, str]
"""(dataStoreId, record id)."""

DATASTORES: Final[Mapping[Table, str]] = {"contacts": "people", "seats": "seats", "orders": "orders", "teams": "teams"}
SHARES: Final[Mapping[Table, int]] = {"contacts": 9, "seats": 5, "orders": 3, "teams": 3}
KINDS: Final[Mapping[str, int]] = {"insert": 26, "update": 52, "delete": 12, "move": 10}
FIRST_SHARE: Final = 10
"""One statement in so many comes before the connectors: its row is read by their snapshots."""
MESSAGE_EVERY: Final = 1_000
"""After so many statements a message is written to the log that is of no row."""
LARGEST_TRANSACTION: Final = 20
_KEYS_AGAIN: Final = 0.3
_SEED: Final = 20_260_101


class Made(NamedTuple):
    """How many messages have which outcome."""

    applied: int = 0
    ignored: int = 0
    unsupported: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """One statement.

    `number` stands in the row's column `change`, and so reaches the API, if `is_told`. `records` are those that it
    changes.
    """

    number: int
    kind: str
    sql: str
    made: Made
    records: tuple[Record, ...] = ()
    is_told: bool = False


@dataclass(frozen=True, slots=True)
class Workload:
    """All statements: those of the snapshot, and those that come while connectors and service run."""

    first: Sequence[Change] = field(repr=False)
    then: Sequence[Change] = field(repr=False)

    @property
    def changes(self) -> list[Change]:
        """All of them."""
        return [*self.first, *self.then]

    @property
    def made(self) -> Made:
        """How many messages must have which outcome, in all."""
        return Made(*map(sum, zip(*(change.made for change in self.changes), strict=True)))

    @property
    def messages(self) -> int:
        """How many messages the connectors must write."""
        return sum(self.made)

    @property
    def kinds(self) -> Counter[str]:
        """How many statements there are of each kind."""
        return Counter(change.kind for change in self.changes)


def make_workload(rows: int, seed: int = _SEED) -> Workload:
    """Make a workload of so many changes of rows."""
    rng = Random(seed)
    books = {table: _Book(table, rng) for table in SHARES}
    first = [books[table].insert(number) for number, table in enumerate(_tables(rng, rows // FIRST_SHARE), 1)]
    then: list[Change] = []
    while len(first) + len(then) < rows:
        (table,) = _tables(rng, 1)
        then += books[table].change(len(first) + len(then) + 1)
        if len(then) % MESSAGE_EVERY == 0:
            then.append(_message(len(first) + len(then) + 1))
    return Workload(first, then)


def transactions(changes: Sequence[Change], seed: int = _SEED) -> Iterator[Sequence[Change]]:
    """Part statements into transactions of different sizes."""
    rng, begin = Random(seed), 0
    while begin < len(changes):
        end = begin + rng.randint(1, LARGEST_TRANSACTION)
        yield changes[begin:end]
        begin = end


def script(changes: Sequence[Change]) -> str:
    """Write statements as SQL, in transactions."""
    parts = (
        "BEGIN;\n" + "".join(f"{change.sql};\n" for change in part) + "COMMIT;\n" for part in transactions(changes)
    )
    return "".join(parts)


def _tables(rng: Random, count: int) -> list[Table]:
    return rng.choices(list(SHARES), list(SHARES.values()), k=count)


def _message(number: int) -> Change:
    sql = f"SELECT pg_logical_emit_message(true, 'sandbox', 'after {number}')"
    return Change(number, "message", sql, Made(ignored=1))


class _Book:
    """What rows a table has, by its keys; of each, which columns hold a long value."""

    def __init__(self, table: Table, rng: Random) -> None:
        self._table: Table = table
        self._rng = rng
        self._rows: dict[Key, frozenset[str]] = {}
        self._keys: list[Key] = []
        self._gone: list[Key] = []
        self._next = 1
        # The default settings of the connector "raw": a null value after each delete.
        self._ignored = int(table == "orders")

    def change(self, number: int) -> list[Change]:
        """Make the next statement, or two where the second mends what the first leaves out."""
        kind = self._rng.choices(list(KINDS), list(KINDS.values()))[0] if self._keys else "insert"
        if kind == "insert":
            return [self.insert(number)]
        if kind == "update":
            return [self._update(number, self._any(), "update")]
        if kind == "delete":
            return [self._delete(number)]
        return self._move(number)

    def insert(self, number: int) -> Change:
        """Make a new row, perhaps under a key that another one had."""
        key = self._new_key()
        values, long = self._values(list(COLUMNS[self._table]))
        self._add(key, long)
        names = ", ".join(["change", *key._fields, *values])
        literals = ", ".join([str(number), *key, *values.values()])
        sql = f"INSERT INTO {self._table} ({names}) VALUES ({literals})"
        return Change(number, "insert", sql, Made(applied=1), (self._record(key),), is_told=True)

    def _update(self, number: int, key: Key, kind: str, always: Sequence[str] = ()) -> Change:
        names = list(COLUMNS[self._table])
        chosen = dict.fromkeys([*always, *self._rng.sample(names, self._rng.randint(1, 3))])
        values, long = self._values(list(chosen))
        self._rows[key] = self._rows[key] - values.keys() | long
        sql = f"UPDATE {self._table} SET {_sets(number, values)} WHERE {key_condition(key)}"
        return Change(number, kind, sql, Made(applied=1), (self._record(key),), is_told=True)

    def _delete(self, number: int) -> Change:
        key = self._take_away(self._any())
        made = Made(applied=1, ignored=self._ignored)
        sql = f"DELETE FROM {self._table} WHERE {key_condition(key)}"
        return Change(number, "delete", sql, made, (self._record(key),))

    def _move(self, number: int) -> list[Change]:
        """Change a row's key.

        Long values that stay as they are do not stand in the log: where the database logs no whole rows, the new record
        would lack them, so its create is refused, and a later update of all of them mends it.
        """
        old, new = self._any(), self._new_key()
        kept = self._rows[old]
        self._take_away(old)
        renewed = list(LONG[self._table]) if kept and self._rng.random() < 0.8 else []  # noqa: PLR2004 - most of them
        values, long = self._values(renewed)
        left_out = bool(kept) and not renewed and self._table == "contacts"
        self._add(new, kept - values.keys() | long)
        keys = dict(zip(new._fields, new, strict=True))
        sql = f"UPDATE {self._table} SET {_sets(number, {**keys, **values})} WHERE {key_condition(old)}"
        made = Made(applied=2 - left_out, ignored=self._ignored, unsupported=int(left_out))
        kind = "move without its long values" if left_out else "move"
        records = (self._record(old), self._record(new))
        change = Change(number, kind, sql, made, records, is_told=not left_out)
        return [change, self._update(number + 1, new, "mending update", LONG[self._table])] if left_out else [change]

    def _values(self, names: Sequence[str]) -> tuple[dict[str, str], frozenset[str]]:
        """Make values as SQL, and say which of them are long."""
        made = {name: COLUMNS[self._table][name](self._rng) for name in names}
        return made, frozenset(name for name in LONG[self._table] if name in made and len(made[name]) > 3_000)  # noqa: PLR2004 - above TOAST's 2 KB

    def _any(self) -> Key:
        return self._rng.choice(self._keys)

    def _new_key(self) -> Key:
        if self._gone and self._rng.random() < _KEYS_AGAIN:
            return self._gone.pop(self._rng.randrange(len(self._gone)))
        self._next += 1
        return make_key(self._table, self._next)

    def _add(self, key: Key, long: frozenset[str]) -> None:
        self._rows[key] = long
        self._keys.append(key)

    def _take_away(self, key: Key) -> Key:
        del self._rows[key]
        self._keys.remove(key)
        self._gone.append(key)
        return key

    def _record(self, key: Key) -> Record:
        return DATASTORES[self._table], record_id(key)


def _sets(number: int, values: Mapping[str, str]) -> str:
    return ", ".join([f"change = {number}", *(f"{name} = {literal}" for name, literal in values.items())])
