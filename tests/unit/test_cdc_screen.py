"""What the demonstration from tables to datastores shows of a moment."""

from __future__ import annotations

import io

from rich.console import Console

from stream.sandbox.cdc.screen import Snapshot, picture, plain_line

SNAPSHOT = Snapshot(
    phase="rows change",
    elapsed_s=12.3,
    changes=1_000,
    all_changes=2_000,
    messages=1_100,
    outcomes=900,
    all_messages=2_200,
    rate=450.0,
    requests=12,
    records=321,
    in_flight=2,
    kills=1,
    results={"IGNORED": 20, "APPLIED": 880},
)


def test_a_line_tells_how_far_each_part_is() -> None:
    """Statements, messages, outcomes, those that are missing, and the kills."""
    assert plain_line(SNAPSHOT) == (
        " 12.3 s    rows change: 1,000 of 2,000 statements, 1,100 messages, 900 of 2,200 outcomes, lag 200, killed 1"
    )


def test_the_picture_tells_the_same_within_eighty_columns() -> None:
    """Each part of the way has its bar, and every figure is there."""
    console = Console(file=io.StringIO(), width=80)
    console.print(picture(SNAPSHOT))
    assert isinstance(console.file, io.StringIO)
    drawn = console.file.getvalue()
    assert max(map(len, drawn.splitlines())) <= 80
    for part in ("PostgreSQL, statements", "Debezium, messages", "service, outcomes"):
        assert part in drawn
    for figure in ("1,000", "1,100", "900", "200 messages", "12, and 2 on the wire", "321", "APPLIED 880  IGNORED 20"):
        assert figure in drawn
    assert "1 of the service so far" in drawn


def test_messages_are_never_fewer_than_their_outcomes() -> None:
    """The two are counted at different moments: a lag below zero is none."""
    early = Snapshot(**{**{name: getattr(SNAPSHOT, name) for name in SNAPSHOT.__slots__}, "outcomes": 1_200})
    assert early.lag == 0
