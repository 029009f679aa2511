"""All promises of a stage judged at once, counted rather than asserted: for runs whose figures are told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .feed import sent
from .stage import decided_s, source_of
from .verify import (
    execution_verdict,
    late_executions,
    outcome_breaches,
    request_breaches,
    state_breaches,
    unlike_applied,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from .stage import Stage


@dataclass(frozen=True, slots=True)
class Judgement:
    """How many events there were, what broke a promise, and how often an event was executed again.

    `outcomes`: lost or doubled, for a reader that ran along and for one afterwards; `results`: told as anything but
    applied; `order`: executed out of order or
    again without reason; `late`: executed after its outcome; `state`: not the newest value at the end; `requests`: the
    contract broken.
    """

    events: int
    executed_again: int
    outcomes: list[str]
    results: list[str]
    order: list[str]
    late: list[str]
    state: list[str]
    requests: list[str]

    @property
    def breaches(self) -> list[str]:
        """All of them."""
        return [*self.outcomes, *self.results, *self.order, *self.late, *self.state, *self.requests]


def judge(stage: Stage, interruptions_s: Collection[float]) -> Judgement:
    """Judge a stage whose group has committed everything, for an input of nothing but valid events (`feed.event`).

    Args:
        stage: its reader must have had the time to see all outcomes.
        interruptions_s: see `execution_verdict`.
    """
    wanted = sent(stage.records())
    positions = [(each.partition, each.offset) for each in wanted]
    during = outcome_breaches(positions, map(source_of, stage.reader.records))
    after = outcome_breaches(positions, map(source_of, stage.outcomes()))
    executed = stage.executed()
    verdict = execution_verdict(wanted, executed, interruptions_s)
    return Judgement(
        events=len(wanted),
        executed_again=sum(map(len, executed.values())) - len(wanted),
        outcomes=max(during, after, key=len),
        results=unlike_applied(stage.reader.records),
        order=verdict.breaches,
        late=late_executions(executed, decided_s(wanted, stage.reader.records)),
        state=state_breaches(wanted, {record: entries[-1].number for record, entries in executed.items()}),
        requests=request_breaches(stage.sandbox.requests, stage.sandbox.violations),
    )
