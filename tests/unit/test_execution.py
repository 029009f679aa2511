"""The execution in full: what goes on and what waits while parts of the API fail, in virtual time."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from stream.flights import Errand, InFlightLimits
from stream.health import DIFFERENT_BATCHES
from stream.holds import Cause, HoldLimits
from stream.lanes import BatchLimits
from stream.model import Assignment, Result, UpdateType

from ..builders import ASSIGNMENT, LANE, OTHER_PARTITION
from .execution_rig import BATCH, TURN_S, Rig, Said, Sent, applied, silence, status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

OTHER = Assignment(OTHER_PARTITION, 2)
LONGEST_S = 200.0
"""Until what is held goes on after the API is well again: a probe waits a minute at most."""


def names(count: int, prefix: str = "r") -> list[str]:
    """Name so many records."""
    return [f"{prefix}{number}" for number in range(count)]


def breaking(said: Callable[[], Said], *, datastore: str | None = None, records: Iterable[str] = ()) -> Rig:
    """Build a rig with an API that breaks for a datastore, or for every request with one of these records."""
    bad = set(records)

    def answer(sent: Sent) -> Said:
        is_bad = sent.datastore_id == datastore if datastore else bool(bad & set(sent.record_ids))
        return said() if is_bad else status(200, after_s=0.05)

    return Rig(answer)


def probes(rig: Rig, datastore: str) -> list[Sent]:
    """List the probes of a datastore."""
    return [each for each in rig.sent_to(datastore) if each.errand is Errand.PROBE]


@pytest.mark.parametrize("said", [lambda: status(503), silence])
def test_one_dead_datastore_is_held_alone(said: Callable[[], Said]) -> None:
    """The other seven keep their rate; what waits for the dead one goes on in order when it is back."""
    rig = breaking(said, datastore="d0")
    for second in range(120):
        for number in range(8):
            rig.arrive(f"d{number}", *names(5, f"{second}-"), "again")
        rig.run(1.0)
    held = rig.execution.status(rig.now_s)
    assert [each.datastore_id for each in held.held] == ["d0"]
    assert held.outage is None
    assert held.held[0].oldest is not None
    assert held.held[0].oldest.offset == 0
    assert len(rig.outcomes) == 7 * 120 * 6
    assert all(len(each.record_ids) == 1 for each in probes(rig, "d0"))
    rig.api = applied
    assert rig.run(LONGEST_S, lambda: rig.is_idle)
    again = [offset for offset in rig.order if rig.outcomes[offset][0] == "again" and offset % 48 < 6]
    assert again == sorted(again)
    assert len(again) == 120


def test_three_batches_are_enough_to_see_it() -> None:
    """What waits is dissolved at once, and only single events go until one passes."""
    rig = breaking(lambda: status(503), datastore="d0")
    for _ in range(DIFFERENT_BATCHES):
        rig.arrive("d0", *names(10, f"{rig.now_s}-"))
        rig.turn()
    rig.run(0.1)
    assert rig.execution.holds.held["d0"].cause is Cause.FAILING
    assert rig.execution.flights.waiting() == []
    sent = len(rig.sent)
    rig.run(100.0)
    assert {len(each.record_ids) for each in rig.sent[sent:]} == {1}


def test_probes_take_turns_over_lanes_and_records() -> None:
    """So that neither a poison record nor one bad event is the probe for ever."""
    rig = breaking(lambda: status(503), datastore="d0")
    for number in range(3):
        rig.arrive("d0", f"a{number}", f"b{number}")
        rig.turn()
    rig.run(600.0)
    tried = [each.record_ids[0] for each in probes(rig, "d0")]
    assert len(tried) >= 20
    assert all(one != next_one for one, next_one in pairwise(tried))
    assert all(len(set(tried[begin : begin + 12])) == 6 for begin in range(len(tried) - 12))


def test_a_crowd_of_bad_records_does_not_hide_a_good_one() -> None:
    """Now and then the newest event is the probe: what comes after a wrong deployment was mended is soon tried."""
    bad = set(names(300))
    rig = Rig(lambda sent: status(400 if bad & set(sent.record_ids) else 200))
    rig.arrive("d0", *sorted(bad))
    rig.run(300.0)
    probed = len(probes(rig, "d0"))
    rig.arrive("d0", "good")
    assert rig.run(300.0, lambda: not rig.execution.holds.held)
    assert len(probes(rig, "d0")) <= probed + 4


def test_lanes_that_share_an_outage_do_not_share_their_turns() -> None:
    """In each lane now the first and now the newest event is the probe, however many lanes take turns."""
    rig = Rig(lambda sent: status(200 if "good" in sent.record_ids else 503))
    for datastore_id in ("d0", "d1"):
        for lane in (LANE, LANE._replace(update_type=UpdateType.UPDATE)):
            rig.arrive(datastore_id, f"{lane.update_type}-first", lane=lane)
            rig.turn()
    assert rig.run(60.0, lambda: rig.execution.holds.circuit.outage is not None)
    for datastore_id in ("d0", "d1"):
        for lane in (LANE, LANE._replace(update_type=UpdateType.UPDATE)):
            rig.arrive(datastore_id, "good", f"{lane.update_type}-newest", lane=lane)
    assert rig.run(
        1_200.0, lambda: {each.datastore_id for each in rig.sent if "good" in each.record_ids} == {"d0", "d1"}
    )


def test_a_record_that_comes_later_is_probed_before_the_last_one_again() -> None:
    """Never the same record twice in a row while another waits."""
    rig = breaking(lambda: status(503), datastore="d0")
    rig.arrive("d0", "old")
    assert rig.run(60.0, lambda: len(probes(rig, "d0")) == 2)
    rig.arrive("d0", "new")
    assert rig.run(100.0, lambda: len(probes(rig, "d0")) == 4)
    assert [each.record_ids[0] for each in probes(rig, "d0")] == ["old", "old", "new", "old"]


def test_an_outage_holds_everything_with_one_probe_at_a_time() -> None:
    """At most one request is on the wire in all, they back off to a minute, and the first that passes ends it."""
    rig = Rig(lambda _: status(503, after_s=2.0))
    for number in range(8):
        rig.arrive(f"d{number}", *names(50))
    assert rig.run(60.0, lambda: rig.execution.holds.circuit.outage is not None)
    assert rig.run(60.0, lambda: not rig.on_wire)
    began = len(rig.sent)
    for _ in range(round(600.0 / TURN_S)):
        rig.turn()
        assert len(rig.on_wire) <= 1
    assert 12 <= len(rig.sent) - began <= 60
    assert len({each.datastore_id for each in rig.sent[began:]}) == 8, "they take turns over the datastores"
    assert not rig.execution.status(rig.now_s).is_ready
    rig.api = applied
    assert rig.run(62.0, lambda: rig.is_idle), "the first probe that passes lets the others go at once"
    assert rig.results() == [Result.APPLIED] * 400
    rig.turn()
    assert rig.execution.status(rig.now_s).is_ready


def test_a_datastore_with_work_that_is_not_held_is_no_outage() -> None:
    """One dead datastore, alone at work for a while, does not hold up another one that gets work."""
    rig = breaking(lambda: status(503), datastore="d0")
    rig.arrive("d0", *names(5))
    assert rig.run(60.0, lambda: rig.execution.holds.circuit.outage is not None)
    rig.run(300.0)
    rig.arrive("d1", "x")
    assert rig.run(0.2, lambda: len(rig.outcomes) == 1)


@pytest.mark.parametrize("number", [401, 403])
def test_without_access_everything_waits(number: int) -> None:
    """A second 401, or a 403, is an outage at once: no datastore needs to fail three times for it."""
    rig = Rig(lambda _: status(number))
    for each in range(3):
        rig.arrive(f"d{each}", *names(10))
    rig.run(0.1)
    told = rig.execution.status(rig.now_s)
    assert told.outage is not None
    assert str(number) in told.outage.reason
    rig.run(200.0)
    assert len({each.number for each in rig.sent if each.errand is Errand.WORK}) == 3
    assert {len(each.record_ids) for each in rig.sent if each.errand is Errand.PROBE} == {1}
    rig.api = applied
    assert rig.run(62.0, lambda: rig.is_idle)


def test_throttling_is_neither_an_outage_nor_a_failure() -> None:
    """All requests wait as long as they are told, and then go on as they were."""
    rig = Rig(lambda sent: status(429, retry_after="20") if sent.at_s < 1.0 else status(200))
    for number in range(8):
        rig.arrive(f"d{number}", *names(10))
    rig.run(1.0)
    sent = len(rig.sent)
    assert sent == 8
    assert rig.run(60.0, lambda: rig.is_idle)
    assert rig.sent[sent].at_s >= 20.0
    assert not rig.execution.holds.changes
    assert [len(each.record_ids) for each in rig.sent] == [10] * 16


def test_a_wrong_deployment_is_not_bad_data() -> None:
    """The first hundred refused records are rejected, the others wait for one that passes, and then all go on."""
    rig = Rig(lambda _: status(400))
    rig.arrive("d0", *names(1000))
    rig.arrive("d1", *names(50))
    rig.run(300.0)
    results = Counter(rig.results())
    assert results == {Result.REJECTED: 150}
    held = rig.execution.status(rig.now_s)
    assert [(each.datastore_id, each.cause) for each in held.held] == [("d0", Cause.REFUSED)]
    assert not held.is_ready
    rig.api = applied
    assert rig.run(LONGEST_S, lambda: rig.is_idle)
    assert Counter(rig.results()) == {Result.REJECTED: 150, Result.APPLIED: 900}


def test_after_a_hold_for_refusals_the_bad_ones_are_told_apart() -> None:
    """When a good record passes as a probe, the refused ones flow as batches again and are isolated."""
    bad = set(names(150))
    rig = Rig(lambda sent: status(400 if bad & set(sent.record_ids) else 200))
    rig.arrive("d0", *names(150))
    rig.run(60.0)
    assert Counter(rig.results()) == {Result.REJECTED: 100}
    rig.arrive("d0", *names(40, "good"))
    assert rig.run(50 * 60.0, lambda: rig.is_idle)
    assert Counter(rig.results()) == {Result.REJECTED: 150, Result.APPLIED: 40}


def test_a_refused_probe_of_a_failing_datastore_is_an_answer() -> None:
    """The API works again: the probe's verdict counts, and the hold ends."""
    rig = Rig(lambda _: status(503))
    rig.arrive("d0", *names(3))
    assert rig.run(60.0, lambda: bool(rig.execution.holds.held))
    rig.api = lambda _: status(422)
    assert rig.run(62.0, lambda: rig.is_idle)
    assert rig.results() == [Result.REJECTED] * 3


def test_untrue_answers_hold_a_datastore_and_are_never_repeated() -> None:
    """Each event that was executed has its outcome; single events go until an answer is true."""
    rig = Rig(lambda _: status(200, body=b'{"checksum":"0"}'), batch=BatchLimits(10, 4_194_304, 0.0))
    rig.arrive("d0", *names(200))
    rig.run(5.0)
    assert rig.execution.holds.held["d0"].cause is Cause.INTEGRITY
    rig.run(300.0)
    assert len(rig.outcomes) < 60
    rig.api = applied
    assert rig.run(62.0, lambda: rig.is_idle)
    executed = Counter(record for sent in rig.sent for record in sent.record_ids)
    assert set(executed.values()) == {1}


@pytest.mark.parametrize("records", [[], ["r1"]])
def test_what_was_held_too_long_is_given_up(records: list[str]) -> None:
    """`STREAM_GIVE_UP_AFTER_S`: each event waits that long, held or parked, the later events of its record too."""
    rig = breaking(lambda: status(503), datastore=None if records else "d0", records=records)
    rig = Rig(rig.api, hold=HoldLimits(give_up_after_s=100.0))
    first = rig.arrive("d0", "r1")[0]
    for _ in range(60):
        rig.arrive("d0", *([] if not records else ["other"]))
        rig.run(1.0)
    second = rig.arrive("d0", "r1")[0]
    assert first not in rig.outcomes
    assert rig.run(60.0, lambda: first in rig.outcomes)
    gone_s = rig.now_s
    assert rig.outcomes[first][1] is Result.ABANDONED
    assert rig.run(200.0, lambda: second in rig.outcomes)
    assert rig.outcomes[second][1] is Result.ABANDONED
    assert rig.now_s - gone_s >= (45.0 if not records else 90.0)


def test_without_that_setting_everything_waits_for_ever() -> None:
    """Nothing is dropped because the API fails."""
    rig = breaking(lambda: status(503), datastore="d0")
    rig.arrive("d0", *names(10))
    rig.run(1_000.0)
    assert not rig.outcomes


def test_no_more_requests_start_than_may() -> None:
    """`CXONE_MAX_REQUESTS_PER_S` counts requests, not batches: those that tell bad records apart as well."""
    bad = set(names(8))
    rig = Rig(
        lambda sent: status(400 if bad & set(sent.record_ids) else 200, after_s=0.001),
        in_flight=InFlightLimits(8, 4, 5.0),
    )
    for number in range(8):
        rig.arrive(f"d{number}", *names(100))
    assert rig.run(600.0, lambda: rig.is_idle)
    assert Counter(rig.results()) == {Result.APPLIED: 8 * 92, Result.REJECTED: 8 * 8}
    times_s = [each.at_s for each in rig.sent]
    assert len(times_s) > 100
    assert all(later - earlier >= 0.2 - 1e-9 for earlier, later in pairwise(times_s))
    assert times_s[-1] <= 1.2 * len(times_s) / 5.0, "and hardly fewer"


def test_a_drain_takes_back_what_waits() -> None:
    """Nothing waits for a hold or a backoff when the process is to end."""
    rig = Rig(lambda _: status(503))
    rig.arrive("d0", *names(10))
    rig.arrive("d1", *names(10))
    rig.run(1.0, lambda: len(rig.execution.flights.waiting()) == 2)
    rig.execution.recall_waiting()
    assert list(rig.execution.flights) == []
    assert len(rig.execution.lanes) == 20


def test_what_is_held_of_a_lost_partition_is_forgotten() -> None:
    """A hold ends with the last event that waits for it, and a parked record with its partition."""
    rig = breaking(lambda: status(503), datastore="d0")
    rig.arrive("d0", *names(5), assignment=OTHER)
    assert rig.run(60.0, lambda: bool(rig.execution.holds.held))
    rig.run(5.0)
    rig.revoke(OTHER)
    assert rig.run(1.0, lambda: rig.is_idle)
    rig.turn()
    assert rig.execution.status(rig.now_s).is_ready
    rig = breaking(lambda: status(500), records=["r1"])
    rig.arrive("d0", "r1", assignment=OTHER)
    while not len(rig.undecided.parking):
        rig.arrive("d0", "other", assignment=ASSIGNMENT)
        rig.run(1.0)
    rig.revoke(OTHER)
    assert rig.run(5.0, lambda: rig.is_idle)
    assert len(rig.undecided.parking) == 0


def test_held_datastores_do_not_stop_the_others_from_being_read() -> None:
    """Full batches that wait for what is held are not work enough to stop fetching."""
    rig = breaking(lambda: status(503), datastore="d0")
    for _ in range(12):
        rig.arrive("d0", *names(BATCH.size, f"{rig.now_s}-"))
        rig.turn()
    assert rig.run(60.0, lambda: bool(rig.execution.holds.held))
    assert not rig.execution.has_plenty()
