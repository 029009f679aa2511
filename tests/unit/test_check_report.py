"""Findings of `check` as people and programs read them, and the threads that they come from."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import pytest

from stream.check import Deadlines
from stream.check.report import Finding, State, as_json, bad, doubtful, exit_code, good, line, without
from stream.check.threads import Branch, side_by_side
from stream.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Iterator

GOOD = good("topic a", "partitions: 2")
DOUBTFUL = doubtful("clock", "41 s behind", "set it")
BAD = bad("topic b", "does not exist", "create it")


@pytest.mark.parametrize(
    ("finding", "told"),
    [
        (GOOD, "✓ topic a: partitions: 2"),
        (DOUBTFUL, "! clock: 41 s behind; set it"),
        (BAD, "✗ topic b: does not exist; create it"),
    ],
)
def test_a_line_says_how_it_is_and_what_to_do(finding: Finding, told: str) -> None:
    """Mark, name, detail, and the way out where there must be one."""
    assert line(finding, "utf-8") == told


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_terminal_without_marks_gets_words(encoding: str) -> None:
    """Whatever stdout can encode, the line can be written, and failures can still be told from successes."""
    lines = [line(finding, encoding) for finding in (GOOD, DOUBTFUL, bad("group g→h", "ü", "…"))]
    assert [text[:3] for text in lines] == ["ok ", "!  ", "X  "]
    for text in lines:
        text.encode(encoding)


def test_a_text_from_outside_makes_no_line_of_its_own() -> None:
    """Line ends and escape sequences of a broker's or a member's text are shown, not obeyed."""
    assert line(good("group g", "a\n✓ b\x1b[2J"), "utf-8") == r"✓ group g: a\n✓ b\x1b[2J"


def test_the_list_for_programs_has_four_members_each() -> None:
    """`--json` is a list of name, state, detail and fix."""
    assert json.loads(as_json([GOOD, BAD])) == [
        {"name": "topic a", "state": "ok", "detail": "partitions: 2", "fix": ""},
        {"name": "topic b", "state": "failed", "detail": "does not exist", "fix": "create it"},
    ]
    assert json.loads(as_json([DOUBTFUL]))[0]["state"] == "warning"


def test_only_a_failure_fails() -> None:
    """A warning is no reason to stop a deployment."""
    assert exit_code([GOOD, DOUBTFUL]) == 0
    assert exit_code([GOOD, BAD, DOUBTFUL]) == 1


def test_a_credential_is_taken_out_of_a_finding() -> None:
    """Should a server ever repeat a credential, it is not shown; a word is no credential."""
    finding = bad("broker b", "user svc-cxone: password pa55-word is wrong", "look at pa55-word")
    assert without(finding, ["pa55-word", "is"]) == bad(
        "broker b", "user svc-cxone: password [redacted] is wrong", "look at [redacted]"
    )


def test_everything_ends_in_half_a_minute() -> None:
    """The whole deadline leaves room for the start of the process, and each question fits into it."""
    deadlines = Deadlines()
    assert deadlines.whole_s <= 25
    assert 2 * deadlines.api_s < deadlines.whole_s
    kafka = deadlines.kafka
    assert 2 * kafka.brokers_s + 2 * kafka.topics_s + kafka.group_s + kafka.offsets_s < deadlines.whole_s


def test_findings_come_as_they_are_made() -> None:
    """A line is there before the next question is answered."""
    answered = threading.Event()

    def probe() -> Iterator[Finding]:
        yield GOOD
        assert answered.wait(10)
        yield BAD

    found = Branch("kafka", probe, SystemClock()).findings(SystemClock().monotonic_s() + 10)
    assert next(found) == GOOD
    answered.set()
    assert list(found) == [BAD]


def test_a_side_that_hangs_is_told_and_left() -> None:
    """What was found before the deadline stays; the rest has failed."""
    forever = threading.Event()

    def probe() -> Iterator[Finding]:
        yield GOOD
        forever.wait(60)

    clock = SystemClock()
    first, second = Branch("kafka", probe, clock).findings(clock.monotonic_s() + 0.2)
    forever.set()
    assert first == GOOD
    assert (second.name, second.state) == ("kafka", State.FAILED)
    assert "in time" in second.detail


def test_a_side_that_breaks_is_told_without_its_text() -> None:
    """An error nobody thought of fails the check, and its text, which could hold anything, is not shown."""

    def probe() -> Iterator[Finding]:
        yield GOOD
        raise OSError("pa55-word")

    clock = SystemClock()
    _, broken = Branch("kafka", probe, clock).findings(clock.monotonic_s() + 10)
    assert broken.state is State.FAILED
    assert "OSError" in broken.detail
    assert "pa55-word" not in str(broken)


def test_calls_side_by_side_do_not_wait_for_the_slowest() -> None:
    """A call that hangs gets the given result, in the place that its name has."""
    forever = threading.Event()
    calls = {"a": lambda: str(forever.wait(60)), "b": lambda: "answer"}
    assert side_by_side(calls, 0.2, SystemClock(), late="late") == {"a": "late", "b": "answer"}
    forever.set()
