"""What the stand-in keeps, and what one record of an execute does to it: the table of contract section 1.

Pure: no socket, no clock. Every request that changed something is kept as the bytes that came, with an index from
record to its places in them; so a million events cost their own size and nothing for the garbage collector to walk.
"""

import hashlib
import threading
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypedDict

import orjson

from .payload import ConflictResolution, Execute, SentRecord, UpdateType


class NewVersion(TypedDict):
    """A record that was applied, as an answer names it."""

    id: str
    version: int


class Skipped(TypedDict):
    """A record that IGNORE left out, as an answer names it; 0: there is no such record."""

    id: str
    currentVersion: int


class Conflict(Skipped):
    """A record that did not have the version that was sent, as a 409 names it."""

    index: int


# What one record of an execute does. Strings, because members of an enum cost 50 ns a look in Python 3.11.
Verdict = Literal["apply", "skip", "conflict", "refuse"]

ON_MISMATCH: Final[dict[ConflictResolution, Verdict]] = {
    "OVERWRITE": "apply",
    "IGNORE": "skip",
    "FAIL": "conflict",
}


def judge(current: int, sent: int | None, update_type: UpdateType, on_mismatch: Verdict) -> Verdict:
    """Say what one record does (contract section 1, the table); an absent record counts as version 0.

    Args:
        current: the stored version, 0 when there is none.
        sent: the version that the writer last saw, None when it gave none.
        update_type: UPDATE refuses an absent record, whatever its version.
        on_mismatch: what a version other than the stored one leads to, from `ON_MISMATCH`.
    """
    if current == 0 and update_type == "UPDATE":
        return "refuse"
    if sent is None or sent == current:
        return "apply"
    return on_mismatch


@dataclass(frozen=True, slots=True)
class Applied:
    """An execute that was carried out: the versions afterwards, and what IGNORE left out."""

    records: list[NewVersion]
    skipped: list[Skipped]


@dataclass(frozen=True, slots=True)
class Conflicts:
    """An execute of which nothing was carried out: these records did not have the version that was sent (409)."""

    records: list[Conflict]


@dataclass(frozen=True, slots=True)
class Absent:
    """An execute of which nothing was carried out: UPDATE of records that do not exist, by their place in it (400)."""

    indexes: list[int]


@dataclass(frozen=True, slots=True)
class AppliedRecord:
    """One application of one record, in the order in which the stand-in applied them.

    `sequence` counts all applications from 1; `request` is the number of the execute in the request log, None for a
    write from outside; `checksum` is the record's own; `received_s` is wall-clock time since the epoch.
    """

    sequence: int
    data_store_id: str
    id: str
    version: int
    fields: dict[str, Any] = field(repr=False)
    checksum: str | None
    request: int | None
    request_checksum: str
    received_s: float


@dataclass(frozen=True, slots=True)
class StoreTotals:
    """How much the store holds: records by datastore, and applications in all."""

    data_stores: dict[str, int]
    records: int
    applied: int


@dataclass(frozen=True, slots=True)
class _Chunk:
    """The applications of one request: sequences from `first`, each the record at the same place of `indexes`."""

    first: int
    indexes: Sequence[int]
    data_store_id: str
    body: bytes = field(repr=False)
    request_checksum: str
    request: int | None
    received_s: float

    def records(self) -> list[SentRecord]:
        sent: list[SentRecord] = orjson.loads(self.body)["records"]
        return [sent[index] for index in self.indexes]

    def entry(self, record: SentRecord, sequence: int, version: int) -> AppliedRecord:
        return AppliedRecord(
            sequence=sequence,
            data_store_id=self.data_store_id,
            id=record["id"],
            version=version,
            fields=record["fields"],
            checksum=record.get("checksum"),
            request=self.request,
            request_checksum=self.request_checksum,
            received_s=self.received_s,
        )


class RecordStore:
    """The records of all datastores with the history of each; may be read by any thread while another applies.

    A record's version is the number of times it was applied, so the index of its applications is all that is kept.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._chunks: list[_Chunk] = []
        self._sequences: dict[str, dict[str, list[int]]] = {}
        self._applied = 0

    def apply(self, execute: Execute, *, received_s: float, request: int | None) -> Applied | Conflicts | Absent:
        """Carry out all records of an execute, or none (contract section 1).

        Args:
            execute: a sound request, each id at most once.
            received_s: when it came, wall-clock.
            request: its number in the request log.

        Returns:
            What was applied and left out; or the refusals, and then nothing has changed. UPDATE of an absent record
            weighs more than a conflict.
        """
        with self._lock:
            known = self._sequences.get(execute.data_store_id, {})
            versions = [len(known.get(record_id, ())) for record_id in execute.ids]
            on_mismatch = ON_MISMATCH[execute.conflict_resolution]
            verdicts = [
                judge(current, record.get("version"), execute.update_type, on_mismatch)
                for current, record in zip(versions, execute.records, strict=True)
            ]
            if "refuse" in verdicts:
                return Absent([index for index, verdict in enumerate(verdicts) if verdict == "refuse"])
            if "conflict" in verdicts:
                return Conflicts(_conflicts(execute, versions, verdicts))
            self._append(execute, _places(verdicts), received_s, request)
            return _applied(execute, versions, verdicts)

    def write(self, data_store_id: str, record_id: str, fields: dict[str, Any], *, received_s: float = 0.0) -> int:
        """Write one record from outside, as another client of CXone would; returns its new version."""
        records: list[SentRecord] = [{"id": record_id, "fields": fields}]
        body = orjson.dumps({"records": records})
        checksum = hashlib.sha256(body).hexdigest()
        execute = Execute(data_store_id, records, [record_id], "UPSERT", "OVERWRITE", body, checksum)
        with self._lock:
            self._append(execute, range(1), received_s, None)
            return len(self._sequences[data_store_id][record_id])

    def stored(self, data_store_id: str, record_id: str) -> AppliedRecord | None:
        """Return a record as it stands now (its newest application), None when there is none."""
        with self._lock:
            sequences = self._sequences.get(data_store_id, {}).get(record_id, [])
            return self._entry(sequences[-1], len(sequences)) if sequences else None

    def history(self, data_store_id: str, record_id: str) -> list[AppliedRecord]:
        """Return every application of one record, oldest first; `histories` is far cheaper for many records."""
        with self._lock:
            sequences = self._sequences.get(data_store_id, {}).get(record_id, [])
            return [self._entry(sequence, version) for version, sequence in enumerate(sequences, 1)]

    def applied(self) -> Iterator[AppliedRecord]:
        """Yield every application of every record in the order in which they happened, up to now."""
        with self._lock:
            chunks = list(self._chunks)
        versions: dict[tuple[str, str], int] = {}
        for chunk in chunks:
            for sequence, record in enumerate(chunk.records(), chunk.first):
                key = (chunk.data_store_id, record["id"])
                versions[key] = version = versions.get(key, 0) + 1
                yield chunk.entry(record, sequence, version)

    def histories(self) -> dict[tuple[str, str], list[AppliedRecord]]:
        """Return the history of every record by (datastore, id), in one pass over all that was applied."""
        found: dict[tuple[str, str], list[AppliedRecord]] = {}
        for entry in self.applied():
            found.setdefault((entry.data_store_id, entry.id), []).append(entry)
        return found

    def state(self) -> StoreTotals:
        """Return how much is stored, without looking at any record."""
        with self._lock:
            sizes = {data_store_id: len(records) for data_store_id, records in self._sequences.items()}
            return StoreTotals(data_stores=sizes, records=sum(sizes.values()), applied=self._applied)

    def _append(self, execute: Execute, indexes: Sequence[int], received_s: float, request: int | None) -> None:
        if not indexes:
            return
        first = self._applied + 1
        self._applied += len(indexes)
        known = self._sequences.setdefault(execute.data_store_id, {})
        for sequence, index in enumerate(indexes, first):
            known.setdefault(execute.ids[index], []).append(sequence)
        self._chunks.append(
            _Chunk(first, indexes, execute.data_store_id, execute.body, execute.checksum, request, received_s)
        )

    def _entry(self, sequence: int, version: int) -> AppliedRecord:
        chunk = self._chunks[bisect_right(self._chunks, sequence, key=lambda chunk: chunk.first) - 1]
        return chunk.entry(chunk.records()[sequence - chunk.first], sequence, version)


def _places(verdicts: list[Verdict]) -> Sequence[int]:
    # The usual request applies whole: a range costs nothing to keep, a list of a thousand places does.
    if verdicts.count("apply") == len(verdicts):
        return range(len(verdicts))
    return [index for index, verdict in enumerate(verdicts) if verdict == "apply"]


def _conflicts(execute: Execute, versions: list[int], verdicts: list[Verdict]) -> list[Conflict]:
    return [
        {"index": index, "id": record_id, "currentVersion": current}
        for index, (record_id, current, verdict) in enumerate(zip(execute.ids, versions, verdicts, strict=True))
        if verdict == "conflict"
    ]


def _applied(execute: Execute, versions: list[int], verdicts: list[Verdict]) -> Applied:
    judged = list(zip(execute.ids, versions, verdicts, strict=True))
    return Applied(
        [{"id": record_id, "version": current + 1} for record_id, current, verdict in judged if verdict == "apply"],
        [{"id": record_id, "currentVersion": current} for record_id, current, verdict in judged if verdict == "skip"],
    )
