"""`cxone-stream replay`: failed events back to the input (contract section 6; `docs/replay.md`).

The way of a run (`run.py`): outcomes that failed and are asked for (`candidates.py`) → what speaks against each
(`evidence.py`) → the messages, read back (`original.py`) → one transaction after the other (`sending.py`). All of that
is pure and sees Kafka through `ports.py`; the real one is `kafka_log.py` with two edges, `reading.py`, `writing.py`.

Nothing is remembered beside Kafka's topics. What was sent is found by its headers: in the input as long as it is
undecided, on its outcome afterwards. So whichever run asks, under whatever filters, nothing is sent twice.
"""

from __future__ import annotations

from .kafka_log import KafkaLog
from .reading import told_to_people
from .report import as_json, lines
from .run import DEFAULT_AT_ONCE, DEFAULT_MAX_ATTEMPTS, ReplayOptions, Tally, replay

__all__ = [
    "DEFAULT_AT_ONCE",
    "DEFAULT_MAX_ATTEMPTS",
    "KafkaLog",
    "ReplayOptions",
    "Tally",
    "as_json",
    "lines",
    "replay",
    "told_to_people",
]
