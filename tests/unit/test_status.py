"""What is told of what is held: at any time as one value, and in the log when it changes and while it lasts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from stream.holds import Cause
from stream.status import MAX_TOLD, Tally
from stream.watch import MAX_CHANGES_TOLD, REMIND_AFTER_S

from .execution_rig import Rig, Said, Sent, applied, status

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping


@pytest.fixture
def lines() -> Iterator[list[MutableMapping[str, Any]]]:
    """The lines of the log."""
    with capture_logs() as captured:
        yield captured


def named(lines: list[MutableMapping[str, Any]], event: str) -> list[MutableMapping[str, Any]]:
    """List the lines of one kind of happening."""
    return [line for line in lines if line["event"] == event]


def rig_with_a_dead_datastore() -> Rig:
    """Build a rig in which one of two datastores fails and one record of the other breaks it."""

    def answer(sent: Sent) -> Said:
        if sent.datastore_id == "dead":
            return status(503)
        return status(500 if "bad" in sent.record_ids else 200)

    return Rig(answer)


def let_fail(rig: Rig, for_s: float) -> None:
    """Let events come for both datastores."""
    rig.arrive("dead", "first")
    rig.arrive("well", "bad")
    for _ in range(round(for_s)):
        rig.arrive("dead", "again")
        rig.arrive("well", f"other-{rig.now_s}")
        rig.run(1.0)


def test_the_tally_counts_requests() -> None:
    """Success rate and mean latency of all requests with a verdict; full marks before the first."""
    tally = Tally()
    assert (tally.success_rate, tally.average_latency_ms) == (100.0, 0.0)
    tally.count(10.0, succeeded=True)
    tally.count(30.0, succeeded=False)
    assert (tally.requests, tally.success_rate, tally.average_latency_ms) == (2, 50.0, 20.0)


def test_the_status_names_what_is_held_and_why() -> None:
    """Since when, by which cause, when it is probed next, and the position of the event that waits longest."""
    rig = rig_with_a_dead_datastore()
    assert rig.execution.status(0.0).is_ready
    let_fail(rig, 100.0)
    now = rig.execution.status(rig.now_s)
    (dead,) = now.held
    assert (dead.datastore_id, dead.cause) == ("dead", Cause.FAILING)
    assert "503" in dead.reason
    assert 80.0 < dead.held_for_s < 100.0
    assert 0.0 <= dead.next_probe_in_s <= 60.0
    assert dead.oldest is not None
    assert (dead.oldest.partition.topic, dead.oldest.partition.partition, dead.oldest.offset) == ("deltas", 0, 0)
    (parked,) = now.parked
    assert (parked.datastore_id, parked.record_id, parked.oldest.offset) == ("well", "bad", 1)
    assert parked.tries_failed >= 1
    assert not now.is_ready
    assert now.reasons == (f"datastore dead is held: {dead.reason}",)


def test_a_parked_record_alone_keeps_nobody_from_being_ready() -> None:
    """It holds up itself, and is shown."""
    rig = rig_with_a_dead_datastore()
    rig.arrive("well", "bad")
    for _ in range(30):
        rig.arrive("well", f"other-{rig.now_s}")
        rig.run(1.0)
    now = rig.execution.status(rig.now_s)
    assert (now.is_ready, now.reasons, now.parked_count) == (True, (), 1)


def test_an_outage_is_one_reason_more() -> None:
    """It stands first."""
    rig = Rig(lambda _: status(503))
    rig.arrive("dead", "a")
    rig.run(60.0)
    now = rig.execution.status(rig.now_s)
    assert now.outage is not None
    assert 0.0 < now.outage.held_for_s < 60.0
    assert now.reasons[0].startswith("outage: every datastore that has work is held: ")
    assert len(now.reasons) == 2


def test_of_very_many_the_first_are_told() -> None:
    """Names come from events; how many there are is told in any case."""
    rig = Rig(lambda _: status(503))
    for number in range(2 * MAX_TOLD):
        rig.arrive(f"d{number}", "a")
    assert rig.run(120.0, lambda: len(rig.execution.holds.held) == 2 * MAX_TOLD)
    now = rig.execution.status(rig.now_s)
    assert (len(now.held), now.held_count) == (MAX_TOLD, 2 * MAX_TOLD)


def test_each_change_is_logged_with_partition_offset_and_cause(lines: list[MutableMapping[str, Any]]) -> None:
    """Whoever looks into the log learns which event stops which partition; and when that is over."""
    rig = rig_with_a_dead_datastore()
    let_fail(rig, 30.0)
    (held,) = named(lines, "datastore_held")
    assert (held["datastore"], held["cause"], held["partition"], held["offset"]) == ("dead", "failing", "deltas/0", 0)
    assert held["log_level"] == "warning"
    (parked,) = named(lines, "record_parked")
    assert (parked["datastore"], parked["record"]) == ("well", "bad")
    rig.api = applied
    assert rig.run(200.0, lambda: rig.is_idle)
    rig.turn()
    (released,) = named(lines, "datastore_released")
    assert (released["datastore"], released["log_level"]) == ("dead", "info")
    assert released["lasted_s"] > 20.0
    assert [line["record"] for line in named(lines, "parked_record_decided")] == ["bad"]


def test_what_lasts_is_told_again_every_minute(lines: list[MutableMapping[str, Any]]) -> None:
    """Until it is over; then there is silence."""
    rig = rig_with_a_dead_datastore()
    let_fail(rig, 4.5 * REMIND_AFTER_S)
    reminders = named(lines, "datastore_still_held")
    assert len(reminders) == 4
    assert {(line["partition"], line["offset"], line["cause"]) for line in reminders} == {("deltas/0", 0, "failing")}
    assert [line["for_s"] for line in reminders] == sorted(line["for_s"] for line in reminders)
    assert len(named(lines, "record_still_parked")) >= 3
    rig.api = applied
    assert rig.run(200.0, lambda: rig.is_idle)
    told = len(lines)
    rig.run(5 * REMIND_AFTER_S)
    assert len(lines) == told


def test_an_outage_is_told_again_every_minute(lines: list[MutableMapping[str, Any]]) -> None:
    """With the time of the next probe."""
    rig = Rig(lambda _: status(403))
    rig.arrive("d", "a")
    rig.run(150.0)
    (began,) = named(lines, "outage_begins")
    assert "403" in began["reason"]
    assert len(named(lines, "outage_lasts")) == 2
    rig.api = applied
    assert rig.run(100.0, lambda: rig.is_idle)
    rig.turn()
    assert len(named(lines, "outage_ends")) == 1


def test_the_log_is_not_flooded(lines: list[MutableMapping[str, Any]]) -> None:
    """Of the changes of a minute a hundred are told, and how many more there were."""
    rig = Rig(lambda _: status(418))
    for number in range(3 * MAX_CHANGES_TOLD):
        rig.arrive(f"d{number}", "a")
    rig.run(REMIND_AFTER_S - 1.0)
    assert len(named(lines, "datastore_held")) <= MAX_CHANGES_TOLD
    rig.api = applied
    rig.run(2 * REMIND_AFTER_S)
    (more,) = named(lines, "more_changes")
    assert more["not_told"] >= 2 * MAX_CHANGES_TOLD
