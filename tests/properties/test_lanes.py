"""The lanes against a naive model: arrivals, batches, commits, dissolutions and revocations in any order."""

from __future__ import annotations

import math
from collections import Counter
from copy import deepcopy
from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from stream.lanes import ENVELOPE_BYTES, BatchLimits, Lanes
from stream.model import Assignment, ConflictResolution, LaneKey, TopicPartition, UpdateType

from ..builders import event

if TYPE_CHECKING:
    from stream.model import Event, RecordKey

LANES = [
    LaneKey("people", UpdateType.UPSERT, ConflictResolution.OVERWRITE),
    LaneKey("people", UpdateType.UPDATE, ConflictResolution.FAIL),
    LaneKey("cities", UpdateType.UPSERT, ConflictResolution.OVERWRITE),
]
PARTITIONS = [TopicPartition("deltas", number) for number in range(3)]


class Flow(RuleBasedStateMachine):
    """Events of a few records from three partitions; the model keeps one plain queue for each record."""

    @initialize(
        size=st.sampled_from([1, 2, 4, 50]),
        body_bytes=st.one_of(st.sampled_from([1, 10_000]), st.integers(330, 1_200)),
        linger_s=st.sampled_from([0.0, 3.0, 1_000.0]),
    )
    def begin(self, size: int, body_bytes: int, linger_s: float) -> None:
        """Begin with empty lanes."""
        self.limits = BatchLimits(size, body_bytes, linger_s)
        self.lanes = Lanes(self.limits)
        self.now_s = 0.0
        self.epochs = {partition: Assignment(partition, number) for number, partition in enumerate(PARTITIONS)}
        self.offsets = 0
        self.queues: dict[RecordKey, list[Event]] = {}
        self.ready: dict[LaneKey, list[Event]] = {key: [] for key in LANES}
        self.out: list[tuple[Event, ...]] = []
        self.decided: list[Event] = []
        self.arrived: list[Event] = []
        self.forgotten: list[Event] = []
        self.handed_out: Counter[int] = Counter()
        self.probes: Counter[LaneKey] = Counter()

    def is_current(self, each: Event) -> bool:
        """Whether its assignment has not ended."""
        return self.epochs[each.assignment.partition] == each.assignment

    @rule(seconds=st.sampled_from([1.0, 5.0]))
    def wait(self, seconds: float) -> None:
        """Let time go by."""
        self.now_s += seconds

    @rule(
        record=st.sampled_from("abcdefgh"),
        lane=st.sampled_from(LANES),
        partition=st.sampled_from(PARTITIONS),
        name_length=st.sampled_from([1, 60, 400]),
        times=st.integers(1, 4),
    )
    def arrive(self, record: str, lane: LaneKey, partition: TopicPartition, name_length: int, times: int) -> None:
        """Let events of a record arrive."""
        for _ in range(times):
            self.offsets += 1
            came = event(
                record,
                offset=self.offsets,
                lane=lane,
                assignment=self.epochs[partition],
                arrived_s=self.now_s,
                name_length=name_length,
            )
            self.lanes.add([came])
            self.arrived.append(came)
            queue = self.queues.setdefault(came.record_key, [])
            queue.append(came)
            if len(queue) == 1:
                self.ready[lane].append(came)

    @precondition(lambda self: any(self.ready.values()))
    @rule(data=st.data(), at_most=st.sampled_from([None, None, 1, 3]))
    def take(self, data: st.DataObject, at_most: int | None) -> None:
        """Take a batch: each event is the oldest undecided one of its record, and the batch is as full as it may be."""
        key = data.draw(st.sampled_from([key for key, ready in self.ready.items() if ready]))
        taken = self.lanes.take(key, at_most)
        ready = self.ready[key]
        most = min(at_most or self.limits.size, self.limits.size)
        assert taken == tuple(ready[: len(taken)])
        assert 1 <= len(taken) <= most
        assert len({each.record_key for each in taken}) == len(taken)
        for each in taken:
            assert each.lane == key
            assert self.queues[each.record_key][0] is each
            self.handed_out[each.message.offset] += 1
        body_bytes = ENVELOPE_BYTES + sum(len(each.record) + 1 for each in taken)
        assert len(taken) == 1 or body_bytes <= self.limits.body_bytes
        rest = self.ready[key] = ready[len(taken) :]
        if rest and len(taken) < most:
            assert body_bytes + len(rest[0].record) + 1 > self.limits.body_bytes
        self.out.append(taken)

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        """Let a batch be decided: its outcomes are committed one by one, later."""
        self.decided += self.out.pop(data.draw(st.integers(0, len(self.out) - 1)))

    @precondition(lambda self: self.decided)
    @rule(data=st.data())
    def commit(self, data: st.DataObject) -> None:
        """Commit an outcome: the record's next event may go."""
        self.leave(self.decided.pop(data.draw(st.integers(0, len(self.decided) - 1))))

    def leave(self, each: Event) -> None:
        """Release an event, in the lanes and in the model."""
        self.lanes.release([each])
        queue = self.queues[each.record_key]
        assert queue.pop(0) is each
        if queue:
            self.ready[queue[0].lane].append(queue[0])
        else:
            del self.queues[each.record_key]

    @precondition(lambda self: any(self.ready.values()))
    @rule(after=st.one_of(st.none(), st.sampled_from(LANES)), datastore=st.sampled_from([None, "people", "cities"]))
    def probe(self, after: LaneKey | None, datastore: str | None) -> None:
        """Take a probe: lanes take turns in the order of their names, and in each its first and its newest event."""
        waiting = [key for key, ready in self.ready.items() if ready and datastore in (None, key.datastore_id)]
        key = self.lanes.next_to_probe(after, datastore)
        assert key == min([each for each in waiting if after is None or each > after] or waiting, default=None)
        if key is None:
            return
        ready = self.ready[key]
        newest = max(ready, key=lambda each: (each.arrived_s, each.message.offset))
        probe = self.lanes.take_to_probe(key)
        assert probe is (newest if self.probes[key] % 2 else ready[0])
        self.probes[key] += 1
        ready.remove(probe)
        self.handed_out[probe.message.offset] += 1
        self.out.append((probe,))

    @rule(seconds=st.sampled_from([0.0, 2.0, 6.0]), datastore=st.sampled_from([None, "people"]))
    def give_up(self, seconds: float, datastore: str | None) -> None:
        """Take out what has waited for so long; a full lane, whose oldest event is not looked for, may keep it."""
        before_s = self.now_s - seconds
        taken = self.lanes.take_arrived_before(before_s, datastore)
        for key, ready in self.ready.items():
            due = [each for each in ready if each.arrived_s < before_s and datastore in (None, key.datastore_id)]
            found = [each for each in taken if each.lane == key]
            assert found in ([due, []] if self.is_full(ready) else [due])
            self.ready[key] = [each for each in ready if each not in found]
        self.handed_out.update(each.message.offset for each in taken)
        self.decided += taken

    @precondition(lambda self: self.out)
    @rule(data=st.data(), last=st.booleans())
    def dissolve(self, data: st.DataObject, *, last: bool) -> None:
        """Dissolve a batch: what is still ours goes back to the head, or to the end, and the rest is released."""
        batch = self.out.pop(data.draw(st.integers(0, len(self.out) - 1)))
        kept = [each for each in batch if self.is_current(each)]
        for each in batch:
            if each not in kept:
                self.leave(each)
        self.lanes.put_back(kept, last=last)
        for each in kept if last else reversed(kept):
            self.ready[each.lane].insert(len(self.ready[each.lane]) if last else 0, each)
            self.handed_out[each.message.offset] -= 1

    @rule(partitions=st.sets(st.sampled_from(PARTITIONS), min_size=1))
    def revoke(self, partitions: set[TopicPartition]) -> None:
        """Lose partitions: only what is on its way stays, until it lands; then they are ours again, anew."""
        ended = {self.epochs[partition] for partition in partitions}
        self.lanes.forget(ended)
        for partition in partitions:
            self.epochs[partition] = Assignment(partition, self.epochs[partition].epoch + len(PARTITIONS))
        on_its_way = {each.message.offset for batch in [*self.out, self.decided] for each in batch}
        for key, queue in list(self.queues.items()):
            kept = [each for each in queue if self.is_current(each) or each.message.offset in on_its_way]
            self.forgotten += [each for each in queue if each not in kept]
            self.queues[key] = kept
            if not kept:
                del self.queues[key]
        self.find_ready(on_its_way)

    def find_ready(self, on_its_way: set[int]) -> None:
        """Say anew what is ready: the kept ones in their order, then those whose predecessor was forgotten."""
        heads = [queue[0] for queue in self.queues.values() if queue[0].message.offset not in on_its_way]
        for key in LANES:
            kept = [each for each in self.ready[key] if each in heads]
            freed = {each.message.offset: each for each in heads if each.lane == key and each not in kept}
            found = [freed[offset] for offset in self.offsets_in(key) if offset in freed]
            assert len(found) == len(freed)
            self.ready[key] = kept + found

    def offsets_in(self, key: LaneKey) -> list[int]:
        """Look into a lane, by taking all batches of a copy."""
        copied = deepcopy(self.lanes)
        found = []
        while key in copied.due(math.inf):
            found += [each.message.offset for each in copied.take(key)]
        return found

    @invariant()
    def turns_are_forgotten(self) -> None:
        """A datastore without undecided events is begun anew, names come from events."""
        known = {datastore_id for datastore_id, _ in self.queues}
        self.probes = Counter({key: count for key, count in self.probes.items() if key.datastore_id in known})

    @invariant()
    def bytes_add_up(self) -> None:
        """The buffer's size is that of all undecided events, those on their way included."""
        undecided = [each for queue in self.queues.values() for each in queue]
        assert self.lanes.size_bytes == sum(each.size_bytes for each in undecided)
        on_its_way = sum(map(len, self.out)) + len(self.decided)
        assert len(self.lanes) == len(undecided) - on_its_way

    @invariant()
    def due_is_due(self) -> None:
        """A lane is due exactly when its batch is full or its oldest event has lingered, whatever it waited for."""
        due = self.lanes.due(self.now_s)
        oldest = {key: min(each.arrived_s for each in ready) for key, ready in self.ready.items() if ready}
        full = {key for key in oldest if self.is_full(self.ready[key])}
        assert set(due) == full | {key for key, at_s in oldest.items() if at_s + self.limits.linger_s <= self.now_s}
        by_age = [oldest[key] for key in due if key not in full]
        assert by_age == sorted(by_age)

    def is_full(self, ready: list[Event]) -> bool:
        """Whether a batch cannot grow any more."""
        body_bytes = ENVELOPE_BYTES + sum(len(each.record) + 1 for each in ready)
        return len(ready) >= self.limits.size or body_bytes >= self.limits.body_bytes

    def teardown(self) -> None:
        """Let everything end: each event was handed out once or forgotten, none is left, and no byte is counted."""
        for batch in self.out:
            self.decided += batch
        while self.decided or self.lanes.due(math.inf):
            for each in self.decided:
                self.leave(each)
            self.decided = []
            for key in self.lanes.due(math.inf):
                self.decided += self.lanes.take(key)
                self.ready[key] = []
            self.handed_out.update(each.message.offset for each in self.decided)
        assert (len(self.lanes), self.lanes.size_bytes, self.queues) == (0, 0, {})
        forgotten = {each.message.offset for each in self.forgotten}
        assert all(
            self.handed_out[each.message.offset] + (each.message.offset in forgotten) == 1 for each in self.arrived
        )


TestFlow = Flow.TestCase
TestFlow.settings = settings(max_examples=150, stateful_step_count=50)
