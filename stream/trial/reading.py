"""From the lines of a file to messages as Kafka would give them, byte for byte.

A line is the message's value itself, or a whole message: an object with `value` and perhaps `key`, `topic`, `headers`.
Of a whole message the value's own bytes are taken out of the line, not read and written again: a number of twenty
digits must reach the intake as it stands.
"""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from ..errors import StreamError
from ..model import Message, TopicPartition

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

MAX_LINE_BYTES = 16_777_216

_MEMBERS = frozenset({"topic", "partition", "offset", "timestampMs", "key", "value", "headers"})
_BLANKS = " \t\r\n"
_scan = json.JSONDecoder().raw_decode


class Reading(StrEnum):
    """What a line is: the value of a message, a whole message, or whichever it looks like."""

    AUTO = "auto"
    VALUE = "value"
    MESSAGE = "message"


class Line(NamedTuple):
    """A message and the number of its line, from 1."""

    number: int
    message: Message


@dataclass(frozen=True, slots=True)
class Form:
    """How lines are read, and the topic of those that name none."""

    reading: Reading
    topic: str

    def messages(self, lines: Iterable[bytes]) -> Iterator[Line]:
        """Read lines; blank ones are passed over.

        Args:
            lines: with or without their line ends.

        Raises:
            StreamError: for a line that should be a whole message and is none.
        """
        for number, line in enumerate(lines, start=1):
            text = line.strip(_BLANKS.encode())
            if text:
                yield Line(number, self._message(number, text))

    def _message(self, number: int, text: bytes) -> Message:
        parts = None if self.reading is Reading.VALUE else _parts(text)
        if parts is not None and (self.reading is Reading.MESSAGE or _is_message(parts)):
            return _whole(number, parts, self.topic)
        if self.reading is Reading.MESSAGE:
            raise StreamError(f"line {number} is no message; write an object with value, and with key, topic, headers")
        return Message(TopicPartition(self.topic, 0), number - 1, None, None, text, None)


@contextmanager
def open_events(path: Path) -> Iterator[BinaryIO]:
    """Open a file of events; `-` is standard input.

    Raises:
        StreamError: when there is no such file, or it cannot be read.
    """
    if str(path) == "-":
        yield sys.stdin.buffer
        return
    try:
        file = path.open("rb")
    except OSError as error:
        reason = f"{path} cannot be read: {error.strerror}"
        raise StreamError(f"{reason}; name a file of JSON lines, or - for standard input") from error
    with file:
        yield file


def lines_of(file: BinaryIO) -> Iterator[bytes]:
    """Read a file line by line.

    Raises:
        StreamError: for a line above `MAX_LINE_BYTES`.
    """
    while line := file.readline(MAX_LINE_BYTES + 1):
        if len(line) > MAX_LINE_BYTES:
            raise StreamError(f"a line has more than {MAX_LINE_BYTES} bytes, as no message of Kafka's; split the file")
        yield line


def _parts(text: bytes) -> dict[str, str] | None:
    """Take an object apart into its members' own texts; None for anything else, and for an object with a key twice."""
    try:
        whole = text.decode()
        document, end = _scan(whole)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or whole[end:].strip(_BLANKS):
        return None
    parts: dict[str, str] = {}
    at = _after(whole, 1)
    while whole[at] != "}":
        at = _after(whole, at + 1) if whole[at] == "," else at
        name, at = _scan(whole, at)
        begin = _after(whole, _after(whole, at) + 1)
        _, at = _scan(whole, begin)
        if name in parts:
            return None
        parts[name] = whole[begin:at]
        at = _after(whole, at)
    return parts


def _after(text: str, at: int) -> int:
    while text[at] in _BLANKS:
        at += 1
    return at


def _is_message(parts: dict[str, str]) -> bool:
    """Tell a whole message from a row with columns of these names: its value is an object or null."""
    return "value" in parts and parts.keys() <= _MEMBERS and (parts["value"] == "null" or parts["value"][0] == "{")


def _whole(number: int, parts: dict[str, str], topic: str) -> Message:
    named = json.loads(parts.get("topic", "null"))
    headers: Any = json.loads(parts.get("headers", "null"))
    if "value" not in parts or not isinstance(named, str | None) or not isinstance(headers, dict | None):
        raise StreamError(f"line {number} is no message: value is missing, or topic is no text, or headers no object")
    listed = [(name, None if each is None else str(each).encode()) for name, each in (headers or {}).items()]
    place = TopicPartition(topic if named is None else named, 0)
    return Message(place, number - 1, None, _bytes(parts.get("key")), _bytes(parts["value"]), listed or None)


def _bytes(text: str | None) -> bytes | None:
    """Give the bytes that a member stands for: a text its own characters, everything else its JSON, null nothing."""
    if text is None or text == "null":
        return None
    if not text.startswith('"'):
        return text.encode()
    try:
        return str(json.loads(text)).encode()
    except UnicodeEncodeError:
        return text.encode()
