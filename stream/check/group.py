"""Judges the group: who is in it, where it stands, and whether this service could go on from there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..metadata import UnreadableMetadataError
from ..partitions import read_metadata
from ..start import outside_the_log, unreadable
from .facts import Fault, GroupFacts
from .report import State, bad, doubtful, good

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from ..model import TopicPartition
    from ..partitions import CommittedOffset
    from ..settings import Kafka
    from .facts import ClusterFacts
    from .report import Finding

ASSIGNOR = "cooperative-sticky"
QUIET = frozenset({"EMPTY", "DEAD"})


def judge_group(kafka: Kafka, found: GroupFacts | Fault | None) -> Iterator[Finding]:
    """Judge the group and the use of this instance's name in it.

    Args:
        kafka: the settings.
        found: what the coordinator told; None on a cluster that has never had a group.
    """
    name = f"group {kafka.group_id}"
    if isinstance(found, Fault) and found.code != "GROUP_ID_NOT_FOUND":
        yield _judge_fault(name, found)
        return
    if found is None or isinstance(found, Fault) or (found.state in QUIET and not found.members):
        yield _judge_rights(name, found) or good(name, "nobody is in it")
        return
    yield _judge_rights(name, found) or _judge_members(name, found)
    if kafka.instance_id is not None:
        yield _judge_instance(kafka.instance_id, found)


def judge_offsets(
    kafka: Kafka,
    topic: str,
    committed: Mapping[TopicPartition, CommittedOffset] | None,
    *,
    ignores_metadata: bool,
) -> Iterator[Finding]:
    """Judge where the group stands in one input topic, by the same rules as the service.

    Args:
        kafka: the settings.
        topic: one of the inputs.
        committed: of each partition; None when the group's coordinator or the broker gave no answer in time.
        ignores_metadata: `STREAM_IGNORE_OFFSET_METADATA`.
    """
    if committed is None:
        fix = "look at the brokers' logs, and at the rights of this login: Read on the group, Describe on the topic"
        yield bad(f"offsets of {topic}", "no answer in time", fix)
        return
    faults = [
        fault
        for partition, offset in sorted(committed.items())
        if (fault := _offset_fault(partition, offset, ignores_metadata=ignores_metadata)) is not None
    ]
    yield from faults
    if not any(fault.state is State.FAILED for fault in faults):
        yield good(f"offsets of {topic}", _told(committed.values(), kafka.start))


def judge_transactional_id(kafka: Kafka, cluster: ClusterFacts) -> Finding:
    """Judge whether the producer may use its transactional id: to try it would end the transactions of a namesake."""
    shown = kafka.transactional_id if kafka.instance_id else f"{kafka.group_id}.*"
    name = f"transactional id {shown}"
    if cluster.config is not None and cluster.config.get("authorizer.class.name") == "":
        return good(name, "the cluster has no ACLs")
    mine = {"User:*", *(f"User:{user}" for user in _user_names(kafka))}
    about_writing = [each for each in cluster.acls if each.operation in {"WRITE", "ALL"}]
    if any(not each.allows and each.principal in mine for each in about_writing):
        return bad(name, "an ACL denies this login to write with it", "remove that ACL, or use another login")
    if any(each.allows and each.principal in mine for each in about_writing):
        return good(name, "an ACL lets this login write with it")
    fix = f"make sure that this login has Write and Describe on {'it' if kafka.instance_id else 'all of this prefix'}"
    if "DESCRIBE" in (cluster.may or ()):
        return doubtful(name, "no ACL names this login for it", f"{fix}, or is a super user")
    return doubtful(name, "this login may not see its ACLs (Describe on the cluster)", fix)


def _judge_fault(name: str, fault: Fault) -> Finding:
    if fault.code == "GROUP_AUTHORIZATION_FAILED":
        return bad(name, "this login may not see it", "grant Read and Describe on the group to the login")
    return bad(name, f"cannot be described: {fault.reason}", "look at the brokers' logs, and try again")


def _judge_rights(name: str, found: GroupFacts | Fault | None) -> Finding | None:
    may = found.may if isinstance(found, GroupFacts) else None
    if may is None or "READ" in may:
        return None
    return bad(name, "this login may not join it", "grant Read on the group to the login")


def _judge_members(name: str, found: GroupFacts) -> Finding:
    static = sum(member.instance_id is not None for member in found.members)
    assignor = found.assignor or "no assignor"
    told = f"members: {len(found.members)} ({static} static), state {found.state.lower()}, {assignor}"
    if found.protocol == "CONSUMER":
        return bad(name, f"{told}: its members use the protocol of KIP-848", "end them, or set another KAFKA_GROUP_ID")
    if found.assignor not in {"", ASSIGNOR}:
        fix = "these are other programs: end them, or set another KAFKA_GROUP_ID"
        return bad(name, f"{told}: members with another assignor than {ASSIGNOR} would keep this service out", fix)
    if found.state != "STABLE":
        return doubtful(name, told, "it is rebalancing: try again in a moment")
    return good(name, told)


def _judge_instance(instance_id: str, found: GroupFacts) -> Finding:
    name = f"instance {instance_id}"
    holders = [member for member in found.members if member.instance_id == instance_id]
    if not holders:
        return good(name, "no member has this name now")
    return doubtful(
        name,
        f"a member on {holders[0].host} has this name now",
        "fine if it is the instance that this one replaces, or this one itself; two at once would fence each other: "
        "give each its own KAFKA_INSTANCE_ID",
    )


def _offset_fault(partition: TopicPartition, committed: CommittedOffset, *, ignores_metadata: bool) -> Finding | None:
    name = f"offset of {partition.topic}/{partition.partition}"
    if committed.offset is None:
        return None
    if not committed.low <= committed.offset <= committed.high:
        detail, _, fix = outside_the_log(partition, committed).partition("; ")
        return bad(name, detail, fix)
    try:
        read_metadata(committed.text, committed.offset, 0)
    except UnreadableMetadataError:
        detail, _, fix = unreadable(partition).partition("; ")
        if ignores_metadata:
            return doubtful(
                name, detail, "STREAM_IGNORE_OFFSET_METADATA is set: remove it once the service has started"
            )
        return bad(name, detail, fix)
    return None


def _told(committed: Collection[CommittedOffset], start: str) -> str:
    begun = [each for each in committed if each.offset is not None]
    lag = sum(each.high - each.offset for each in begun if each.offset is not None)
    new = len(committed) - len(begun)
    parts = [f"{len(begun)} inside the log, {lag} events behind"] if begun else []
    parts += [f"{new} without an offset: KAFKA_START={start}"] if new else []
    return "partitions: " + ", ".join(parts)


def _user_names(kafka: Kafka) -> tuple[str, ...]:
    user = kafka.extra.get("sasl.username")
    if user is None:
        return ()
    return (user if isinstance(user, str) else user.get_secret_value(),)
