"""The task as the floor and the rivals see it: what they are told, one request, the outcomes of its events.

Whatever they need not do differently stands here, in its cheapest form, so that they differ by their machinery only. It
runs in the rivals' own environments: it imports nothing but `httpx` and `orjson`.
"""

from __future__ import annotations

import hashlib
import os
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import httpx
import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Place: TypeAlias = tuple[str, bytes | None, int, int, int]
"""Where an event came from, and what its outcome needs of it: record id, key, partition, offset, timestamp in ms."""

MAX_RECORDS = 1000
_BODY = (
    b'{"dataStoreId":"%b","records":%b,"updateType":"UPSERT","conflictResolution":"OVERWRITE",'
    b'"batchSize":%d,"triggerVersion":true}'
)
TIMEOUT_S = 30.0
PREFIX = "BENCH_"


@dataclass(frozen=True, slots=True)
class Task:
    """What a program is told, by environment variables; times are in seconds."""

    bootstrap_servers: str
    api_url: str
    input_topic: str
    outcome_topic: str
    group_id: str
    linger_s: float
    max_in_flight: int
    schemas_dir: Path

    @classmethod
    def from_environ(cls) -> Task:
        """Read what `environ` wrote."""
        told = {name.removeprefix(PREFIX).lower(): value for name, value in os.environ.items()}
        return cls(
            told["bootstrap_servers"],
            told["api_url"],
            told["input_topic"],
            told["outcome_topic"],
            told["group_id"],
            float(told["linger_s"]),
            int(told["max_in_flight"]),
            Path(told["schemas_dir"]),
        )

    def environ(self) -> dict[str, str]:
        """Write it as environment variables."""
        return {f"{PREFIX}{name}".upper(): str(getattr(self, name)) for name in self.__slots__}


class Caller:
    """The API by synchronous `httpx`, for several threads at once."""

    def __init__(self, task: Task) -> None:
        limits = httpx.Limits(max_connections=task.max_in_flight, max_keepalive_connections=task.max_in_flight)
        self._client = httpx.Client(base_url=task.api_url, timeout=TIMEOUT_S, limits=limits, trust_env=False)
        token = self._client.post("/oauth/token", data={"grant_type": "client_credentials"}).json()["access_token"]
        self._headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "If-Match": "*",
            "X-CXone-Version-Stamp": "true",
        }
        self._topic = task.input_topic

    def execute(self, datastore_id: str, records: bytes, places: Sequence[Place]) -> list[bytes]:
        """Send at most 1000 records and return the outcome of each.

        Args:
            datastore_id: of all of them.
            records: a JSON array.
            places: where the events came from, in the order of the records.

        Raises:
            httpx.HTTPError: anything but a 200; nothing here repeats a request.
            ValueError: the API saw another body than the one that was sent.
        """
        body = _BODY % (datastore_id.encode(), records, len(places))
        checksum = hashlib.sha256(body).hexdigest()
        began_s = time.perf_counter()
        response = self._client.patch("/api/v2/dataactions/records", content=body, headers=self._headers)
        latency_ms = 1000 * (time.perf_counter() - began_s)
        response.raise_for_status()
        if orjson.loads(response.content)["checksum"] != checksum:
            raise ValueError("the API saw another body than the one that was sent")
        template = _template(self._topic, datastore_id, checksum, latency_ms, len(places))
        return [
            template % (record_id.encode(), partition, offset, timestamp_ms)
            for record_id, _, partition, offset, timestamp_ms in places
        ]


def record_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the API is sent of an event."""
    return {"id": document["id"], "fields": document["fields"]}


def _template(topic: str, datastore_id: str, checksum: str, latency_ms: float, size: int) -> bytes:
    """Write what the outcomes of one request have in common, with gaps for the rest."""
    timestamp = datetime.now(UTC).isoformat(timespec="milliseconds")
    return (
        b'{"specVersion":1,"eventType":"cxone.delta.executed","status":"SUCCESS","result":"APPLIED","executed":true,'
        b'"confirmed":true,"dataStoreId":"%b","recordId":"%%b","version":null,"batchId":"%b","batchSize":%d,'
        b'"checksum":"%b","checksumVerified":true,"latencyMs":%.3f,"attempts":1,"timestamp":"%b",'
        b'"source":{"topic":"%b","partition":%%d,"offset":%%d,"timestampMs":%%d},"supersededBy":null,"error":null}'
    ) % (
        datastore_id.encode(),
        str(uuid.uuid4()).encode(),
        size,
        checksum.encode(),
        latency_ms,
        timestamp.encode(),
        topic.encode(),
    )
