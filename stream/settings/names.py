"""Misspelt names: which known setting an unknown one was probably meant to be (contract section 5)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_DISTANCE = 2
"""So many letters may be wrong, missing, too many or swapped with their neighbour."""

_SERVICE_LINK = re.compile(r"\w+_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)")


def is_service_link(name: str) -> bool:
    """Tell whether Kubernetes or Docker may have set a variable because a service has that name (`KAFKA_PORT`)."""
    return _SERVICE_LINK.fullmatch(name) is not None


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name at the smallest Damerau-Levenshtein distance, or None beyond `MAX_DISTANCE`.

    Args:
        name: not a known name itself.
        known: the names to compare with; the alphabetically first wins a tie.
    """
    near = ((distance(name, other), other) for other in known if abs(len(name) - len(other)) <= MAX_DISTANCE)
    return min(((steps, other) for steps, other in near if steps <= MAX_DISTANCE), default=(0, None))[1]


def distance(first: str, second: str) -> int:
    """Return how many letters must be inserted, deleted, replaced or swapped to turn one text into the other.

    The true Damerau-Levenshtein distance: letters may stand between two that were swapped. Beyond `MAX_DISTANCE` any
    larger number may come back.
    """
    far = len(first) + len(second)
    last_row: dict[str, int] = {}
    rows: list[list[int]] = [[far] * (len(second) + 2), [far, *range(len(second) + 1)]]
    for i, letter in enumerate(first, start=1):
        row, last_column = [far, i], 0
        for j, other in enumerate(second, start=1):
            k = last_row.get(other, 0)
            swap = rows[k][last_column] + (i - k - 1) + 1 + (j - last_column - 1)
            row.append(min(rows[i][j] + (letter != other), row[j] + 1, rows[i][j + 1] + 1, swap))
            last_column = j if letter == other else last_column
        rows.append(row)
        last_row[letter] = i
        if min(row) > MAX_DISTANCE:
            return far
    return rows[-1][-1]
