"""The token as many threads see it: asked for once, renewed in time, kept while it lives."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from structlog.testing import capture_logs

from stream.pace import Backoff
from stream.renewal import Renewal
from stream.steps import NoAnswer
from stream.token import Token

from ..harness.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

THREADS = 64
LONG_S = 3600.0
DOWN = NoAnswer("no token: it is down", doubtful=False)


class Clock:
    """Time that runs, and can be pushed on; nobody may ask for the time of day."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def monotonic_s(self) -> float:
        """Seconds, those that were added included."""
        return time.monotonic() + self.ahead_s

    def wall_ms(self) -> int:
        """Fail: a clock that is set would make tokens live longer or shorter."""
        raise AssertionError("the life of a token is told by the wall clock")


@dataclass
class Endpoint:
    """Gives tokens of a life and remembers which generations were asked for; while it is down it gives none.

    While `answers` is not set it says nothing.
    """

    clock: Clock
    life_s: float = LONG_S
    renew_after_s: float = LONG_S / 2
    takes_s: float = 0.0
    is_down: bool = False
    asked: list[int] = field(default_factory=list)
    answers: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        """Answer at once."""
        self.answers.set()

    def __call__(self, generation: int) -> Token | NoAnswer:
        """Answer one call."""
        self.asked.append(generation)
        time.sleep(self.takes_s)
        self.answers.wait(10.0)
        if self.is_down:
            return DOWN
        now_s = self.clock.monotonic_s()
        return Token(
            generation, f"token-{generation}", now_s + self.renew_after_s, now_s + self.life_s, life_was_told=True
        )


@contextmanager
def _renewal(endpoint: Endpoint) -> Iterator[Renewal]:
    renewal = Renewal(endpoint, endpoint.clock, Backoff(base_s=0.02, cap_s=0.1))
    try:
        yield renewal
    finally:
        renewal.close()


def _generation(token: Token | NoAnswer) -> int | None:
    return token.generation if isinstance(token, Token) else None


def test_the_first_token_is_asked_for_when_it_is_needed() -> None:
    """Nothing is asked before; then once, and the same token is given as long as it lives."""
    endpoint = Endpoint(Clock())
    with _renewal(endpoint) as renewal:
        before = list(endpoint.asked)
        given = [_generation(renewal.current()) for _ in range(5)]
    assert (before, given, endpoint.asked) == ([], [1] * 5, [1])


def test_a_storm_of_refusals_renews_once() -> None:
    """Of many threads whose token was refused one asks for the next, and all are given it."""
    endpoint = Endpoint(Clock(), takes_s=0.05)
    together = threading.Barrier(THREADS)

    def refused(_: int) -> int | None:
        together.wait()
        return _generation(renewal.after(1))

    with _renewal(endpoint) as renewal, ThreadPoolExecutor(THREADS) as threads:
        renewal.current()
        given = set(threads.map(refused, range(THREADS)))
    assert (given, endpoint.asked) == ({2}, [1, 2])


def test_a_storm_that_meets_a_dead_endpoint_asks_once() -> None:
    """The call that fails tells all that waited for it; who comes later asks anew."""
    endpoint = Endpoint(Clock(), takes_s=0.2, is_down=True)
    together = threading.Barrier(THREADS)

    def needs_one(_: int) -> Token | NoAnswer:
        together.wait()
        return renewal.current()

    with _renewal(endpoint) as renewal, ThreadPoolExecutor(THREADS) as threads:
        assert set(threads.map(needs_one, range(THREADS))) == {DOWN}
        assert endpoint.asked == [1]
        endpoint.is_down = False
        assert _generation(renewal.current()) == 1
    assert endpoint.asked == [1, 1]


def test_a_late_refusal_of_an_old_token_renews_nothing() -> None:
    """Who was refused with a token that has been replaced meanwhile is given the new one."""
    endpoint = Endpoint(Clock())
    with _renewal(endpoint) as renewal:
        renewal.current()
        renewal.after(1)
        assert _generation(renewal.after(1)) == 2
    assert endpoint.asked == [1, 2]


def test_an_expired_token_is_never_given() -> None:
    """Once its life is over, by a clock that nobody can set, the next caller waits for another."""
    endpoint = Endpoint(Clock())
    with _renewal(endpoint) as renewal:
        renewal.current()
        endpoint.clock.ahead_s = LONG_S - 1.0
        almost = _generation(renewal.current())
        endpoint.clock.ahead_s = LONG_S + 1.0
        assert (almost, _generation(renewal.current())) == (1, 2)


def test_it_is_renewed_before_it_expires() -> None:
    """Nobody asks, and still the token is always a fresh one; while it is renewed the old one is given at once."""
    endpoint = Endpoint(Clock(), renew_after_s=0.05)
    with _renewal(endpoint) as renewal:
        renewal.current()
        endpoint.answers.clear()
        eventually(lambda: len(endpoint.asked) == 2, 10.0, "a renewal under way")
        assert _generation(renewal.current()) == 1
        endpoint.answers.set()
        eventually(lambda: _generation(renewal.current()) != 1, 10.0, "the next token")


def test_a_failed_renewal_leaves_the_old_token() -> None:
    """While the endpoint is down the token serves on; each failure is logged, and the next success takes its place."""
    endpoint = Endpoint(Clock())
    with capture_logs() as lines, _renewal(endpoint) as renewal:
        renewal.current()
        endpoint.is_down = True
        assert renewal.after(1) == DOWN
        assert _generation(renewal.current()) == 1
        endpoint.is_down = False
        assert _generation(renewal.after(1)) == 2
    assert [line["event"] for line in lines] == ["token_renewed", "token_not_renewed", "token_renewed"]
    assert lines[1]["reason"] == DOWN.reason


def test_a_failed_renewal_is_repeated() -> None:
    """The background goes on asking, backing off, until there is a token again."""
    endpoint = Endpoint(Clock(), life_s=0.02, renew_after_s=0.01)
    with _renewal(endpoint) as renewal:
        renewal.current()
        endpoint.is_down = True
        tries = len(endpoint.asked)
        eventually(lambda: len(endpoint.asked) >= tries + 5, 10.0, "tries")
        endpoint.is_down = False
        tries = max(endpoint.asked)
        eventually(lambda: max(endpoint.asked) > tries + 1, 10.0, "a token, and its own renewal")


def test_no_token_is_shown_in_the_log() -> None:
    """A renewal is logged with its generation; the bearer never is."""
    endpoint = Endpoint(Clock())
    with capture_logs() as lines, _renewal(endpoint) as renewal:
        renewal.current()
    assert lines == [{"event": "token_renewed", "generation": 1, "log_level": "info"}]
