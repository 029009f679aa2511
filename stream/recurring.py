"""Which of the complaints that come again and again are told: the first of each kind, then one of all in a minute.

While a broker is down its clients complain twenty times a second, each of each address in a few ways. What a person
needs is what has changed, and that it lasts.
"""

from __future__ import annotations

import math
import re

REMIND_AFTER_S = 60.0
FORGET_AFTER_S = 60.0
"""What has not come for so long is new when it comes again: longer than clients wait between tries."""
MAX_KINDS = 100
"""So many are told apart at a time; of more it is only counted how many there were."""

_PASSING = re.compile(r"\s*\((after|average) .*|(?<=#consumer-)\d+|(?<=#producer-)\d+", re.DOTALL)
_NUMBER = re.compile(r"(?<![\w.:#/-])\d[\d.]*(?:ms)?(?![\w.:/-])")


def kind_of(text: str) -> str:
    """Return what a complaint has in common with its repetitions: durations, counts and a client's number are masked.

    Args:
        text: a line of librdkafka's, or the reason of an error; its addresses are kept, for each broker is another
            matter.
    """
    return _NUMBER.sub("0", _PASSING.sub("", text))


class Recurring:
    """Keeps in mind what was told; time comes in as an argument, and whoever shares it between threads locks it."""

    def __init__(self) -> None:
        self._seen_s: dict[str, float] = {}
        self._left_out = 0
        self._remind_at_s = 0.0

    def left_out(self, kind: str, now_s: float) -> int | None:
        """Judge one complaint.

        Args:
            kind: equal for those that say the same.
            now_s: a clock that never goes back.

        Returns:
            How many were left out since the last reminder, 0 for one that says something new; None: leave it out.
        """
        if self._is_new(kind, now_s):
            return 0
        if not self._left_out or now_s > self._remind_at_s + FORGET_AFTER_S:
            self._remind_at_s = now_s + REMIND_AFTER_S
        self._left_out += 1
        if now_s < self._remind_at_s:
            return None
        count, self._left_out = self._left_out - 1, 0
        return count

    def _is_new(self, kind: str, now_s: float) -> bool:
        is_known = now_s - self._seen_s.get(kind, -math.inf) < FORGET_AFTER_S
        if not is_known and len(self._seen_s) >= MAX_KINDS:
            self._seen_s = {each: at_s for each, at_s in self._seen_s.items() if now_s - at_s < FORGET_AFTER_S}
            if len(self._seen_s) >= MAX_KINDS:
                return False
        self._seen_s[kind] = now_s
        return not is_known
