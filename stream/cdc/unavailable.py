"""Recognises a connector's placeholder for a value that it does not know, in every form in which it may be written.

PostgreSQL leaves unchanged values that it stores aside (TOAST) out of its log, and the connector writes the setting
`unavailable.value.placeholder` in their place: as text, as bytes, or as an array of either. Such a column is left out
of the record: it has not changed.
"""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from typing import Any

_HEX = "hex:"


class Unavailable:
    """The forms of one placeholder; they follow the connector's own conversions."""

    def __init__(self, placeholder: str) -> None:
        """Compute the forms.

        Args:
            placeholder: as the connector has it; after `hex:` the octets in hexadecimal.
        """
        octets = placeholder_octets(placeholder)
        text = octets.decode(errors="replace")
        by_name = uuid.UUID(bytes=hashlib.md5(octets, usedforsecurity=False).digest(), version=3)
        self._texts = frozenset(
            {
                placeholder,
                text,
                json.dumps({text: text}, separators=(",", ":"), ensure_ascii=False),
                octets.hex(),
                octets.hex().upper(),
                base64.b64encode(octets).decode(),
                base64.urlsafe_b64encode(octets).decode(),
                str(by_name),
            }
        )
        self._numbers = [octet - 256 if octet > 127 else octet for octet in octets]  # noqa: PLR2004 - Java's bytes

    def absent_from(self, row: dict[str, Any]) -> bool:
        """Tell quickly that no value of a row can be the placeholder; False where it must be looked at closely."""
        try:
            return self._texts.isdisjoint(row.values())
        except TypeError:  # an array or an object cannot be hashed
            return False

    def hides(self, value: object) -> bool:
        """Tell whether a value is, or holds, the placeholder."""
        if type(value) is str:
            return value in self._texts
        if type(value) is list:
            return value == self._numbers or any(map(self.hides, value))
        if type(value) is dict:
            return any(map(self.hides, value)) or any(map(self.hides, value.values()))
        return False


def placeholder_octets(placeholder: str) -> bytes:
    """Return the octets that a connector's setting means.

    Raises:
        ValueError: when what follows `hex:` is not hexadecimal.
    """
    return bytes.fromhex(placeholder.removeprefix(_HEX)) if placeholder.startswith(_HEX) else placeholder.encode()
