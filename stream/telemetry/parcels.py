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
        self._notes: OrderedDict[int, tuple[Settled, _T]] = OrderedDict()

    def add(self, outcomes: Sequence[Settled], note: _T) -> None:
        """Take note of outcomes; without any there is nothing to find again."""
        if outcomes:
            self._notes[id(outcomes[-1])] = (outcomes[-1], note)
        if len(self._notes) > MOST_PARCELS:
            self._notes.popitem(last=False)

    def find(self, outcomes: Sequence[Settled]) -> list[_T]:
        """Return the notes on those whose last outcome is among these."""
        return [self._notes[number][1] for number in self._numbers(outcomes)]

    def take(self, outcomes: Sequence[Settled]) -> list[_T]:
        """Take out the notes on those whose last outcome is among these."""
        return [self._notes.pop(number)[1] for number in self._numbers(outcomes)]

    def _numbers(self, outcomes: Sequence[Settled]) -> list[int]:
        if not self._notes:
            return []
        among = set(map(id, outcomes))
        return [number for number in self._notes if number in among]

    def __len__(self) -> int:
        """Count the notes."""
        return len(self._notes)
