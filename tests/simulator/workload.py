"""What is written to the input: few records, so that order matters, or many, so that batches are worth dividing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from .faults import ForeignWrite
from .nature import BREAKING
from .records import BAD
from .request import Input

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from .records import RecordName

MAX_EVENT_BYTES = 1_100
"""Of `Event.size_bytes`, as the inputs are made here."""
WORD = "hush"
"""The value that may stand nowhere else than in requests."""
BAD_STATUSES = (400, 404, 413, 422)


class Arrival(NamedTuple):
    """An input and when it is written, behind a gap in the offsets."""

    at_s: float
    partition: int
    gap: int
    message: Input


@dataclass(frozen=True, slots=True)
class Kinds:
    """How many of the events are what. `resolution` None leaves versions out but for the `odd` ones.

    `chained` events tell the version that their record has when all before them were applied.
    """

    invalid: float = 0.0
    gaps: float = 0.0
    odd: float = 0.0
    chained: float = 0.0
    resolution: str | None = None
    bad: float = 0.0
    breaking: float = 0.0
    large: float = 0.0


@dataclass(frozen=True, slots=True)
class Workload:
    """Which records there are, and what becomes of them."""

    partitions: int
    calm_s: float
    records: int
    datastores: int
    count: int
    spread_s: float
    kinds: Kinds
    _versions: dict[RecordName, int] = field(default_factory=dict)

    def arrivals(self, rng: random.Random) -> Iterator[Arrival]:
        """Draw the inputs, written at once or over time."""
        kinds = self.kinds
        for marker in range(self.count):
            message = self._message(rng, marker)
            if rng.random() < kinds.invalid:
                message = _unfit(rng, message)
            written_s = self.spread_s * marker / self.count
            keyed = hash_of(message.key) if message.key and rng.random() < 0.95 else rng.randrange(self.partitions)
            gap = rng.choice((1, 5, 30_000)) if rng.random() < kinds.gaps else 0
            yield Arrival(written_s, keyed % self.partitions, gap, message._replace(written_s=written_s))

    def foreign_writes(self, rng: random.Random, count: int) -> Iterator[ForeignWrite]:
        """Draw when somebody else writes one of the records."""
        for _ in range(count):
            name = f"d{rng.randrange(self.datastores)}", f"r{rng.randrange(self.records)}"
            yield ForeignWrite(rng.uniform(0.0, self.calm_s), *name)

    def _message(self, rng: random.Random, marker: int) -> Input:
        kinds = self.kinds
        name = f"d{rng.randrange(self.datastores)}", _record_id(rng.randrange(self.records))
        fields: dict[str, Any] = {"marker": marker, "word": WORD}
        document: dict[str, Any] = {"dataStoreId": name[0], "id": name[1], "fields": fields}
        if kinds.resolution and rng.random() < kinds.chained:
            document["version"] = self._versions.get(name, 0)
            document["conflictResolution"] = kinds.resolution
        elif rng.random() < kinds.odd:
            document["version"] = rng.randint(0, 4)
            document["conflictResolution"] = rng.choice(("OVERWRITE", "FAIL", "IGNORE"))
            document["updateType"] = rng.choice(("UPSERT", "UPSERT", "UPDATE"))
        if rng.random() < kinds.bad:
            fields[BAD] = rng.choice(BAD_STATUSES)
        else:
            self._versions[name] = self._versions.get(name, 0) + 1
        if rng.random() < kinds.breaking:
            fields[BREAKING] = True
        if rng.random() < kinds.large:
            fields["pad"] = "x" * rng.choice((50, 300))
        key = None if rng.random() < 0.05 else name[1].encode()
        return Input(key, orjson.dumps(document), document, None, 0.0)


def plain(rng: random.Random, marker: int, datastore_id: str, gap: int) -> Arrival:
    """Make one event of many records."""
    document = {"dataStoreId": datastore_id, "id": f"r{rng.randrange(4_000)}", "fields": {"marker": marker}}
    return Arrival(0.0, 0, gap, Input(None, orjson.dumps(document), document, None, 0.0))


def hash_of(key: bytes) -> int:
    """Find a key's partition, the same in each process."""
    return sum(key)


def _record_id(number: int) -> str:
    """Name a record; one of them so that it can never be read back (contract section 1)."""
    return ".." if number == 3 else f"r{number}"


def _unfit(rng: random.Random, message: Input) -> Input:
    value, result = rng.choice(
        (
            (None, "UNSUPPORTED"),
            (b"", "INVALID"),
            (b'{"id":', "INVALID"),
            (b'{"id":"r0","fields":{}}', "INVALID"),
            (b'{"id":"r0","fields":{"a":1,"a":2}}', "INVALID"),
        )
    )
    return message._replace(value=value, unfit=result)
