"""Decimals as connectors write them: the unscaled integer in base64, its scale in the schema or beside it."""

from __future__ import annotations

import base64
import binascii
import re

MAX_OCTETS = 1_024
"""Of an unscaled integer: 2,466 digits, while a conversion to text stays quick."""
MAX_SCALE = 16_383
"""PostgreSQL's largest; a larger one would only be a way to ask for gigabytes of zeros."""

DECIMAL_TEXT = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d{1,4})?", re.ASCII)
"""A decimal as text that is a JSON number as well."""
_PADDED = re.compile(r"[A-Za-z0-9+/]{2,23}={1,2}")
_MAX_SUSPECT_CHARACTERS = 24


def decimal_text(encoded: str, scale: int) -> str:
    """Decode a decimal into plain digits, as connectors themselves write it with `decimal.handling.mode=string`.

    Args:
        encoded: base64 of the unscaled integer, big-endian two's complement.
        scale: how many digits stand after the point; negative: so many zeros before it.

    Raises:
        ValueError: when it is no such decimal, or one beyond the bounds of this module.
    """
    octets = _octets(encoded)
    if not octets or len(octets) > MAX_OCTETS or abs(scale) > MAX_SCALE:
        raise ValueError
    unscaled = int.from_bytes(octets, "big", signed=True)
    sign, digits = "-" if unscaled < 0 else "", str(abs(unscaled))
    if scale <= 0:
        return sign + digits + ("0" * -scale if unscaled else "")
    digits = digits.rjust(scale + 1, "0")
    return f"{sign}{digits[:-scale]}.{digits[-scale:]}"


def looks_encoded(text: str) -> bool:
    """Tell whether a text may be a decimal in base64.

    Two of three such values end in `=`, which texts of people hardly ever do, and only integers in the shortest form
    are written. The third cannot be told from a word; but a column of decimals soon shows one of the others.
    """
    if len(text) > _MAX_SUSPECT_CHARACTERS or len(text) % 4 or _PADDED.fullmatch(text) is None:
        return False
    octets = _octets(text)
    return base64.b64encode(octets).decode() == text and _is_shortest(octets)


def _octets(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError from error


def _is_shortest(octets: bytes) -> bool:
    if len(octets) == 1:
        return True
    high_bit = octets[1] >= 0x80  # noqa: PLR2004 - the sign of what would remain
    return octets[0] != (0xFF if high_bit else 0x00)
