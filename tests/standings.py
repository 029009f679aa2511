"""Builders of where a loop stands, and of the snapshots that are made of it; each well where a test says nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stream.account import Account
from stream.outbox import State
from stream.partitions import Phase
from stream.standing import DatastoreStanding, PartitionStanding, Standing
from stream.status import EverythingHeld, HeldDatastore, ParkedRecord, Position, Status, Tally

from .builders import PARTITION

if TYPE_CHECKING:
    from stream.holds import Cause
    from stream.snapshot import Snapshot

NOW_MS = 1_790_000_000_000
PLACE = Position(PARTITION, 17)
WELL = Status(None, (), 0, (), 0)


def partition_standing(**changes: Any) -> PartitionStanding:  # noqa: ANN401 - fields of the value
    """Build a partition that flows, with nothing behind."""
    usual: dict[str, Any] = {
        "partition": PARTITION,
        "phase": Phase.FLOWING,
        "refusal": "",
        "committed": 100,
        "lag": 0,
        "window_used": 0,
        "is_paused": False,
    }
    return PartitionStanding(**usual | changes)


def standing(**changes: Any) -> Standing:  # noqa: ANN401 - fields of the value
    """Build a loop with one partition and nothing to do."""
    usual: dict[str, Any] = {
        "now_s": 1_000.0,
        "is_member": True,
        "partitions": (partition_standing(),),
        "lanes": 0,
        "ready": 0,
        "on_wire": 0,
        "waiting": 0,
        "most_on_wire": 8,
        "buffer_used_bytes": 0,
        "buffer_bytes": 67_108_864,
        "outbox": 0,
        "outbox_state": State.IDLE,
        "outbox_since_s": 1_000.0,
        "datastores": (),
        "status": WELL,
        "tally": Tally(),
    }
    return Standing(**usual | changes)


def snapshot(account: Account | None = None, **changes: Any) -> Snapshot:  # noqa: ANN401 - fields of the standing
    """Build what the loop tells where it stands so."""
    return (account or Account(1000)).snapshot(standing(**changes), NOW_MS)


def working(datastore_id: str, *, ready: int = 0, on_way: int = 0, oldest_s: float = 990.0) -> DatastoreStanding:
    """Build a datastore with work."""
    return DatastoreStanding(datastore_id, ready, oldest_s, on_way)


def holding(cause: Cause, reason: str = "the API answered 503", *datastores: str, is_outage: bool = False) -> Status:
    """Build a status in which datastores are held, or everything."""
    names = datastores or ("people",)
    held = tuple(HeldDatastore(name, cause, reason, 90.0, 12.0, 3, PLACE) for name in names)
    return Status(EverythingHeld(reason, 90.0, 12.0) if is_outage else None, held, len(held), (), 0)


def parking(record_id: str = "r7") -> Status:
    """Build a status in which one record is parked."""
    parked = ParkedRecord("people", record_id, "the API answered 500", 3_700.0, 20.0, 9, PLACE)
    return Status(None, (), 0, (parked,), 1)
