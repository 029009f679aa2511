"""The floor: the least that the job costs in Python with the same libraries. Run as a program.

It consumes by thousands, parses, judges by the schemas, groups by datastore, sends by synchronous `httpx` in threads
and writes one outcome each in transactions. It has no lanes, no ledger, no order, no retries and no care for anything
that goes wrong: whatever the service needs more than this is the price of its promises.
"""

from __future__ import annotations

import gc
import queue
import signal
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import jsonschema_rs
import orjson
from confluent_kafka import Consumer, Producer, TopicPartition

from .task import MAX_RECORDS, Caller, Place, Task, record_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ROUND_EVENTS = 30_000
"""So many events are grouped at once: enough for requests that are nearly full, few enough to stay near the core."""
CHUNK = 1000
POLL_S = 0.1
GC_THRESHOLDS = (50_000, 20, 100)


class Group(NamedTuple):
    """The events of one datastore in one round, each serialised at once: bytes cost the collector nothing."""

    records: list[bytes]
    places: list[Place]


class Round(NamedTuple):
    """What one transaction holds: the requests under way, the offsets behind their events, the group's metadata."""

    requests: list[tuple[Future[list[bytes]], list[Place]]]
    offsets: list[TopicPartition]
    group: object


class Schemas:
    """The compiled schemas, by the same library and with the same options as the service has."""

    def __init__(self, directory: Path) -> None:
        self._envelope = _compile(directory / "envelope.json")
        self._fields = {path.stem: _compile(path) for path in (directory / "datastores").glob("*.json")}

    def accept(self, document: dict[str, Any]) -> bool:
        """Judge an event."""
        return self._envelope(document) and self._fields[document["dataStoreId"]](document["fields"])


def _compile(path: Path) -> Callable[[object], bool]:
    return jsonschema_rs.validator_for(
        orjson.loads(path.read_bytes()),
        validate_formats=True,
        pattern_options=jsonschema_rs.RegexOptions(),
        offline=True,
    ).is_valid


class Publisher(threading.Thread):
    """Writes one transaction for each round; `rounds` holds few, so that a slow broker slows the whole."""

    def __init__(self, task: Task) -> None:
        super().__init__(name="publisher", daemon=True)
        self.rounds: queue.Queue[Round | None] = queue.Queue(maxsize=1)
        self._topic = task.outcome_topic
        self._producer = Producer(
            {
                "bootstrap.servers": task.bootstrap_servers,
                "transactional.id": task.group_id,
                "partitioner": "murmur2_random",
                "linger.ms": 50,  # a commit does not wait for it, and without it each message wakes a thread
                "retry.backoff.ms": 2,
                "queue.buffering.max.messages": 2 * ROUND_EVENTS,
                "delivery.report.only.error": True,
            }
        )
        self._producer.init_transactions()

    def run(self) -> None:
        """Write until told to end."""
        while (finished := self.rounds.get()) is not None:
            self._producer.begin_transaction()
            for request, places in finished.requests:
                for place, value in zip(places, request.result(), strict=True):
                    self._producer.produce(self._topic, value, place[1])
            self._producer.send_offsets_to_transaction(finished.offsets, finished.group)
            self._producer.commit_transaction()


def main() -> None:
    """Work until SIGTERM."""
    task = Task.from_environ()
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    schemas, caller, publisher = Schemas(task.schemas_dir), Caller(task), Publisher(task)
    publisher.start()
    consumer = _subscribe(task)
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    with ThreadPoolExecutor(task.max_in_flight) as pool:
        while not ended.is_set() and publisher.is_alive():
            groups, offsets = _read_round(consumer, schemas)
            requests = [
                (pool.submit(caller.execute, datastore_id, b"[%b]" % b",".join(records), places), places)
                for datastore_id, records, places in _parts(groups)
            ]
            if requests:
                ends = [TopicPartition(task.input_topic, partition, end) for partition, end in offsets.items()]
                publisher.rounds.put(Round(requests, ends, consumer.consumer_group_metadata()))
        publisher.rounds.put(None)
        publisher.join()
    consumer.close()


def _subscribe(task: Task) -> Consumer:
    consumer = Consumer(
        {
            "bootstrap.servers": task.bootstrap_servers,
            "group.id": task.group_id,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "partition.assignment.strategy": "cooperative-sticky",
            "fetch.queue.backoff.ms": 5,
            "queued.max.messages.kbytes": 16_384,
        }
    )
    consumer.subscribe([task.input_topic])
    return consumer


def _read_round(consumer: Consumer, schemas: Schemas) -> tuple[dict[str, Group], dict[int, int]]:
    """Read and group what there is; ends early when nothing more comes."""
    groups: dict[str, Group] = {}
    offsets: dict[int, int] = {}
    for _ in range(ROUND_EVENTS // CHUNK):
        messages = consumer.consume(CHUNK, POLL_S)
        _group(messages, schemas, groups, offsets)
        if not messages:
            break
    return groups, offsets


def _group(messages: list[Any], schemas: Schemas, groups: dict[str, Group], offsets: dict[int, int]) -> None:
    loads, dumps, accept = orjson.loads, orjson.dumps, schemas.accept
    for message in messages:
        document = loads(message.value())
        if not accept(document):
            raise ValueError("the bench makes good events only")
        partition, offset = message.partition(), message.offset()
        offsets[partition] = offset + 1
        datastore_id = document["dataStoreId"]
        group = groups.get(datastore_id)
        if group is None:
            group = groups[datastore_id] = Group([], [])
        group.records.append(dumps(record_of(document)))
        group.places.append((document["id"], message.key(), partition, offset, message.timestamp()[1]))


def _parts(groups: dict[str, Group]) -> Iterator[tuple[str, list[bytes], list[Place]]]:
    for datastore_id, (records, places) in groups.items():
        for begin in range(0, len(records), MAX_RECORDS):
            part = slice(begin, begin + MAX_RECORDS)
            yield datastore_id, records[part], places[part]


if __name__ == "__main__":
    main()
