"""What `check` makes of Kafka's answers: brokers, topics, rights, the group and its offsets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stream import metadata
from stream.check.brokers import judge_brokers, judge_limits, judge_version
from stream.check.facts import Binding, Broker, ClusterFacts, Fault, GroupFacts, Member, TopicFacts
from stream.check.group import judge_group, judge_offsets, judge_transactional_id
from stream.check.report import State
from stream.check.topics import judge_dead_letters, judge_input, judge_outcomes
from stream.metadata import OffsetMetadata
from stream.model import TopicPartition
from stream.partitions import CommittedOffset
from stream.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stream.check.report import Finding
    from stream.settings import Kafka

ALL = frozenset({"READ", "WRITE", "DESCRIBE"})
MEGABYTE = "1048588"
BROKER = Broker("C1", {1: "kafka-1:9092"}, {"TxnOffsetCommit": 5, "EndTxn": 5})
REFUSED = Fault("_TRANSPORT", "Connect to ipv4#127.0.0.1:9 failed: Connection refused")
MISSING = Fault("UNKNOWN_TOPIC_OR_PART", "Broker: Unknown topic or partition")
HIDDEN = Fault("TOPIC_AUTHORIZATION_FAILED", "Broker: Topic authorization failed")


def kafka(**environ: str) -> Kafka:
    """The settings, with what `environ` says beyond the least."""
    least = {
        "CXONE_REGION": "us-21.niceincontact.com",
        "CXONE_CLIENT_ID": "an-id",
        "CXONE_CLIENT_SECRET": "a-secret",
        "KAFKA_BOOTSTRAP_SERVERS": "kafka-1:9092",
        "KAFKA_GROUP_ID": "group",
    }
    return load_settings(least | environ, Path(__file__).parent).kafka


def topic(
    *, leaderless: tuple[int, ...] = (), in_sync: int = 1, may: frozenset[str] | None = ALL, **config: str
) -> TopicFacts:
    """A topic of two partitions; properties with `_` for `.`."""
    properties = {"max_message_bytes": MEGABYTE, "cleanup_policy": "delete", "min_insync_replicas": "1"} | config
    named = {name.replace("_", "."): text for name, text in properties.items()}
    return TopicFacts((0, 1), leaderless, in_sync, may, named)


def group(*members: Member, state: str = "STABLE", protocol: str = "CLASSIC", assignor: str = "cooperative-sticky",
          may: frozenset[str] | None = ALL) -> GroupFacts:  # fmt: skip
    """A group that works."""
    return GroupFacts(state, protocol, assignor, members, may)


def states(findings: Iterable[Finding]) -> dict[str, State]:
    """How each thing was judged."""
    return {finding.name: finding.state for finding in findings}


def test_a_good_broker_is_told_with_its_cluster() -> None:
    """A broker that answers is good, whoever it is."""
    (found,) = judge_brokers({"kafka-1:9092": BROKER})
    assert (found.name, found.state) == ("broker kafka-1:9092", State.OK)
    assert "C1" in found.detail


@pytest.mark.parametrize(
    ("fault", "fix"),
    [
        (REFUSED, "start the broker"),
        (Fault("_RESOLVE", "Failed to resolve 'x'"), "KAFKA_BOOTSTRAP_SERVERS"),
        (Fault("_AUTHENTICATION", "SASL authentication error"), "KAFKA_CONFIG_SASL_MECHANISM"),
        (Fault("_SSL", "broker certificate could not be verified"), "KAFKA_CONFIG_SSL_CA_LOCATION"),
        (Fault("_TRANSPORT", "SSL handshake failed: Disconnected"), "KAFKA_CONFIG_SECURITY_PROTOCOL"),
        (Fault("_TIMED_OUT", "no answer in time"), "firewall"),
        (Fault("CLIENT", "ssl.key.location failed"), "KAFKA_CONFIG_…"),
    ],
)
def test_each_way_not_to_reach_a_broker_has_its_own_way_out(fault: Fault, fix: str) -> None:
    """Names, TLS, logins and the network are told apart as far as librdkafka tells them apart."""
    (found,) = judge_brokers({"kafka-1:9092": fault})
    assert found.state is State.FAILED
    assert found.detail == fault.reason
    assert fix in found.fix


def test_one_bootstrap_server_of_several_is_enough() -> None:
    """Another that is down is a warning, for the service starts; without any nothing does."""
    assert states(judge_brokers({"a:1": REFUSED, "b:2": BROKER})) == {
        "broker a:1": State.WARNING,
        "broker b:2": State.OK,
    }
    assert set(states(judge_brokers({"a:1": REFUSED, "b:2": REFUSED})).values()) == {State.FAILED}


def test_an_address_that_the_cluster_names_must_be_reached() -> None:
    """A broker's advertised address that cannot be reached fails, however good the bootstrap server is."""
    found = list(judge_brokers({"inside:9092": REFUSED, "b:2": BROKER}, advertised=True))
    assert found[0].state is State.FAILED
    assert "advertised.listeners" in found[0].fix


@pytest.mark.parametrize(
    ("apis", "state", "told"),
    [
        ({"TxnOffsetCommit": 5, "EndTxn": 5}, State.OK, "4.0 or newer"),
        ({"TxnOffsetCommit": 3, "EndTxn": 3}, State.OK, "2.5 or newer"),
        ({"TxnOffsetCommit": 2, "EndTxn": 1}, State.FAILED, "older than 2.5"),
        ({}, State.WARNING, "did not tell"),
    ],
)
def test_an_old_broker_is_refused(apis: dict[str, int], state: State, told: str) -> None:
    """Transactions that the group's generation fences need Kafka 2.5."""
    found = judge_version(Broker("C1", {}, apis))
    assert found.state is state
    assert told in found.detail


def test_the_brokers_limits_must_leave_room() -> None:
    """A session or transaction longer than the broker allows would be refused; limits not seen are a warning."""
    room = {
        "group.min.session.timeout.ms": "6000",
        "group.max.session.timeout.ms": "1800000",
        "transaction.max.timeout.ms": "900000",
    }
    assert [found.state for found in judge_limits(room, 30)] == [State.OK]
    assert [found.state for found in judge_limits(None, 30)] == [State.WARNING]
    (session,) = judge_limits(room, 5)
    assert (session.state, session.fix) == (State.FAILED, "change KAFKA_SESSION_TIMEOUT_S")
    (transaction,) = judge_limits(room | {"transaction.max.timeout.ms": "10000"}, 30)
    assert (transaction.state, transaction.fix) == (State.FAILED, "raise the broker's transaction.max.timeout.ms")
    assert len(list(judge_limits(room | {"transaction.max.timeout.ms": "10000"}, 3600))) == 2


@pytest.mark.parametrize(
    ("found", "detail"),
    [
        (MISSING, "does not exist"),
        (HIDDEN, "may not see it"),
        (Fault("_TIMED_OUT", "no answer in time"), "no answer in time"),
        (topic(may=frozenset({"DESCRIBE", "WRITE"})), "may not read it"),
        (topic(leaderless=(1,)), "partitions without a leader: 1"),
    ],
)
def test_an_input_topic_that_cannot_be_read_is_told(found: TopicFacts | Fault, detail: str) -> None:
    """It must exist, be seen, have leaders, and the login must have the right."""
    (finding,) = judge_input("deltas", found)
    assert (finding.name, finding.state) == ("topic deltas", State.FAILED)
    assert detail in finding.detail
    assert finding.fix


@pytest.mark.parametrize("may", [ALL, frozenset({"READ", "DESCRIBE"}), None])
def test_an_input_topic_needs_no_right_to_write(may: frozenset[str] | None) -> None:
    """Reading is enough, and a broker that tells no rights is believed."""
    assert states(judge_input("deltas", topic(may=may))) == {"topic deltas": State.OK}


@pytest.mark.parametrize("policy", ["compact", "compact,delete"])
def test_an_input_topic_that_is_compacted_is_a_warning_with_the_way_out(policy: str) -> None:
    """Events may be removed before they are read: the line names the policy and says what to set."""
    readable, compacted = judge_input("crm.public.contacts", topic(cleanup_policy=policy))
    assert readable.state is State.OK
    assert (compacted.name, compacted.state) == ("cleanup.policy of crm.public.contacts", State.WARNING)
    assert f"{policy}: of a key's events" in compacted.detail
    assert compacted.fix.startswith("set it to delete")


def test_a_good_outcome_topic_is_good_in_every_respect() -> None:
    """Rights, cleanup and size are three lines."""
    assert states(judge_outcomes("outcomes", topic())) == {
        "topic outcomes": State.OK,
        "cleanup.policy of outcomes": State.OK,
        "max.message.bytes of outcomes": State.OK,
    }


@pytest.mark.parametrize(
    ("found", "name", "state"),
    [
        (topic(may=frozenset({"READ"})), "topic outcomes", State.FAILED),
        (topic(cleanup_policy="compact"), "cleanup.policy of outcomes", State.WARNING),
        (topic(cleanup_policy="compact,delete"), "cleanup.policy of outcomes", State.WARNING),
        (topic(max_message_bytes="16383"), "max.message.bytes of outcomes", State.FAILED),
        (topic(max_message_bytes="16384"), "max.message.bytes of outcomes", State.WARNING),
        (topic(max_message_bytes="81920"), "max.message.bytes of outcomes", State.OK),
        (topic(min_insync_replicas="2"), "min.insync.replicas of outcomes", State.FAILED),
        (TopicFacts((0,), (), 1, ALL, None), "max.message.bytes of outcomes", State.WARNING),
    ],
)
def test_each_fault_of_the_outcome_topic_is_told(found: TopicFacts, name: str, state: State) -> None:
    """What the service could not start with fails; what would lose outcomes or keys later is a warning."""
    assert states(judge_outcomes("outcomes", found))[name] is state


def test_a_dead_letter_topic_should_take_what_the_inputs_take() -> None:
    """A smaller one works, but larger events lose key and value: which input is larger is told."""
    inputs: dict[str, TopicFacts | Fault] = {
        "deltas": topic(max_message_bytes="5000000"),
        "small": topic(max_message_bytes="1000"),
        "gone": MISSING,
    }
    found = {each.name: each for each in judge_dead_letters("dead", topic(), inputs)}["max.message.bytes of dead"]
    assert found.state is State.WARNING
    assert "deltas takes 5000000" in found.detail
    assert "small" not in found.detail
    enough = judge_dead_letters("dead", topic(max_message_bytes="5000000"), inputs)
    assert set(states(enough).values()) == {State.OK}
    assert states(judge_dead_letters("dead", MISSING, inputs)) == {"topic dead": State.FAILED}


@pytest.mark.parametrize(
    "found", [None, Fault("GROUP_ID_NOT_FOUND", "gone"), group(state="EMPTY"), group(state="DEAD")]
)
def test_a_group_that_nobody_is_in_is_good(found: GroupFacts | Fault | None) -> None:
    """A new group, and one whose members have left."""
    assert states(judge_group(kafka(), found)) == {"group group": State.OK}


@pytest.mark.parametrize(
    ("found", "state", "told"),
    [
        (group(Member(None, "c", "h")), State.OK, "members: 1 (0 static)"),
        (group(Member("i", "c", "h"), state="PREPARING_REBALANCING"), State.WARNING, "1 static"),
        (group(Member(None, "c", "h"), assignor="range"), State.FAILED, "another assignor"),
        (group(Member(None, "c", "h"), protocol="CONSUMER"), State.FAILED, "KIP-848"),
        (group(Member(None, "c", "h"), may=frozenset({"DESCRIBE"})), State.FAILED, "may not join"),
        (group(state="EMPTY", may=frozenset({"DESCRIBE"})), State.FAILED, "may not join"),
        (Fault("GROUP_AUTHORIZATION_FAILED", "no"), State.FAILED, "may not see"),
        (Fault("_TIMED_OUT", "no answer in time"), State.FAILED, "no answer in time"),
    ],
)
def test_who_is_in_the_group_is_judged(found: GroupFacts | Fault, state: State, told: str) -> None:
    """Members of other programs, missing rights and rebalances are told apart."""
    (finding,) = judge_group(kafka(), found)
    assert finding.state is state
    assert told in finding.detail


def test_a_name_that_another_member_has_is_a_warning() -> None:
    """The namesake may be this instance itself, so it is no failure; its host is named."""
    found = group(Member("i1", "c", "10.0.0.7"), Member("i2", "c", "10.0.0.8"))
    taken = list(judge_group(kafka(KAFKA_INSTANCE_ID="i1"), found))[1]
    assert (taken.name, taken.state) == ("instance i1", State.WARNING)
    assert "10.0.0.7" in taken.detail
    assert states(judge_group(kafka(KAFKA_INSTANCE_ID="i3"), found))["instance i3"] is State.OK


def offsets(*committed: CommittedOffset) -> dict[TopicPartition, CommittedOffset]:
    """The committed offsets of partitions 0, 1, …."""
    return {TopicPartition("deltas", number): offset for number, offset in enumerate(committed)}


OURS = metadata.encode(OffsetMetadata(clean=True, nonce="n", since_ms=1, settled=(12,)), 10)


def test_good_offsets_are_one_line_with_the_lag() -> None:
    """Partitions with and without an offset are counted, and where the latter begin is said."""
    committed = offsets(
        CommittedOffset(10, OURS, 5, 20), CommittedOffset(20, "", 0, 20), CommittedOffset(None, "", 0, 9)
    )
    (found,) = judge_offsets(kafka(KAFKA_START="latest"), "deltas", committed, ignores_metadata=False)
    assert (found.name, found.state) == ("offsets of deltas", State.OK)
    assert found.detail == "partitions: 2 inside the log, 10 events behind, 1 without an offset: KAFKA_START=latest"


@pytest.mark.parametrize("offset", [4, 21])
def test_an_offset_outside_the_log_fails_as_at_the_start(offset: int) -> None:
    """The range of the log and the way out are those that the service gives."""
    (found,) = judge_offsets(kafka(), "deltas", offsets(CommittedOffset(offset, "", 5, 20)), ignores_metadata=False)
    assert (found.name, found.state) == ("offset of deltas/0", State.FAILED)
    assert "5 to 20" in found.detail
    assert "--reset-offsets" in found.fix


def test_foreign_metadata_fail_unless_they_shall_be_ignored() -> None:
    """What another program committed is told with the ways out; with the setting it is a warning."""
    foreign = offsets(CommittedOffset(10, "consumer-7", 5, 20), CommittedOffset(10, OURS, 5, 20))
    (refused,) = judge_offsets(kafka(), "deltas", foreign, ignores_metadata=False)
    assert (refused.name, refused.state) == ("offset of deltas/0", State.FAILED)
    assert "STREAM_IGNORE_OFFSET_METADATA" in refused.fix
    ignored = judge_offsets(kafka(), "deltas", foreign, ignores_metadata=True)
    assert states(ignored) == {"offset of deltas/0": State.WARNING, "offsets of deltas": State.OK}


def test_offsets_without_an_answer_fail() -> None:
    """No answer is not the same as no offset."""
    (found,) = judge_offsets(kafka(), "deltas", None, ignores_metadata=False)
    assert found.state is State.FAILED


SASL = {
    "KAFKA_CONFIG_SECURITY_PROTOCOL": "sasl_plaintext",
    "KAFKA_CONFIG_SASL_MECHANISM": "SCRAM-SHA-512",
    "KAFKA_CONFIG_SASL_USERNAME": "ada",
    "KAFKA_CONFIG_SASL_PASSWORD": "pa55-word",
}
SEES = frozenset({"DESCRIBE"})


@pytest.mark.parametrize(
    ("cluster", "state"),
    [
        (ClusterFacts({"authorizer.class.name": ""}, SEES, ()), State.OK),
        (ClusterFacts(None, SEES, (Binding("User:ada", "WRITE", allows=True),)), State.OK),
        (ClusterFacts(None, SEES, (Binding("User:*", "ALL", allows=True),)), State.OK),
        (ClusterFacts(None, SEES, (Binding("User:ada", "DESCRIBE", allows=True),)), State.WARNING),
        (ClusterFacts(None, SEES, (Binding("User:bob", "WRITE", allows=True),)), State.WARNING),
        (ClusterFacts({"authorizer.class.name": "x"}, SEES, ()), State.WARNING),
        (ClusterFacts(None, None, ()), State.WARNING),
        (
            ClusterFacts(
                None, SEES, (Binding("User:*", "ALL", allows=True), Binding("User:ada", "WRITE", allows=False))
            ),
            State.FAILED,
        ),
    ],
)
def test_the_right_to_the_transactional_id_is_judged_where_it_shows(cluster: ClusterFacts, state: State) -> None:
    """An ACL for this login decides, a denial before all; what cannot be seen is a warning, never a guess."""
    found = judge_transactional_id(kafka(**SASL), cluster)
    assert found.state is state
    assert (found.fix == "") is (state is State.OK)


def test_a_random_transactional_id_is_told_by_its_prefix() -> None:
    """Without an instance id the ACL must cover a prefix; with one it is a name."""
    assert judge_transactional_id(kafka(), ClusterFacts(None, None, ())).name == "transactional id group.*"
    named = judge_transactional_id(kafka(KAFKA_INSTANCE_ID="i1"), ClusterFacts(None, None, ()))
    assert named.name == "transactional id group.i1"
