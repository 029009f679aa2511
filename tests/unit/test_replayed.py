"""Where a message says that it comes from: read as `replay` writes it, believed only within its own partition."""

from __future__ import annotations

import pytest

from stream.codes import ErrorCode
from stream.intake import Unfit
from stream.model import Decided, Defect, Headers, Result, TopicPartition, Verdict
from stream.outcome import Form, OutcomeWriter
from stream.replayed import ATTEMPT, SOURCE, Lineage, lineage, lineage_headers, without_lineage

from ..builders import ASSIGNMENT, PARTITION, TIMESTAMP, batch, event, message

THIRD = Lineage(5, 3)
WRITTEN: Headers = [(SOURCE, b"deltas/0/5"), (ATTEMPT, b"3")]


def test_what_is_written_is_read() -> None:
    """Origin and attempt come back, whatever headers stand beside them; these are given back without ours."""
    others: Headers = [("a", None), ("traceparent", b"00"), ("a", b"")]
    assert lineage_headers(PARTITION, THIRD) == WRITTEN
    assert lineage(PARTITION, 9, [*others, *WRITTEN]) == THIRD
    assert without_lineage([*others, *WRITTEN]) == others


@pytest.mark.parametrize("headers", [None, [], [("a", b"b")]])
def test_a_first_message_is_its_own_origin(headers: Headers | None) -> None:
    """A message that nobody has sent again has attempt 0, and needs no headers to say so."""
    assert lineage(PARTITION, 9, headers) == Lineage(9, 0)
    assert lineage_headers(PARTITION, Lineage(9, 0)) == []


@pytest.mark.parametrize(
    ("source", "attempt"),
    [
        (b"deltas/1/5", b"1"),
        (b"other/0/5", b"1"),
        (b"deltas/0/9", b"1"),
        (b"deltas/0/10", b"1"),
        (b"deltas/0/-5", b"1"),
        (b"deltas/0/05", b"1"),
        (b"deltas/0/5\n", b"1"),
        (b"deltas/0/" + b"9" * 30, b"1"),
        (b"deltas/0/5", b"0"),
        (b"deltas/0/5", b"-1"),
        (b"deltas/0/5", b""),
        (b"deltas/0/5", None),
        (None, b"1"),
    ],
)
def test_what_no_replay_wrote_counts_for_nothing(source: bytes | None, attempt: bytes | None) -> None:
    """Another topic or partition, a position that is not earlier, anything but plain numbers: an event of its own."""
    assert lineage(PARTITION, 9, [(SOURCE, source), (ATTEMPT, attempt)]) == Lineage(9, 0)
    assert lineage(TopicPartition("deltas", 0), 9, [(ATTEMPT, b"1")]) == Lineage(9, 0)


def test_the_outcome_of_a_replayed_event_leads_back() -> None:
    """Applied or refused, its outcome carries both headers; one that was not replayed carries neither."""
    writer = OutcomeWriter(Form("g", cloudevents=False, dead_letters=False))
    plain, again = event("a", offset=8), event("b", offset=9)
    again = again._replace(message=again.message._replace(headers=[("x", b"y"), *WRITTEN]))
    request = batch(plain, again)
    first, second = writer.of_batch(Decided(request, Verdict(Result.APPLIED, 200, 1.0, 1), request.events), TIMESTAMP)
    assert second.headers == [*first.headers, *WRITTEN]
    unfit = Unfit(Result.INVALID, Defect(ErrorCode.NOT_JSON, "no"), None, None)
    refused = writer.of_unfit(message(b"{", offset=9, headers=WRITTEN), ASSIGNMENT, unfit, TIMESTAMP)
    assert refused.headers == second.headers
