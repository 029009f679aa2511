"""Arroyo doing the job, in its own way: a chain of strategies, at least once. Run in its own environment.

BatchStep → RunTask → UnbatchStep → Produce → CommitOffsets, as in its own example of a batched consumer. The task
groups a batch by datastore and sends the requests side by side; each outcome is produced by itself, and the last one
makes the offsets of the batch committable. There is no schema, and nothing keeps a record's events apart or in order.
Settings are those that were fastest here: batches of ten thousand (RunTaskInThreads instead of RunTask is slower by
half: its main loop takes one message at a time and waits for the interpreter after each), and librdkafka's back-off of
a full queue as the service has it.
"""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson
from arroyo.backends.kafka import KafkaConsumer, KafkaPayload, KafkaProducer
from arroyo.backends.kafka.configuration import build_kafka_configuration, build_kafka_consumer_configuration
from arroyo.processing import StreamProcessor
from arroyo.processing.strategies import (
    BatchStep,
    CommitOffsets,
    ProcessingStrategy,
    ProcessingStrategyFactory,
    Produce,
    RunTask,
    UnbatchStep,
)
from arroyo.types import Topic, Value

from .task import MAX_RECORDS, Caller, Place, Task, record_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from arroyo.processing.strategies.batching import ValuesBatch
    from arroyo.types import BrokerValue, Commit, Message, Partition

BATCH_EVENTS = 10_000
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - as Arroyo has it: UTC without saying so


Events: TypeAlias = "list[tuple[dict[str, Any], BrokerValue[KafkaPayload]]]"


class Sender:
    """The task of a batch: its events to the API, its outcomes to the next step."""

    def __init__(self, task: Task) -> None:
        self._caller = Caller(task)
        self._pool = ThreadPoolExecutor(task.max_in_flight)

    def send(self, message: Message[ValuesBatch[KafkaPayload]]) -> ValuesBatch[KafkaPayload]:
        """Send one batch."""
        groups: dict[str, Events] = {}
        for value in message.payload:
            document = orjson.loads(value.payload.value)
            groups.setdefault(document["dataStoreId"], []).append((document, value))
        parts = [
            (datastore_id, events[begin : begin + MAX_RECORDS])
            for datastore_id, events in groups.items()
            for begin in range(0, len(events), MAX_RECORDS)
        ]
        done = self._pool.map(lambda part: self._execute(*part), parts)
        # Without offsets of their own: the last one makes those of the whole batch committable.
        return [
            Value(KafkaPayload(value.payload.key, outcome, []), {})
            for (_, events), outcomes in zip(parts, done, strict=True)
            for (_, value), outcome in zip(events, outcomes, strict=True)
        ]

    def _execute(
        self, datastore_id: str, events: list[tuple[dict[str, Any], BrokerValue[KafkaPayload]]]
    ) -> list[bytes]:
        records = orjson.dumps([record_of(document) for document, _ in events])
        return self._caller.execute(datastore_id, records, [_place(*event) for event in events])


def _place(document: dict[str, Any], value: BrokerValue[KafkaPayload]) -> Place:
    timestamp_ms = round((value.timestamp - _EPOCH) / timedelta(milliseconds=1))
    return document["id"], value.payload.key, value.partition.index, value.offset, timestamp_ms


class Factory(ProcessingStrategyFactory[KafkaPayload]):
    """Builds the chain when partitions are assigned."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._sender = Sender(task)
        self._producer = KafkaProducer(
            build_kafka_configuration(
                {}, [task.bootstrap_servers], {"linger.ms": 5, "queue.buffering.max.messages": 1_000_000}
            ),
            use_simple_futures=True,
        )

    def create_with_partitions(
        self, commit: Commit, _partitions: Mapping[Partition, int]
    ) -> ProcessingStrategy[KafkaPayload]:
        """Build the chain."""
        produce = Produce(self._producer, Topic(self._task.outcome_topic), CommitOffsets(commit), 100_000)
        return BatchStep(BATCH_EVENTS, self._task.linger_s, RunTask(self._sender.send, UnbatchStep(produce)))


def main() -> None:
    """Work until SIGTERM."""
    task = Task.from_environ()
    consumer = KafkaConsumer(
        build_kafka_consumer_configuration(
            {},
            task.group_id,
            bootstrap_servers=[task.bootstrap_servers],
            override_params={"fetch.queue.backoff.ms": 5},
            enable_auto_commit=False,
        )
    )
    processor = StreamProcessor(consumer, Topic(task.input_topic), Factory(task))
    signal.signal(signal.SIGTERM, lambda *_: processor.signal_shutdown())
    processor.run()


if __name__ == "__main__":
    main()
