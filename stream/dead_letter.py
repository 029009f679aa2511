"""What the dead letter topic is given of a failed event: the input as it came, and why it failed (contract, 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .model import DeadLetter, Result

if TYPE_CHECKING:
    from .model import Defect, Headers, Message


REASONS = (
    "__connect.errors.topic",
    "__connect.errors.partition",
    "__connect.errors.offset",
    "__connect.errors.stage",
    "__connect.errors.class.name",
    "__connect.errors.exception.class.name",
    "__connect.errors.exception.message",
    "__cxone.result",
    "__cxone.code",
)
"""The headers that a dead letter has behind those of the input, in their order."""


def dead_letter(message: Message, result: Result, defect: Defect) -> DeadLetter:
    """Copy an input for the dead letter topic.

    Args:
        message: as it came; copied byte for byte.
        result: of its outcome.
        defect: why it failed.

    Returns:
        The copy, with the headers that Kafka Connect's tools read, and two of ours.
    """
    topic, partition = message.partition
    stage = b"VALUE_CONVERTER" if result in (Result.INVALID, Result.UNSUPPORTED) else b"TASK_PUT"
    texts = (
        topic.encode(),
        b"%d" % partition,
        b"%d" % message.offset,
        stage,
        b"cxone-delta-stream",
        result.encode(),
        defect.message.encode(),
        result.encode(),
        defect.code.encode(),
    )
    reasons: Headers = list(zip(REASONS, texts, strict=True))
    return DeadLetter(message.key, message.value, message.headers or [], reasons)


def without_value(letter: DeadLetter) -> DeadLetter:
    """Shrink a dead letter that is too large for its topic to the headers that say why (contract section 3)."""
    return DeadLetter(None, None, [], [*letter.reasons, ("__cxone.value.omitted", b"size")])
