"""kill -9 in full flow, again and again: one outcome each, in order, and only the newest event of a record again."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from stream.sandbox.faults import Fault

from ..harness.feed import Pace, Population
from ..harness.waiting import eventually

if TYPE_CHECKING:
    from ..harness.service import Service
    from ..harness.stage import Stage

KILLS = 10
"""For each kind of membership."""
MIN_COUNTED = 8
MAX_KILLS = 15
RATE_PER_S = 2_000
FLOW_REQUESTS = 40
"""How much is done between two kills, at least."""
RECOVERY_S = 60.0
"""A dead member's open transaction can hold its partitions back for 30 s."""

GROUPS: dict[str, list[dict[str, str]]] = {
    "one static member": [{"KAFKA_INSTANCE_ID": "one"}],
    "three dynamic members": [{}, {}, {}],
}


@dataclass(slots=True)
class Kills:
    """What was seen of the kills so far; times are in seconds since the epoch."""

    stage: Stage
    times_s: list[float] = field(default_factory=list)
    returns_s: list[float] = field(default_factory=list)
    counted: int = 0

    def are_enough(self) -> bool:
        """Whether the run may end."""
        return len(self.times_s) >= (KILLS if self.counted >= MIN_COUNTED else MAX_KILLS)

    def strike(self, services: list[Service]) -> int:
        """Kill a process that has a request on the wire; it counts if the stand-in saw a request break off by it."""
        eventually(lambda: self._victim(services) is not None, RECOVERY_S, "a request on the wire")
        victim = self._victim(services) or 0
        on_wire = self._on_wire(services[victim])
        self.times_s.append(time.time())
        services[victim].kill()
        eventually(lambda: not on_wire & self._open(), 10.0, "the end of the killed process's requests")
        broken_off = {request.sequence for request in self.stage.sandbox.requests if request.ending == "gone"}
        self.counted += bool(on_wire & broken_off)
        return victim

    def await_return(self, service: Service) -> None:
        """Wait until the next process has been given partitions, and some requests were made."""
        _await_partitions(service)
        self.returns_s.append(time.time() - self.times_s[-1])
        enough = len(self.stage.sandbox.requests) + FLOW_REQUESTS
        eventually(lambda: len(self.stage.sandbox.requests) >= enough, RECOVERY_S, "some requests after a kill")

    def _victim(self, services: list[Service]) -> int | None:
        return next((index for index, service in enumerate(services) if self._on_wire(service)), None)

    def _on_wire(self, service: Service) -> set[int]:
        addresses = service.addresses()
        return {request.sequence for request in self.stage.sandbox.in_flight if request.client in addresses}

    def _open(self) -> set[int]:
        return {request.sequence for request in self.stage.sandbox.in_flight}


@pytest.mark.chaos
@pytest.mark.timeout(600)
@pytest.mark.parametrize("members", GROUPS.values(), ids=GROUPS)
def test_kill_in_full_flow(stage: Stage, members: list[dict[str, str]]) -> None:
    """However often processes are killed with requests on the wire: exactly one outcome each, order per record."""
    for applied in (False, True):
        stage.sandbox.faults.add(Fault("delay", applied=applied, min_s=0.010, max_s=0.025))
    services = [stage.start(f"member-{index}", **settings) for index, settings in enumerate(members)]
    pace = Pace(stage.feed, Population(datastores=4, records=4_000), RATE_PER_S)
    for service in services:
        _await_partitions(service)
    stage.await_outcomes(1)
    kills = Kills(stage)
    while not kills.are_enough():
        victim = kills.strike(services)
        services[victim] = stage.start(f"member-{victim}", **members[victim])
        kills.await_return(services[victim])
    pace.stop()
    stage.await_all_committed(120.0)
    stage.assert_exactly_once()
    _assert_audited(stage, services)
    _show(kills, stage.assert_in_order(kills.times_s))
    assert kills.counted >= MIN_COUNTED


def _await_partitions(service: Service) -> None:
    eventually(
        lambda: any(line["partitions"] for line in service.lines("partitions_assigned")),
        RECOVERY_S,
        f"partitions for {service.name}",
    )


def _assert_audited(stage: Stage, services: list[Service]) -> None:
    """Every batch with a committed outcome has its one line, whenever its process was killed."""
    lines = Counter(line["batchId"] for service in services for line in service.audit_lines())
    assert {lines[outcome.json["batchId"]] for outcome in stage.reader.records} == {1}


def _show(kills: Kills, repeats: int) -> None:
    outcomes = kills.stage.reader.records
    waits_s = sorted((each.timestamp_ms - each.json["source"]["timestampMs"]) / 1000 for each in outcomes)
    print(  # noqa: T201 - the figures of the run
        f"\n{len(outcomes)} events; {kills.counted} of {len(kills.times_s)} kills counted; "
        f"{repeats} events executed again; the next process has partitions after "
        f"{statistics.median(kills.returns_s):.1f} s (median, longest {max(kills.returns_s):.1f}); "
        f"from event to outcome {statistics.median(waits_s):.1f} s (median, longest {waits_s[-1]:.1f})"
    )
