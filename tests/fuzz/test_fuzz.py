"""The fuzzer itself: it holds what it should on good code, reaches every refusal, and finds what is planted."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.codes import ErrorCode
from stream.intake import Defaults, Intake, Unfit
from stream.model import Event, Result, Settled
from stream.outcome import OutcomeWriter

from ..builders import DEFAULTS, packaged_schemas
from .case import case_of, parts_of
from .dice import roll
from .seeds import seeds
from .target import FORM, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stream.model import Assignment, Message

CASES = 20_000


def some(count: int) -> Callable[[], bool]:
    """Go on so many times."""
    left = iter(range(count))
    return lambda: next(left, None) is not None


def test_mutated_messages_end_in_one_sound_outcome_each() -> None:
    """From the seeds by dice: no case breaks a promise, and every way to refuse a message is met."""
    findings = roll(Target().hold, seeds(), 1, some(CASES))
    assert findings.error is None, findings.case
    assert findings.ends.keys() == {
        *("event", ErrorCode.TOMBSTONE, ErrorCode.EMPTY_VALUE, ErrorCode.NOT_UTF8, ErrorCode.NOT_JSON),
        *(ErrorCode.NOT_AN_OBJECT, ErrorCode.DUPLICATE_KEY, ErrorCode.NUMBER_OUT_OF_RANGE),
        *(ErrorCode.NUMBER_TOO_PRECISE, ErrorCode.NESTED_TOO_DEEP, ErrorCode.ENVELOPE_INVALID),
        ErrorCode.FIELDS_INVALID,
    }


maybe_bytes = st.one_of(st.none(), st.binary())
TARGET = Target()


@given(maybe_bytes, maybe_bytes, st.lists(st.tuples(st.binary(), maybe_bytes), max_size=3))
def test_any_bytes_end_in_one_sound_outcome(
    value: bytes | None, key: bytes | None, headers: list[tuple[bytes, bytes | None]]
) -> None:
    """Whatever value, key and headers are, no promise breaks and nothing is raised."""
    assert TARGET.hold(case_of(value, key, headers))


def test_the_same_dice_give_the_same_cases() -> None:
    """A run can be repeated: equal seeds see equal cases, others see others."""

    def seen(seed: int) -> list[bytes]:
        cases: list[bytes] = []

        def hold(case: bytes) -> str:
            cases.append(case)
            return "event"

        roll(hold, seeds(), seed, some(50))
        return cases

    assert seen(1) == seen(1)
    assert seen(1) != seen(2)


@pytest.mark.parametrize("key", [None, b"", b"\x00\xff"])
@pytest.mark.parametrize("value", [None, b"", b'{"id":1}', b"\xff"])
def test_a_case_keeps_the_message_whole(value: bytes | None, key: bytes | None) -> None:
    """Null and empty stay apart, in the value, the key and the headers."""
    headers = [("a", b"1"), ("a", None), ("", b"")]
    written = [(name.encode(), content) for name, content in headers]
    assert parts_of(case_of(value, key, written)) == (value, key, headers)
    assert parts_of(case_of(value, key)) == (value, key, None)


class Rounding(Intake):
    """Plants what a quick parser alone would do: it keeps the last of equal keys, and rounds."""

    def read(self, message: Message, assignment: Assignment, arrived_s: float, *, suspect: bool) -> Event | Unfit:
        """Read what the parser made of the value."""
        try:
            value = orjson.dumps(orjson.loads(message.value or b""))
        except (orjson.JSONDecodeError, orjson.JSONEncodeError):
            value = message.value or b""
        return super().read(message._replace(value=value), assignment, arrived_s, suspect=suspect)


class Stale(Intake):
    """Plants a quick way that is wrong for what it knows: in a chunk every event is the first one again."""

    def read_all(
        self, messages: Sequence[Message], assignment: Assignment, arrived_s: float, *, suspect: bool
    ) -> list[Event | Unfit]:
        """Read each by itself, and give the first event for all."""
        found = super().read_all(messages, assignment, arrived_s, suspect=suspect)
        self._first = getattr(self, "_first", None) or next((e for e in found if isinstance(e, Event)), None)
        return [self._first if self._first and isinstance(each, Event) else each for each in found]


class Strict(Intake):
    """Plants a refusal without a reason: of ids above five characters."""

    def read(self, message: Message, assignment: Assignment, arrived_s: float, *, suspect: bool) -> Event | Unfit:
        """Refuse some."""
        found = super().read(message, assignment, arrived_s, suspect=suspect)
        if isinstance(found, Unfit) or len(found.record_id) <= 5:
            return found
        broken = super().read(message._replace(value=b'{"id":1}'), assignment, arrived_s, suspect=suspect)
        assert isinstance(broken, Unfit)
        return broken


class Trimming(OutcomeWriter):
    """Plants a dead letter that is not the input byte for byte: it loses blanks at the value's end."""

    def of_unfit(
        self, message: Message, assignment: Assignment, unfit: Unfit, timestamp: str, traceparent: bytes | None = None
    ) -> Settled:
        """Trim the value."""
        settled = super().of_unfit(message, assignment, unfit, timestamp, traceparent)
        letter = settled.dead_letter
        if letter is None or letter.value is None:
            return settled
        return settled._replace(dead_letter=letter._replace(value=letter.value.rstrip()))


class Telling(OutcomeWriter):
    """Plants an outcome that is a success and was a failure."""

    def of_unfit(
        self, message: Message, assignment: Assignment, unfit: Unfit, timestamp: str, traceparent: bytes | None = None
    ) -> Settled:
        """Call it applied."""
        settled = super().of_unfit(message, assignment, unfit, timestamp, traceparent)
        return settled._replace(result=Result.APPLIED)


DEFAULTS_OF_ALL = Defaults("people", DEFAULTS.update_type, DEFAULTS.conflict_resolution)
PLANTED = {
    "rounding": lambda: Target(reader=Rounding(packaged_schemas(), DEFAULTS_OF_ALL)),
    "stale": lambda: Target(reader=Stale(packaged_schemas(), DEFAULTS_OF_ALL)),
    "strict": lambda: Target(reader=Strict(packaged_schemas(), DEFAULTS_OF_ALL)),
    "trimming": lambda: Target(writer=Trimming(FORM)),
    "telling": lambda: Target(writer=Telling(FORM)),
}


@pytest.mark.parametrize("plant", PLANTED.values(), ids=PLANTED)
def test_a_planted_bug_is_found(plant: Callable[[], Target]) -> None:
    """Whatever reads wrongly, refuses wrongly or tells wrongly breaks a promise soon."""
    findings = roll(plant().hold, seeds(), 1, some(CASES))
    assert isinstance(findings.error, AssertionError)
    assert findings.case is not None


def test_an_exception_is_a_finding() -> None:
    """Whatever is raised ends the run with the case that did it."""

    def hold(case: bytes) -> str:
        if b"[" in case:
            raise RecursionError
        return "event"

    findings = roll(hold, [b"{}"], 1, some(CASES))
    assert isinstance(findings.error, RecursionError)
    assert b"[" in (findings.case or b"")
    assert findings.ends == Counter({"event": findings.ends.total()})
