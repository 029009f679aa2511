"""What a replay has found and done, in lines for people and as JSON for programs; no values, no keys, no record ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from .evidence import Fate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .run import ReplayOptions, Tally

MAX_KINDS = 30
REASONS = {
    Fate.REPLAYED: "sent again before, or decided anew since",
    Fate.EXHAUSTED: "sent again as often as --max-attempts allows",
    Fate.SUPERSEDED: "a later event of the record was applied; --force sends them all the same",
    Fate.NO_INPUT: "of a topic that KAFKA_INPUT_TOPIC does not name",
    Fate.WAITING: "an event of the same key, later or the same, is not decided yet; run this again when it is",
    Fate.GONE: "no longer in the input, and no dead letter holds them",
    Fate.UNFIT: "too large with two headers more, or with a header whose name is no UTF-8",
}
"""Why an event is not sent."""


def lines(tally: Tally, options: ReplayOptions) -> Iterator[str]:
    """Write what people read.

    Args:
        tally: of the run.
        options: of the run.
    """
    yield f"outcomes read: {tally.outcomes}; failed, and asked for: {sum(tally.kinds.values())}"
    kinds = sorted(tally.kinds.items(), key=lambda each: (-each[1], *map(str, each[0])))
    for (result, code, datastore_id), count in kinds[:MAX_KINDS]:
        yield f"{count:10}  {_printable(result)}  {_printable(code)}  {_printable(datastore_id)}"
    if len(kinds) > MAX_KINDS:
        yield f"{sum(count for _, count in kinds[MAX_KINDS:]):10}  of {len(kinds) - MAX_KINDS} other kinds"
    yield f"{'sent again' if options.execute else 'would be sent again'}: {tally.fates[Fate.SENT]}"
    for fate, reason in REASONS.items():
        if count := tally.fates[fate]:
            yield f"{count:10}  not sent: {reason}"
    if tally.gone:
        more = tally.fates[Fate.GONE] + tally.fates[Fate.UNFIT] - len(tally.gone)
        yield f"            these stood at {', '.join(tally.gone)}" + (f" and at {more} other places" if more else "")
    if tally.integrity:
        yield f"{tally.integrity:10}  left out: INTEGRITY, they were executed; --result INTEGRITY asks for them"
    if not options.execute:
        yield "dry run: nothing was sent; --execute sends"


def as_json(tally: Tally, options: ReplayOptions) -> str:
    """Write the same for programs: one JSON object."""
    return orjson.dumps(
        {
            "executed": options.execute,
            "outcomesRead": tally.outcomes,
            "kinds": [
                {"result": result, "code": code, "dataStoreId": datastore_id, "events": count}
                for (result, code, datastore_id), count in tally.kinds.most_common()
            ],
            "fates": {fate.value: tally.fates[fate] for fate in Fate},
            "gone": tally.gone,
            "integrity": tally.integrity,
        },
        option=orjson.OPT_INDENT_2,
    ).decode()


def _printable(datastore_id: str | None) -> str:
    """Write what an outcome says on one line, whatever is in it."""
    return "-" if datastore_id is None else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in datastore_id)
