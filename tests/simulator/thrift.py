"""Does an instance ask the API more often than it may? Isolation costs a bounded number of refused requests.

A family is a request that was refused and the parts of it that were sent afterwards. Its price is what the contract's
design grants: one bad record among n is found by at most ceil(log2 n) + 1 refused requests, k of them by that for each
half that holds one; where the answers name them all, by one for each status. A budget that ends before lets the rest
go through it anew, in other batches; so do refusals that are too many to be believed, and conflicts of suspects that
cannot be read back now: nothing is judged then.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil, log2
from typing import TYPE_CHECKING

from stream.steps import OnConflict

from .nature import Naming
from .records import CONFLICTING
from .request import REFUSING_STATUSES
from .world import demand

if TYPE_CHECKING:
    from stream.steps import Policy

    from .history import History
    from .nature import Nature
    from .request import Position, Request

    Group = tuple[Position, ...]
    """What one record carries: mostly one event."""

TOO_LARGE = 413
"""Divided by size, not by number."""
FEW = 100
MOST_REBASES = 3
"""As often a conflict is sent on another version, and may be refused again."""


@dataclass(slots=True, eq=False)
class Family:
    """A refused request, what is wrong in it, and the refused parts of it."""

    faults: frozenset[str]
    most: int
    refused: list[frozenset[Group]] = field(default_factory=list)

    def may_hold(self, part: frozenset[Group]) -> bool:
        """Whether this can be the next part: each lies within an earlier one, or beside it."""
        return part < self.refused[0] and all(part < each or part.isdisjoint(each) for each in self.refused)


class Thrift:
    """Counts the refused requests of each family."""

    def __init__(self, nature: Nature, policy: Policy, stop_after_refused: int, history: History) -> None:
        self._nature = nature
        self._history = history
        self._budget = policy.probe_budget
        self._believes_all = stop_after_refused not in range(1, FEW)
        self._tries = 1 + MOST_REBASES if policy.on_conflict is OnConflict.REBASE else 1
        self._families: dict[tuple[str, Group], Family] = {}
        self.longest = 0

    def told(self, request: Request) -> None:
        """Take note of an answer; raises PromiseBrokenError when a family has become too large."""
        carried = request.carried
        if request.status not in REFUSING_STATUSES | {CONFLICTING} or carried is None or not carried.faults:
            return
        part = frozenset(request.groups)
        family = self._families.get((request.sender, request.groups[0]))
        faults = frozenset(each.record_id for each in carried.faults)
        if family is None or not family.may_hold(part) or not faults <= family.faults:
            family = Family(faults, self._tries * self._price(request))
            self._families.update({(request.sender, group): family for group in part})
        family.refused.append(part)
        self.longest = max(self.longest, len(family.refused))
        reads_fail = self._history.is_reading_in_vain(request.sender)
        may_be_judged = family.most <= self._budget and self._believes_all and not reads_fail
        is_dear = may_be_judged and len(family.refused) > family.most
        demand(not is_dear, "isolation", f"{len(family.refused)} refused requests for {len(faults)} bad", part)

    def disowned(self, sender: str) -> None:
        """Take note that partitions were taken from a sender: what it is given again, it may ask anew."""
        self._families = {key: family for key, family in self._families.items() if key[0] != sender}

    def _price(self, request: Request) -> int:
        faults = request.carried.faults if request.carried else ()
        statuses = {each.status for each in faults}
        bad, all_of_it = len(faults), len(request.positions)
        if all(self._nature.names(status) for status in statuses):
            return len(statuses)
        if self._nature.naming is Naming.FIRST and self._nature.names_conflicts:
            return bad
        if TOO_LARGE in statuses:
            return 2 * all_of_it - 1
        return bad * ceil(log2(all_of_it / bad)) + 2 * bad - 1
