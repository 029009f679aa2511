"""What a dialogue keeps in mind over the requests of one batch: its budget, its rebases, what it leaves undecided."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .conflict import on_version, sent_version
from .model import ConflictResolution, Rebase, Verdict
from .payload import build, fresh_batch_id
from .steps import OnConflict

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

    from .asking import Said
    from .model import Batch, Defect, Event, Result, Ruling
    from .steps import Policy

MAX_REBASES = 3
"""How often one record is sent again on the current version (contract section 5, `STREAM_ON_CONFLICT`)."""


@dataclass(slots=True)
class Talk:
    """The memory of one dialogue.

    `refusals_left`: of the budget for refused requests. `reads_in_vain`: reads in a row that came to nothing.
    """

    rng: random.Random
    policy: Policy
    refusals_left: int
    reads_in_vain: int = 0
    undecided: list[Event] = field(default_factory=list)
    rebases: dict[str, list[Rebase]] = field(default_factory=dict)

    def request(self, events: tuple[Event, ...]) -> Batch:
        """Build a request of its own for some of the events."""
        return build(fresh_batch_id(self.rng), events[0].lane, events)

    def may_rebase(self, event: Event) -> bool:
        """Whether a conflict of this record is sent again on the current version."""
        is_wanted = self.policy.on_conflict is OnConflict.REBASE
        is_checked = event.lane.conflict_resolution is ConflictResolution.FAIL
        return is_wanted and is_checked and len(self.rebases.get(event.record_id, ())) < MAX_REBASES

    def rebase(self, event: Event, version: int) -> Event:
        """Put a record on the current version, and remember from which."""
        rebase = Rebase(event.record_id, sent_version(event), version)
        self.rebases.setdefault(event.record_id, []).append(rebase)
        return on_version(event, version)

    def verdict(
        self,
        said: Said,
        result: Result,
        defect: Defect | None = None,
        *,
        confirmed: bool = False,
        versions: Mapping[str, int | None] | None = None,
        rulings: Mapping[str, Ruling] | None = None,
    ) -> Verdict:
        """Write down what an answer means for its request.

        Args:
            said: the request and its answer.
            result: of each record that `rulings` does not name.
            defect: why it failed.
            confirmed: whether the answer is evidence for all of them.
            versions: of the records that it names.
            rulings: of records with another result.
        """
        return Verdict(
            result,
            said.answer.status,
            said.answer.latency_ms,
            said.attempts,
            defect,
            checksum_verified=said.statement is not None and said.statement.checksum_verified,
            confirmed=confirmed,
            versions=versions or None,
            rulings=rulings or None,
            rebased=self._rebased(said) if self.rebases else (),
        )

    def _rebased(self, said: Said) -> tuple[Rebase, ...]:
        """List the records of a request that were on another version than their event's own when it was sent."""
        sent = (self.rebases.get(event.record_id) for event in said.events)
        return tuple(rebases[-1] for rebases in sent if rebases)
