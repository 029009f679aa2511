"""The promises of contract section 4, checked on what the outside sees. It shares no code with the stream.

It knows the inputs, sees each request's bytes, each commit, each line of the audit, and says which promise is broken at
the moment when it is. What a dead or dispossessed instance has left under way may still be carried out late; no client
can lift that (contract 4.3), so order is judged by when requests reach the API.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from ..outcome_schema import outcome_faults
from .history import History
from .merging import Merging
from .records import parse
from .request import Input, Position, Request, checksum_of
from .restraint import Restraint
from .thrift import Thrift
from .truth import SUCCESSES, Outcome, Truth
from .world import demand

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stream.model import Settled

    from .kafka import OutcomeRecord
    from .plan import Plan
    from .records import Carried, Json, RecordName
    from .world import World

    Commit = tuple[int, int, str]
    """A partition's number, its committed offset and the metadata beside it."""

MOST_REBASES = 3
UNAUTHORISED = 401
SECRET = b"hush"
"""Stands in the fields of every event, and nowhere else than in requests."""


class Model:
    """Everything that the outside has seen, and whether it may be so."""

    def __init__(self, world: World, plan: Plan) -> None:
        self.inputs: dict[Position, Input] = {}
        self.outcomes: dict[Position, Outcome] = {}
        self.starts: dict[int, int] = {}
        self.offsets: dict[int, int] = {}
        self.clean: dict[int, bool] = {}
        self.first_commit_s: float | None = None
        self.history = History()
        self._truth = Truth(self.history, plan.rules)
        stop = plan.rules.hold.stop_after_refused
        self._restraint = Restraint(stop, plan.bounds.in_flight)
        self._thrift = Thrift(plan.nature, plan.rules.policy, stop, self.history)
        self._plan, self._world = plan, world
        self._merging = Merging(world, plan, self.inputs)
        self._in_order: dict[int, list[int]] = {}
        self._judged: dict[int, int] = {}
        self._newest: dict[tuple[int, RecordName], int] = {}
        self.late: set[RecordName] = set()
        """Records that a late request of a dead instance, or one of another partition, has written."""
        self._homes: dict[RecordName, int] = {}
        self._executions: dict[Position, set[tuple[str, int]]] = {}
        self._senders: dict[Position, tuple[str, int]] = {}
        self._uncommitted: dict[int, set[Position]] = {}
        self._on_wire: dict[tuple[str, RecordName], Request] = {}
        self._rebased: dict[tuple[str, Position], list[int]] = {}
        self._audited: dict[str, int] = {}
        self._successes: dict[str, int] = {}

    # Inputs and requests.

    def written(self, position: Position, message: Input) -> None:
        """Take note of an input; its fields hold its marker."""
        self.inputs[position] = message
        self._in_order.setdefault(position[0], []).append(position[1])
        self._merging.written(position, message)

    def sent(self, sender: str, batch_id: str, body: bytes) -> Request:
        """Read a request that a worker sends; judge that it is true to its inputs and alone with its records."""
        document = parse(body)
        records = document["records"]
        groups = tuple(self._merging.group_of(record) for record in records)
        positions = tuple(group[-1] for group in groups)
        is_repeated = any(each.status == UNAUTHORISED for each in self.history.requests(batch_id)[-1:])
        now_s = self._world.now_s
        request = Request(sender, batch_id, document, checksum_of(body), groups, now_s, is_repeated)
        demand(len(set(request.names)) == len(records), "promise 2", "a request holds a record twice", positions)
        demand(document["batchSize"] == len(records), "truth", "batchSize is not the number of records", positions)
        for last in self.history.requests(batch_id)[-1:]:
            demand(last.checksum == request.checksum, "truth", "two requests with one batchId", batch_id)
            demand(not last.is_decided, "isolation", f"sent again after a {last.status}", batch_id)
        for record, group in zip(records, groups, strict=True):
            self._judge_truth(request, record, group)
        self._merging.sent(request)
        for name in request.names:
            demand((sender, name) not in self._on_wire, "promise 2", "a record in flight is sent again", positions)
            self._on_wire[sender, name] = request
        for position in request.all_positions:
            self._uncommitted.setdefault(position[0], set()).add(position)
        self.history.sent(request)
        self._restraint.sent(request)
        return request

    def judge_suspects(self, flight: tuple[str, int], events: Iterable[tuple[int, int, bool]]) -> None:
        """Judge that an event which another flight has had executed goes out as a suspect (contract 4.3)."""
        for partition, offset, suspect in events:
            others = self._executions.get((partition, offset), set()) - {flight}
            where = (partition, offset, flight)
            demand(suspect or not others, "promise 3", "executed before, and not known as a suspect", where)
            self._senders[partition, offset] = flight

    def arrived(self, request: Request) -> None:
        """Take note that the API reads a request; judge the order of each of its records."""
        for group, name in zip(request.groups, request.names, strict=True):
            for position in group:
                demand(position not in self.outcomes, "promise 3", "a committed event is executed again", position)
            partition, offset = position = group[-1]
            newest = self._newest.get((partition, name), -1)
            self._merging.arrived(group, self.outcomes, self.starts.get(partition, self._plan.low))
            may_go_back = self._merging.is_on  # the whole of a group, from its first event
            demand(newest <= offset or may_go_back, "promise 2", f"an older event of a record after {newest}", position)
            is_free = newest in (-1, offset) or (partition, newest) in self.outcomes or may_go_back
            demand(is_free, "promise 2", f"{newest} of the same record is not committed yet", position)
            if newest == offset:
                self._world.count("repeated_arrivals")
            self._newest[partition, name] = offset

    def carried_out(self, request: Request, carried: Carried) -> None:
        """Take note of what the API made of a request; judge that versions under FAIL and IGNORE exclude a second."""
        request.carried = carried
        if carried.status != 200:
            return
        for group, name in zip(request.groups, request.names, strict=True):
            for position in group:
                self._executions.setdefault(position, set()).add(self._senders[position])
            if name[1] not in carried.written:
                continue
            partition, offset = position = group[-1]
            home = self._homes.setdefault(name, partition)
            if home != partition or offset != self._newest[partition, name]:
                self.late.add(name)
            if position in self.history.applied:
                self._world.count("double_executions")
                self._judge_double(request, position)
            self._merging.carried_out(group)
        self.history.carried_out(request, self._world.now_s)

    def told(self, request: Request) -> None:
        """Take note that the sender has its answer, or none that it still waits for."""
        for name in request.names:
            self._on_wire.pop((request.sender, name), None)
        for position in request.all_positions:
            if position not in self.history.applied:
                self._uncommitted[position[0]].discard(position)
        self._merging.told(request)
        self.history.told(request, self._world.now_s)
        self._thrift.told(request)
        self._restraint.told(request, self._world.now_s)

    def _judge_double(self, request: Request, position: Position) -> None:
        is_guarded = (
            request.document["conflictResolution"] != "OVERWRITE" and "version" in self.inputs[position].document
        )
        demand(not is_guarded, "promise 3", "executed twice, in spite of its version", position)

    # Commits and the audit.

    def audited(self, line: bytes) -> None:
        """Take note of a line of the audit; judge that it is true to its request."""
        told = orjson.loads(line)
        batch_id, size = told["batchId"], told["batchSize"]
        request = next(iter(self.history.requests(batch_id)[-1:]), None)
        demand(request is not None, "audit", "a line without a request", batch_id)
        demand(batch_id not in self._audited, "audit", "a second line of a request", batch_id)
        if request is not None:
            same = (told["checksum"], size, told["dataStoreId"], told["httpStatus"]) == (
                *(request.checksum, len(request.positions), request.datastore_id, request.status),
            )
            demand(same, "audit", f"a line that is not true to its request: {told}", batch_id)
        demand(told["successCount"] + told["failureCount"] == size, "audit", "counts that do not add up", batch_id)
        demand((told["status"] == "SUCCESS") == (told["failureCount"] == 0), "audit", "status of a line", batch_id)
        demand(SECRET not in line, "secrets", "a value of a field in the audit", batch_id)
        self._audited[batch_id] = told["successCount"]
        if request is not None and told["successCount"]:
            self._restraint.succeeded(request.sender, request.datastore_id)

    def asked(self, sender: str) -> None:
        """Take note that a sender makes a request, or reads a record."""
        self._restraint.asked(sender, self._world.now_s)

    def disowned(self, sender: str) -> None:
        """Take note that partitions were taken from a sender."""
        self._restraint.disowned(sender)
        self._thrift.disowned(sender)
        self._merging.disowned(sender)

    def published(self, sender: str, settled: Iterable[Settled]) -> None:
        """Take note of what a sender is about to publish."""
        self._restraint.published(sender, settled)

    def drained(self, sender: str, before_s: float) -> None:
        """Judge that an instance which ended in order has written a line of each verdict that it knew by then."""
        for request in self.history.decided_by(sender, before_s):
            demand(request.batch_id in self._audited, "audit", "a verdict without a line", request.batch_id)

    def offsets_sent(self, partition: int, member: str, other: str | None) -> None:
        """Judge that nobody commits the offset of a partition that another member owns."""
        demand(other is None, "ownership", f"{member} commits what {other} owns", partition)

    def committed(self, outcomes: Iterable[OutcomeRecord], offsets: Iterable[Commit]) -> None:
        """Take note of a committed transaction, as a reader of committed messages sees it, and judge it."""
        self._merging.settled([self._judge_outcome(each, orjson.loads(each.value)) for each in outcomes], self.outcomes)
        for partition, offset, metadata in offsets:
            self._judge_offset(partition, offset)
            self._judge_mark(partition, metadata)
        if self.first_commit_s is None:
            self.first_commit_s = self._world.now_s

    def _judge_outcome(self, record: OutcomeRecord, outcome: Outcome) -> Position:
        source = outcome["source"]
        position = (source["partition"], source["offset"])
        told = self.inputs[position]
        result = outcome["result"]
        demand(position not in self.outcomes, "promise 1", "a second outcome", position)
        demand(not (faults := outcome_faults(outcome)), "schema", f"an outcome with {faults}", position)
        demand(SECRET not in record.value, "secrets", "a value of a field in an outcome", position)
        expected_key = told.key if told.key is not None else f"{source['topic']}/{position[0]}/{position[1]}".encode()
        demand(record.key == expected_key, "truth", f"an outcome with the key {record.key!r}", position)
        is_letter_due = outcome["status"] == "FAILED" and result != "INTEGRITY"
        expected_letter = (told.key, told.value) if is_letter_due else None
        demand(record.letter == expected_letter, "truth", f"the dead letter of {result}", position)
        demand((outcome["status"] == "SUCCESS") == (result in SUCCESSES), "truth", f"status of {result}", position)
        if told.unfit is not None:
            demand(result == told.unfit, "truth", f"{result}, not {told.unfit}", position)
        else:
            self._truth.judge(outcome, told, position, self._world.now_s)
            self._judge_audit(outcome, position)
            self._world.count(f"outcome_{result.lower()}")
        self.outcomes[position] = outcome
        self._uncommitted.get(position[0], set()).discard(position)
        return position

    def _judge_audit(self, outcome: Outcome, position: Position) -> None:
        """Judge that a batch with an outcome has its line, and that no more came to success than it says."""
        batch_id = outcome["batchId"]
        if batch_id is None:
            return
        demand(batch_id in self._audited, "audit", "an outcome of a batch without a line", position)
        if outcome["result"] == "APPLIED":
            self._successes[batch_id] = self._successes.get(batch_id, 0) + 1
            is_told = self._successes[batch_id] <= self._audited[batch_id]
            demand(is_told, "audit", "more successes than its line says", position)

    def _judge_offset(self, partition: int, offset: int) -> None:
        """Judge that an offset only grows, and that every event before it has its outcome."""
        before = self.offsets.get(partition)
        if before is None:
            self.starts[partition] = before = offset
            self._judged[partition] = sum(each < offset for each in self._in_order.get(partition, ()))
        demand(offset >= before, "offsets", f"the offset goes back from {before} to {offset}", partition)
        self.offsets[partition] = offset
        listed = self._in_order.get(partition, [])
        index = self._judged[partition]
        while index < len(listed) and listed[index] < offset:
            has_outcome = (partition, listed[index]) in self.outcomes
            demand(has_outcome, "offsets", f"{offset} is committed past an event without an outcome", listed[index])
            index += 1
        self._judged[partition] = index

    def _judge_mark(self, partition: int, metadata: str) -> None:
        """Judge that the mark says clean only when nothing can have been executed without an outcome."""
        self.clean[partition] = metadata.split(";")[1] == "c"
        left = sorted(self._uncommitted.get(partition, ())) if self.clean[partition] else []
        demand(not left, "clean mark", "unanswered or executed without an outcome", left)

    def _judge_truth(self, request: Request, record: Json, group: tuple[Position, ...]) -> None:
        """Judge that a record is sent as it was written; only its version may be another, after a conflict."""
        position = group[-1]
        told, document = self.inputs[position].document, request.document
        same = all(record.get(name) == told.get(name) for name in ("id", "checksum"))
        same = same and record["fields"] == self._merging.fields_of(group)
        same = same and all(document[name] == told.get(name, usual) for name, usual in self._plan.directives.items())
        demand(same and document["dataStoreId"] == told["dataStoreId"], "truth", "not as it was written", position)
        sent: Any = record.get("version")
        rebased = self._rebased.setdefault((request.sender, position), [])
        if sent == told.get("version"):
            rebased.clear()
        elif [sent] != rebased[-1:]:
            rebased.append(sent)
            self._world.count("rebased")
            may_be = self._truth.rebases and document["conflictResolution"] == "FAIL" and "version" in told
            demand(may_be, "truth", f"sent with the version {sent}", position)
            demand(sent is not None and sent > told["version"], "promise 3", "rebased downwards", position)
            knows = self.history.knows_version(request.sender, self.inputs[position].name, sent)
            demand(knows, "truth", f"rebased on the version {sent}, of which nobody has told", position)
            demand(len(rebased) <= MOST_REBASES, "promise 3", f"rebased {len(rebased)} times", position)
