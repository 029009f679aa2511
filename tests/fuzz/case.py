"""One input of a fuzzer: a whole message as one string of bytes, in a form that a mutation keeps readable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

SEPARATOR: Final = b"\xff\xfe\xfd"
"""Between value, key, and names and values of headers by turns. It is no UTF-8, so no JSON loses a byte to it."""
NULL: Final = b"\xff\xff"
"""Stands for null: a part that is empty is an empty one."""


class Parts(NamedTuple):
    """What a message is made of."""

    value: bytes | None
    key: bytes | None
    headers: list[tuple[str, bytes | None]] | None


def case_of(
    value: bytes | None, key: bytes | None = b"key", headers: Sequence[tuple[bytes, bytes | None]] = ()
) -> bytes:
    """Write a message as one string of bytes; `parts_of` reads it."""
    parts = [value, key, *(part for header in headers for part in header)]
    return SEPARATOR.join(NULL if part is None else part for part in parts)


def parts_of(case: bytes) -> Parts:
    """Read a message's parts from any bytes; what holds no separator is all value.

    A header's name that is no UTF-8 never comes out of the Kafka client, so it is mended here as well.
    """
    parts = [None if part == NULL else part for part in case.split(SEPARATOR)]
    value, key, rest = parts[0], parts[1] if len(parts) > 1 else None, parts[2:]
    headers = [
        ((name or b"").decode(errors="replace"), content) for name, content in zip(rest[0::2], rest[1::2], strict=False)
    ]
    return Parts(value, key, headers or None)
