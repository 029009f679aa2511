"""Writes what no client library would: one message by Kafka's own protocol, with any bytes as a header's name.

Produce, version 7, with a record batch of magic 2, to a broker that leads the partition.
"""

from __future__ import annotations

import socket
import struct
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

TIMEOUT_S = 10.0
_PRODUCE, _VERSION = 0, 7
_CASTAGNOLI = 0x82F63B78


def produce_raw(broker: str, topic: str, value: bytes, key: bytes, headers: Sequence[tuple[bytes, bytes]]) -> None:
    """Write one message to partition 0 of a topic, and wait until the broker has it.

    Raises:
        AssertionError: the broker refuses it.
    """
    batch = _record_batch(_record(value, key, headers))
    name = struct.pack(">h", len(topic)) + topic.encode()
    body = struct.pack(">hhii", -1, -1, 10_000, 1) + name + struct.pack(">iii", 1, 0, len(batch)) + batch
    request = struct.pack(">hhih", _PRODUCE, _VERSION, 1, -1) + body
    host, _, port = broker.rpartition(":")
    with socket.create_connection((host, int(port)), TIMEOUT_S) as connection, connection.makefile("rb") as answers:
        connection.sendall(struct.pack(">i", len(request)) + request)
        (size,) = struct.unpack(">i", answers.read(4))
        answer = answers.read(size)
    (error,) = struct.unpack_from(">h", answer, 4 + 4 + len(name) + 4 + 4)
    assert error == 0, f"the broker answered with error {error}"


def _record(value: bytes, key: bytes, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    parts = [b"\0", _varint(0), _varint(0), _sized(key), _sized(value), _varint(len(headers))]
    parts += [_sized(part) for header in headers for part in header]
    return _sized(b"".join(parts))


def _sized(part: bytes) -> bytes:
    return _varint(len(part)) + part


def _varint(number: int) -> bytes:
    """Encode a number that is not negative: doubled (zigzag), seven bits a byte, the lowest first."""
    number *= 2
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


def _record_batch(record: bytes) -> bytes:
    now_ms = time.time_ns() // 1_000_000
    checked = struct.pack(">hiqqqhii", 0, 0, now_ms, now_ms, -1, -1, -1, 1) + record
    tail = struct.pack(">ibI", -1, 2, _crc32c(checked)) + checked
    return struct.pack(">qi", 0, len(tail)) + tail


def _crc32c(text: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in text:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (_CASTAGNOLI * (crc & 1))
    return crc ^ 0xFFFFFFFF
