"""What the page says first: what is wrong, the worst first, with what to do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stream.account import Account
from stream.codes import ErrorCode
from stream.failures import Failed
from stream.holds import Cause
from stream.model import Defect, Result
from stream.outbox import State
from stream.partitions import Phase
from stream.remedies import REMEDY
from stream.watchdog import Turning
from stream.web.findings import FAILING_LATELY_MS, WHAT_TO_DO, Severity, findings
from stream.web.probes import Probe, live

from ..builders import PARTITION
from ..standings import NOW_MS, holding, parking, partition_standing, snapshot, standing

WELL = Probe(())


def failing(*, at_ms: int = NOW_MS, failed: int = 5, succeeded: int = 5) -> Account:
    """Build an account in which a schema refuses events of one datastore."""
    account = Account(1000)
    defect = Defect(ErrorCode.FIELDS_INVALID, "the value is not of type integer", "/fields/age")
    account.failures.add(Failed(defect, Result.INVALID, "people", "r7", PARTITION, 41, at_ms), failed)
    account.datastores.count("people", failed, succeeded=False)
    account.datastores.count("people", succeeded, succeeded=True)
    return account


def slow(latency_ms: float, waiting_ms: float = 10.0) -> Account:
    """Build an account of requests that all took so long."""
    account = Account(1000)
    for samples, value in ((account.request_ms, latency_ms), (account.waiting_ms, waiting_ms)):
        for _ in range(10):
            samples.add(value, 1_000.0)
    return account


def test_nothing_is_found_where_all_is_well() -> None:
    """Not before the first turn either."""
    assert findings(snapshot(), WELL) == []
    assert findings(None, WELL) == []


def test_a_stuck_loop_comes_first() -> None:
    """Also when nothing else is known yet."""
    is_live = live(Turning(40.0, is_stuck=True))
    assert findings(None, is_live)[0].severity is Severity.BAD
    assert findings(snapshot(is_member=False), is_live)[0].title == "The loop is stuck"


def test_every_cause_of_a_hold_says_what_to_do() -> None:
    """Nobody is left with a state and no way out of it."""
    assert WHAT_TO_DO.keys() == set(Cause)
    for cause in Cause:
        (found,) = findings(snapshot(status=holding(cause)), WELL)
        assert (found.title, found.action) == ("Datastore people is held", WHAT_TO_DO[cause])
        assert found.detail == "the API answered 503 · for 1 min 30 s, next try in 12 s"


def test_an_outage_is_one_finding() -> None:
    """Not one for each datastore; what to do follows from the cause: expired credentials are no API that is down."""
    down = holding(Cause.FAILING, "the API answered 503", "people", "places", is_outage=True)
    expired = holding(Cause.ACCESS, "the token call answered 401", is_outage=True)
    for status, cause in ((down, Cause.FAILING), (expired, Cause.ACCESS)):
        (found,) = findings(snapshot(status=status), WELL)
        assert found.title == "Outage: everything is held"
        assert found.action == WHAT_TO_DO[cause]


def test_a_parked_record_is_named_with_its_place() -> None:
    """Whoever looks for it needs the record and the event."""
    (found,) = findings(snapshot(status=parking()), WELL)
    assert found.title == "Record r7 of people is parked"
    assert found.detail == "the API answered 500 · deltas/0 offset 17, for 1 h 1 min, 9 tries"
    assert found.severity is Severity.WARNING


def test_failing_events_are_told_with_their_share() -> None:
    """All of a datastore's events, or some: a wrong schema, or bad data; what to do is that of the code."""
    (some,) = findings(snapshot(failing()), WELL)
    assert some.title == "Events of people fail: fields_invalid"
    assert some.detail == (
        "the value is not of type integer at /fields/age · 5 so far · 50 % of this datastore's events fail · the last: "
        "deltas/0 offset 41"
    )
    assert some.action == REMEDY[ErrorCode.FIELDS_INVALID]
    (every,) = findings(snapshot(failing(succeeded=0)), WELL)
    assert "100 % of this datastore's events fail" in every.detail


def test_a_few_bad_events_are_a_note() -> None:
    """Below a share of their datastore, or too few to be one, they are told together and without alarm."""
    for account in (failing(failed=5, succeeded=1_000), failing(failed=4, succeeded=0)):
        (found,) = findings(snapshot(account), WELL)
        assert (found.severity, found.title) == (Severity.NOTE, "Some events fail")
        assert found.detail.endswith("so far: fields_invalid of people")


def test_what_is_worse_comes_first() -> None:
    """A hold before a share of events that fail, whatever was seen first."""
    found = findings(snapshot(failing(), status=holding(Cause.FAILING, "the API answered 503", "places")), WELL)
    assert [each.severity for each in found] == [Severity.BAD, Severity.WARNING]


def test_a_failure_of_long_ago_is_no_news() -> None:
    """It stays in the table of failures; the verdict is about now."""
    told = snapshot(failing(at_ms=NOW_MS - FAILING_LATELY_MS - 1))
    assert len(told.failures) == 1
    assert findings(told, WELL) == []


@pytest.mark.parametrize(
    ("latency_ms", "waiting_ms", "lag", "on_wire", "is_told"),
    [
        (2_500.0, 10.0, 0, 1, True),  # slow by itself
        (200.0, 10.0, 50_000, 8, True),  # all requests that there may be, and yet behind
        (200.0, 10.0, 0, 8, False),  # busy, and not behind
        (200.0, 10.0, 50_000, 2, False),  # behind, but not for the API
        (200.0, 5_000.0, 50_000, 8, False),  # the time goes elsewhere
    ],
)
def test_a_slow_api_is_told_where_it_is_what_holds_things_up(
    latency_ms: float, waiting_ms: float, lag: int, on_wire: int, *, is_told: bool
) -> None:
    """Requests that take a second, or that are all on the wire while events wait behind them."""
    partitions = (partition_standing(lag=lag),)
    told = snapshot(slow(latency_ms, waiting_ms), partitions=partitions, on_wire=on_wire)
    assert [each.title for each in findings(told, WELL)] == (["The API is slow"] if is_told else [])


def test_a_request_without_an_answer_is_told_before_it_times_out() -> None:
    """Nobody waits 30 s to see that the API hangs."""
    account = Account(1000)
    account.on_wire_since_s[1] = 988.0
    (found,) = findings(snapshot(account, on_wire=1), WELL)
    assert found.title == "The API is slow"
    assert "one has had no answer for 12 s" in found.detail


def test_in_an_outage_slowness_is_no_news() -> None:
    """What the last requests took before it says nothing of what is wrong now."""
    status = holding(Cause.FAILING, is_outage=True)
    assert [each.title for each in findings(snapshot(slow(2_000.0), status=status), WELL)] == [
        "Outage: everything is held"
    ]


def test_a_slowness_shows_at_once_however_many_fast_requests_came_before() -> None:
    """The last ten count, not the whole minute."""
    account = slow(10.0)
    for _ in range(1_000):
        account.request_ms.add(10.0, 1_000.0)
    for _ in range(6):
        account.request_ms.add(2_000.0, 1_000.0)
    assert [each.title for each in findings(snapshot(account), WELL)] == ["The API is slow"]


def test_kafka_is_told_of_too() -> None:
    """Out of the group, a partition that is refused, and outcomes that do not get out."""
    refused = partition_standing(phase=Phase.REFUSED, refusal="outside the log; use --reset-offsets")
    account = Account(1000)
    snapshot(account)
    told = snapshot(
        account, now_s=1_060.0, is_member=False, partitions=(refused,), outbox_state=State.REBUILDING, outbox=7
    )
    assert [each.title for each in findings(told, WELL)] == [
        "Not in the consumer group",
        "Partition deltas/0 is not consumed",
        "Outcomes do not get into Kafka",
    ]


def test_joining_is_no_alarm() -> None:
    """A start and a rebalance take some seconds."""
    (found,) = findings(snapshot(is_member=False), WELL)
    assert (found.severity, found.title) == (Severity.WARNING, "Joining the consumer group")


def test_of_many_things_of_one_kind_some_are_told() -> None:
    """The tables have the others."""
    names = [f"store-{number}" for number in range(50)]
    told = snapshot(status=holding(Cause.FAILING, "the API answered 503", *names))
    assert len(findings(told, WELL)) == 5
    assert len(told.status.held) == 50


def test_a_snapshot_lists_the_worst_partitions_of_many() -> None:
    """Those that are refused, then those that are paused, then those that are behind most; all are counted."""
    many = [
        replace(partition_standing(), partition=PARTITION._replace(partition=number), lag=number)
        for number in range(1_000)
    ]
    many[3] = replace(many[3], phase=Phase.REFUSED, refusal="outside the log")
    many[4] = replace(many[4], is_paused=True)
    told = Account(1000).snapshot(standing(partitions=tuple(many)), NOW_MS)
    assert (told.partition_count, told.refused_count, told.paused_count) == (1_000, 1, 1)
    assert [each.partition for each in told.partitions] == [3, 4, *range(802, 1_000)]
    assert told.lag == sum(range(1_000))
