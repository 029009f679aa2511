"""The workers with real threads: what is told while a dialogue goes on, and when it is the loop's again."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from stream.clock import SystemClock
from stream.flights import Flight, Flights, InFlightLimits
from stream.lease import Lease
from stream.model import Decided
from stream.ports import LeaseLost, PermitNeeded
from stream.steps import Answer, NoAnswer, Policy, Read, Send, Wait
from stream.workers import Workers

from ..builders import ASSIGNMENT, event
from ..conversation import answer, ids
from ..harness.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from stream.ports import Advance
    from stream.steps import RenewToken, Reply

    Perform = Callable[[Send | Read | RenewToken, Callable[[], bool]], Reply]

IN_TIME_S = 10.0


def flight(names: str) -> Flight:
    """Launch a batch of records with these one-letter ids."""
    sky = Flights(InFlightLimits(8, 8), Policy(), random.Random(1))
    return sky.launch(tuple(event(name, offset=n) for n, name in enumerate(names)))


def lease(*, owned: bool = True) -> Lease:
    """Build the lease of a process that owns the one assignment, or nothing any more."""
    held = Lease(60.0)
    held.own([ASSIGNMENT] if owned else [])
    held.renew(SystemClock().monotonic_s())
    return held


class Led:
    """A worker with its flight: what it tells, as it tells it."""

    def __init__(self, perform: Perform, one: Flight, *, owned: bool = True, is_metered: bool = False) -> None:
        self._workers = Workers(1, perform, lease(owned=owned), SystemClock(), is_metered=is_metered)
        self._told: list[Advance] = []
        self._workers.submit(one)

    def _has_news(self) -> bool:
        self._told += self._workers.finished()
        return bool(self._told)

    def next_news(self) -> object:
        """Await what comes next."""
        eventually(self._has_news, IN_TIME_S, "news of the flight")
        return self._told.pop(0).news


def refusing_b(step: Send | Read | RenewToken, may_send: Callable[[], bool]) -> Answer:
    """Refuse every request with the record `b`."""
    assert isinstance(step, Send)
    assert may_send()
    return answer(400 if "b" in ids(step.batch.events) else 200)


def test_what_is_decided_is_told_while_the_dialogue_goes_on() -> None:
    """Each request's verdict by itself, in their order, then the end with nothing left."""
    led = Led(refusing_b, flight("ab"))
    news = [led.next_news() for _ in range(4)]
    assert [ids(each.events) for each in news if isinstance(each, Decided)] == [[], ["a"], ["b"]]
    assert news[-1] == ()


def test_a_wait_gives_the_flight_back() -> None:
    """The rest of the dialogue is led when the flight is handed over again."""
    led = Led(lambda *_: NoAnswer("timeout", doubtful=True), flight("a"))
    assert isinstance(led.next_news(), Wait)


def test_without_the_lease_nothing_is_sent() -> None:
    """Another instance may own the partition by now: the step is not performed."""
    performed: list[object] = []

    def perform(step: Send | Read | RenewToken, _: object) -> Answer:
        performed.append(step)
        return answer(200)

    assert isinstance(Led(perform, flight("a"), owned=False).next_news(), LeaseLost)
    assert performed == []


def test_each_further_request_needs_a_permit_where_requests_are_metered() -> None:
    """What is decided by then has been told."""
    led = Led(refusing_b, flight("ab"), is_metered=True)
    assert isinstance(led.next_news(), Decided)
    assert isinstance(led.next_news(), PermitNeeded)


def test_a_workers_own_failure_is_raised_in_the_loop() -> None:
    """It must end the process: whatever it was, nobody knows what it has done."""

    def fail(*_: object) -> Answer:
        raise ZeroDivisionError

    led = Led(fail, flight("a"))
    with pytest.raises(ZeroDivisionError):
        led.next_news()
