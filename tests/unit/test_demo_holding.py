"""What the demo reads in the service's log: what is held, and nothing else."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from stream.circuit import ChangeKind
from stream.sandbox.demo.holding import NOTHING_HELD, Holding


def _line(event: str, **facts: str) -> bytes:
    return orjson.dumps({"level": "warning", "event": event, **facts}) + b"\n"


HELD = [_line(ChangeKind.DATASTORE_HELD, datastore=f"d{number}") for number in range(4)]
PARKED = _line(ChangeKind.RECORD_PARKED, datastore="d0", record="r")


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([], NOTHING_HELD),
        ([_line("token_renewed"), b"%4|no JSON\n", b"7\n"], NOTHING_HELD),
        (HELD[:1], "closed; held: d0"),
        (HELD, "closed; held: d0, d1, 2 more"),
        ([*HELD[:2], _line(ChangeKind.DATASTORE_RELEASED, datastore="d0")], "closed; held: d1"),
        ([HELD[0], _line(ChangeKind.OUTAGE_BEGINS)], "open: everything is held, one event at a time probes"),
        ([HELD[0], _line(ChangeKind.OUTAGE_BEGINS), _line(ChangeKind.OUTAGE_ENDS)], "closed; held: d0"),
        ([PARKED], "closed; parked records: 1"),
        ([PARKED, _line(ChangeKind.RECORD_DECIDED, datastore="d0", record="r")], NOTHING_HELD),
    ],
)
def test_the_log_tells_what_is_held(lines: list[bytes], told: str) -> None:
    """Each change of what is held, by the name that it has in the log, changes what is told; other lines do not."""
    holding = Holding(Path("nowhere"))
    for line in lines:
        holding.note(line)
    assert holding.told() == told


def test_a_log_is_followed_as_it_grows(tmp_path: Path) -> None:
    """Before there is a log nothing is held; a line counts once, and not before it is whole."""
    log = tmp_path / "service.log"
    holding = Holding(log)
    assert holding.look() == NOTHING_HELD
    log.write_bytes(HELD[0] + HELD[1][:-5])
    assert holding.look() == "closed; held: d0"
    log.write_bytes(HELD[0] + HELD[1])
    assert holding.look() == "closed; held: d0, d1"
    assert holding.look() == "closed; held: d0, d1"
