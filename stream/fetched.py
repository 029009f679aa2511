"""EDGE, Kafka in: from the binding's messages to runs of ours, a whole run at each step.

Each column of a run is read by one call that loops in C: read message by message, a chunk takes twice the time.
"""

from __future__ import annotations

from functools import partial
from itertools import groupby, repeat
from typing import TYPE_CHECKING, Any

from confluent_kafka import Message as KafkaMessage

from .model import Message, Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from .model import TopicPartition

_message = partial(tuple.__new__, Message)
"""Makes a message of its six values: a named tuple's own constructor is a Python function, at twice the time."""


def runs(messages: Sequence[KafkaMessage], name: Callable[[str | None, int | None], TopicPartition]) -> list[Run]:
    """Read fetched messages.

    Args:
        messages: without errors among them.
        name: returns the shared name of a partition.

    Returns:
        The messages in their order, those of one partition that follow each other in one run.
    """
    found = []
    places = zip(map(KafkaMessage.topic, messages), map(KafkaMessage.partition, messages), strict=True)
    begin = 0
    for place, same in groupby(places):
        end = begin + sum(1 for _ in same)
        partition = name(*place)
        found.append(Run(partition, _read(partition, messages[begin:end])))
        begin = end
    return found


def _read(partition: TopicPartition, messages: Sequence[KafkaMessage]) -> list[Message]:
    columns: Iterable[tuple[Any, ...]] = zip(
        repeat(partition),
        map(KafkaMessage.offset, messages),
        [timestamp_ms if kind else None for kind, timestamp_ms in map(KafkaMessage.timestamp, messages)],
        map(KafkaMessage.key, messages),
        map(KafkaMessage.value, messages),
        _headers(messages),
        strict=False,  # the first has no end
    )
    return list(map(_message, columns))


def _headers(messages: Sequence[KafkaMessage]) -> list[Any]:
    """Read the headers of each message; None where a name is no UTF-8, for which the binding has only an exception.

    Each message is asked once: to a second question it answers with a null pointer, and the process dies (2.16).
    """
    headers: list[Any] = []
    reading = map(KafkaMessage.headers, messages)
    while len(headers) < len(messages):
        try:
            headers.extend(reading)  # keeps what it has read before the exception
        except (SystemError, UnicodeError):
            headers.append(None)
    return headers
