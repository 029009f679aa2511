"""Judges topics: are they there, may the login use them, does every outcome fit and stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..output_topics import DEFAULT_MAX_MESSAGE_BYTES, MIN_OUTCOME_TOPIC_BYTES
from .facts import Fault, TopicFacts
from .report import bad, doubtful, good

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .report import Finding

SIZE = "max.message.bytes"
CLEANUP = "cleanup.policy"
IN_SYNC = "min.insync.replicas"
LARGEST_KEPT_KEY_BYTES = 65_536
"""Contract section 3: longer keys become the input's position anyway."""


def judge_input(topic: str, found: TopicFacts | Fault) -> Iterator[Finding]:
    """Judge one input topic; compaction removes events that nobody has read yet, a delete before all others."""
    yield _judge_topic(topic, found, "READ", "KAFKA_INPUT_TOPIC")
    cleanup = "" if isinstance(found, Fault) else (found.config or {}).get(CLEANUP, "")
    if "compact" in cleanup:
        detail = f"{cleanup}: of a key's events the earlier ones may be removed before they are read"
        fix = "set it to delete, with a retention.ms longer than the service may stand still"
        yield doubtful(_about(CLEANUP, topic), detail, fix)


def judge_outcomes(topic: str, found: TopicFacts | Fault) -> Iterator[Finding]:
    """Judge the outcome topic: too small for an outcome, the service would not start."""
    yield _judge_topic(topic, found, "WRITE", "KAFKA_OUTCOME_TOPIC")
    if isinstance(found, Fault):
        return
    yield from _judge_written(topic, found, "the last outcome of each key stays, all others are lost")
    size_bytes = _size_bytes(found)
    if size_bytes is None:
        yield _silent(topic)
    elif size_bytes < MIN_OUTCOME_TOPIC_BYTES:
        fix = f"set it to {MIN_OUTCOME_TOPIC_BYTES} or more"
        yield bad(_about(SIZE, topic), f"{size_bytes} is less than an outcome may need", fix)
    elif size_bytes < MIN_OUTCOME_TOPIC_BYTES + LARGEST_KEPT_KEY_BYTES:
        detail = f"{size_bytes}: outcomes of events with a long key get their position as key"
        yield doubtful(
            _about(SIZE, topic), detail, f"raise it to {MIN_OUTCOME_TOPIC_BYTES + LARGEST_KEPT_KEY_BYTES}, unless meant"
        )
    else:
        yield good(_about(SIZE, topic), f"{size_bytes}")


def judge_dead_letters(
    topic: str, found: TopicFacts | Fault, inputs: Mapping[str, TopicFacts | Fault]
) -> Iterator[Finding]:
    """Judge the dead letter topic, which shall hold whatever an input topic holds, and some headers."""
    yield _judge_topic(topic, found, "WRITE", "KAFKA_DEAD_LETTER_TOPIC")
    if isinstance(found, Fault):
        return
    yield from _judge_written(topic, found, "the last dead letter of each key stays, all others are lost")
    size_bytes = _size_bytes(found)
    if size_bytes is None:
        yield _silent(topic)
        return
    larger = {
        name: input_bytes
        for name, facts in inputs.items()
        if isinstance(facts, TopicFacts)
        and (input_bytes := _size_bytes(facts)) is not None
        and input_bytes > size_bytes
    }
    if larger:
        told = ", ".join(f"{name} takes {input_bytes}" for name, input_bytes in larger.items())
        detail = f"{size_bytes}, but {told}: dead letters of larger events would lose key and value"
        yield doubtful(_about(SIZE, topic), detail, f"raise it above {max(larger.values())}")
    else:
        yield good(_about(SIZE, topic), f"{size_bytes}")


def _judge_topic(topic: str, found: TopicFacts | Fault, right: str, setting: str) -> Finding:
    name = f"topic {topic}"
    if isinstance(found, Fault):
        return _judge_fault(name, found, right, setting)
    if found.leaderless:
        told = ", ".join(map(str, found.leaderless))
        return bad(name, f"partitions without a leader: {told}", "look at the brokers that hold them")
    if found.may is not None and right not in found.may:
        return bad(name, f"this login may not {right.lower()} it", f"grant {right.title()} on it to the login")
    rights = f"this login may {right.lower()} it" if found.may is not None else "rights are not told"
    return good(name, f"partitions: {len(found.partitions)}; {rights}")


def _judge_fault(name: str, fault: Fault, right: str, setting: str) -> Finding:
    if fault.code == "UNKNOWN_TOPIC_OR_PART":
        return bad(name, "does not exist", f"create it, or mend {setting}")
    if fault.code == "TOPIC_AUTHORIZATION_FAILED":
        fix = f"grant Describe and {right.title()} on it to the login, or mend {setting}"
        return bad(name, "this login may not see it, or it does not exist", fix)
    return bad(name, f"cannot be described: {fault.reason}", "look at the brokers' logs, and try again")


def _judge_written(topic: str, found: TopicFacts, loss: str) -> Iterator[Finding]:
    config = found.config or {}
    if "compact" in config.get(CLEANUP, ""):
        yield doubtful(_about(CLEANUP, topic), f"{config[CLEANUP]}: {loss}", "set it to delete")
    elif CLEANUP in config:
        yield good(_about(CLEANUP, topic), config[CLEANUP])
    needed = config.get(IN_SYNC, "")
    if needed.isdecimal() and found.fewest_in_sync < int(needed):
        detail = f"{needed}, but a partition has {found.fewest_in_sync} replicas in sync: it takes no message"
        yield bad(_about(IN_SYNC, topic), detail, "bring the replicas back, or lower it")


def _size_bytes(found: TopicFacts) -> int | None:
    text = (found.config or {}).get(SIZE, "")
    return int(text) if text.isdecimal() else None


def _silent(topic: str) -> Finding:
    detail = (
        f"this login may not read it (DescribeConfigs); the service takes Kafka's default, {DEFAULT_MAX_MESSAGE_BYTES}"
    )
    return doubtful(
        _about(SIZE, topic), detail, "grant DescribeConfigs on the topic, or make sure that it is not smaller"
    )


def _about(setting: str, topic: str) -> str:
    return f"{setting} of {topic}"
