"""An independent reading of JSON, exact and slow, to hold the quick one to."""

from __future__ import annotations

import json
import math
import sys
from decimal import Decimal, InvalidOperation
from typing import Any

from stream.codes import ErrorCode


class Reading:
    """The reference: the standard library with exact decimals, which notes every reason to refuse a text."""

    def __init__(self, text: str) -> None:
        """Read a text that is JSON."""
        self.reasons: set[ErrorCode] = set()
        self.is_subnormal = False
        self.has_constant = False
        self.document: Any = json.loads(
            text,
            object_pairs_hook=self._members,
            parse_int=self._integer,
            parse_float=self._decimal,
            parse_constant=self._constant,
        )

    def _members(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in pairs}) < len(pairs):
            self.reasons.add(ErrorCode.DUPLICATE_KEY)
        return dict(pairs)

    def _integer(self, text: str) -> int:
        number = Decimal(text)
        if not -(2**63) <= number < 2**64:
            self.reasons.add(ErrorCode.NUMBER_OUT_OF_RANGE)
        return int(number)

    def _constant(self, _text: str) -> None:
        self.has_constant = True

    def _decimal(self, text: str) -> Decimal:
        try:
            number = Decimal(text)
        except InvalidOperation:  # an exponent of twenty digits
            number = Decimal(text.lower().partition("e")[0])
            if number:
                self.reasons.add(ErrorCode.NUMBER_OUT_OF_RANGE)
        if len("".join(map(str, number.as_tuple().digits)).strip("0")) > 17:
            self.reasons.add(ErrorCode.NUMBER_TOO_PRECISE)
        if math.isinf(float(text)) or (number and float(text) == 0):
            self.reasons.add(ErrorCode.NUMBER_OUT_OF_RANGE)
        self.is_subnormal |= 0 < abs(float(text)) < sys.float_info.min
        return number


def is_same(read: Any, exact: Any) -> bool:  # noqa: ANN401 - any JSON
    """Whether a read value is the exact one: same types, same members in the same order, the nearest numbers."""
    if isinstance(exact, dict):
        return type(read) is dict and list(read) == list(exact) and all(is_same(read[key], exact[key]) for key in exact)
    if isinstance(exact, list):
        return type(read) is list and len(read) == len(exact) and all(map(is_same, read, exact))
    if isinstance(exact, Decimal):
        return type(read) is float and read == float(exact)
    return type(read) is type(exact) and bool(read == exact)
