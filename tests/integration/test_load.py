"""A backlog: large batches that hold no record twice, and a buffer that is far smaller than what waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stream.sandbox.faults import Fault

from ..harness.feed import Population

if TYPE_CHECKING:
    from ..harness.stage import Stage

EVENTS = 20_000
RECORDS = 1_000


def test_a_backlog_makes_large_batches(stage: Stage) -> None:
    """20,000 events of 1,000 records of a datastore make requests of more than 400 records, none of them twice."""
    stage.feed.draw(Population(1, RECORDS), EVENTS)
    stage.feed.flush()
    stage.start(STREAM_BATCH_LINGER_MS="200")
    stage.await_all_committed()
    stage.assert_exactly_once()
    assert stage.assert_in_order() == 0
    requests = [request for request in stage.sandbox.requests if request.call == "execute"]
    print(f"{EVENTS / len(requests):.0f} records per request")  # noqa: T201 - the figure of the run
    assert EVENTS / len(requests) > 400


def test_a_buffer_of_one_mebibyte_loses_nothing(stage: Stage) -> None:
    """Where ten times the buffer waits and the API is slow, partitions pause and resume: one outcome each, in order."""
    stage.sandbox.faults.add(Fault("delay", min_s=0.02, max_s=0.05))
    stage.feed.draw(Population(4, 2_000, padding_bytes=2_000), 5_000)
    stage.feed.flush()
    stage.start(STREAM_BUFFER_BYTES="1048576", STREAM_BATCH_BYTES="262144")
    stage.await_all_committed(90.0)
    stage.assert_exactly_once()
    assert stage.assert_in_order() == 0
