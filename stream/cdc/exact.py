"""Reads a value in which some number cannot be kept exactly, so that only the fields that are sent are judged by it.

A table may have a column that no JSON reader can hold, and a rule that does not send it (contract section 2 speaks of
what is sent). The numbers themselves are judged by `decode`, one by one: its rules are the only ones.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from ..codes import ErrorCode
from ..decode import decode
from ..model import Defect

NUMBER_DEFECTS = frozenset({ErrorCode.NUMBER_OUT_OF_RANGE, ErrorCode.NUMBER_TOO_PRECISE})


class Inexact(NamedTuple):
    """Stands for a number that cannot be kept, and says why."""

    defect: Defect


class _TwiceError(ValueError):
    """A key stands twice in one object."""


def decode_all_but_numbers(text: bytes, defect: Defect) -> dict[str, Any] | Defect:
    """Read an object that `decode` has refused for a number.

    Args:
        text: the object.
        defect: what `decode` says of it.

    Returns:
        The object, with an `Inexact` for each number that cannot be kept; or the defect where there are others.
    """
    try:
        document: dict[str, Any] = _ALL_BUT_NUMBERS.decode(text.decode())
    except _TwiceError:
        return Defect(ErrorCode.DUPLICATE_KEY, "An object in the value holds one key twice.")
    except (ValueError, RecursionError):
        return defect
    return document


def find_inexact(value: object) -> Defect | None:
    """Return why a value cannot be sent exactly; None where it can."""
    if type(value) is Inexact:
        return value.defect
    parts = value.values() if type(value) is dict else value if type(value) is list else ()
    return next((found for part in parts if (found := find_inexact(part)) is not None), None)


def _number(text: str) -> object:
    found = decode(b'{"n":%b}' % text.encode())
    return Inexact(found) if isinstance(found, Defect) else found["n"]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _TwiceError
    return members


def _refuse(_text: str) -> object:
    raise ValueError


# Made once: to make a decoder takes longer than to read an event.
_ALL_BUT_NUMBERS = json.JSONDecoder(
    object_pairs_hook=_unique, parse_int=_number, parse_float=_number, parse_constant=_refuse
)
