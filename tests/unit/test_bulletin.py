"""The bulletin: what the loop tells its observers becomes the figures of a snapshot."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from stream.board import Board
from stream.bulletin import Bulletin, Heartbeat
from stream.codes import ErrorCode
from stream.flights import Flights, InFlightLimits
from stream.intake import Unfit
from stream.model import Decided, Defect, Result, Ruling, Verdict
from stream.observer import TookIn
from stream.outbox import Transaction
from stream.outcome import Form, OutcomeWriter
from stream.snapshot import Example, Quantiles
from stream.status import Tally
from stream.steps import OnConflict, Policy, Wait

from ..builders import PARTITION, TIMESTAMP, batch, event, settled
from ..standings import NOW_MS, standing, working

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stream.model import Settled
    from stream.snapshot import Snapshot

REFUSED = Defect(ErrorCode.RECORD_REFUSED, "the API refused the record", None, 400)
WRONG = Defect(ErrorCode.FIELDS_INVALID, "the value is not of type integer", "/fields/age")


class FixedClock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now_ms = NOW_MS

    def monotonic_s(self) -> float:
        """Not asked."""
        raise NotImplementedError

    def wall_ms(self) -> int:
        """Say what it was set to."""
        return self.now_ms


@pytest.fixture
def board() -> Board:
    """A board that nobody has written on."""
    return Board()


@pytest.fixture
def clock() -> FixedClock:
    """A clock that stands."""
    return FixedClock()


@pytest.fixture
def bulletin(board: Board, clock: FixedClock) -> Bulletin:
    """A bulletin for batches of four."""
    return Bulletin(board, clock, batch_size=4)


def told(bulletin: Bulletin, board: Board, now_s: float = 1_000.0, **changes: object) -> Snapshot:
    """Let the loop say where it stands, and read the board."""
    bulletin.stands(standing(now_s=now_s, **changes))
    assert board.snapshot is not None
    return board.snapshot


def decide(verdict: Verdict, *names: str, arrived_s: float = 999.0) -> tuple[Decided, list[Settled]]:
    """Build a decided request of some records, and its outcomes."""
    events = [event(name, offset=number, arrived_s=arrived_s) for number, name in enumerate(names)]
    request = batch(*events)
    rulings = verdict.rulings or {}
    results = [rulings[each.record_id].result if each.record_id in rulings else verdict.result for each in events]
    outcomes = [settled(number)._replace(result=result) for number, result in enumerate(results)]
    return Decided(request, verdict, request.events), outcomes


def took_in(events: int, unfit: Sequence[Unfit] = ()) -> TookIn:
    """Build a chunk; the unfit ones stand at its beginning."""
    outcomes = [settled(10 + number, fit=False) for number in range(len(unfit))]
    return TookIn(PARTITION, events, 0, unfit, outcomes, 1_000.0, 1_000.0, 1_000.0)


def test_a_heartbeat_is_a_beat_a_turn(board: Board) -> None:
    """That is all the watchdog needs."""
    heartbeat = Heartbeat(board)
    for _ in range(3):
        heartbeat.turned(0.0)
    assert board.beats == 3
    assert board.snapshot is None


def test_what_comes_in_is_counted_and_measured(bulletin: Bulletin, board: Board) -> None:
    """Received, by result, and in events a second over the last seconds."""
    told(bulletin, board, 1_000.0)
    for second in range(1, 6):
        bulletin.took_in(took_in(100))
        bulletin.decided(*decide(Verdict(Result.APPLIED, 200, 40.0, 1), "a", "b"), 1_000.0 + second)
        flow = told(bulletin, board, 1_000.0 + second).flow
    assert (flow.received, flow.results) == (500, {"APPLIED": 10})
    assert (flow.received_per_s, flow.succeeded_per_s, flow.failed_per_s) == (100.0, 2.0, 0.0)
    assert flow.results_per_s == {"APPLIED": 2.0}


def test_a_request_is_measured_once(bulletin: Bulletin, board: Board) -> None:
    """Its time, the wait before it, its fill; a second verdict of the same request adds events and no request."""
    decided, outcomes = decide(Verdict(Result.APPLIED, 200, 250.0, 1), "a", "b")
    bulletin.decided(decided, outcomes, 1_000.0)
    bulletin.decided(replace(decided, has_line=True), outcomes, 1_000.0)
    snapshot = told(bulletin, board, tally=Tally(1, 1, 250.0))
    assert snapshot.latency.request_ms == Quantiles(1, 250.0, 250.0)
    assert snapshot.latency.waiting_ms == Quantiles(1, 750.0, 750.0)
    assert (snapshot.requests.per_minute, snapshot.requests.mean_size, snapshot.requests.fill) == (1, 2.0, 0.5)
    assert (snapshot.requests.success_rate, snapshot.requests.avg_latency_ms) == (100.0, 250.0)
    assert snapshot.flow.results == {"APPLIED": 4}


def test_a_request_on_the_wire_is_timed_until_it_lands_or_waits(bulletin: Bulletin, board: Board) -> None:
    """The oldest without an answer counts; a repeated one counts from when it went again."""
    flights = Flights(InFlightLimits(8, 8), Policy(OnConflict.REPORT), random.Random(1))
    first, second = (flights.launch((event(name),)) for name in ("a", "b"))
    bulletin.handed_out(first, 990.0)
    bulletin.handed_out(second, 995.0)
    seen = [told(bulletin, board).requests.unanswered_for_s]
    bulletin.waits(first, Wait(1.0, "the API answered 503"), 1_000.0)
    seen.append(told(bulletin, board).requests.unanswered_for_s)
    bulletin.landed(second)
    seen.append(told(bulletin, board).requests.unanswered_for_s)
    assert seen == [10.0, 5.0, 0.0]
    (setback,) = told(bulletin, board).setbacks
    assert (setback.data_store_id, setback.reason, setback.count) == ("people", "the API answered 503", 1)


def test_unfit_messages_are_grouped_by_code(bulletin: Bulletin, board: Board) -> None:
    """Each kind once, with how many there were and the last one's place; what only carries no change is no failure."""
    first, last = (Unfit(Result.INVALID, WRONG, "people", name) for name in ("r1", "r2"))
    bulletin.took_in(took_in(5, [first, Unfit(Result.IGNORED, None), last]))
    snapshot = told(bulletin, board)
    (failure,) = snapshot.failures
    assert (failure.code, failure.data_store_id, failure.count) == ("fields_invalid", "people", 2)
    assert failure.last == Example("deltas", 0, 12, "r2")
    (people,) = snapshot.datastores
    assert (people.data_store_id, people.failed, people.succeeded) == ("people", 2, 0)


def test_records_that_the_api_refused_are_failures(bulletin: Bulletin, board: Board) -> None:
    """Those with a ruling of their own, and a whole request that failed; the others of it succeeded."""
    ruled = Verdict(Result.APPLIED, 200, 9.0, 2, rulings={"b": Ruling(Result.REJECTED, REFUSED, None, confirmed=False)})
    bulletin.decided(*decide(ruled, "a", "b", "c"), 1_000.0)
    bulletin.decided(*decide(Verdict(Result.REJECTED, 400, 9.0, 1, REFUSED), "d"), 1_000.0)
    snapshot = told(bulletin, board)
    (failure,) = snapshot.failures
    assert (failure.count, failure.http_status, failure.last.record_id) == (2, 400, "d")
    assert snapshot.flow.results == {"APPLIED": 2, "REJECTED": 2}
    (people,) = snapshot.datastores
    assert (people.succeeded, people.failed) == (2, 2)


def test_events_that_were_given_up_are_failures(bulletin: Bulletin, board: Board) -> None:
    """They have an outcome that no request decided, which says why they were held."""
    writer = OutcomeWriter(Form("group", cloudevents=False, dead_letters=False))
    defect = Defect(ErrorCode.GIVEN_UP, "Given up after STREAM_GIVE_UP_AFTER_S: the API answered 503.")
    bulletin.gave_up([writer.of_given_up(event(f"r{offset}", offset=offset), defect, TIMESTAMP) for offset in range(4)])
    snapshot = told(bulletin, board)
    (failure,) = snapshot.failures
    assert (failure.code, failure.result, failure.count, failure.message) == (
        "given_up",
        "ABANDONED",
        4,
        defect.message,
    )
    assert failure.last == Example("deltas", 0, 3, "r3")
    assert snapshot.flow.results == {"ABANDONED": 4}


def test_the_time_from_written_to_committed_ends_with_the_commit(
    bulletin: Bulletin, board: Board, clock: FixedClock
) -> None:
    """An aborted transaction goes again and counts when it is committed, from the same beginning."""
    bulletin.decided(*decide(Verdict(Result.APPLIED, 200, 40.0, 1), "a"), 1_000.0)
    transaction = Transaction("nonce", (settled(),), (), "group")
    bulletin.filled(transaction, 1_000.0)
    bulletin.aborted(transaction, 1_001.0)
    assert told(bulletin, board, 1_001.0).latency.produced_to_committed_ms.count == 0
    bulletin.filled(transaction, 1_002.0)
    clock.now_ms = NOW_MS + 1_500
    bulletin.committed(transaction, 1_002.5)
    latency = told(bulletin, board, 1_003.0).latency
    assert latency.commit_ms == Quantiles(1, 500.0, 500.0)
    assert latency.produced_to_committed_ms == Quantiles(1, 1_500.0, 1_500.0)


def test_datastores_are_listed_with_their_work_and_the_worst_first(bulletin: Bulletin, board: Board) -> None:
    """One that fails before one that flows, by name; those without work are not there."""
    bulletin.took_in(took_in(1, [Unfit(Result.INVALID, WRONG, "zebras", "z")]))
    work = (working("apples", ready=7, on_way=2, oldest_s=995.0), working("people", on_way=1))
    listed = told(bulletin, board, datastores=work).datastores
    assert [each.data_store_id for each in listed] == ["zebras", "apples", "people"]
    assert (listed[1].waiting, listed[1].oldest_waits_s, listed[1].in_flight) == (7, 5.0, 2)
    assert (listed[2].waiting, listed[2].oldest_waits_s) == (0, None)


def test_the_past_is_a_quarter_of_an_hour(bulletin: Bulletin, board: Board) -> None:
    """A point every 15 s, with the rates since the one before; what is older is forgotten."""
    for second in range(2_000):
        bulletin.took_in(took_in(10))
        snapshot = told(bulletin, board, float(second))
    assert len(snapshot.history) == 60
    assert {each.received_per_s for each in snapshot.history} == {10.0}
