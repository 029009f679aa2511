"""Which message an outcome is of, what is sent again of it, and what is told of a run."""

from __future__ import annotations

import inspect
import json

import pytest

from stream.cli import replay as replay_command
from stream.codes import ErrorCode
from stream.dead_letter import dead_letter, without_value
from stream.intake import Unfit
from stream.model import Defect, Headers, Message, Result, TopicPartition
from stream.outcome import MAX_KEY_BYTES, Form, OutcomeWriter
from stream.outcomes import Wanted, read_published
from stream.replay import DEFAULT_AT_ONCE, DEFAULT_MAX_ATTEMPTS, ReplayOptions, Tally, as_json, lines
from stream.replay.decision import Decision, decision_of
from stream.replay.evidence import Fate
from stream.replay.original import from_letter, is_original, letter_place, resend
from stream.replayed import ATTEMPT, SOURCE

from ..builders import ASSIGNMENT, TIMESTAMP, message

DEFECT = Defect(ErrorCode.FIELDS_INVALID, "the value is too long", "/fields/a")
LETTERS = TopicPartition("dead", 0)
OWN: Headers = [("a", b"1"), ("a", None), ("__connect.errors.topic", b"of somebody else")]
AGAIN: Headers = [(SOURCE, b"deltas/0/4"), (ATTEMPT, b"1")]


def failed(came: Message) -> Decision:
    """Read back the outcome that the service writes of a message that it refuses."""
    unfit = Unfit(Result.INVALID, DEFECT, "people", "r0")
    settled = OutcomeWriter(Form("g", cloudevents=False, dead_letters=True)).of_unfit(
        came, ASSIGNMENT, unfit, TIMESTAMP
    )
    place = TopicPartition("cxone.outcomes", 0)
    published = read_published(Message(place, 0, 1, settled.key, settled.value, settled.headers))
    assert published is not None
    return decision_of(published)


def letter(came: Message) -> Message:
    """Copy a message to the dead letter topic, as the service does."""
    copy = dead_letter(came, Result.INVALID, DEFECT)
    return Message(LETTERS, 7, 5, copy.key, copy.value, [*copy.headers, *copy.reasons])


@pytest.mark.parametrize("key", [b"r0", b"", None, b"k" * (MAX_KEY_BYTES + 1), b"deltas/0/4"])
def test_the_message_that_failed_is_known_again(key: bytes | None) -> None:
    """Whatever its key is: by position and time, and by the key where the outcome tells it."""
    came = message(b"{", offset=4, key=key)
    assert is_original(failed(came), came)
    assert not is_original(failed(came), came._replace(offset=5))
    assert not is_original(failed(came), came._replace(timestamp_ms=1))
    assert is_original(failed(came), came._replace(key=b"other")) is (failed(came).key is None)


def test_a_key_that_the_outcomes_topic_does_not_take_is_no_hindrance() -> None:
    """Such an outcome has the position for its key: its message, and the dead letter of that, are still found."""
    came = message(b"{", offset=4, key=b"k" * 20_000)
    untold = failed(came)._replace(key=None)
    assert is_original(untold, came)
    assert from_letter(untold, letter(came)) == came._replace(headers=[])


def test_it_is_sent_again_as_it_came() -> None:
    """Key, value and headers, and behind them where it comes from; at the next attempt these are written anew."""
    came = message(b"{", offset=4, headers=OWN)
    first = resend(failed(came), came)
    assert (first.key, first.value, first.headers) == (came.key, came.value, [*OWN, *AGAIN])
    second = resend(
        failed(came._replace(offset=9, headers=first.headers)), came._replace(offset=9, headers=first.headers)
    )
    assert second.headers == [*OWN, (SOURCE, b"deltas/0/4"), (ATTEMPT, b"2")]


@pytest.mark.parametrize("headers", [None, OWN, [*OWN, *AGAIN]])
@pytest.mark.parametrize("value", [None, b"", b"{"])
def test_a_dead_letter_gives_the_message_back(headers: Headers | None, value: bytes | None) -> None:
    """Without the headers that say why it failed, also where the input had some of these names itself."""
    came = message(value, offset=9, headers=headers)
    taken = from_letter(failed(came), letter(came))
    assert taken == came._replace(headers=headers or [])
    assert taken is not None
    assert is_original(failed(came), taken)


def test_a_dead_letter_of_another_message_gives_nothing() -> None:
    """Of another position or key, one whose value was left out, and any other message of that topic."""
    came = message(b"{", offset=9)
    outcome, copy = failed(came), letter(came)
    bare = without_value(dead_letter(came, Result.INVALID, DEFECT))
    assert from_letter(outcome, letter(came._replace(offset=8))) is None
    assert from_letter(outcome, letter(came._replace(key=b"other"))) is None
    assert letter_place(Message(LETTERS, 7, 5, bare.key, bare.value, [*bare.headers, *bare.reasons])) is None
    assert letter_place(copy._replace(headers=None)) is None
    assert letter_place(copy._replace(headers=[(name, b"\xff") for name, _ in copy.headers or []])) is None


def test_a_run_is_told_in_lines_and_as_json() -> None:
    """Counts by result, code and datastore, what becomes of them, and where lost messages stood; no key, no record."""
    tally = Tally(outcomes=9, integrity=1)
    tally.kinds["INVALID", "fields_invalid", "a\x1b"] = 3
    tally.kinds["INVALID", "not_json", None] = 1
    tally.fates[Fate.SENT] = 2
    for offset in (4, 5):
        tally.note(failed(message(b"{", offset=offset)), Fate.GONE)
    options = ReplayOptions(Wanted(failed=True), ["deltas"])
    told = list(lines(tally, options))
    assert told[0] == "outcomes read: 9; failed, and asked for: 4"
    assert [line.split() for line in told[1:3]] == [
        ["3", "INVALID", "fields_invalid", r"a\x1b"],
        ["1", "INVALID", "not_json", "-"],
    ]
    assert told[3] == "would be sent again: 2"
    assert "these stood at deltas/0/4, deltas/0/5" in told[5]
    assert "--result INTEGRITY" in told[6]
    assert told[-1] == "dry run: nothing was sent; --execute sends"
    assert tally.is_short
    document = json.loads(as_json(tally, options))
    assert (document["fates"]["sent"], document["fates"]["gone"], document["executed"]) == (2, 2, False)
    assert set(document["fates"]) == {*Fate}


def test_the_defaults_of_the_command_are_those_of_a_run() -> None:
    """What the command line says where nothing is given is what `ReplayOptions` has."""
    defaults = {name: parameter.default for name, parameter in inspect.signature(replay_command).parameters.items()}
    assert (defaults["at_once"], defaults["max_attempts"]) == (DEFAULT_AT_ONCE, DEFAULT_MAX_ATTEMPTS)
    assert not any(defaults[name] for name in ("execute", "force", "allow_gone"))
