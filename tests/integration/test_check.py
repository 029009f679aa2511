"""`cxone-stream check` against a real Kafka and the CXone stand-in: what it finds, and that it changes nothing."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import time
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Consumer, TopicPartition

from stream.check import Deadlines, State
from stream.check.cluster import KafkaDeadlines
from stream.sandbox.faults import Fault
from stream.sandbox.ports import free_port
from stream.sandbox.tokens import TokenRule

from ..harness.service import RUN, Service
from ..harness.stage import CREDENTIALS
from ..harness.waiting import eventually
from .check_calls import WITHIN_S, cluster, commit, failed, login, look, quiet_cluster

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ..conftest import TopicFactory
    from ..harness.stage import Stage

CHECK = ("-m", "stream", "check")
SHORT = Deadlines(KafkaDeadlines(brokers_s=2.0), api_s=2.0, whole_s=20.0)


@contextmanager
def silence() -> Iterator[str]:
    """An address that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


def test_a_service_that_works_is_good_in_every_line(stage: Stage, tmp_path: Path) -> None:
    """After a service has run, a check of its settings has no complaint, exits 0, and has changed nothing at all."""
    schemas = tmp_path / "schemas"
    (schemas / "datastores").mkdir(parents=True)
    schema = b'{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object"}'
    (schemas / "datastores" / "people.json").write_bytes(schema)
    environ = {"STREAM_SCHEMAS_DIR": str(schemas)}
    stage.feed.send_event("people", "ada")
    stage.feed.flush()
    service = stage.start("service", **environ)
    stage.await_outcomes(1)
    service.terminate()
    assert service.exit_code(WITHIN_S) == 0
    sha256 = hashlib.sha256(schema).hexdigest()
    loaded = [(line["file"], line["sha256"]) for line in service.lines("schema_loaded")]
    assert loaded[1] == ("datastores/people.json", sha256), "the start log names the file that judges, and its hash"

    date = {"Date": format_datetime(datetime.now(UTC), usegmt=True)}
    stage.sandbox.faults.add(Fault("answer", call="token", applied=True, status=200, headers=date))
    before, requests = quiet_cluster(stage.broker), len(stage.sandbox.requests)
    one = stage.start("check", arguments=CHECK, **environ)
    code = one.exit_code(WITHIN_S)
    lines = one.audit_file.read_text(encoding="utf-8").splitlines()
    unsupported = "has no effect in this version"
    assert [line for line in lines if not line.startswith("✓ ") and unsupported not in line] == []
    assert code == 0
    assert cluster(stage.broker) == before
    assert [request.call for request in stage.sandbox.requests[requests:]] == ["token", "read"]
    assert stage.sandbox.violations == []
    named = {line[2:].partition(": ")[0]: line for line in lines}
    assert {"configuration", "kafka version", "broker limits", "token", "record read", "clock"} <= named.keys()
    assert f"datastores/people.json ({sha256[:12]})" in named["schemas"]
    assert "inside the log, 0 events behind" in named[f"offsets of {stage.input}"]
    assert "datastore people" in named["record read"]
    assert CREDENTIALS.client_secret not in "".join(lines)


def test_what_programs_read(stage: Stage) -> None:
    """`--json` is one list on stdout, exit 1 says that something failed, and a terminal of ASCII gets words."""
    settings = {"KAFKA_INPUT_TOPIC": "absent", "PYTHONIOENCODING": "ascii"}
    one = stage.start("json", arguments=(*CHECK, "--json"), **settings)
    two = stage.start("ascii", arguments=CHECK, **settings)
    assert one.exit_code(WITHIN_S) == two.exit_code(WITHIN_S) == 1
    findings = json.loads(one.audit_file.read_text())
    assert {tuple(finding) for finding in findings} == {("name", "state", "detail", "fix")}
    assert [each["name"] for each in findings if each["state"] == "failed"] == ["topic absent"]
    assert "X  topic absent: does not exist; create it, or mend KAFKA_INPUT_TOPIC" in two.audit_file.read_text("ascii")
    assert one.log_file.read_text() == two.log_file.read_text() == ""


def test_wrong_configuration_and_schemas_touch_nothing(tmp_path: Path) -> None:
    """Each problem is one line on stderr, exit 2; neither Kafka nor the API sees a connection, by `check` or `run`."""
    (tmp_path / "datastores").mkdir()
    (tmp_path / "datastores" / "people.json").write_text("{")
    with ExitStack() as stack:
        kafka, api = (stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2))
        environ = {
            "PATH": os.defpath,
            "CXONE_BASE_URL": f"http://127.0.0.1:{api.getsockname()[1]}",
            "CXONE_CLIENT_ID": "an-id",
            "CXONE_CLIENT_SECRET": "a-secret",
            "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{kafka.getsockname()[1]}",
        }
        wrong = {"KAFKA_START": "middle", "STREAM_DRAIN_S": "0"}
        bad_schema = {"STREAM_SCHEMAS_DIR": str(tmp_path)}
        started = {
            (name, what): Service(f"{name}-{what}", environ | settings, tmp_path, arguments)
            for name, arguments in (("run", RUN), ("check", CHECK))
            for what, settings in (("settings", wrong), ("schema", bad_schema))
        }
        for (_, what), process in started.items():
            assert process.exit_code(WITHIN_S) == 2
            lines = process.log_file.read_text().splitlines()
            heads = {"settings": ["KAFKA_START", "STREAM_DRAIN_S"], "schema": ["schema datastores/people.json"]}[what]
            assert [line.split(": ")[1] for line in lines] == heads
            assert process.audit_file.read_text() == ""
        for listening in (kafka, api):
            listening.setblocking(False)  # noqa: FBT003 - the socket's own signature
            with pytest.raises(BlockingIOError):
                listening.accept()


def test_each_fault_of_topics_is_found(stage: Stage, make_topic: TopicFactory, tmp_path: Path) -> None:
    """A missing and a compacted input, an outcome topic that is too small or compacted, small dead letters."""
    compacted = make_topic("compacted", config={"cleanup.policy": "compact"})
    small = make_topic("small", config={"max.message.bytes": "10000", "cleanup.policy": "compact"})
    before = quiet_cluster(stage.broker)
    environ = stage.environ(
        KAFKA_INPUT_TOPIC=f"{stage.input},{compacted},absent",
        KAFKA_OUTCOME_TOPIC=small,
        KAFKA_DEAD_LETTER_TOPIC=stage.outcome,
    )
    findings = look(environ, tmp_path)
    assert findings[f"cleanup.policy of {compacted}"].state is State.WARNING
    assert failed(findings) == {"topic absent", f"max.message.bytes of {small}"}
    assert findings[f"cleanup.policy of {small}"].state is State.WARNING
    swapped = look(environ | {"KAFKA_OUTCOME_TOPIC": stage.outcome, "KAFKA_DEAD_LETTER_TOPIC": small}, tmp_path)
    assert failed(swapped) == {"topic absent"}
    assert f"{stage.input} takes 1048588" in swapped[f"max.message.bytes of {small}"].detail
    assert cluster(stage.broker) == before


def test_offsets_that_the_service_would_refuse_are_found(stage: Stage, tmp_path: Path) -> None:
    """An offset outside of the log, and metadata of another program, each with the partition and the way out."""
    foreign = TopicPartition(stage.input, 2, 0, "another program's")
    commit(stage.broker, stage.group, TopicPartition(stage.input, 1, 7), foreign)
    before = quiet_cluster(stage.broker)
    findings = look(stage.environ(), tmp_path)
    assert failed(findings) == {f"offset of {stage.input}/1", f"offset of {stage.input}/2"}
    assert "7" in findings[f"offset of {stage.input}/1"].detail
    ignoring = look(stage.environ(STREAM_IGNORE_OFFSET_METADATA="true"), tmp_path)
    assert failed(ignoring) == {f"offset of {stage.input}/1"}
    assert cluster(stage.broker) == before


def test_who_is_in_the_group_is_seen(stage: Stage, tmp_path: Path) -> None:
    """A running namesake is a warning; a program that shares the group with another assignor is a failure."""
    service = stage.start("service", KAFKA_INSTANCE_ID="i1")
    stage.feed.send_event("people", "ada")
    stage.await_outcomes(1)
    findings = look(stage.environ(KAFKA_INSTANCE_ID="i1"), tmp_path)
    assert failed(findings) == set()
    assert findings["instance i1"].state is State.WARNING
    assert "1 static" in findings[f"group {stage.group}"].detail
    assert look(stage.environ(KAFKA_INSTANCE_ID="i2"), tmp_path)["instance i2"].state is State.OK
    assert service.is_running

    stranger = Consumer({"bootstrap.servers": stage.broker, "group.id": "of-a-stranger" + stage.group, "log_level": 0})
    stranger.subscribe([stage.input])
    eventually(lambda: stranger.poll(0.05) is not None or stranger.assignment(), WITHIN_S, "the stranger's partitions")
    findings = look(stage.environ(KAFKA_GROUP_ID="of-a-stranger" + stage.group), tmp_path)
    stranger.close()
    assert failed(findings) == {f"group of-a-stranger{stage.group}"}


def test_each_fault_of_the_api_is_found(stage: Stage, tmp_path: Path) -> None:
    """Credentials, scope, token and read call: what fails is named, and no secret is in any text."""
    environ = stage.environ(CXONE_DATASTORE_ID="people")
    wrong = look(environ | {"CXONE_CLIENT_SECRET": "not-the-secret"}, tmp_path)
    assert failed(wrong) == {"token"}
    assert "401" in wrong["token"].detail
    assert "invalid_client" in wrong["token"].detail
    assert wrong["record read"].state is State.WARNING
    assert "not-the-secret" not in str(wrong)
    for status, told in ((403, "datastores:read"), (401, "CXONE_REGION"), (503, "later")):
        stage.sandbox.faults.add(Fault("answer", call="read", status=status, next_requests=1))
        findings = look(environ, tmp_path)
        assert failed(findings) == {"record read"}
        assert told in findings["record read"].fix
    stage.sandbox.faults.add(Fault("answer", call="token", status=200, body="{}", next_requests=1))
    assert failed(look(environ, tmp_path)) == {"token"}
    stage.sandbox.tokens.follow(TokenRule(announces_life=False))
    assert look(environ | {"CXONE_RECORD_PATH": "off"}, tmp_path)["record read"].state is State.WARNING
    assert look(environ, tmp_path)["token"].state is State.WARNING
    stage.sandbox.stop()
    down = look(environ, tmp_path)
    assert failed(down) == {"token"}
    assert "refuses connections" in down["token"].detail


def test_a_clock_that_is_wrong_is_found(stage: Stage, tmp_path: Path) -> None:
    """The API's Date header is compared with this machine's clock."""
    late = {"Date": "Mon, 23 Nov 2020 04:20:00 GMT"}
    stage.sandbox.faults.add(Fault("answer", call="token", applied=True, status=200, headers=late))
    found = look(stage.environ(), tmp_path)["clock"]
    assert found.state is State.WARNING
    assert "ahead of the API" in found.detail


def test_brokers_that_are_down_are_told_one_by_one(stage: Stage, tmp_path: Path) -> None:
    """With another that answers it is a warning; without, nothing of Kafka is looked at, and the API still is."""
    dead = f"127.0.0.1:{free_port()}"
    beside = look(stage.environ(KAFKA_BOOTSTRAP_SERVERS=f"{dead},{stage.broker}"), tmp_path, SHORT)
    assert failed(beside) == set()
    assert beside[f"broker {dead}"].state is State.WARNING
    assert "Connection refused" in beside[f"broker {dead}"].detail
    alone = look(stage.environ(KAFKA_BOOTSTRAP_SERVERS=f"{dead},no.such.invalid:9092"), tmp_path, SHORT)
    assert failed(alone) == {f"broker {dead}", "broker no.such.invalid:9092"}
    assert "resolve" in alone["broker no.such.invalid:9092"].detail
    assert alone["topics and group"].state is State.WARNING
    assert alone["token"].state is State.OK


def test_tls_and_logins_that_a_plain_listener_does_not_speak_are_told_apart(stage: Stage, tmp_path: Path) -> None:
    """The wrong security protocol is named as such, not as a broker that is down."""
    tls = look(stage.environ(KAFKA_CONFIG_SECURITY_PROTOCOL="ssl"), tmp_path, SHORT)[f"broker {stage.broker}"]
    assert tls.state is State.FAILED
    assert "SSL" in tls.detail
    assert "KAFKA_CONFIG_SECURITY_PROTOCOL" in tls.fix
    sasl = look(stage.environ(**login("ada", "pa55-word")), tmp_path, SHORT)[f"broker {stage.broker}"]
    assert sasl.state is State.FAILED
    assert "KAFKA_CONFIG_SASL_MECHANISM" in sasl.fix


def test_silence_everywhere_ends_in_time(stage: Stage, tmp_path: Path) -> None:
    """Addresses that take connections and never answer: every question ends at its deadline."""
    with silence() as kafka, silence() as api:
        began_s = time.monotonic()
        findings = look(stage.environ(KAFKA_BOOTSTRAP_SERVERS=kafka, CXONE_BASE_URL=f"http://{api}"), tmp_path, SHORT)
        assert time.monotonic() - began_s < SHORT.whole_s
    assert failed(findings) == {f"broker {kafka}", "token"}
    assert "no answer in time" in findings["token"].detail
