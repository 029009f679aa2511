"""The judge: what contract section 4 promises, checked on what the outside sees. It shares no code with the stream.

It knows the inputs, sees each request's bytes, each commit, each line of the audit, and says which promise is broken at
the moment when it is. What a dead or dispossessed instance has left under way may still be carried out late; no client
can lift that (contract 4.3), so order is judged by when requests reach the API.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from .records import parse
from .world import PromiseBrokenError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .kafka import OutcomeRecord
    from .records import RecordName
    from .world import World

Position = tuple[int, int]
"""A partition's number and an offset: there is one topic."""
Commit = tuple[int, int, str]
"""A partition's number, its committed offset and the metadata beside it."""

OUTCOME_FIELDS = {
    *("specVersion", "eventType", "status", "result", "executed", "confirmed", "dataStoreId", "recordId", "version"),
    *("batchId", "batchSize", "checksum", "checksumVerified", "latencyMs", "attempts", "timestamp", "source"),
    *("supersededBy", "error"),
}
SUCCESSES = {"APPLIED", "ALREADY_APPLIED", "SKIPPED_STALE"}
EXECUTED = {"APPLIED", "ALREADY_APPLIED", "SKIPPED_STALE", "INTEGRITY"}


class Input(NamedTuple):
    """One input message. `unfit` is the result that it must come to without the API; None for a valid event."""

    key: bytes | None
    value: bytes | None
    document: dict[str, Any]
    unfit: str | None
    written_s: float


@dataclass(frozen=True, slots=True)
class Request:
    """One request under way: who sent it, and which events and records it holds."""

    sender: str
    datastore_id: str
    record_ids: tuple[str, ...]
    positions: tuple[Position, ...]


class Model:
    """Everything that the outside has seen, and whether it may be so."""

    def __init__(self, world: World, low: int) -> None:
        self.inputs: dict[Position, Input] = {}
        self.outcomes: dict[Position, dict[str, Any]] = {}
        self.starts: dict[int, int] = {}
        self.offsets: dict[int, int] = {}
        self.clean: dict[int, bool] = {}
        self.first_commit_s: float | None = None
        self._late: set[RecordName] = set()
        self._world = world
        self._low = low
        self._positions: dict[int, Position] = {}
        self._in_order: dict[int, list[int]] = {}
        self._judged: dict[int, int] = {}
        self._newest: dict[tuple[int, RecordName], int] = {}
        self._executions: dict[Position, set[tuple[str, int]]] = {}
        self._senders: dict[Position, tuple[str, int]] = {}
        self._applied: dict[Position, int] = {}
        self._uncommitted: dict[int, set[Position]] = {}
        self._on_wire: dict[tuple[str, RecordName], Request] = {}
        self._last_applied: dict[RecordName, Position] = {}
        self._refused: set[tuple[Position, str]] = set()
        self._audited: set[str] = set()

    # Inputs and requests.

    def written(self, position: Position, message: Input) -> None:
        """Take note of an input; its fields hold its marker."""
        self.inputs[position] = message
        self._in_order.setdefault(position[0], []).append(position[1])
        if message.unfit is None:
            self._positions[message.document["fields"]["marker"]] = position

    def sent(self, sender: str, body: bytes) -> Request:
        """Read a request that a worker sends; judge that it is true to its inputs and alone with its records."""
        document = parse(body)
        records = document["records"]
        ids = tuple(record["id"] for record in records)
        positions = tuple(self._positions[record["fields"]["marker"]] for record in records)
        self._demand(len(set(ids)) == len(ids), "promise 2", "a request holds a record twice", positions)
        self._demand(
            document["batchSize"] == len(records), "truth", "batchSize is not the number of records", positions
        )
        for record, position in zip(records, positions, strict=True):
            self._judge_truth(document, record, position)
        request = Request(sender, document["dataStoreId"], ids, positions)
        for name in self._names(request):
            self._demand(
                (sender, name) not in self._on_wire, "promise 2", "a record in flight is sent again", positions
            )
            self._on_wire[sender, name] = request
        for position in positions:
            self._uncommitted.setdefault(position[0], set()).add(position)
        return request

    def judge_suspects(self, flight: tuple[str, int], events: Iterable[tuple[int, int, bool]]) -> None:
        """Judge that an event which another flight has had executed goes out as a suspect (contract 4.3)."""
        for partition, offset, suspect in events:
            others = self._executions.get((partition, offset), set()) - {flight}
            self._demand(
                suspect or not others,
                "promise 3",
                "executed before, and not known as a suspect",
                (partition, offset, flight),
            )
            self._senders[partition, offset] = flight

    def arrived(self, request: Request) -> None:
        """Take note that the API reads a request; judge the order of each of its records."""
        for position, name in zip(request.positions, self._names(request), strict=True):
            partition, offset = position
            self._demand(position not in self.outcomes, "promise 3", "a committed event is executed again", position)
            newest = self._newest.get((partition, name), -1)
            self._demand(newest <= offset, "promise 2", f"an older event of a record after {newest}", position)
            is_free = newest in (-1, offset) or (partition, newest) in self.outcomes
            self._demand(is_free, "promise 2", f"{newest} of the same record is not committed yet", position)
            if newest == offset:
                self._world.count("repeated_arrivals")
            self._newest[partition, name] = offset

    def applied(self, request: Request, written: Sequence[str]) -> None:
        """Take note that a request was carried out, and which records it wrote."""
        for position, name in zip(request.positions, self._names(request), strict=True):
            self._executions.setdefault(position, set()).add(self._senders[position])
            if name[1] not in written:
                continue
            self._applied[position] = self._applied.get(position, 0) + 1
            if self._applied[position] > 1:
                self._world.count("double_executions")
            last = self._last_applied.get(name)
            if (last and last[0] != position[0]) or position[1] < self._newest[position[0], name]:
                self._late.add(name)
            self._last_applied[name] = position

    def refused(self, request: Request, status: int) -> None:
        """Take note that the API refused a request for what is in it."""
        result = "CONFLICT" if status == 409 else "REJECTED"
        self._refused.update((position, result) for position in request.positions)

    def answered(self, request: Request) -> None:
        """Take note that the sender has its answer, or none that it still waits for."""
        for name, position in zip(self._names(request), request.positions, strict=True):
            self._on_wire.pop((request.sender, name), None)
            if position not in self._applied:
                self._uncommitted[position[0]].discard(position)

    # Commits and the audit.

    def audited(self, line: bytes) -> None:
        """Take note of a line of the audit."""
        self._audited.add(orjson.loads(line)["batchId"])

    def offsets_sent(self, partition: int, member: str, other: str | None) -> None:
        """Judge that nobody commits the offset of a partition that another member owns."""
        self._demand(other is None, "ownership", f"{member} commits what {other} owns", partition)

    def committed(self, outcomes: Iterable[OutcomeRecord], offsets: Iterable[Commit]) -> None:
        """Take note of a committed transaction, as a reader of committed messages sees it, and judge it."""
        for each in outcomes:
            self._judge_outcome(each, orjson.loads(each.value))
        for partition, offset, metadata in offsets:
            self._judge_offset(partition, offset)
            self._judge_mark(partition, metadata)
        if self.first_commit_s is None:
            self.first_commit_s = self._world.now_s

    def _judge_outcome(self, record: OutcomeRecord, outcome: dict[str, Any]) -> None:
        source = outcome["source"]
        position = (source["partition"], source["offset"])
        told = self.inputs[position]
        self._demand(position not in self.outcomes, "promise 1", "a second outcome", position)
        self._demand(outcome.keys() == OUTCOME_FIELDS, "truth", "an outcome with other fields", position)
        expected_key = told.key if told.key is not None else f"{source['topic']}/{position[0]}/{position[1]}".encode()
        self._demand(record.key == expected_key, "truth", f"an outcome with the key {record.key!r}", position)
        result = outcome["result"]
        is_letter_due = outcome["status"] == "FAILED" and result != "INTEGRITY"
        expected_letter = (told.key, told.value) if is_letter_due else None
        self._demand(record.letter == expected_letter, "truth", f"the dead letter of {result}", position)
        self._demand(
            (outcome["status"] == "SUCCESS") == (result in SUCCESSES), "truth", f"status of {result}", position
        )
        if told.unfit is not None:
            self._demand(result == told.unfit, "truth", f"{result}, not {told.unfit}", position)
        else:
            self._judge_execution(outcome, position)
        self.outcomes[position] = outcome
        self._uncommitted.get(position[0], set()).discard(position)

    def _judge_execution(self, outcome: dict[str, Any], position: Position) -> None:
        result = outcome["result"]
        document = self.inputs[position].document
        self._demand(outcome["batchId"] in self._audited, "audit", "an outcome of a batch without a line", position)
        self._demand(outcome["executed"] == (result in EXECUTED), "truth", f"executed of {result}", position)
        self._demand(outcome["recordId"] == document["id"], "truth", "another record", position)
        may_be_skipped = document.get("conflictResolution") == "IGNORE" and not outcome["confirmed"]
        was_applied = result not in ("APPLIED", "INTEGRITY") or position in self._applied or may_be_skipped
        self._demand(was_applied, "truth", f"{result}, and the API never carried it out", position)
        was_refused = result in EXECUTED or (position, result) in self._refused
        self._demand(was_refused, "truth", f"{result}, and the API never said so", position)

    def _judge_offset(self, partition: int, offset: int) -> None:
        """Judge that an offset only grows, and that every event before it has its outcome."""
        before = self.offsets.get(partition)
        if before is None:
            self.starts[partition] = before = offset
            self._judged[partition] = sum(each < offset for each in self._in_order.get(partition, ()))
        self._demand(offset >= before, "offsets", f"the offset goes back from {before} to {offset}", partition)
        self.offsets[partition] = offset
        listed = self._in_order.get(partition, [])
        index = self._judged[partition]
        while index < len(listed) and listed[index] < offset:
            has_outcome = (partition, listed[index]) in self.outcomes
            self._demand(
                has_outcome, "offsets", f"{offset} is committed past an event without an outcome", listed[index]
            )
            index += 1
        self._judged[partition] = index

    def _judge_mark(self, partition: int, metadata: str) -> None:
        """Judge that the mark says clean only when nothing can have been executed without an outcome."""
        self.clean[partition] = metadata.split(";")[1] == "c"
        left = self._uncommitted.get(partition)
        if self.clean[partition] and left:
            self._demand(
                holds=False, promise="clean mark", what="unanswered or executed without an outcome", where=sorted(left)
            )

    # Small things.

    def _judge_truth(self, document: dict[str, Any], record: dict[str, Any], position: Position) -> None:
        told = self.inputs[position].document
        same = all(record.get(name) == told.get(name) for name in ("id", "version", "fields", "checksum"))
        directives = {"updateType": "UPSERT", "conflictResolution": "OVERWRITE"}
        same = same and all(document[name] == told.get(name, usual) for name, usual in directives.items())
        self._demand(
            same and document["dataStoreId"] == told["dataStoreId"], "truth", "not as it was written", position
        )

    @staticmethod
    def _names(request: Request) -> list[RecordName]:
        return [(request.datastore_id, record_id) for record_id in request.record_ids]

    def _demand(self, holds: bool, promise: str, what: str, where: object) -> None:  # noqa: FBT001 - an assertion
        if not holds:
            raise PromiseBrokenError(promise, f"{what} ({where})")

    def is_finished(self) -> bool:
        """Whether every input since the group began has its outcome."""
        return all(position in self.outcomes for position in self.due())

    def due(self) -> list[Position]:
        """List the inputs that need an outcome: those from where the group began to read."""
        return [p for p in self.inputs if p[1] >= self.starts.get(p[0], self._low)]

    def newest_applied(self) -> dict[RecordName, Position]:
        """Name the newest applied event of each record; those that late requests disturbed are left out."""
        newest: dict[RecordName, Position] = {}
        for position in self._applied:
            document = self.inputs[position].document
            name = (document["dataStoreId"], document["id"])
            if name not in self._late:
                newest[name] = max(position, newest.get(name, position))
        return newest

    def judge_start(self) -> None:
        """Judge that a group which began at the end missed nothing that was written after it had begun."""
        begun_s = self.first_commit_s if self.first_commit_s is not None else 0.0
        for (partition, offset), message in self.inputs.items():
            is_due = offset >= self.starts.get(partition, self._low)
            self._demand(
                is_due or message.written_s <= begun_s,
                "start",
                "written after the beginning, and skipped",
                (partition, offset),
            )
