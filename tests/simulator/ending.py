"""What must be true when a run is over, and what must be decided while somebody has still something to mend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stream.model import TopicPartition
from stream.start import StartAt

from .kafka import TOPIC
from .nature import BREAKING
from .world import demand

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from .kafka import Broker
    from .model import Model
    from .plan import Plan
    from .records import Json, RecordName, Records
    from .request import Position
    from .service import Process


TOLD_AS_APPLIED = {"APPLIED", "SUPERSEDED", "ALREADY_APPLIED", "INTEGRITY"}
UNDONE = {"ABANDONED", "INTEGRITY"}
"""After them nobody knows what a record holds, whatever an earlier request with the event has done."""


class Ending:
    """Judges a whole run."""

    def __init__(self, plan: Plan, model: Model) -> None:
        self._plan = plan
        self._model = model
        self._dead = {
            each.datastore_id for each in plan.spells if each.end_s == plan.mended_s and plan.mended_s > plan.calm_s
        }

    def left(self) -> list[Position]:
        """List the inputs without an outcome, from where the group began to read."""
        model = self._model
        due = (each for each in model.inputs if each[1] >= model.starts.get(each[0], self._plan.low))
        return [position for position in due if position not in model.outcomes]

    def judge_patience(self) -> None:
        """Judge that a dead datastore and a record that breaks the API hold up nothing but themselves."""
        left = [each for each in self.left() if self._model.inputs[each].unfit or not self._is_held_up(each)]
        demand(not left, "promise 5", "held up by what is dead elsewhere", left[:10])

    def judge_status(self, processes: Iterable[Process]) -> None:
        """Judge that what is held up is told with its cause: by each instance that has to do with it."""
        positions = self.left()
        for process in processes:
            owned = {each.assignment.partition.partition for each in process.flowing()}
            status = process.loop.execution.status(process.world.now_s)
            held = {each.datastore_id for each in status.held}
            parked = {(each.datastore_id, each.record_id) for each in status.parked}
            names = [self._model.inputs[each].name for each in positions if each[0] in owned]
            silent = [each for each in names if each[0] not in held and each not in parked]
            demand(not silent or status.outage is not None, "status", "held up, and nothing is told of it", silent[:5])
            demand(bool(names) or status.is_ready, "status", "not ready, and nothing waits", status.reasons)

    def _is_held_up(self, position: Position) -> bool:
        name = self._model.inputs[position].name
        return name[0] in self._dead or None in self._dead or name in self._breaking()

    def _breaking(self) -> set[RecordName]:
        inputs = self._model.inputs
        return {inputs[each].name for each in self.left() if BREAKING in inputs[each].document.get("fields", ())}

    def judge(self, broker: Broker, records: Records, marked: Collection[int]) -> None:
        """Judge the end: where the group began and stopped, what the marks say, what the API holds."""
        model, plan = self._model, self._plan
        self._judge_start()
        for partition, offset in model.offsets.items():
            log = broker.logs[TopicPartition(TOPIC, partition)]
            began_well = plan.start is not StartAt.EARLIEST or model.starts[partition] == plan.low
            demand(began_well, "start", f"it began at {model.starts.get(partition)}", partition)
            left = log.count(offset, log.high)
            demand(not left, "offsets", f"all is done, and only {offset} of {log.high} committed", partition)
            is_well = partition not in marked or model.clean[partition]
            demand(is_well, "clean mark", "left in order, and not marked so", partition)
        self._judge_records(records)

    def _judge_start(self) -> None:
        """Judge that a group which began at the end missed nothing that was written after it had begun."""
        model = self._model
        begun_s = model.first_commit_s if model.first_commit_s is not None else 0.0
        for (partition, offset), message in model.inputs.items():
            is_due = offset >= model.starts.get(partition, self._plan.low)
            where = (partition, offset)
            demand(is_due or message.written_s <= begun_s, "start", "written after the beginning, and skipped", where)

    def _judge_records(self, records: Records) -> None:
        """The API's records hold what their newest applied event wrote, unless a late request of a dead one came."""
        for name, position in self._newest_applied().items():
            stored = records.stored[name].fields["marker"]
            written = self._model.inputs[position].document["fields"]["marker"]
            demand(stored == written, "promise 2", f"a record holds {stored}, not {written}", name)
        for name, positions in self._wholly_applied().items():
            fields: Json = {}
            for position in sorted(positions):
                fields |= self._model.inputs[position].document["fields"]
            demand(
                records.stored[name].fields == fields, "promise 2", f"a record holds other fields than {fields}", name
            )

    def _newest_applied(self) -> dict[RecordName, Position]:
        """Name the newest applied event of each record; those that late or foreign writers disturbed are left out."""
        model, given_up = self._model, self._given_up()
        newest: dict[RecordName, Position] = {}
        for position in model.history.applied:
            name = model.inputs[position].name
            if name not in model.late | given_up and model.history.last_writer[name] is not None:
                newest[name] = max(position, newest.get(name, position))
        return newest

    def _given_up(self) -> set[RecordName]:
        """Name the records whose merged events were executed again from the first, but not to the last."""
        model = self._model
        if not self._plan.bounds.batch.merges:
            return set()
        return {
            model.inputs[position].name
            for position, outcome in model.outcomes.items()
            if outcome["result"] in UNDONE and position in model.history.applied
        }

    def _wholly_applied(self) -> dict[RecordName, list[Position]]:
        """List the applied events of each record that nobody disturbed, where what was applied was also told so."""
        model, given_up = self._model, self._given_up()
        applied: dict[RecordName, list[Position]] = {}
        for position in model.history.applied:
            applied.setdefault(model.inputs[position].name, []).append(position)
        return {
            name: positions
            for name, positions in applied.items()
            if name not in model.late | model.history.foreign | given_up
            and all(model.outcomes[each]["result"] in TOLD_AS_APPLIED for each in positions)
        }
