"""The execution against an API that misbehaves in every way: what is held, probed, halved, parked and given up."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from stream.flights import Errand, InFlightLimits
from stream.holds import HoldLimits
from stream.lanes import BatchLimits
from stream.model import Assignment, ConflictResolution, LaneKey, Result, TopicPartition, UpdateType
from stream.pace import BURST_S

from ..unit.execution_rig import Rig, Said, Sent, silence, status

if TYPE_CHECKING:
    from collections.abc import Callable

    from stream.flights import Flight

DATASTORES = ("d0", "d1", "d2")
LANES = (
    LaneKey("", UpdateType.UPSERT, ConflictResolution.OVERWRITE),
    LaneKey("", UpdateType.UPDATE, ConflictResolution.OVERWRITE),
)
WAYS: dict[str, Callable[[Sent], Said]] = {
    "fine": lambda _: status(200, after_s=0.1),
    "slow": lambda _: status(200, after_s=2.0),
    "failing": lambda _: status(503),
    "silent": lambda _: silence(3.0),
    "refusing": lambda _: status(400),
    "too large": lambda sent: status(413 if len(sent.record_ids) > 1 else 200),
    "failing above three": lambda sent: silence(3.0) if len(sent.record_ids) > 3 else status(200),
    "unexpected": lambda _: status(418),
    "unreadable": lambda _: status(200, body=b"<html>"),
    "forbidden": lambda _: status(403),
    "throttled": lambda _: status(429, retry_after="2"),
    "untrue": lambda _: status(200, body=b'{"checksum":"0"}'),
}
LONGEST_S = 600.0
"""Until all is decided after the API is well again: probes may wait a minute, and what they end may fail again."""


class CheckedRig(Rig):
    """A rig that holds what may start against the promises."""

    probed: dict[str, tuple[float, str]]
    """The last probe of each datastore: since when it was held, and the record."""

    def submit(self, flight: Flight) -> None:
        """Check a request before it starts."""
        self.check_places(flight)
        holds = self.execution.holds
        if flight.errand is Errand.WORK:
            assert not holds.is_held(flight.datastore_id), "a batch to what is held"
        elif holds.circuit.outage is not None:
            others = [each for each in self.on_wire if each.errand is not Errand.WORK]
            assert not others, "a second probe in an outage"
        if flight.errand is Errand.PROBE:
            self.check_turns(flight)
        super().submit(flight)

    def check_turns(self, flight: Flight) -> None:
        """Hold that a record of what is held is not probed twice in a row while another waits."""
        hold = self.execution.holds.held.get(flight.datastore_id)
        if hold is None:
            return
        probe = (hold.since_s, flight.undecided[0].record_id)
        others = list(self.execution.lanes.waiting(flight.datastore_id))
        is_again = flight.step is None and self.probed.get(flight.datastore_id) == probe
        assert not (is_again and others), "the same record is probed twice in a row"
        self.probed[flight.datastore_id] = probe

    def check_places(self, flight: Flight) -> None:
        """Hold the limits, and that no record is on its way twice."""
        on_wire = Counter(each.datastore_id for each in self.on_wire)
        in_flight = self.limits.in_flight
        assert on_wire.total() < in_flight.total, "more requests than there may be"
        assert on_wire[flight.datastore_id] < in_flight.per_datastore, "more requests than a datastore may have"
        records = [each.record_key for other in self.on_wire for each in other.undecided]
        assert not {each.record_key for each in flight.undecided} & set(records), "a record is on its way twice"


class Misbehaviour(RuleBasedStateMachine):
    """Three datastores, few records, two partitions; each datastore has a way to answer, and records that break it."""

    @initialize(
        size=st.sampled_from([1, 4, 50]),
        total=st.sampled_from([1, 8]),
        per_datastore=st.sampled_from([1, 4]),
        per_s=st.sampled_from([None, None, 5.0, 50.0]),
        stop_after=st.sampled_from([0, 3, 100]),
        give_up_after_s=st.sampled_from([None, None, 20.0]),
        merges=st.booleans(),
    )
    def begin(
        self,
        size: int,
        total: int,
        per_datastore: int,
        per_s: float | None,
        stop_after: int,
        give_up_after_s: float | None,
        *,
        merges: bool,
    ) -> None:
        """Begin with an API that is well."""
        self.ways = dict.fromkeys(DATASTORES, "fine")
        self.poison: set[tuple[str, str]] = set()
        self.rig = CheckedRig(
            self.answer,
            batch=BatchLimits(size, 4_194_304, 0.1, merges),
            in_flight=InFlightLimits(total, min(total, per_datastore), per_s),
            hold=HoldLimits(stop_after, give_up_after_s),
        )
        self.rig.probed = {}
        self.assignments = [Assignment(TopicPartition("deltas", number), 1) for number in range(2)]
        self.arrived: dict[int, tuple[str, str, Assignment]] = {}

    def answer(self, sent: Sent) -> Said:
        """Answer as the datastore does now; a poison record lets every request with it fail."""
        if any((sent.datastore_id, record_id) in self.poison for record_id in sent.record_ids):
            return status(500)
        return WAYS[self.ways[sent.datastore_id]](sent)

    @rule(
        datastore=st.sampled_from(DATASTORES),
        records=st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=12),
        partition=st.integers(0, 1),
        lane=st.sampled_from(LANES),
        seconds=st.sampled_from([0.1, 1.0, 10.0]),
    )
    def arrive(self, datastore: str, records: list[str], partition: int, lane: LaneKey, seconds: float) -> None:
        """Let events arrive, and time go by; a record stands in one partition."""
        assignment = self.assignments[partition]
        names = [f"{record}{partition}" for record in records]
        for name, offset in zip(
            names, self.rig.arrive(datastore, *names, assignment=assignment, lane=lane), strict=True
        ):
            self.arrived[offset] = (datastore, name, assignment)
        self.rig.run(seconds)

    @rule(datastores=st.sets(st.sampled_from(DATASTORES), min_size=1), way=st.sampled_from(sorted(WAYS)))
    def change(self, datastores: set[str], way: str) -> None:
        """Let datastores answer in another way."""
        self.ways.update(dict.fromkeys(datastores, way))

    @rule(datastore=st.sampled_from(DATASTORES), record=st.sampled_from("abcdefgh"), partition=st.integers(0, 1))
    def break_record(self, datastore: str, record: str, partition: int) -> None:
        """Let a record break the API, or no longer."""
        self.poison ^= {(datastore, f"{record}{partition}")}

    @rule(seconds=st.sampled_from([0.1, 1.0, 10.0]))
    def wait(self, seconds: float) -> None:
        """Let time go by."""
        self.rig.run(seconds)

    @rule(partition=st.integers(0, 1))
    def revoke(self, partition: int) -> None:
        """Lose a partition, and be given it again as a new assignment."""
        ended = self.assignments[partition]
        self.rig.revoke(ended)
        self.assignments[partition] = Assignment(ended.partition, ended.epoch + 1)

    def teardown(self) -> None:
        """Let the API be well: all is decided, once, in its order, nothing is held, and nothing is kept."""
        if not hasattr(self, "rig"):
            return
        rig = self.rig
        self.ways = dict.fromkeys(DATASTORES, "fine")
        self.poison = set()
        assert rig.run(LONGEST_S, lambda: rig.is_idle), f"not decided: {rig.execution.status(rig.now_s)}"
        rig.turn()
        status_now = rig.execution.status(rig.now_s)
        assert rig.run(120.0, lambda: rig.execution.status(rig.now_s).is_ready), f"held for nothing: {status_now}"
        assert len(rig.undecided.parking) == len(list(rig.execution.flights)) == 0
        self.check_outcomes()
        self.check_refusals()
        self.check_rate()

    def check_outcomes(self) -> None:
        """Each event that is still ours has one outcome, and those of a record come in their order."""
        ours = {offset for offset, (_, _, assignment) in self.arrived.items() if assignment not in self.rig.ended}
        assert ours <= set(self.rig.outcomes)
        newest: dict[tuple[str, str], int] = {}
        for offset in self.rig.order:
            name = self.arrived[offset][:2]
            assert newest.get(name, -1) < offset, "an older event of a record after a newer one"
            newest[name] = offset
        if self.rig.limits.hold.give_up_after_s is None:
            assert Result.ABANDONED not in self.rig.results()

    def check_refusals(self) -> None:
        """Never are more records in a row rejected than are believed."""
        most = self.rig.limits.hold.stop_after_refused
        rows: Counter[str] = Counter()
        for offset in self.rig.order:
            datastore, result = self.arrived[offset][0], self.rig.outcomes[offset][1]
            if result is Result.ABANDONED:
                continue
            rows[datastore] = rows[datastore] + 1 if result is Result.REJECTED else 0
            assert not most or rows[datastore] <= most

    def check_rate(self) -> None:
        """In no stretch of time do more requests start than may."""
        per_s = self.rig.limits.in_flight.per_s
        if per_s is None:
            return
        burst = max(1, int(per_s * BURST_S))
        times_s = [each.at_s for each in self.rig.sent]
        for first, begin_s in enumerate(times_s):
            for last in range(first + burst, min(first + 40, len(times_s))):
                assert last - first + 1 <= per_s * (times_s[last] - begin_s) + burst + 1e-6


TestMisbehaviour = Misbehaviour.TestCase
TestMisbehaviour.settings = settings(max_examples=150, stateful_step_count=40)
