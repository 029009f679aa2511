"""Backoff, Retry-After, and the one pace of the credential."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.pace import BURST_S, FAILED, MAX_RETRY_AFTER_S, PROBE, THROTTLED, Backoff, Pace, retry_after_s

SENT = "Mon, 23 Nov 2026 04:20:00 GMT"


@pytest.mark.parametrize(
    ("failures", "longest_s"), [(1, 2.0), (2, 4.0), (3, 8.0), (4, 10.0), (50, 10.0), (10_000_000, 10.0)]
)
def test_a_backoff_doubles_up_to_its_cap_with_full_jitter(failures: int, longest_s: float) -> None:
    """The draws fill the whole range from nothing to the bound, and never pass it."""
    rng = random.Random(7)
    drawn = [Backoff(base_s=2.0, cap_s=10.0).delay_s(failures, rng) for _ in range(500)]
    assert 0.0 <= min(drawn) < 0.05 * longest_s
    assert 0.95 * longest_s < max(drawn) <= longest_s


def test_a_429_backs_off_from_one_second() -> None:
    """Contract section 1: exponential with full jitter from 1 s."""
    assert (THROTTLED.base_s, THROTTLED.cap_s) == (1.0, 60.0)
    assert PROBE.cap_s == 60.0
    assert FAILED.base_s <= THROTTLED.base_s


TOLD = {
    "seconds": ("5", SENT, 5.0),
    "nought": ("0", SENT, 0.0),
    "seconds without a date": ("7", None, 7.0),
    "blanks": ("  7 ", None, 7.0),
    "leading noughts": ("000000000005", None, 5.0),
    "an hour": ("3600", None, 600.0),
    "absurd": ("9" * 5_000, None, 600.0),
    "a date": ("Mon, 23 Nov 2026 04:20:25 GMT", SENT, 25.0),
    "a date in the zone -0000": ("Mon, 23 Nov 2026 04:20:25 -0000", SENT, 25.0),
    "a date of RFC 850": ("Monday, 23-Nov-26 04:20:25 GMT", SENT, 25.0),
    "a date in the past": ("Mon, 23 Nov 2026 04:19:25 GMT", SENT, 0.0),
    "a date next year": ("Tue, 23 Nov 2027 04:20:25 GMT", SENT, 600.0),
}


@pytest.mark.parametrize(("retry_after", "date", "seconds"), TOLD.values(), ids=TOLD)
def test_what_can_be_read_is_obeyed_up_to_ten_minutes(retry_after: str, date: str | None, seconds: float) -> None:
    """Seconds and HTTP dates both count, capped as the contract says."""
    assert retry_after_s(retry_after, date) == seconds


UNREADABLE = {
    "absent": (None, SENT),
    "empty": ("", SENT),
    "words": ("soon", SENT),
    "negative": ("-1", SENT),
    "a fraction": ("1.5", SENT),
    "other digits": ("\u0665", SENT),
    "superscript": ("\u00b2", SENT),
    "a date without one to count from": ("Mon, 23 Nov 2026 04:20:25 GMT", None),
    "a date and a broken one": ("Mon, 23 Nov 2026 04:20:25 GMT", "yesterday"),
    "no such day": ("Mon, 99 Nov 2026 04:20:25 GMT", SENT),
    "no such zone": ("Mon, 23 Nov 2026 04:20:25 +9999", SENT),
    "no such year": ("Mon, 23 Nov 99999 04:20:25 GMT", SENT),
}


@pytest.mark.parametrize(("retry_after", "date"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_is_as_if_absent(retry_after: str | None, date: str | None) -> None:
    """Garbage is no instruction: the backoff decides."""
    assert retry_after_s(retry_after, date) is None


dates = st.one_of(
    st.none(),
    st.text(max_size=30),
    st.from_regex(r"(Mon, )?[0-9]{1,3} (Nov|Feb|X) [0-9]{1,5} [0-9:]{1,9} (GMT|[+-][0-9]{4}|\(.\))", fullmatch=True),
)


@given(dates, dates)
def test_no_header_raises(retry_after: str | None, date: str | None) -> None:
    """Whatever the API sends, the wait is bounded or unknown."""
    told_s = retry_after_s(retry_after, date)
    assert told_s is None or 0.0 <= told_s <= MAX_RETRY_AFTER_S


def test_a_hold_is_never_shortened() -> None:
    """Of several 429 the longest wait counts, for all requests."""
    pace = Pace()
    assert pace.permits(0.0)
    pace.hold(10.0)
    pace.hold(5.0)
    assert not pace.permits(9.9)
    assert pace.permits(10.0)


def test_without_a_rate_nothing_is_counted() -> None:
    """`CXONE_MAX_REQUESTS_PER_S` has no default: only a 429 holds requests back."""
    pace = Pace()
    for _ in range(100_000):
        pace.spend(0.0)
    assert pace.permits(0.0)


@pytest.mark.parametrize(("per_s", "at_once"), [(0.1, 1), (1.0, 1), (10.0, 1), (20.0, 2), (200.0, 20)])
def test_a_burst_is_a_tenth_of_a_second(per_s: float, at_once: int) -> None:
    """A slow rate lets one request start after the other; a fast one a few at once, for the loop's turns take time."""
    pace = Pace(per_s)
    started = 0
    while pace.permits(5.0):
        pace.spend(5.0)
        started += 1
    assert started == at_once
    assert not pace.permits(5.0 + 0.9 / per_s)
    assert pace.permits(5.0 + 1.1 / per_s)


def test_a_429_and_the_rate_hold_back_together() -> None:
    """Both must allow a request."""
    pace = Pace(1.0)
    pace.hold(3.0)
    assert not pace.permits(2.0)
    pace.spend(3.0)
    assert not pace.permits(3.5)
    assert pace.permits(4.0)


@given(st.floats(0.1, 10_000.0), st.lists(st.floats(0.0, 0.5), max_size=200))
def test_no_stretch_of_time_sees_more_than_the_rate_and_a_burst(per_s: float, pauses_s: list[float]) -> None:
    """However requests come, as many start as the rate allows for the time between them, and one burst."""
    pace = Pace(per_s)
    now_s, started_s = 0.0, []
    for pause_s in pauses_s:
        now_s += pause_s
        if pace.permits(now_s):
            pace.spend(now_s)
            started_s.append(now_s)
    burst = max(1.0, per_s * BURST_S)
    for first, begin_s in enumerate(started_s):
        for last in range(first, len(started_s)):
            assert last - first + 1 <= per_s * (started_s[last] - begin_s) + burst + 1e-6
