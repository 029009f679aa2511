"""Labels from events: there may be any number of names, and each makes a time series that lives for ever."""

from __future__ import annotations

from .names import OTHER

MOST_NAMES = 64
MOST_UNPROVED = 16


class BoundedLabels:
    """The first names get a label of their own, all others share `other`.

    A name from an event that was executed is the API's; one from an event that was not may be anything, and such names
    get a part of the places only.
    """

    def __init__(self, most: int = MOST_NAMES, most_unproved: int = MOST_UNPROVED) -> None:
        self._most = most
        self._unproved_left = most_unproved
        self._names: set[str] = set()

    def label(self, name: str, *, proved: bool = True) -> str:
        """Return the label of a name.

        Args:
            name: as it was read.
            proved: whether it comes from an event that was sent to the API.
        """
        if name in self._names:
            return name
        if len(self._names) >= self._most or (not proved and not self._unproved_left):
            return OTHER
        self._unproved_left -= not proved
        self._names.add(name)
        return name
