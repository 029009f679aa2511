"""From the events of a batch to the exact bytes of one request (contract section 1)."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import orjson

from .model import Batch

if TYPE_CHECKING:
    import random

    from .model import Event, LaneKey

EXECUTE_HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "If-Match": "*",
    "X-CXone-Version-Stamp": "true",
}
"""The headers of an execute request, beside `Authorization`."""


def fresh_batch_id(rng: random.Random) -> str:
    """Draw the UUID of another request."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def build(batch_id: str, lane: LaneKey, events: tuple[Event, ...]) -> Batch:
    """Join the records of a batch into its request body.

    Args:
        batch_id: a UUID of its own.
        lane: from which the events come.
        events: 1 to 1000, each of another record.

    Returns:
        The batch with its body.
    """
    body = b"".join(
        (
            b'{"dataStoreId":',
            orjson.dumps(lane.datastore_id),
            b',"records":[',
            b",".join([event.record for event in events]),
            b'],"updateType":"',
            lane.update_type.encode(),
            b'","conflictResolution":"',
            lane.conflict_resolution.encode(),
            b'","batchSize":%d,"triggerVersion":true}' % len(events),
        )
    )
    return Batch(batch_id, lane, events, body)
