"""Values up to what a topic takes: bad ones end in an outcome and a dead letter that fits, good ones are executed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, Producer

from ..harness.feed import event
from ..harness.stage import Layout, Stage

if TYPE_CHECKING:
    from pathlib import Path

    from stream.sandbox.kafka import Kafka

    from ..conftest import TopicFactory

BROKER_LIMIT = 1_048_588
"""`max.message.bytes` of a topic where nobody says otherwise: of a record batch, with its header."""
LARGE_LIMIT = 8_000_000


class LargeFeed:
    """Sends one message at a time, however large, and tells whether the topic took it."""

    def __init__(self, broker: str, topic: str) -> None:
        self._topic = topic
        self._refused: list[KafkaError] = []
        self._producer = Producer(
            {"bootstrap.servers": broker, "message.max.bytes": 2 * LARGE_LIMIT, "linger.ms": 0, "log_level": 0}
        )

    def send(self, value: bytes, key: bytes = b"k") -> bool:
        """Send a message; false where the broker refuses it for its size."""
        refused = len(self._refused)
        self._producer.produce(self._topic, value, key, on_delivery=self._note)
        assert self._producer.flush(30.0) == 0
        return len(self._refused) == refused

    def send_largest(self, below: int) -> int:
        """Find the largest value that the topic takes by trying; return its size in bytes."""
        taken, refused = below - 200, below
        while refused - taken > 1:
            size = (taken + refused) // 2
            if self.send(b"x" * size):
                taken = size
            else:
                refused = size
        return taken

    def _note(self, error: KafkaError | None, _message: object) -> None:
        if error is not None:
            assert error.code() == KafkaError.MSG_SIZE_TOO_LARGE, error
            self._refused.append(error)


def test_bad_values_up_to_the_brokers_limit_have_their_outcome(kafka: Kafka, tmp_path: Path) -> None:
    """A dead letter is whole or, where its reasons make it too large, without key and value; good events go on."""
    with Stage(kafka.bootstrap_servers, tmp_path, Layout(partitions=1, dead_letters={})) as stage:
        feed = LargeFeed(kafka.bootstrap_servers, stage.input)
        largest = feed.send_largest(BROKER_LIMIT)
        assert BROKER_LIMIT - 100 < largest < BROKER_LIMIT
        for less in (300, 500, 700, 1_000, 2_000):
            assert feed.send(b"x" * (BROKER_LIMIT - less))
            assert feed.send(event("s", f"beside {less}", 1))
        stage.start()
        stage.await_all_committed()
        stage.assert_exactly_once()
        values = {record.offset: record.value or b"" for record in stage.records()}
        results = [record.json["result"] for record in stage.outcomes()]
        letters = {int(each.named["__connect.errors.offset"] or b""): each for each in stage.dead_letters()}
    assert results.count("APPLIED") == 5
    assert letters.keys() == {offset for offset, value in values.items() if value.startswith(b"x")}
    whole = {len(values[offset]) for offset, letter in letters.items() if letter.value == values[offset]}
    bare = {len(values[offset]) for offset, letter in letters.items() if letter.value is None}
    assert len(whole | bare) == len(letters)
    assert largest in bare
    assert BROKER_LIMIT - 2_000 in whole
    assert max(whole) < min(bare)
    assert all(("__cxone.value.omitted" in letter.named) == (letter.value is None) for letter in letters.values())


def test_a_good_event_above_the_batch_size_is_executed_alone(
    kafka: Kafka, make_topic: TopicFactory, tmp_path: Path
) -> None:
    """An event larger than `STREAM_BATCH_BYTES`, where its topic takes one, is a request of its own."""
    with Stage(kafka.bootstrap_servers, tmp_path, Layout(partitions=1)) as stage:
        stage.input = make_topic("large", 1, {"max.message.bytes": str(LARGE_LIMIT)})
        feed = LargeFeed(kafka.bootstrap_servers, stage.input)
        for record, size_bytes in (("a", 10), ("b", 6_000_000), ("c", 10)):
            assert feed.send(event("s", record, 1, fields={"number": 1, "text": "x" * size_bytes}))
        stage.start()
        stage.await_all_committed()
        stage.assert_exactly_once()
        stage.assert_requests_sound()
        outcomes = {record.json["recordId"]: record.json for record in stage.outcomes()}
    assert {outcome["result"] for outcome in outcomes.values()} == {"APPLIED"}
    assert outcomes["b"]["batchSize"] == 1
