"""The events: seeded, of ten datastores of very different size, about 270 bytes each; sent at once or at a pace.

The same changes come in three forms: as native events, and as a Debezium connector writes them, see `envelopes`.
"""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import orjson
from confluent_kafka import Producer

from .api import BenchError
from .envelopes import envelope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SHARES_PERCENT = (30, 20, 14, 10, 8, 6, 5, 4, 2, 1)
"""Of the records, and so of the events: the largest datastore has thirty times what the smallest has."""
RECORDS = 100_000
PARTITIONS = 4
EVENT_BYTES = 270
SEED = 20_260_101
FLUSH_S = 60.0
STEP_S = 0.005
_MEMBERS_BYTES = len('{"dataStoreId":"","id":"","fields":}')
_TIERS = ("bronze", "silver", "gold")
_SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": False,
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 200},
        "email": {"type": "string", "format": "email"},
        "tier": {"enum": list(_TIERS)},
        "balance": {"type": "number"},
        "updatedAt": {"type": "string", "format": "date-time"},
        "note": {"type": "string", "maxLength": 2000},
    },
}


Form = Literal["native", "envelope", "schema"]
"""How an event is written: as the service's own, or as Debezium's envelope, without or with its schema."""


class MadeEvent(NamedTuple):
    """One event: the message's key, which is the record's id, and its value."""

    key: bytes
    value: bytes


def datastore_ids() -> list[str]:
    """Name the datastores, the largest first."""
    return [f"store-{number:02d}" for number in range(len(SHARES_PERCENT))]


class Row(NamedTuple):
    """The change of a record before it is written in one of the forms."""

    datastore_id: str
    record_id: str
    fields: dict[str, Any]


def events(form: Form = "native", seed: int = SEED, records: int = RECORDS) -> Iterator[MadeEvent]:
    """Make events of so many records without end: compact JSON, as `orjson` and Kafka Connect write it."""
    for number, row in enumerate(_rows(seed, records)):
        if form == "native":
            event = {"dataStoreId": row.datastore_id, "id": row.record_id, "fields": row.fields}
            yield MadeEvent(row.record_id.encode(), orjson.dumps(event))
        else:
            yield MadeEvent(*envelope(number, row.datastore_id, row.record_id, row.fields, has_schema=form == "schema"))


def _rows(seed: int, records: int) -> Iterator[Row]:
    """Make changes, padded so that each is of the same length as a native event."""
    rng = random.Random(seed)
    owners = [name for name, share in zip(datastore_ids(), SHARES_PERCENT, strict=True) for _ in range(share)]
    while True:
        index = int(rng.random() * records)
        cents = int(rng.random() * 1_000_000)
        fields = {
            "name": f"Customer {index}",
            "email": f"customer.{index}@example.com",
            "tier": _TIERS[cents % len(_TIERS)],
            "balance": cents / 100,
            "updatedAt": f"2026-01-{1 + cents % 28:02d}T12:{cents % 60:02d}:00Z",
            "note": "",
        }
        row = Row(owners[index % len(owners)], f"record-{index:06d}", fields)
        fields["note"] = "-" * (EVENT_BYTES - _MEMBERS_BYTES - sum(map(len, row[:2])) - len(orjson.dumps(fields)))
        yield row


def write_schemas(directory: Path, envelope: Path) -> None:
    """Write a schema for each datastore, and copy the envelope's, into a directory for `STREAM_SCHEMAS_DIR`."""
    (directory / "datastores").mkdir(parents=True)
    (directory / "envelope.json").write_bytes(envelope.read_bytes())
    for name in datastore_ids():
        schema = {**_SCHEMA, "$id": f"urn:cxone-delta-stream:bench:{name}"}
        (directory / "datastores" / f"{name}.json").write_bytes(orjson.dumps(schema))


class Feed:
    """A producer of one input topic; each event's timestamp is the clock's when it is handed over."""

    def __init__(self, bootstrap_servers: str, topic: str, form: Form = "native", records: int = RECORDS) -> None:
        self._topic = topic
        self._events = events(form, records=records)
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap_servers,
                "partitioner": "murmur2_random",
                "linger.ms": 1,
                "batch.size": 1_000_000,
                "queue.buffering.max.messages": 200_000,
                "delivery.report.only.error": True,
                "log_level": 0,
            }
        )

    def send(self, count: int) -> None:
        """Hand over so many events."""
        for _ in range(count):
            key, value = next(self._events)
            while not self._took(key, value):
                self._producer.poll(0.05)
        self._producer.poll(0)

    def flush(self) -> None:
        """Wait until the broker has them.

        Raises:
            BenchError: it does not take them.
        """
        left = self._producer.flush(FLUSH_S)
        if left:
            raise BenchError(f"the broker did not take {left} events within {FLUSH_S:.0f} s")

    def _took(self, key: bytes, value: bytes) -> bool:
        try:
            self._producer.produce(self._topic, value, key)
        except BufferError:
            return False
        return True


class Pacer(threading.Thread):
    """Sends events at an even rate, so many of them, in a thread of its own."""

    def __init__(self, feed: Feed, rate_per_s: float, count: int, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(name="pacer", daemon=True)
        self._feed = feed
        self._rate_per_s = rate_per_s
        self._count = count
        self._clock = clock
        self._stopped = threading.Event()

    def run(self) -> None:
        """Send until all are sent or `stop`."""
        began_s, sent = self._clock(), 0
        while sent < self._count and not self._stopped.wait(STEP_S):
            due = min(self._count, int((self._clock() - began_s) * self._rate_per_s))
            self._feed.send(due - sent)
            sent = due
        self._feed.flush()

    def stop(self) -> None:
        """Send no more."""
        self._stopped.set()
        if self.is_alive():
            self.join()
