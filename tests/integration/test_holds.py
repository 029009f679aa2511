"""One part of the API fails, over real HTTP and on a real Kafka: what waits, what goes on, and what the log says.

`DEAD_S=600 DEAD_RATE=500 DEAD_KIND=lose make integration ARGS="-k among_eight -s"` lets a datastore be dead as long,
and in the way, that one wants, and prints the figures.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from typing import TYPE_CHECKING, get_args

import pytest

from stream.sandbox.faults import Fault, Kind
from stream.sandbox.kafka import create_topics

from ..harness.feed import Feed, Pace, Population
from ..harness.stage import Layout, Stage
from ..harness.topics import read_to_end
from ..harness.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from stream.sandbox.calls import Request
    from stream.sandbox.kafka import Kafka

    from ..harness.service import Service

DEAD_S = float(os.environ.get("DEAD_S", "8"))
DEAD_RATE = float(os.environ.get("DEAD_RATE", "1000"))
DEAD_KIND: Kind = next(kind for kind in get_args(Kind) if kind == os.environ.get("DEAD_KIND", "answer"))
LATE_S = 0.25
"""A request may have waited so long on its way to the stand-in: on a busy machine those before it come with it."""
DATASTORES = 8
DEAD = "store-0"
WINDOW = 16_384
"""Contract section 4.4."""
HELD_WITHIN_S = 60.0
RECOVERY_S = 120.0
"""A probe waits up to a minute, and what it ends may be a long backlog."""


@pytest.fixture
def narrow(kafka: Kafka, tmp_path: Path) -> Iterator[Stage]:
    """A stage whose input has one partition, and with a dead letter topic."""
    with Stage(kafka.bootstrap_servers, tmp_path, Layout(partitions=1, dead_letters={})) as one:
        yield one


def of_the_others(stage: Stage) -> int:
    """Count the outcomes of all datastores but the dead one."""
    return len(stage.reader.find(lambda outcome: outcome.json["dataStoreId"] != DEAD))


def rate_of(count: Callable[[], int], for_s: float) -> float:
    """Measure how many more a second something counts."""
    began_s, before = time.monotonic(), count()
    eventually(lambda: time.monotonic() > began_s + for_s, 2 * for_s + 10.0, "the end of the measurement")
    return (count() - before) / (time.monotonic() - began_s)


def await_the_others(stage: Stage) -> None:
    """Wait until all that was sent to the others so far has its outcome."""
    sent = sum(each.json["dataStoreId"] != DEAD for each in stage.records())
    eventually(lambda: of_the_others(stage) >= sent, HELD_WITHIN_S, "the outcomes of the others")


def executes(stage: Stage, datastore_id: str) -> list[Request]:
    """List the execute requests of a datastore."""
    return [each for each in stage.sandbox.requests if each.call == "execute" and each.data_store_id == datastore_id]


def held(service: Service, event: str = "datastore_held") -> list[dict[str, object]]:
    """List the log lines of what is held."""
    return service.lines(event)


@pytest.mark.timeout(240 + 4 * DEAD_S)
def test_one_dead_datastore_among_eight(stage: Stage) -> None:
    """Until a window is full the other seven lose nothing by it, then the log says why; afterwards all catches up."""
    stage.sandbox.faults.add(Fault("delay", min_s=0.01, max_s=0.03))
    service = stage.start()
    pace = Pace(stage.feed, Population(DATASTORES, records=4_000), DEAD_RATE)
    stage.await_outcomes(2_000)
    unharmed = rate_of(lambda: of_the_others(stage), 4.0)

    began_s = time.time()
    dead = stage.sandbox.faults.add(Fault(DEAD_KIND, data_store_id=DEAD))
    until_full_s = 0.8 * WINDOW * 4 / DEAD_RATE
    harmed = rate_of(lambda: of_the_others(stage), min(DEAD_S, until_full_s))
    await_the_others(stage)
    eventually(lambda: held(service), HELD_WITHIN_S, "the hold of the dead datastore")
    eventually(lambda: time.time() > began_s + DEAD_S, DEAD_S + 10.0, "the end of the outage")
    if until_full_s < 0.8 * DEAD_S:
        eventually(lambda: held(service, "datastore_still_held"), 60.0, "a reminder")
    pace.stop()
    probed = executes(stage, DEAD)
    ended_s = time.time()
    stage.sandbox.faults.remove(dead)
    stage.await_all_committed(RECOVERY_S)
    caught_up_s = time.time() - ended_s
    stage.assert_exactly_once()
    stage.assert_in_order([began_s, ended_s])

    assert {line["datastore"] for line in held(service)} == {DEAD}
    named = held(service)[0]
    assert named["cause"] == "failing"
    blocked = {f"{stage.input}/{each.partition}": each for each in stage.records() if each.offset == named["offset"]}
    assert blocked[str(named["partition"])].json["dataStoreId"] == DEAD
    since_held = [each for each in probed if each.received_s > began_s + DEAD_S / 2]
    assert {each.records for each in since_held} <= {1}
    print(  # noqa: T201 - the figures of a run by hand
        f"{DEAD_S:g} s dead ({DEAD_KIND}): the others {unharmed:.0f}/s before, {harmed:.0f}/s during "
        f"({harmed / unharmed:.0%}); "
        f"{len(probed)} requests to the dead one; caught up after {caught_up_s:.1f} s"
    )


def test_a_full_window_is_explained_and_moves_on(narrow: Stage) -> None:
    """What is held stops its partition at the window's end, no earlier, and lets it go when it is well again."""
    dead = narrow.sandbox.faults.add(Fault("answer", data_store_id=DEAD))
    service = narrow.start()
    narrow.feed.send_event(DEAD, "first")
    narrow.feed.draw(Population(2, records=8_000), 2 * WINDOW)
    narrow.feed.flush()
    others = [each for each in narrow.records() if each.json["dataStoreId"] != DEAD]
    within = sum(each.offset < WINDOW for each in others)
    eventually(lambda: of_the_others(narrow) == within, 60.0, "all outcomes that the window allows")
    eventually(lambda: held(service), HELD_WITHIN_S, "the hold of the dead datastore")
    assert (held(service)[0]["partition"], held(service)[0]["offset"]) == (f"{narrow.input}/0", 0)
    assert len(narrow.reader) == within
    narrow.sandbox.faults.remove(dead)
    narrow.await_all_committed(RECOVERY_S)
    narrow.assert_exactly_once()
    narrow.assert_requests_sound()


@pytest.mark.timeout(240 + 4 * DEAD_S)
def test_among_eight_with_a_topic_of_its_own(stage: Stage) -> None:
    """The full window of the dead one's topic holds up no other: all of theirs is decided while it lasts."""
    alone = f"{stage.input}.alone"
    create_topics(stage.broker, {alone: 1})
    stage.sandbox.faults.add(Fault("delay", min_s=0.01, max_s=0.03))
    service = stage.start(KAFKA_INPUT_TOPIC=f"{stage.input},{alone}")
    pace = Pace(stage.feed, Population(DATASTORES, records=4_000), DEAD_RATE)
    own = Feed(stage.broker, alone)
    stage.await_outcomes(2_000)
    unharmed = rate_of(lambda: len(stage.reader), 4.0)

    dead = stage.sandbox.faults.add(Fault(DEAD_KIND, data_store_id="dead"))
    for number in range(WINDOW + 2_000):
        own.send_event("dead", f"record-{number}")
    own.flush()
    harmed = rate_of(lambda: len(stage.reader), DEAD_S)
    eventually(lambda: held(service), HELD_WITHIN_S, "the hold of the dead datastore")
    pace.stop()
    stage.await_all_committed(RECOVERY_S)
    assert held(service)[0]["partition"] == f"{alone}/0"
    stage.sandbox.faults.remove(dead)
    inputs = {
        (topic, each.partition, each.offset)
        for topic in (stage.input, alone)
        for each in read_to_end(stage.broker, topic)
    }
    stage.await_outcomes(len(inputs), RECOVERY_S)
    sources = [each.json["source"] for each in stage.outcomes()]
    assert Counter((each["topic"], each["partition"], each["offset"]) for each in sources) == Counter(inputs)
    stage.assert_requests_sound()
    print(  # noqa: T201 - the figures of a run by hand
        f"{DEAD_S:g} s dead ({DEAD_KIND}) beside: {unharmed:.0f}/s before, {harmed:.0f}/s during "
        f"({harmed / unharmed:.0%})"
    )


def test_a_poison_record_is_found_and_parked_alone(stage: Stage) -> None:
    """500 for this id: the others of its batch are applied, the rest goes on, its later events wait in their order."""
    poison = stage.sandbox.faults.add(Fault("answer", status=500, data_store_id="store", record_id="record-77"))
    service = stage.start(STREAM_BATCH_LINGER_MS="200")
    population = Population(1, records=500)
    for number in range(500):
        stage.feed.send_event("store-0", f"record-{number}")
    for number in range(500):
        stage.feed.send_event("store", f"record-{number}")
    stage.feed.flush()

    def has_parked() -> bool:
        stage.feed.draw(population, 1)
        stage.feed.send_event("store", f"other-{stage.feed.count}")
        return bool(service.lines("record_parked"))

    eventually(has_parked, 90.0, "the record to be parked")
    stage.feed.send_event("store", "record-77")
    stage.feed.flush()
    inputs = stage.records()
    stage.await_outcomes(len(inputs) - 2)
    (line,) = service.lines("record_parked")
    assert (line["datastore"], line["record"]) == ("store", "record-77")
    tried = [each for each in executes(stage, "store") if each.status == 500 and each.records == 1]
    stage.sandbox.faults.remove(poison)
    stage.await_all_committed(RECOVERY_S)
    stage.assert_exactly_once()
    stage.assert_in_order()
    assert tried
    assert {each.json["result"] for each in stage.outcomes()} == {"APPLIED"}


@pytest.mark.timeout(240)
def test_an_api_that_times_out_above_a_size_gets_smaller_batches(stage: Stage) -> None:
    """30 s above n records: nothing is refused and nothing parked; batches are halved until they pass."""
    stage.sandbox.faults.add(Fault("lose", data_store_id="store", min_records=501))
    service = stage.start(STREAM_BATCH_LINGER_MS="500")
    for number in range(4_000):
        stage.feed.send_event("store", f"record-{number}")
    stage.feed.flush()
    stage.await_all_committed(RECOVERY_S)
    stage.assert_exactly_once()
    stage.assert_requests_sound()
    assert {each.json["result"] for each in stage.outcomes()} == {"APPLIED"}
    assert service.lines("record_parked") == []
    assert max(each.records for each in executes(stage, "store") if each.status == 200) == 500


def test_a_wrong_deployment_costs_a_hundred_events_and_no_more(narrow: Stage) -> None:
    """The API refuses everything: the datastore is held with the reason, and goes on when that is mended."""
    refusal = narrow.sandbox.faults.add(Fault("answer", status=400, data_store_id="store"))
    service = narrow.start()
    for number in range(1_000):
        narrow.feed.send_event("store", f"record-{number}")
        narrow.feed.send_event("other", f"record-{number}")
    narrow.feed.flush()
    eventually(lambda: held(service), HELD_WITHIN_S, "the hold")
    narrow.await_outcomes(1_100)
    probed = len(executes(narrow, "store"))
    eventually(lambda: len(executes(narrow, "store")) > probed + 2, 30.0, "three probes")
    assert len(narrow.reader) == 1_100
    assert held(service)[0]["cause"] == "refused"
    assert "STREAM_STOP_AFTER_REFUSED" in str(held(service)[0]["reason"])
    narrow.sandbox.faults.remove(refusal)
    narrow.await_all_committed(RECOVERY_S)
    narrow.assert_exactly_once()
    results = Counter((each.json["dataStoreId"], each.json["result"]) for each in narrow.outcomes())
    assert results == {("store", "REJECTED"): 100, ("store", "APPLIED"): 900, ("other", "APPLIED"): 1_000}
    assert len(narrow.dead_letters()) == 100


def test_what_is_held_too_long_is_given_up(narrow: Stage) -> None:
    """`STREAM_GIVE_UP_AFTER_S`: an outcome without a request and a dead letter for each event; others go on."""
    narrow.sandbox.faults.add(Fault("answer", data_store_id="store"))
    service = narrow.start(STREAM_GIVE_UP_AFTER_S="3")
    for number in range(200):
        narrow.feed.send_event("store", f"record-{number % 50}")
        narrow.feed.send_event("other", f"record-{number}")
    narrow.await_all_committed(RECOVERY_S)
    narrow.assert_exactly_once()
    outcomes = [each.json for each in narrow.outcomes()]
    assert Counter(each["result"] for each in outcomes) == {"ABANDONED": 200, "APPLIED": 200}
    for outcome in outcomes:
        if outcome["result"] == "ABANDONED":
            assert (outcome["executed"], outcome["batchId"], outcome["recordId"] is None) == (False, None, False)
            assert outcome["error"]["code"] == "given_up"
            assert "503" in outcome["error"]["message"]
    assert len(narrow.dead_letters()) == 200
    assert narrow.sandbox.records.history("store", "record-0") == []
    assert service.is_running


def test_sigterm_during_a_hold_ends_at_once(stage: Stage) -> None:
    """Nothing waits for a probe's time: exit 0, and the next process begins with what is left."""
    dead = stage.sandbox.faults.add(Fault("answer"))
    service = stage.start(STREAM_DRAIN_S="20")
    for number in range(400):
        stage.feed.send_event(f"store-{number % 4}", f"record-{number}")
    stage.feed.flush()
    eventually(lambda: service.lines("outage_begins"), 60.0, "the outage")
    began_s = time.monotonic()
    service.terminate()
    assert service.exit_code(20.0) == 0
    assert time.monotonic() - began_s < 3.0
    stage.sandbox.faults.remove(dead)
    stage.start("next")
    stage.await_all_committed()
    stage.assert_exactly_once()
    stage.assert_requests_sound()


def test_no_more_requests_a_second_than_allowed(stage: Stage) -> None:
    """`CXONE_MAX_REQUESTS_PER_S` holds for all requests together, those that tell bad records apart included."""
    stage.sandbox.faults.add(Fault("names", names="none"))
    stage.sandbox.faults.add(Fault("answer", status=400, record_id="bad", body='{"error":"no"}'))
    stage.start(CXONE_MAX_REQUESTS_PER_S="20", STREAM_BATCH_SIZE="20")
    for store in range(DATASTORES):
        for number in range(50):
            stage.feed.send_event(f"store-{store}", "bad" if number == 30 else f"record-{number}")
    stage.await_all_committed()
    stage.assert_exactly_once()
    received_s = [each.received_s for each in stage.sandbox.requests if each.call == "execute"]
    assert len(received_s) >= 60
    in_a_second = [sum(begin <= each < begin + 1.0 for each in received_s) for begin in received_s]
    assert max(in_a_second) <= 20 * (1.0 + LATE_S) + 2, "the rate, what came late, and a burst of a tenth of a second"
    results = Counter(each.json["result"] for each in stage.outcomes())
    assert results == {"REJECTED": DATASTORES, "APPLIED": 49 * DATASTORES}
