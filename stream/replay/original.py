"""Is this the message that failed? And what is sent again of it: key, value and headers, byte for byte."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..dead_letter import REASONS
from ..model import Message, TopicPartition, message_bytes
from ..outcome import outcome_key
from ..replayed import Lineage, lineage_headers, without_lineage
from .decision import key_digest

if TYPE_CHECKING:
    from ..model import Headers
    from .decision import Decision, Place


class Resend(NamedTuple):
    """A message to be sent again to its own partition."""

    failed: Decision
    key: bytes | None
    value: bytes | None
    headers: Headers

    @property
    def size_bytes(self) -> int:
        """Its size from above, as the broker judges it."""
        return message_bytes(self.key, self.value, self.headers)


def is_original(failed: Decision, message: Message) -> bool:
    """Tell whether a message is the one that an outcome is of: by position, time and key.

    A topic that was deleted and created again has other messages at the same offsets.
    """
    is_there = (message.partition, message.offset) == (failed.partition, failed.offset)
    return is_there and message.timestamp_ms == failed.timestamp_ms and _fits_key(failed, message)


def _fits_key(failed: Decision, message: Message) -> bool:
    """Compare keys where the outcome tells one; of a key too large for the outcome's topic it tells the position."""
    return failed.key is None or failed.key == key_digest(outcome_key(message))


def resend(failed: Decision, message: Message) -> Resend:
    """Make the message that is sent again: the headers that the event came with, and then our two."""
    again = Lineage(failed.lineage.origin, failed.lineage.attempt + 1)
    headers = [*without_lineage(message.headers or []), *lineage_headers(failed.partition, again)]
    return Resend(failed, message.key, message.value, headers)


def letter_place(letter: Message) -> tuple[Place, str, str] | None:
    """Read of which message a dead letter is the copy, and with what result and code it failed.

    Args:
        letter: a message of the dead letter topic.

    Returns:
        Position, result and code; None where it is no whole copy: of too large an input the reasons alone are kept.
    """
    reasons = letter.headers[-len(REASONS) :] if letter.headers else []
    if tuple(name for name, _ in reasons) != REASONS:
        return None
    try:
        named = {name: (value or b"").decode() for name, value in reasons}
        topic, partition, offset = (named[f"__connect.errors.{part}"] for part in ("topic", "partition", "offset"))
        return (TopicPartition(topic, int(partition)), int(offset)), named["__cxone.result"], named["__cxone.code"]
    except ValueError:
        return None


def from_letter(failed: Decision, letter: Message) -> Message | None:
    """Take the message that failed out of its dead letter.

    Args:
        failed: its outcome.
        letter: as it stands in the dead letter topic.

    Returns:
        The message as it was; None where the letter is of another one.
    """
    if letter_place(letter) != ((failed.partition, failed.offset), failed.result, failed.code):
        return None
    headers = (letter.headers or [])[: -len(REASONS)]
    message = Message(failed.partition, failed.offset, failed.timestamp_ms, letter.key, letter.value, headers)
    return message if _fits_key(failed, message) else None
