"""One run of `cxone-stream try`, from a file to lines and an exit code."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from .expectation import compare
from .reading import Form, Reading, lines_of, open_events
from .verdict import as_json, as_line, put_on_trial

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ..intake import Intake


@dataclass(frozen=True, slots=True)
class TrialOptions:
    """What was asked for on the command line; `topic` is that of events that name none."""

    events: Path
    topic: str
    reading: Reading = Reading.AUTO
    expected: Path | None = None
    as_json: bool = False


def run_trial(options: TrialOptions, intake: Intake, say: Callable[[str], None]) -> bool:
    """Read events and say of each what would be sent, or why nothing.

    Args:
        options: as given on the command line.
        intake: the service's.
        say: is given one line for each event, or, where results are expected, one for each difference and a summary.

    Returns:
        Whether everything is as expected; true where nothing is.

    Raises:
        StreamError: when a file cannot be read.
    """
    with ExitStack() as files:
        lines = lines_of(files.enter_context(open_events(options.events)))
        trials = (put_on_trial(line, intake) for line in Form(options.reading, options.topic).messages(lines))
        if options.expected is None:
            for trial in trials:
                say(orjson.dumps(as_json(trial)).decode() if options.as_json else as_line(trial))
            return True
        count = 0

        def counted() -> Iterator[dict[str, Any]]:
            nonlocal count
            for trial in trials:
                count += 1
                yield as_json(trial)

        expected = lines_of(files.enter_context(open_events(options.expected)))
        differences = 0
        for difference in compare(counted(), expected):
            differences += 1
            say(difference)
    say(f"messages: {count}, differences: {differences}")
    return not differences
