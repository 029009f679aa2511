"""The headers that an outcome has from its event, or because of it (contract section 3)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .model import headers_bytes, position

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from .model import Headers, Message

MAX_TRACE_PARENT_BYTES = 55
MAX_TRACE_STATE_BYTES = 512
MAX_COPIED = 16
"""Headers of an event that are copied, those that come again among them."""
MAX_COPIED_BYTES = 4_096
"""Their size together, estimated from above (`headers_bytes`): an outcome stays small whatever its event carries."""

_TRACE_PARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_TRACE_STATE = re.compile(rb"[\x20-\x7e]+")


def trace_context(headers: Headers) -> Headers:
    """Keep the W3C trace context where it is well-formed; anything else stops here."""
    parent = next((value for name, value in headers if name == "traceparent"), None)
    if parent is None or len(parent) > MAX_TRACE_PARENT_BYTES or not _TRACE_PARENT.fullmatch(parent):
        return []
    state = next((value for name, value in headers if name == "tracestate"), None)
    if state is None or len(state) > MAX_TRACE_STATE_BYTES or not _TRACE_STATE.fullmatch(state):
        return [("traceparent", parent)]
    return [("traceparent", parent), ("tracestate", state)]


def copied(headers: Headers, names: AbstractSet[str]) -> Headers:
    """Copy those headers of an event that its outcome shall carry too, byte for byte and in their order.

    Args:
        headers: of the event.
        names: which; compared letter by letter, as Kafka does.

    Returns:
        At most `MAX_COPIED` of `MAX_COPIED_BYTES` together: one that does not fit is left out whole, never cut, and
        those after it have their chance.
    """
    found: Headers = []
    left_bytes = MAX_COPIED_BYTES
    for header in headers:
        if header[0] in names and len(found) < MAX_COPIED and (size_bytes := headers_bytes([header])) <= left_bytes:
            found.append(header)
            left_bytes -= size_bytes
    return found


def cloudevents(message: Message, group_id: str, timestamp: str) -> Headers:
    """Write the attributes of CloudEvents 1.0, Kafka binding, binary mode.

    Args:
        message: the input.
        group_id: of the consumer group, which is the source of outcomes.
        timestamp: of the outcome, RFC 3339.
    """
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", position(message.partition, message.offset)),
        ("ce_type", b"cxone.delta.executed"),
        ("ce_source", b"/kafka/" + group_id.encode()),
        ("ce_time", timestamp.encode()),
    ]
