"""EDGE, Kafka in: the consumer. The only thread that may call it is the loop's.

What librdkafka 2.16 taught, each measured:

- an exception in a callback of `consume()` silently drops the fetched batch: callbacks keep it and `poll` raises it;
- a call from a second thread starves while another one loops in `consume()`;
- a partition that is assigned paused and sought later loses its place now and then: so a partition is assigned to
  librdkafka only in `begin`, at its offset; until then the group believes us to have it, and that is enough;
- the flag "paused" survives a reassignment: `begin` resumes.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka import Message as KafkaMessage
from confluent_kafka import TopicPartition as KafkaPartition

from .consumer_properties import consumer_properties
from .errors import FatalError
from .fetched import runs
from .log import get_log
from .membership import is_member
from .model import TopicPartition
from .partitions import CommittedOffset, Offset
from .rights import Rights

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from .model import Run
    from .ports import Rebalance
    from .settings import Kafka

CHUNK = 1_000
CALL_TIMEOUT_S = 0.2
"""Longest wait for a broker's answer inside a turn of the loop."""
MAX_CALL_TIMEOUT_S = 2.0
"""How long the question for a log's ends may take, where a broker is far away or holds fetches longer."""
MAX_OFFSETS_TIMEOUT_S = 0.5
"""The same for the committed offsets, which an open transaction of a dead member can hold back for 30 s."""

FATAL_FIX = (
    "look whether another process uses the same KAFKA_INSTANCE_ID; if none does, a broker has stood still for about a "
    "session, and this instance need only be started again"
)

_POSITION_LOST = frozenset({KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE})  # noqa: SLF001


class KafkaSource:
    """The consumer of the input topics."""

    def __init__(self, kafka: Kafka) -> None:
        self._topics = list(kafka.input_topics)
        self._rights = Rights.of(kafka, "consumer")
        self._failure: BaseException | None = None
        self._is_cut_off = False
        self._names: dict[tuple[str, int], TopicPartition] = {}
        self._to_begin: dict[TopicPartition, int] = {}
        self._held: set[TopicPartition] = set()
        self._assigned: set[TopicPartition] = set()
        self._out_of_range: list[TopicPartition] = []
        self._call_timeout_s = CALL_TIMEOUT_S
        self._log = get_log()
        properties = {**consumer_properties(kafka), "error_cb": self._on_error}
        self._consumer = Consumer(properties, logger=logging.getLogger("kafka.consumer"))

    def subscribe(self, rebalance: Rebalance) -> None:
        """Join the group; `rebalance` is told of its decisions inside of `poll`."""
        self._consumer.subscribe(
            self._topics,
            on_assign=self._guarded(rebalance.assigned, self._assign_nothing_yet),
            on_revoke=self._guarded(rebalance.revoked, self._unassign),
            on_lost=self._guarded(rebalance.lost, self._unassign),
        )

    def poll(self, timeout_s: float) -> Sequence[Run]:
        """Take the next chunk.

        Args:
            timeout_s: longest wait for a full chunk.

        Returns:
            Runs of messages, in the order of each partition.

        Raises:
            FatalError: when the consumer cannot go on; messages may be lost to it, so the process must end.
        """
        self._begin_waiting()
        try:
            fetched = self._consumer.consume(CHUNK, timeout_s)
        except KafkaException as error:
            what = f"the consumer cannot go on: {error.args[0].str()}"
            raise FatalError(what) from error
        messages = self._without_errors(fetched) if any(map(KafkaMessage.error, fetched)) else fetched
        if self._failure is not None:
            raise self._failure
        if self._is_cut_off and messages:
            self._is_cut_off = False
            self._log.info("brokers_answer_again")
        return runs(messages, self._name)

    def out_of_range(self) -> Sequence[TopicPartition]:
        """Name partitions whose position has left the log, since the last call."""
        partitions, self._out_of_range = self._out_of_range, []
        return partitions

    def committed(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, CommittedOffset]:
        """Read committed offsets and the ends of the log, as far as the broker answers in one call's time.

        A partition without a leader, or whose offset an open transaction holds back, is left out: the others go on.
        """
        found: dict[TopicPartition, CommittedOffset] = {}
        for partition, offset in (self.offsets(partitions) or {}).items():
            try:
                found[partition] = CommittedOffset(offset.offset, offset.text, *self._ends_of_log(partition))
            except KafkaException as error:
                self._log.debug("ends_not_read", partition=str(partition), reason=error.args[0].str())
                if error.args[0].code() == KafkaError._TIMED_OUT:  # noqa: SLF001
                    break  # the time of this turn is used up
        return found

    def offsets(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, Offset] | None:
        """Read committed offsets with their metadata; None when the broker did not answer in time."""
        wanted = [KafkaPartition(*each) for each in partitions]
        try:
            answers = self._consumer.committed(wanted, timeout=min(self._call_timeout_s, MAX_OFFSETS_TIMEOUT_S))
        except KafkaException as error:
            self._call_timeout_s = min(2 * self._call_timeout_s, MAX_CALL_TIMEOUT_S)
            self._log.debug("offsets_not_read", reason=error.args[0].str())
            return None
        return {
            self._name(answer.topic, answer.partition): Offset(
                answer.offset if answer.offset >= 0 else None, answer.metadata or ""
            )
            for answer in answers
            if not answer.error
        }

    def _ends_of_log(self, partition: TopicPartition) -> tuple[int, int]:
        timeout_s = self._call_timeout_s
        self._call_timeout_s = min(2 * timeout_s, MAX_CALL_TIMEOUT_S)  # unless it answers
        ends = self._consumer.get_watermark_offsets(KafkaPartition(*partition), timeout=timeout_s, cached=False)
        if not ends:  # the binding gives None on a time-out
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001
        self._call_timeout_s = CALL_TIMEOUT_S
        return ends

    def committed_texts(self, topic: str) -> list[str] | None:
        """Read the metadata of all partitions of a topic that have a committed offset; None unless all are known."""
        try:
            described = self._consumer.list_topics(topic, timeout=self._call_timeout_s).topics[topic]
        except KafkaException:
            return None
        names = [self._name(topic, number) for number in described.partitions]
        found = self.offsets(names) if names and described.error is None else None
        if found is None or len(found) < len(names):
            return None
        return [offset.text for offset in found.values() if offset.offset is not None and offset.text]

    def offset_at(self, partition: TopicPartition, timestamp_ms: int) -> int | None:
        """Find the first offset written at or after a time, or the end; None without an answer."""
        wanted = [KafkaPartition(*partition, timestamp_ms)]
        try:
            (found,) = self._consumer.offsets_for_times(wanted, timeout=self._call_timeout_s)
            if found.error is None and found.offset >= 0:
                return int(found.offset)
            return self._ends_of_log(partition)[1]
        except KafkaException:
            return None

    def begin(self, partition: TopicPartition, offset: int) -> None:
        """Let an assigned partition flow from an offset, from the next poll on (never inside of a callback)."""
        self._to_begin[partition] = offset
        self._held.discard(partition)

    def pause(self, partitions: Collection[TopicPartition]) -> None:
        """Stop fetching; one that has not begun yet begins when it is resumed."""
        flowing = [KafkaPartition(*each) for each in partitions if each in self._assigned]
        self._held.update(each for each in partitions if each in self._to_begin)
        if flowing:
            self._consumer.pause(flowing)

    def resume(self, partitions: Collection[TopicPartition]) -> None:
        """Go on fetching."""
        self._held.difference_update(partitions)
        self._consumer.resume([KafkaPartition(*each) for each in partitions if each in self._assigned])

    def log_ends(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        """Say where logs end, as the last fetch of each has told: of a paused partition it grows old."""
        flowing = [each for each in partitions if each in self._assigned]
        ends = {each: self._consumer.get_watermark_offsets(KafkaPartition(*each), cached=True) for each in flowing}
        return {each: end for each, (_, end) in ends.items() if end >= 0}

    def is_member(self) -> bool:
        """Whether the group has us."""
        return self.group() is not None

    def group(self) -> object | None:
        """Take the group metadata for a transaction; None while this instance is not a member.

        Metadata of generation -1 or without a member would switch the broker's fencing off (measured).
        """
        metadata: bytes | None = self._consumer.consumer_group_metadata()
        return metadata if metadata is not None and is_member(metadata) else None

    def close(self) -> None:
        """Leave the group (a static member does not leave)."""
        self._consumer.close()

    def _begin_waiting(self) -> None:
        to_begin = {each: offset for each, offset in self._to_begin.items() if each not in self._held}
        if not to_begin:
            return
        begun = [KafkaPartition(*each, offset) for each, offset in to_begin.items()]
        self._assigned.update(to_begin)
        self._to_begin = {each: offset for each, offset in self._to_begin.items() if each in self._held}
        try:
            self._consumer.incremental_assign(begun)
            self._consumer.resume(begun)
        except KafkaException as error:
            what = f"the consumer cannot begin its partitions: {error.args[0].str()}"
            raise FatalError(what) from error

    def _guarded(
        self, tell: Callable[[list[TopicPartition]], None], act: Callable[[list[TopicPartition]], None]
    ) -> Callable[[Consumer, list[KafkaPartition]], None]:
        """Make a callback that never raises: what it cannot do is raised by `poll`."""

        def callback(_consumer: Consumer, partitions: list[KafkaPartition]) -> None:
            named = [self._name(each.topic, each.partition) for each in partitions]
            try:
                tell(named)
                act(named)
            except BaseException as failure:  # noqa: BLE001 - kept, and raised as soon as `consume` has returned
                self._failure = failure

        return callback

    def _assign_nothing_yet(self, _partitions: list[TopicPartition]) -> None:
        self._consumer.incremental_assign([])

    def _unassign(self, partitions: list[TopicPartition]) -> None:
        for each in partitions:
            self._to_begin.pop(each, None)
            self._held.discard(each)
        gone = [each for each in partitions if each in self._assigned]
        self._assigned.difference_update(gone)
        self._consumer.incremental_unassign([KafkaPartition(*each) for each in gone])

    def _without_errors(self, fetched: Sequence[KafkaMessage]) -> list[KafkaMessage]:
        """Take note of the errors that came in a message's place."""
        messages = []
        for message in fetched:
            instead = message.error()
            if instead is None:
                messages.append(message)
            else:
                self._note_error(instead, message)
        return messages

    def _name(self, topic: str | None, partition: int | None) -> TopicPartition:
        """Share the names: a million messages hold a handful of them."""
        if topic is None or partition is None:  # the stubs allow it
            raise ValueError("a message without a topic and a partition")
        name = self._names.get((topic, partition))
        if name is None:
            name = self._names[topic, partition] = TopicPartition(topic, partition)
        return name

    def _note_error(self, error: KafkaError, message: KafkaMessage) -> None:
        """Take note of an error that came in a message's place."""
        if error.code() in _POSITION_LOST and message.partition() is not None:
            self._out_of_range.append(self._name(message.topic(), message.partition()))
        else:
            self._on_error(error)

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal() or error.code() == KafkaError._FATAL:  # noqa: SLF001 - one in a message's place has no flag
            what = f"the consumer met a fatal error: {error.str()}"
            self._failure = FatalError(what, FATAL_FIX)
        else:
            self._is_cut_off |= error.code() == KafkaError._ALL_BROKERS_DOWN  # noqa: SLF001 - as above
            reason = self._rights.explained(error.name(), error.str())
            self._log.warning("consumer_error", code=error.name(), reason=reason)
