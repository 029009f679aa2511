"""What this service writes beside a committed offset, and reads again after a crash.

`version;mark;nonce;since_ms;settled;crc`, for example `1;r;9f3c…;1790000000000;b/wE=;5d1c8e2a`:

- *mark*: `c` (clean) when no request with events of the partition was left unanswered, else `r` (running);
- *nonce*: of the transaction, so that one whose commit got no answer can be recognised;
- *since_ms*: when the group began to read the topic, by which a partition without an offset finds its beginning;
- *settled*: the offsets beyond the committed one that have their outcome already, relative to it: `b` and a bitmap,
  or `r` and runs (gap, length, …) as LEB128 numbers, whichever is shorter, in base64;
- *crc*: CRC-32 of all that stands before it.

The broker takes 4,095 characters (measured). The window of the ledger keeps every set that it can hold below 3,500.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

VERSION = "1"
MAX_SETTLED_CHARACTERS = 3_500
MAX_BITMAP_SPAN = (MAX_SETTLED_CHARACTERS - 1) // 4 * 3 * 8
"""Offsets that a bitmap of `MAX_SETTLED_CHARACTERS` covers, the letter before it counted."""
MAX_SPARSE_EVENTS = 400
"""So many offsets fit as runs, wherever they lie."""


@dataclass(frozen=True, slots=True)
class OffsetMetadata:
    """The metadata of one committed offset; `settled` holds absolute offsets, sorted."""

    clean: bool
    nonce: str
    since_ms: int
    settled: tuple[int, ...] = ()


class UnreadableMetadataError(ValueError):
    """The text was not written by this service, or by a version that this one does not know."""


def encode(metadata: OffsetMetadata, committed: int) -> str:
    """Write the metadata of a committed offset.

    Args:
        metadata: whose `settled` are greater than or equal to `committed`.
        committed: the next offset to read.

    Returns:
        ASCII text.
    """
    mark = "c" if metadata.clean else "r"
    settled = _encode_settled(metadata.settled, committed)
    text = ";".join((VERSION, mark, metadata.nonce, str(metadata.since_ms), settled))
    return f"{text};{binascii.crc32(text.encode()):08x}"


def decode(text: str, committed: int) -> OffsetMetadata:
    """Read the metadata of a committed offset.

    Args:
        text: as committed.
        committed: the offset that it stood beside.

    Returns:
        The metadata.

    Raises:
        UnreadableMetadataError: for any text that `encode` did not write; never guessed (design, ledger).
    """
    if not text.isascii():
        raise UnreadableMetadataError
    body, _, crc = text.rpartition(";")
    parts = body.split(";")
    if crc != f"{binascii.crc32(body.encode()):08x}" or len(parts) != 5 or parts[0] != VERSION:  # noqa: PLR2004
        raise UnreadableMetadataError
    _, mark, nonce, since_ms, settled = parts
    if mark not in ("c", "r"):
        raise UnreadableMetadataError
    try:
        return OffsetMetadata(mark == "c", nonce, int(since_ms), tuple(_decode_settled(settled, committed)))
    except (ValueError, IndexError) as error:
        raise UnreadableMetadataError from error


def _encode_settled(settled: Sequence[int], committed: int) -> str:
    if not settled:
        return ""
    forms = []
    if settled[-1] - committed < MAX_BITMAP_SPAN:
        forms.append("b" + _base64(_bitmap(settled, committed)))
    if not forms or len(settled) <= MAX_SPARSE_EVENTS:
        forms.append("r" + _base64(_runs(settled, committed)))
    return min(forms, key=len)


def _decode_settled(text: str, committed: int) -> Iterable[int]:
    if not text:
        return ()
    data = base64.b64decode(text[1:], validate=True)
    match text[0]:
        case "b":
            return _from_bitmap(data, committed)
        case "r":
            return _from_runs(data, committed)
        case _:
            raise UnreadableMetadataError


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bitmap(settled: Sequence[int], committed: int) -> bytes:
    bits = bytearray((settled[-1] - committed) // 8 + 1)
    for offset in settled:
        distance = offset - committed
        bits[distance >> 3] |= 1 << (distance & 7)
    return bytes(bits)


def _from_bitmap(data: bytes, committed: int) -> Iterator[int]:
    for index, byte in enumerate(data):
        for bit in range(8):
            if byte >> bit & 1:
                yield committed + 8 * index + bit


def _runs(settled: Sequence[int], committed: int) -> bytes:
    numbers = bytearray()
    position, index = committed, 0
    while index < len(settled):
        start = index
        while index + 1 < len(settled) and settled[index + 1] == settled[index] + 1:
            index += 1
        length = index - start + 1
        numbers += _leb128(settled[start] - position) + _leb128(length)
        position = settled[index] + 1
        index += 1
    return bytes(numbers)


def _from_runs(data: bytes, committed: int) -> Iterator[int]:
    numbers = _from_leb128(data)
    position = committed
    count = 0
    for gap in numbers:
        start = position + gap
        position = start + next(numbers, 0)
        count += position - start
        if count > MAX_IN_RUNS:  # all runs together hold hardly more than a window: these were not written by us
            raise UnreadableMetadataError
        yield from range(start, position)


MAX_IN_RUNS = 1 << 20


def _leb128(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:  # noqa: PLR2004
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _from_leb128(data: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in data:
        number |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            yield number
            number = shift = 0
    if shift:
        raise UnreadableMetadataError
