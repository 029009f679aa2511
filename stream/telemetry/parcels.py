"""Finds a request's outcomes again when they are committed, without looking at each."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..model import Settled

MOST_PARCELS = 20_000
_T = TypeVar("_T")


class Parcels(Generic[_T]):
    """Notes on outcomes that were written together and are not committed yet.

    Outcomes leave in the order in which they were written, and the same values are handed back: so the last one stands
    for all, known by its identity. Its value is kept here, so that no other can take its identity.
    """

    def __init__(self) -> None:
        self._notes: OrderedDict[int, tuple[Settled, int, _T]] = OrderedDict()

    def add(self, outcomes: Sequence[Settled], note: _T) -> None:
        """Take note of outcomes; without any there is nothing to find again."""
        if outcomes:
            self._notes[id(outcomes[-1])] = (outcomes[-1], len(outcomes), note)
        if len(self._notes) > MOST_PARCELS:
            self._notes.popitem(last=False)

    def find(self, outcomes: Sequence[Settled]) -> list[_T]:
        """Return the notes on those whose last outcome is among these."""
        return [self._notes[number][2] for number in self._numbers(outcomes)]

    def take(self, outcomes: Sequence[Settled]) -> list[_T]:
        """Take out the notes on those whose last outcome is among these."""
        return [self._notes.pop(number)[2] for number in self._numbers(outcomes)]

    def _numbers(self, outcomes: Sequence[Settled]) -> list[int]:
        """Find the notes by where the last of each must be, where they left side by side; else look for each."""
        found: list[int] = []
        end = 0
        for number, (last, count, _) in self._notes.items():
            if end == len(outcomes):
                return found
            end += count
            if end > len(outcomes) or outcomes[end - 1] is not last:
                among = set(map(id, outcomes))
                return [number for number in self._notes if number in among]
            found.append(number)
        return found

    def __len__(self) -> int:
        """Count the notes."""
        return len(self._notes)
