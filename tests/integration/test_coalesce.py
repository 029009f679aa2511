"""`STREAM_COALESCE=fields` on a real Kafka: few requests for a hot record, an outcome for each event, kill included."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from stream.sandbox.faults import Fault

from ..harness.feed import Pace, Population, sent
from ..harness.stage import source_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..harness.stage import Stage

HOT_EVENTS = 300
REFUSED_EVENTS = 5
COLOURS = 7
"""Names of fields that the hot record's events share."""
RATE_PER_S = 1_000.0
COALESCE = {"STREAM_COALESCE": "fields", "KAFKA_INSTANCE_ID": "one"}


def _folded(changes: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """What a record holds after changes one after the other."""
    fields: dict[str, Any] = {}
    for change in changes:
        fields |= change
    return fields


def test_a_hot_record_needs_few_requests_and_a_refused_group_is_taken_apart(stage: Stage) -> None:
    """What waits goes together, to the same end, and each event is told of; what is refused goes one by one."""
    stage.sandbox.faults.add(Fault("delay", min_s=0.02, max_s=0.03))
    stage.sandbox.faults.add(Fault("answer", status=400, data_store_id="refusing", next_requests=1))
    hot = [{"number": number, f"colour{number % COLOURS}": number} for number in range(HOT_EVENTS)]
    for fields in hot:
        stage.feed.send_event("people", "hot", partition=0, fields=fields)
    for _ in range(REFUSED_EVENTS):
        stage.feed.send_event("refusing", "r", partition=1)
    stage.feed.flush()
    # The long linger lets all of them arrive before the first batch is made.
    service = stage.start(STREAM_BATCH_LINGER_MS="1000", **COALESCE)
    stage.await_all_committed()
    stage.assert_exactly_once()
    stage.assert_requests_sound()

    outcomes = {source_of(each): each.json for each in stage.outcomes()}
    results = Counter(outcomes[0, offset]["result"] for offset in range(HOT_EVENTS))
    written = stage.sandbox.records.history("people", "hot")
    assert results == {"APPLIED": len(written), "SUPERSEDED": HOT_EVENTS - len(written)}
    assert len(written) < HOT_EVENTS / 10
    assert _folded(each.fields for each in written) == _folded(hot)
    for (_, offset), superseded in outcomes.items():
        if superseded["result"] == "SUPERSEDED":
            by = superseded["supersededBy"]
            carrier = outcomes[by["partition"], by["offset"]]
            assert (carrier["result"], carrier["batchId"]) == ("APPLIED", superseded["batchId"])
            assert by["offset"] > offset
            assert superseded["executed"]

    apart = [outcomes[1, offset] for offset in range(REFUSED_EVENTS)]
    assert [each["result"] for each in apart] == ["APPLIED"] * REFUSED_EVENTS
    assert len({each["batchId"] for each in apart}) == REFUSED_EVENTS
    lines = [line for line in service.audit_lines() if line["dataStoreId"] == "refusing"]
    assert [line["status"] for line in lines] == ["FAILED", *["SUCCESS"] * REFUSED_EVENTS]


def test_a_kill_in_the_middle_of_groups_loses_and_doubles_nothing(stage: Stage) -> None:
    """After kill -9 each event has one outcome, and each record only goes back to the beginning of one group."""
    stage.sandbox.faults.add(Fault("delay", min_s=0.01, max_s=0.03))
    pace = Pace(stage.feed, Population(datastores=1, records=4), RATE_PER_S)
    service = stage.start(**COALESCE)
    stage.await_outcomes(500)
    assert stage.lag(), "a kill counts only with work in flight"
    service.kill()
    before = len(stage.reader)
    stage.start(**COALESCE)
    stage.await_outcomes(before + 500)
    pace.stop()
    stage.await_all_committed()
    stage.assert_exactly_once()
    stage.assert_requests_sound()
    assert {each.json["result"] for each in stage.outcomes()} == {"APPLIED", "SUPERSEDED"}
    newest = {each.record: each.number for each in sent(stage.records())}
    for record, written in stage.sandbox.records.histories().items():
        numbers = [each.fields["number"] for each in written]
        assert numbers[-1] == newest[record]
        assert sum(later < earlier for earlier, later in pairwise(numbers)) <= 1
