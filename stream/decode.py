"""From bytes to one JSON object, exactly or not at all.

`orjson` is fast, but it keeps the last of two equal keys and turns integers beyond 64 bits into floats. So a value goes
through the cheapest of three proofs that nothing was changed:

1. It serialises back to the very same bytes: then nothing can be hidden. True for compact JSON.
2. A scan of the bytes: as many members parsed as there are keys, and no run of digits that could be too precise.
3. The exact way: a parser that looks at each key and each number.
"""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import orjson

from .codes import ErrorCode
from .model import Defect

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_SIGNIFICANT_DIGITS = 17
MIN_INTEGER = -(2**63)
MAX_INTEGER = 2**64 - 1

_NUMBER_SHAPE = bytes.maketrans(
    bytes(range(256)),
    bytes(ord("0" if c in "0123456789." else c.lower() if c in "eE-" else " ") for c in map(chr, range(256))),
)
_LONG_NUMBER = b"0" * (MAX_SIGNIFICANT_DIGITS + 1)
_SMALL_EXPONENT = b"0e-000"
_SPACE_AFTER_QUOTE = re.compile(rb'"[ \t\r\n]+:')
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def decode(value: bytes) -> dict[str, Any] | Defect:
    """Read one JSON object.

    Args:
        value: the message's value, not null.

    Returns:
        The object, in which every number equals the one in the text and no key stood twice; or the defect, whose
        message holds nothing of the value (contract section 2).
    """
    try:
        document = orjson.loads(value)
    except orjson.JSONDecodeError:
        return _why_unreadable(value)
    if type(document) is not dict:
        return Defect(ErrorCode.NOT_AN_OBJECT, "The value is JSON, but not an object.", "")
    if _serialises_to(document, value) or _hides_nothing(document, value):
        return document
    return _decode_exactly(value)


def _serialises_to(document: dict[str, Any], value: bytes) -> bool:
    try:
        return orjson.dumps(document) == value
    except orjson.JSONEncodeError:  # nested deeper than it can write: the later serialisation reports it
        return False


def _hides_nothing(document: dict[str, Any], value: bytes) -> bool:
    """Whether a scan of the bytes proves that no key stood twice and no number was changed.

    Where no blank stands between a key and its colon, each member brings exactly one `":`; inside a string those two
    characters can only follow a backslash and make the count too high. So equal counts mean that no member was lost.
    """
    numbers = value.translate(_NUMBER_SHAPE)
    return (
        value.count(b'":') == _members(document, value)
        and _LONG_NUMBER not in numbers
        and _SMALL_EXPONENT not in numbers
        and _SPACE_AFTER_QUOTE.search(value) is None
    )


def _members(document: dict[str, Any], value: bytes) -> int:
    if value.count(b"{") == 2:  # noqa: PLR2004 - the event and its fields: nothing is nested
        return len(document) + sum(len(child) for child in document.values() if type(child) is dict)
    return sum(len(node) for node in _objects(document))


def _objects(root: dict[str, Any]) -> Iterator[dict[str, Any]]:
    stack: list[Any] = [root]
    while stack:
        node = stack.pop()
        if type(node) is dict:
            yield node
            stack.extend(child for child in node.values() if type(child) is dict or type(child) is list)
        else:
            stack.extend(child for child in node if type(child) is dict or type(child) is list)


class _RefusedError(ValueError):
    """A key or number that the exact way refuses."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.defect = Defect(code, message)


def _decode_exactly(value: bytes) -> dict[str, Any] | Defect:
    try:
        document: dict[str, Any] = _EXACT.decode(value.decode())
    except _RefusedError as refused:
        return refused.defect
    except RecursionError:
        return Defect(ErrorCode.NESTED_TOO_DEEP, "The value is nested deeper than can be sent on.")
    return document


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _RefusedError(ErrorCode.DUPLICATE_KEY, "An object in the value holds one key twice.")
    return members


def _exact_integer(text: str) -> int:
    if len(text) > len(str(MIN_INTEGER)) or not MIN_INTEGER <= int(text) <= MAX_INTEGER:
        raise _RefusedError(
            ErrorCode.NUMBER_OUT_OF_RANGE, "An integer in the value needs more than 64 bits; send it as a string."
        )
    return int(text)


def _exact_float(text: str) -> float:
    digits = re.split("[eE]", text)[0].lstrip("-").replace(".", "").strip("0")
    if len(digits) > MAX_SIGNIFICANT_DIGITS:
        raise _RefusedError(
            ErrorCode.NUMBER_TOO_PRECISE,
            f"A decimal in the value has more than {MAX_SIGNIFICANT_DIGITS} significant digits; send it as a string.",
        )
    number = float(text)
    if digits and not _is_normal(number):
        raise _RefusedError(
            ErrorCode.NUMBER_OUT_OF_RANGE, "A number in the value is too large or too small for 64 bits."
        )
    return number


def _is_normal(number: float) -> bool:
    """Whether 17 digits of it survive: below the smallest normal number they do not."""
    return sys.float_info.min <= abs(number) <= sys.float_info.max


def _no_constant(_text: str) -> NoReturn:
    raise _RefusedError(ErrorCode.NOT_JSON, "The value holds NaN or Infinity, which JSON does not know.")


def _why_unreadable(value: bytes) -> Defect:
    if not value:
        return Defect(ErrorCode.EMPTY_VALUE, "The value is empty.")
    if value.startswith(_BYTE_ORDER_MARK):
        return Defect(ErrorCode.NOT_UTF8, "The value begins with a byte order mark; send UTF-8 without it.")
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        return Defect(ErrorCode.NOT_UTF8, f"The value is not UTF-8 at byte {error.start}.")
    return _why_not_json(text)


def _why_not_json(text: str) -> Defect:
    """The standard library's parser names what `orjson` only refuses; it also accepts more, never less strictly."""
    try:
        _STRICT.decode(text)
    except _RefusedError as refused:
        return refused.defect
    except RecursionError:
        return Defect(ErrorCode.NESTED_TOO_DEEP, "The value is nested deeper than can be sent on.")
    except json.JSONDecodeError as error:
        return Defect(ErrorCode.NOT_JSON, f"The value is not JSON at character {error.pos}.")
    if re.search(r"\\u[dD][89a-fA-F]", text):
        return Defect(ErrorCode.NOT_UTF8, "The value holds a lone surrogate, which is no character.")
    return Defect(ErrorCode.NESTED_TOO_DEEP, "The value is nested deeper than can be sent on.")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise _RefusedError(ErrorCode.NUMBER_OUT_OF_RANGE, "A number in the value is too large for 64 bits.")
    return number


# Made once: to make a decoder takes longer than to read an event.
_EXACT = json.JSONDecoder(
    object_pairs_hook=_unique_members,
    parse_int=_exact_integer,
    parse_float=_exact_float,
    parse_constant=_no_constant,
)
_STRICT = json.JSONDecoder(parse_int=_finite, parse_float=_finite, parse_constant=_no_constant)
