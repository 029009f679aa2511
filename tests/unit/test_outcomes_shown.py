"""What `cxone-stream outcomes` shows of outcomes that were read: in order, in bounded memory, safe for a terminal."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from rich.console import Console

from stream.model import Headers, Message, Result, TopicPartition
from stream.outcomes import Chunk, OutcomesOptions, Published, Wanted, read_published, run_outcomes, screen
from stream.outcomes.order import InOrder, by_event, by_time
from stream.remedies import REMEDY

from .test_outcome_schema import ERROR, outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def published(
    number: int, result: Result = Result.APPLIED, headers: Headers | None = None, **members: object
) -> Published:
    """Make the outcome of the event at an offset, published so many milliseconds after 1970."""
    source = {"topic": "deltas", "partition": 0, "offset": number, "timestampMs": 1_790_000_000_000}
    value = orjson.dumps(outcome(result, **{"source": source, **members}))
    read = read_published(Message(TopicPartition("o", 0), number, number, b"k", value, headers))
    assert read is not None
    return read


def past(*outcomes: Published, others: int = 0) -> Chunk:
    """Make a chunk of what was there at the beginning."""
    return Chunk(outcomes, others, is_past=True)


def new(*outcomes: Published) -> Chunk:
    """Make a chunk of what came later."""
    return Chunk(outcomes, 0, is_past=False)


def shown(
    chunks: Iterable[Chunk], wanted: Wanted | None = None, *, follow: bool = False, width: int | None = None
) -> str:
    """Show chunks to a person; `width` in characters where there is a terminal."""
    file = io.StringIO()
    console = screen(file) if width is None else Console(file=file, width=width, force_terminal=True, color_system=None)
    run_outcomes(OutcomesOptions(wanted or Wanted(), follow), chunks, console, lambda _: None)
    return file.getvalue()


def as_json(chunks: Iterable[Chunk], wanted: Wanted | None = None, *, follow: bool = False) -> list[dict[str, Any]]:
    """Show chunks to a program."""
    lines: list[str] = []
    run_outcomes(OutcomesOptions(wanted or Wanted(), follow, as_json=True), chunks, Console(quiet=True), lines.append)
    return [orjson.loads(line) for line in lines]


def offsets(found: list[dict[str, Any]]) -> list[int]:
    """Name the events that outcomes are of."""
    return [each["source"]["offset"] for each in found]


def test_what_was_there_is_shown_in_the_order_of_time() -> None:
    """Partitions are read side by side, in any order."""
    chunks = [past(published(5), published(6)), past(published(2), published(9))]
    assert offsets(as_json(chunks)) == [2, 5, 6, 9]


def test_what_comes_is_shown_at_once() -> None:
    """Following, the past leaves in order as soon as it is over; then each chunk is shown when it comes."""
    seen: list[str] = []

    def chunks() -> Iterable[Chunk]:
        yield past(published(5), published(2))
        assert seen == []
        yield new(published(8), published(7))
        assert [orjson.loads(line)["source"]["offset"] for line in seen] == [2, 5, 7, 8]
        yield new()
        yield new(published(1))

    run_outcomes(OutcomesOptions(Wanted(), follow=True, as_json=True), chunks(), Console(quiet=True), seen.append)
    assert len(seen) == 5


def test_no_more_than_a_bound_is_held() -> None:
    """Of more outcomes the first leave early, so the memory is bounded and the order a rough one."""
    held = InOrder(by_time, 3)
    early = [each.offset for number in (5, 4, 9, 1, 7, 2) for each in held.take(published(number))]
    assert early == [1, 4, 2]
    assert [each.offset for each in held.release()] == [5, 7, 9]
    assert list(held.release()) == []


def test_the_events_of_a_record_are_in_their_own_order() -> None:
    """The outcome of an invalid event may be published before that of an earlier one."""
    held = InOrder(by_event, 10)
    late = published(3)._replace(published_ms=99)
    for each in (published(4), late):
        assert list(held.take(each)) == []
    assert [each.offset for each in held.release()] == [3, 4]


def test_it_counts_what_it_has_seen() -> None:
    """Outcomes, those of them that were wanted, and messages that are none."""
    chunks = [past(published(1), published(2, Result.REJECTED), others=3), past(published(3))]
    options = OutcomesOptions(Wanted(failed=True))
    seen = run_outcomes(options, chunks, Console(quiet=True), lambda _: None)
    assert (seen.outcomes, seen.shown, seen.others) == (3, 1, 3)
    assert str(seen) == "1 of 3 outcomes; 3 other messages in the topic are no outcomes"


def test_a_line_of_json_is_the_outcome_and_its_headers() -> None:
    """Headers as texts, bytes that are none escaped; the content type, the same for all, is left out."""
    headers: Headers = [("content-type", b"application/json"), ("traceparent", TRACE), ("x", b"\xff"), ("y", None)]
    (line,) = as_json([past(published(1, headers=headers))])
    assert line.pop("headers") == {"traceparent": TRACE.decode(), "x": "\\xff", "y": None}
    assert line == orjson.loads(published(1).value)


@pytest.mark.parametrize("width", [80, 140, None])
def test_the_table_names_what_happened(width: int | None) -> None:
    """One head, one row for each outcome, on a terminal of any width and in a file."""
    chunks = [new(published(1)), new(published(2, Result.REJECTED))]
    text = shown(chunks, follow=True, width=width)
    assert text.count("(UTC)") == 1
    assert ("2026-11-23 04:20:00.000" in text) == ("deltas/0/1" in text) == (width != 80)
    assert "04:20:00.000" in text
    assert text.count("APPLIED") == text.count("REJECTED") == 1
    assert "record_refused" in re.sub(r"\s", "", text)
    if width is not None:
        assert max(map(len, text.splitlines())) <= width


def test_nothing_to_show_is_no_table() -> None:
    """Not even a head, which would come again and again while following."""
    assert shown([past(), new()]) == ""


def test_one_record_has_a_story() -> None:
    """Event, result, version, batch, attempts, traces, and of a failure the cause and the remedy."""
    wanted = Wanted(record_ids=frozenset({"r1"}), datastore_ids=frozenset({"people"}))
    traces: Headers = [("traceparent", TRACE), ("ce_traceparent", TRACE.replace(b"0af7", b"1111"))]
    refused = published(2, Result.CONFLICT, traces, error={**ERROR, "code": "version_conflict", "httpStatus": 409})
    other = published(3, recordId="r2")
    text = shown([past(refused, other, published(1, headers=[("traceparent", TRACE)]))], wanted)
    assert text.splitlines() == [
        "1. event deltas/0/1, written 2026-09-21T14:13:20.000Z",
        "   APPLIED, version 3, executed, confirmed, decided 2026-11-23T04:20:00.000Z",
        "   batch 11111111-2222-4333-8444-555555555555, records: 2, attempts: 1, 12.5 ms, checksum verified",
        "   trace 0af7651916cd43dd8448eb211c80319c",
        "2. event deltas/0/2, written 2026-09-21T14:13:20.000Z",
        "   CONFLICT, version 3, not executed, decided 2026-11-23T04:20:00.000Z",
        "   batch 11111111-2222-4333-8444-555555555555, records: 2, attempts: 1, 12.5 ms, checksum verified",
        "   trace of the batch 0af7651916cd43dd8448eb211c80319c, of the event 1111651916cd43dd8448eb211c80319c",
        "   version_conflict at /fields/a~1b (409): the API refused it",
        "   mostly because of: Somebody else has written the record since the writer read it.",
        "   what to do: Read the record and send on its version; or let `STREAM_ON_CONFLICT=rebase` do that.",
    ]


def test_a_story_tells_what_no_request_decided() -> None:
    """An invalid event has no batch; one without a time says none; a code of a later release has no remedy here."""
    wanted = Wanted(record_ids=frozenset({"r1"}), datastore_ids=frozenset({"people"}))
    source = {"topic": "deltas", "partition": 0, "offset": 1, "timestampMs": None}
    invalid = published(1, Result.INVALID, source=source, error={**ERROR, "code": "new_code", "httpStatus": None})
    text = shown([past(invalid)], wanted)
    assert text.splitlines() == [
        "1. event deltas/0/1",
        "   INVALID, not executed, decided 2026-11-23T04:20:00.000Z",
        "   by no request",
        "   new_code at /fields/a~1b: the API refused it",
    ]


HOSTILE = "\x1b[2J[red]\n"
ITS_STORY = Wanted(record_ids=frozenset({HOSTILE}), datastore_ids=frozenset({"people"}))


@pytest.mark.parametrize("wanted", [Wanted(), ITS_STORY])
def test_texts_from_outside_do_not_reach_the_terminal_raw(wanted: Wanted) -> None:
    """Neither control characters nor what rich would take for markup."""
    hostile = published(1, Result.REJECTED, recordId=HOSTILE, error={**ERROR, "message": "\x1b]0;x\x07[bold]"})
    text = shown([past(hostile)], wanted, width=200)
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "[bold]" in text


def test_an_impossible_time_is_shown_as_a_number() -> None:
    """A producer may write any time."""
    source = {"topic": "deltas", "partition": 0, "offset": 1, "timestampMs": 9_000_000_000_000_000_000}
    wanted = Wanted(record_ids=frozenset({"r1"}), datastore_ids=frozenset({"people"}))
    assert "written 9000000000000000000 ms after 1970" in shown([past(published(1, source=source))], wanted)


def test_each_remedy_fits_on_a_line() -> None:
    """What to do is one sentence or two."""
    assert all("\n" not in remedy for remedy in REMEDY.values())
