"""Quix Streams doing the job, in its own way: a batching sink, at least once. Run as a program in its own environment.

The application hands the sink one batch for each partition at each checkpoint; the sink groups it by datastore, sends
the requests side by side, and writes one outcome each before the checkpoint commits the offsets. There is no schema,
and nothing keeps a record's events apart or in order. Settings are those that were fastest here: larger checkpoints and
a shorter commit interval than the defaults, and librdkafka's back-off of a full queue as the service has it.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import orjson
from quixstreams import Application
from quixstreams.sinks.base import BatchingSink, SinkBatch

from .task import MAX_RECORDS, Caller, Place, Task, record_of

if TYPE_CHECKING:
    from quixstreams.sinks.base.item import SinkItem

CHECKPOINT_EVENTS = 40_000


class ApiSink(BatchingSink):
    """Sends batches to the API, and their outcomes to Kafka."""

    def __init__(self, app: Application, task: Task) -> None:
        super().__init__()
        self._topic = task.outcome_topic
        self._caller = Caller(task)
        self._pool = ThreadPoolExecutor(task.max_in_flight)
        self._producer = app.get_producer()

    def write(self, batch: SinkBatch) -> None:
        """Send what one partition brought since the last checkpoint."""
        groups: dict[str, list[SinkItem]] = {}
        for item in batch:
            groups.setdefault(item.value["dataStoreId"], []).append(item)
        parts = [
            (datastore_id, items[begin : begin + MAX_RECORDS])
            for datastore_id, items in groups.items()
            for begin in range(0, len(items), MAX_RECORDS)
        ]
        done = self._pool.map(lambda part: self._execute(part[0], part[1], batch.partition), parts)
        for (_, items), outcomes in zip(parts, done, strict=True):
            for item, outcome in zip(items, outcomes, strict=True):
                self._producer.produce(self._topic, outcome, item.key)

    def flush(self) -> None:
        """Send all batches; their outcomes are with the broker when this returns."""
        super().flush()
        self._producer.flush()

    def _execute(self, datastore_id: str, items: list[SinkItem], partition: int) -> list[bytes]:
        records = orjson.dumps([record_of(item.value) for item in items])
        return self._caller.execute(datastore_id, records, [_place(item, partition) for item in items])


def _place(item: SinkItem, partition: int) -> Place:
    return item.value["id"], item.key, partition, item.offset, item.timestamp


def main() -> None:
    """Work until SIGTERM."""
    task = Task.from_environ()
    app = Application(
        broker_address=task.bootstrap_servers,
        consumer_group=task.group_id,
        auto_offset_reset="earliest",
        commit_interval=task.linger_s,
        commit_every=CHECKPOINT_EVENTS,
        consumer_extra_config={"fetch.queue.backoff.ms": 5},
        auto_create_topics=False,
        loglevel="WARNING",
    )
    stream = app.dataframe(app.topic(task.input_topic, value_deserializer="json", key_deserializer="bytes"))
    stream.sink(ApiSink(app, task))
    app.run()


if __name__ == "__main__":
    main()
