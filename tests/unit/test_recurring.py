"""Complaints that come again and again: what is new is told at once, what lasts once a minute, all else is counted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.recurring import MAX_KINDS, Recurring, kind_of

DIAL = (
    "FAIL [rdkafka#consumer-1] [thrd:localhost:9092/1]: localhost:9092/1: Connect to ipv4#127.0.0.1:9092 failed: "
    "Connection refused (after 0ms in state CONNECT)"
)


def test_an_hour_of_twenty_lines_a_second_is_a_line_a_minute() -> None:
    """Each kind once, then one reminder of all of them, and none is left uncounted for longer."""
    recurring = Recurring()
    told = [
        (number / 20, count)
        for number in range(72_000)
        if (count := recurring.left_out(f"kind {number % 6}", number / 20)) is not None
    ]
    assert told[:6] == [(number / 20, 0) for number in range(6)]
    reminders = told[6:]
    assert 58 <= len(reminders) <= 60
    assert all(count in {1_199, 1_200} for _, count in reminders)


def test_what_is_new_is_told_at_once_while_something_else_lasts() -> None:
    """Another broker, another reason: no complaint hides behind another one."""
    recurring = Recurring()
    assert [recurring.left_out("a", second) for second in range(5)] == [0, None, None, None, None]
    assert recurring.left_out("b", 5.0) == 0
    assert recurring.left_out("b", 6.0) is None


def test_what_has_not_come_for_a_minute_is_new_again() -> None:
    """The next outage is told when it begins, and the reminder of the last one does not come with it."""
    recurring = Recurring()
    assert [recurring.left_out("a", at_s) for at_s in (0.0, 1.0, 59.0)] == [0, None, None]
    assert [recurring.left_out("a", at_s) for at_s in (10_000.0, 10_001.0, 10_059.0)] == [0, None, None]
    assert recurring.left_out("a", 10_062.0) == 4


def test_more_kinds_than_can_be_told_apart_are_counted() -> None:
    """Texts come from outside: no number of them fills the memory or the log."""
    recurring = Recurring()
    answers = [recurring.left_out(f"kind {number}", number / 1_000) for number in range(10_000)]
    assert answers == [0] * MAX_KINDS + [None] * (10_000 - MAX_KINDS)
    assert {recurring.left_out(f"kind {number}", 30.0) for number in range(MAX_KINDS)} == {None}
    assert recurring.left_out("one more", 61.0) == 10_000
    assert recurring.left_out("and another", 200.0) == 0, "the old ones are forgotten"


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0.0, 50.0)), max_size=100))
def test_every_complaint_is_told_or_counted(steps: list[tuple[int, float]]) -> None:
    """The lines told, and the numbers in them, add up to what came, but for those since the last reminder."""
    recurring = Recurring()
    now_s, told, counted, waiting = 0.0, 0, 0, 0
    last_reminder_s = -60.0
    for kind, passed_s in steps:
        now_s += passed_s
        count = recurring.left_out(str(kind), now_s)
        if count is None:
            waiting += 1
        else:
            told, counted = told + 1, counted + count
        if count:
            assert count == waiting
            assert now_s - last_reminder_s >= 60.0
            last_reminder_s, waiting = now_s, 0
    assert told + counted + waiting == len(steps)


@pytest.mark.parametrize(
    "other",
    [
        DIAL.replace("after 0ms", "after 1203ms"),
        DIAL.replace("CONNECT)", "CONNECT, 30 identical error(s) suppressed)"),
        DIAL.replace("consumer-1", "consumer-12"),
    ],
)
def test_repetitions_are_of_one_kind(other: str) -> None:
    """Durations, counts and the number of a client that was made anew do not make a complaint another one."""
    assert kind_of(other) == kind_of(DIAL)
    assert kind_of(other) != other


def test_counts_in_a_sentence_do_not_matter() -> None:
    """Requests that timed out, brokers that are down."""
    assert kind_of("Timed out 1 in-flight, 20 retry-queued") == kind_of("Timed out 7 in-flight, 3 retry-queued")
    assert kind_of("2 request(s) timed out: disconnect (average rtt 1.2ms) (after 60013ms in state UP)") == kind_of(
        "1 request(s) timed out: disconnect (average rtt 0.311ms) (after 7ms in state UP)"
    )


@pytest.mark.parametrize(
    "other",
    [
        DIAL.replace("localhost:9092/1", "localhost:9092/2"),
        DIAL.replace("127.0.0.1:9092", "127.0.0.1:9093"),
        DIAL.replace("refused", "reset"),
        DIAL.replace("#consumer-1", "#producer-1"),
    ],
)
def test_another_address_reason_or_kind_of_client_is_another_complaint(other: str) -> None:
    """Each broker and each cause is told."""
    assert kind_of(other) != kind_of(DIAL)
