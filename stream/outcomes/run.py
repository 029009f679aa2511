"""One run of `cxone-stream outcomes`: from chunks that are read to what is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .order import InOrder, by_event, by_time
from .shown import Form, JsonLines, OutcomeTable, Story

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rich.console import Console

    from .published import Published
    from .reader import Chunk
    from .wanted import Wanted

MOST_HELD = 10_000
"""So many outcomes are put into order; a row takes about 3 KB."""


@dataclass(frozen=True, slots=True)
class OutcomesOptions:
    """What was asked for on the command line."""

    wanted: Wanted
    follow: bool = False
    as_json: bool = False

    @property
    def is_story(self) -> bool:
        """Whether it is about one record alone."""
        return len(self.wanted.record_ids) == len(self.wanted.datastore_ids) == 1


@dataclass(slots=True)
class Seen:
    """What a run has seen: outcomes, those of them that it showed, and messages that are none."""

    outcomes: int = 0
    shown: int = 0
    others: int = 0

    def __str__(self) -> str:
        """Say it in a line."""
        others = f"; {self.others:,} other messages in the topic are no outcomes" if self.others else ""
        return f"{self.shown:,} of {self.outcomes:,} outcomes{others}"


def run_outcomes(
    options: OutcomesOptions, chunks: Iterable[Chunk], console: Console, say: Callable[[str], None]
) -> Seen:
    """Show the outcomes that are wanted, those that were there at the beginning in order.

    Args:
        options: as given on the command line.
        chunks: as they are read; when they end, all is shown.
        console: for people.
        say: is given each line of JSON.

    Returns:
        How many there were.
    """
    form: Form = JsonLines(say) if options.as_json else Story(console) if options.is_story else OutcomeTable(console)
    held = InOrder(by_event if options.is_story else by_time, MOST_HELD)
    seen = Seen()
    for chunk in chunks:
        seen.outcomes += len(chunk.published)
        seen.others += chunk.others
        wanted = [each for each in chunk.published if each in options.wanted]
        seen.shown += len(wanted)
        if chunk.is_past or not options.follow:
            form.show([first for each in wanted for first in held.take(each)])
        else:
            form.show([*held.release(), *_in_time(wanted)])
    form.show(list(held.release()))
    return seen


def _in_time(published: Iterable[Published]) -> list[Published]:
    return sorted(published, key=by_time)
