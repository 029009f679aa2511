"""What an event that was sent again says of itself, in two headers (contract section 3; `docs/replay.md`).

`__cxone.replay.source` is the position of the first message of the event, `__cxone.replay.attempt` counts how often it
was sent again. A replay goes to the partition of the first message, so all that order is about is an offset: the
*origin* of an event is the offset of its first message.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from .model import position

if TYPE_CHECKING:
    from .model import Headers, TopicPartition

ATTEMPT = "__cxone.replay.attempt"
SOURCE = "__cxone.replay.source"

_NUMBER = re.compile(rb"0|[1-9][0-9]{0,18}")


class Lineage(NamedTuple):
    """Where a message comes from: the offset of the event's first message, and the attempt, 0 for that message."""

    origin: int
    attempt: int


def lineage(partition: TopicPartition, offset: int, headers: Headers | None) -> Lineage:
    """Read where a message comes from.

    Args:
        partition: where it stands.
        offset: the same.
        headers: as they came; anything but what a replay to this very partition writes counts for nothing, so that a
            copy of a topic, or a header that somebody made up, leads nowhere.

    Returns:
        Its origin; its own offset and attempt 0 for a message that was not sent again.
    """
    own = Lineage(offset, 0)
    if not headers or SOURCE not in (named := dict(headers)):
        return own
    source, attempt = named[SOURCE] or b"", named.get(ATTEMPT) or b""
    prefix = position(partition, 0)[:-1]
    if not source.startswith(prefix) or not _NUMBER.fullmatch(source[len(prefix) :]) or not _NUMBER.fullmatch(attempt):
        return own
    found = Lineage(int(source[len(prefix) :]), int(attempt))
    return found if found.origin < offset and found.attempt else own


def lineage_headers(partition: TopicPartition, of: Lineage) -> Headers:
    """Write the headers of a message that is sent again; none for one that is not."""
    if not of.attempt:
        return []
    return [(SOURCE, position(partition, of.origin)), (ATTEMPT, b"%d" % of.attempt)]


def without_lineage(headers: Headers) -> Headers:
    """Return the headers that the event itself came with."""
    return [header for header in headers if header[0] not in (SOURCE, ATTEMPT)]
