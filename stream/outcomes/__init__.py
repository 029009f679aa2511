"""Reading the outcome topic back: `cxone-stream outcomes`, and whatever else needs to know what became of events.

    settings = load_without_account(os.environ, Path.cwd())     # of `settings`: KAFKA_… as the service has it
    wanted = Wanted(failed=True, datastore_ids={"people"}, since_ms=moment_ms("2h", clock.wall_ms()))
    for chunk in OutcomeReader(settings.kafka, clock).read(wanted.since_ms):
        for published in chunk.published:
            if published in wanted:
                published.outcome.source, published.outcome.error, published.value, ...

The reader sees only what is committed, joins no group and commits nothing. It gives the outcomes in the order of each
partition, one chunk at a time, and ends where the topic ended at the beginning, unless it is told to follow. Filters
and the reading of one outcome are pure (`wanted.py`, `published.py`); Kafka is touched in `reader.py` alone.
"""

from __future__ import annotations

from .published import Failure, Outcome, Published, Source, read_published
from .reader import Chunk, OutcomeReader
from .run import OutcomesOptions, run_outcomes
from .shown import screen
from .wanted import Wanted, moment_ms

__all__ = [
    "Chunk",
    "Failure",
    "Outcome",
    "OutcomeReader",
    "OutcomesOptions",
    "Published",
    "Source",
    "Wanted",
    "moment_ms",
    "read_published",
    "run_outcomes",
    "screen",
]
