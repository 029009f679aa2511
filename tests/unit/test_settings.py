"""What the settings are, by default and when given, and what a wrong one is told (contract section 5)."""

from __future__ import annotations

import dataclasses
import string
import traceback
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from stream.errors import ConfigurationError, FatalError, Problem, StreamError
from stream.model import ConflictResolution, UpdateType
from stream.settings import ROWS, Settings, describe, load_settings, load_without_account, markdown_table
from stream.settings.kafka_config import VARIABLES
from stream.settings.values import HostPort

SECRET = "p+w & x=1%/2 ü${HOME}"  # noqa: S105 - made up
LEAST = {
    "CXONE_REGION": "us-21.niceincontact.com",
    "CXONE_CLIENT_ID": "an-id",
    "CXONE_CLIENT_SECRET": SECRET,
    "KAFKA_BOOTSTRAP_SERVERS": "kafka-1:9092",
}


def load(cwd: Path, **environ: str) -> Settings:
    """Load what is needed at least, and `environ`."""
    return load_settings(LEAST | environ, cwd)


def problems(cwd: Path, **environ: str) -> list[Problem]:
    """Return what is refused about `environ` when all else is right."""
    with pytest.raises(ConfigurationError) as caught:
        load(cwd, **environ)
    return list(caught.value.problems)


def test_a_command_that_calls_no_api_needs_no_account(tmp_path: Path) -> None:
    """Brokers are asked for all the same; a file of credentials that is not there does not matter."""
    environ = {"KAFKA_BOOTSTRAP_SERVERS": "kafka-1:9092", "CXONE_CLIENT_SECRET_FILE": "not/there"}
    assert load_without_account(environ, tmp_path).kafka.bootstrap_servers == "kafka-1:9092"
    with pytest.raises(ConfigurationError) as caught:
        load_without_account({}, tmp_path)
    assert [problem.name for problem in caught.value.problems] == ["KAFKA_BOOTSTRAP_SERVERS"]


def test_defaults_are_those_of_the_contract(tmp_path: Path) -> None:
    """With only what must be given, every other setting has the contract's default."""
    settings = load(tmp_path)
    cxone, kafka, stream = settings.cxone, settings.kafka, settings.stream
    assert (cxone.base_url, cxone.token_path) == ("https://us-21.niceincontact.com", "/oauth/token")
    assert cxone.execute_path == "/api/v2/dataactions/records"
    assert cxone.record_path == "/api/v2/datastores/{dataStoreId}/records/{recordId}"
    assert (cxone.client_id(), cxone.client_secret(), cxone.datastore_id) == ("an-id", SECRET, None)
    assert (cxone.max_in_flight, cxone.max_in_flight_per_datastore, cxone.max_requests_per_s) == (8, 4, None)
    assert (kafka.bootstrap_servers, kafka.group_id, kafka.instance_id) == ("kafka-1:9092", "cxone-delta-stream", None)
    assert (kafka.input_topics, kafka.outcome_topic) == (("cxone.deltas",), "cxone.outcomes")
    assert (kafka.dead_letter_topic, kafka.session_timeout_s, kafka.start, kafka.extra) == (None, 30, "earliest", {})
    assert (stream.batch_size, stream.batch_linger_ms) == (1000, 200)
    assert (stream.batch_bytes, stream.buffer_bytes) == (4_194_304, 67_108_864)
    assert (stream.update_type, stream.conflict_resolution) == (UpdateType.UPSERT, ConflictResolution.OVERWRITE)
    assert (stream.on_conflict, stream.stop_after_refused, stream.give_up_after_s) == ("report", 100, None)
    assert (stream.require_schema, stream.mapping_file, stream.coalesce) == (False, None, "off")
    assert (stream.cloudevents, stream.ignore_offset_metadata, stream.drain_s) == (False, False, 25)
    assert (stream.audit_log, str(stream.http_address)) == ("-", "0.0.0.0:8080")
    assert (stream.log_level, stream.log_format, stream.config_file) == ("info", "auto", None)
    assert (stream.schemas_dir.name, settings.otel, settings.warnings) == ("schemas", {}, ())


@pytest.mark.parametrize(
    ("name", "text", "attribute", "value"),
    [
        ("CXONE_REGION", "EU1.Example.com", "cxone.base_url", "https://eu1.example.com"),
        ("CXONE_BASE_URL", "http://127.0.0.1:8099/", "cxone.base_url", "http://127.0.0.1:8099"),
        ("CXONE_BASE_URL", "http://[::1]:8099/cx", "cxone.base_url", "http://[::1]:8099/cx"),
        ("CXONE_BASE_URL", "http://localhost", "cxone.base_url", "http://localhost"),
        ("CXONE_RECORD_PATH", "off", "cxone.record_path", None),
        ("CXONE_DATASTORE_ID", "a.b-c_1", "cxone.datastore_id", "a.b-c_1"),
        ("CXONE_MAX_IN_FLIGHT", "2", "cxone.max_in_flight_per_datastore", 2),
        ("CXONE_MAX_REQUESTS_PER_S", "0.5", "cxone.max_requests_per_s", 0.5),
        ("KAFKA_BOOTSTRAP_SERVERS", "a:1, b ,[::1]:9", "kafka.bootstrap_servers", "a:1,b,[::1]:9"),
        ("KAFKA_INPUT_TOPIC", "one, two", "kafka.input_topics", ("one", "two")),
        ("KAFKA_START", "LATEST", "kafka.start", "latest"),
        ("STREAM_UPDATE_TYPE", "update", "stream.update_type", UpdateType.UPDATE),
        ("STREAM_CLOUDEVENTS", "true", "stream.cloudevents", True),
        ("STREAM_CLOUDEVENTS", " ", "stream.cloudevents", False),
        ("STREAM_COPY_HEADERS", "correlation-id, X.Tenant", "stream.copy_headers", ("correlation-id", "X.Tenant")),
        ("STREAM_COPY_HEADERS", "", "stream.copy_headers", ()),
        ("STREAM_HTTP_ADDRESS", "[::]:80", "stream.http_address", HostPort("::", 80)),
        ("STREAM_HTTP_ADDRESS", "off", "stream.http_address", None),
        ("STREAM_AUDIT_LOG", "OFF", "stream.audit_log", "off"),
    ],
)
def test_a_given_value_is_read(tmp_path: Path, name: str, text: str, attribute: str, value: object) -> None:
    """What is set arrives typed; an empty text counts as not set."""
    part, field = attribute.split(".")
    assert getattr(getattr(load(tmp_path, **{name: text}), part), field) == value


@pytest.mark.parametrize(
    ("name", "text", "wrong"),
    [
        ("CXONE_REGION", "https://us-21.niceincontact.com", "is not a bare host name"),
        ("STREAM_COPY_HEADERS", "a,,b", "is not a list of names of headers"),
        ("STREAM_COPY_HEADERS", "a b", "is not a list of names of headers"),
        ("STREAM_COPY_HEADERS", "é", "is not a list of names of headers"),
        ("STREAM_COPY_HEADERS", "x" * 65, "is not a list of names of headers"),
        ("STREAM_COPY_HEADERS", "a,b,a", "names a header twice"),
        ("STREAM_COPY_HEADERS", "a,Content-Type", "names a header that outcomes have of their own"),
        ("STREAM_COPY_HEADERS", "ce_id", "names a header that outcomes have of their own"),
        ("STREAM_COPY_HEADERS", "__cxone.replay.source", "names a header that outcomes have of their own"),
        ("STREAM_COPY_HEADERS", ",".join(f"h{n}" for n in range(17)), "names more than 16 headers"),
        ("CXONE_REGION", "us-21.niceincontact.com:443", "is not a bare host name"),
        ("CXONE_BASE_URL", "http://cxone.example", "is plain http"),
        ("CXONE_BASE_URL", "http://127.0.0.1.example", "is plain http"),
        ("CXONE_BASE_URL", "http://0.0.0.0", "is plain http"),
        ("CXONE_BASE_URL", "https://me:pw@cxone.example", "holds a user name or password"),
        ("CXONE_BASE_URL", "https://cxone.example/?a=b", "holds more than"),
        ("CXONE_BASE_URL", "https://cxone.example/../x", "holds more than"),
        ("CXONE_BASE_URL", "ftp://cxone.example", "begins with https://"),
        ("CXONE_BASE_URL", "https://[::1", "is not a web address"),
        ("CXONE_BASE_URL", "https://a\nb", "is not a web address"),
        ("CXONE_TOKEN_PATH", "oauth/token", "is not a path"),
        ("CXONE_EXECUTE_PATH", "/a?b", "is not a path"),
        ("CXONE_RECORD_PATH", "/records/{recordId}", "does not hold"),
        ("CXONE_CLIENT_SECRET", "a\udcff", "not UTF-8"),
        ("CXONE_DATASTORE_ID", "../x", "is not a datastore id"),
        ("CXONE_MAX_IN_FLIGHT", "65", "is above 64"),
        ("CXONE_MAX_IN_FLIGHT", "many", "is not a whole number"),
        ("CXONE_MAX_IN_FLIGHT_PER_DATASTORE", "9", "is above CXONE_MAX_IN_FLIGHT"),
        ("CXONE_MAX_REQUESTS_PER_S", "nan", "is a"),
        ("KAFKA_BOOTSTRAP_SERVERS", "a:0", "is not a list of host:port"),
        ("KAFKA_BOOTSTRAP_SERVERS", "a,,b", "is not a list of host:port"),
        ("KAFKA_GROUP_ID", "a\x00b", "holds control characters"),
        ("KAFKA_GROUP_ID", "g" * 201, "is longer than 200"),
        ("KAFKA_INSTANCE_ID", "a b", "is not a name that Kafka accepts"),
        ("KAFKA_SESSION_TIMEOUT_S", "5", "is below 6"),
        ("KAFKA_INPUT_TOPIC", "a,a", "names a topic twice"),
        ("KAFKA_INPUT_TOPIC", "^all.*", "is not a name that Kafka accepts"),
        ("KAFKA_OUTCOME_TOPIC", "cxone.deltas", "is an input topic too"),
        ("KAFKA_OUTCOME_TOPIC", "__consumer_offsets", "is a topic of Kafka itself"),
        ("KAFKA_DEAD_LETTER_TOPIC", "cxone.deltas", "is an input topic too"),
        ("KAFKA_DEAD_LETTER_TOPIC", "cxone.outcomes", "is KAFKA_OUTCOME_TOPIC too"),
        ("KAFKA_START", "middle", "is none of the values"),
        ("STREAM_BATCH_SIZE", "1001", "is above 1000"),
        ("STREAM_BATCH_SIZE", "9" * 5000, "is not a number in its bounds"),
        ("STREAM_BUFFER_BYTES", "1048576", "is below STREAM_BATCH_BYTES"),
        ("STREAM_CONFLICT_RESOLUTION", "MERGE", "is none of the values"),
        ("STREAM_SCHEMAS_DIR", "nowhere", "names a directory that is not there"),
        ("STREAM_MAPPING_FILE", "nowhere\0", "names a file that is not there"),
        ("STREAM_REQUIRE_SCHEMA", "perhaps", "is neither true nor false"),
        ("STREAM_DRAIN_S", "0", "is below 1"),
        ("STREAM_AUDIT_LOG", "nowhere/audit", "names no file in a directory that is there"),
        ("STREAM_HTTP_ADDRESS", "8080", "is neither host:port nor off"),
        ("STREAM_HTTP_ADDRESS", "x:70000", "is neither host:port nor off"),
        ("STREAM_LOG_LEVEL", "loud", "is none of the values"),
        ("STREAM_CONFIG_FILE", "nowhere.toml", "names a file that is not there"),
    ],
)
def test_a_wrong_value_is_refused(tmp_path: Path, name: str, text: str, wrong: str) -> None:
    """Each wrong value is one problem that names the setting, what is wrong, and a fix, and not the value."""
    (problem,) = problems(tmp_path, **{name: text})
    assert problem.name == name
    assert wrong in problem.wrong
    assert problem.fix
    assert len(text) <= 3 or text not in problem.wrong


def test_all_problems_come_at_once(tmp_path: Path) -> None:
    """Whatever is wrong or missing anywhere is told in one go, a line each, and the process shall exit with 2."""
    (tmp_path / ".env").write_text("STREAM_BATCH_SIZE=0\nKAFKA_GROP_ID=x\n")
    environ = {"KAFKA_CONFIG_ACKS": "0", "STREAM_DRAIN_S": "soon", "CXONE_CLIENT_ID_FILE": "nowhere"}
    with pytest.raises(ConfigurationError) as caught:
        load_settings(environ, tmp_path)
    names = [problem.name for problem in caught.value.problems]
    assert sorted(names) == [
        "CXONE_CLIENT_ID_FILE",
        "CXONE_CLIENT_SECRET",
        "CXONE_REGION",
        "KAFKA_BOOTSTRAP_SERVERS",
        "KAFKA_CONFIG_ACKS",
        "KAFKA_GROP_ID",
        "STREAM_BATCH_SIZE",
        "STREAM_DRAIN_S",
    ]
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == names
    assert caught.value.exit_code == 2
    assert "(in .env)" in next(
        problem.wrong for problem in caught.value.problems if problem.name == "STREAM_BATCH_SIZE"
    )


def test_a_fatal_error_ends_the_process_with_1() -> None:
    """A fatal error says what happened and what to do, and means exit code 1."""
    error: StreamError = FatalError("fenced 5 times in a row", "give each instance its own KAFKA_INSTANCE_ID")
    assert str(error) == "fenced 5 times in a row; give each instance its own KAFKA_INSTANCE_ID"
    assert (error.exit_code, str(FatalError("hung"))) == (1, "hung")


def test_settings_cannot_be_changed(tmp_path: Path) -> None:
    """Settings and their parts are frozen."""
    settings = load(tmp_path)
    with pytest.raises(ValidationError):
        settings.kafka.group_id = "other"
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.warnings = ()  # type: ignore[misc]


def test_transactional_id_belongs_to_the_instance(tmp_path: Path) -> None:
    """With an instance id it is always the same; without, it is another one for each process and stays so in it."""
    named, one, other = load(tmp_path, KAFKA_INSTANCE_ID="a-0"), load(tmp_path), load(tmp_path)
    assert named.kafka.transactional_id == "cxone-delta-stream.a-0"
    assert one.kafka.transactional_id.startswith("cxone-delta-stream.")
    assert one.kafka.transactional_id == one.kafka.transactional_id != other.kafka.transactional_id


def test_warnings_tell_what_has_no_effect(tmp_path: Path) -> None:
    """A former setting and a secret file that does not count are warned about."""
    (tmp_path / "id").write_text("x")
    settings = load(
        tmp_path,
        REPLICATION_WEBHOOK_URL="https://old.example",
        CXONE_CLIENT_ID_FILE="id",
    )
    subjects = [warning.split()[0] for warning in settings.warnings]
    assert subjects == ["CXONE_CLIENT_ID_FILE", "REPLICATION_WEBHOOK_URL"]
    assert settings.cxone.client_id() == "an-id"


def test_no_secret_is_shown(tmp_path: Path) -> None:
    """Neither the settings' text, nor the start log's lines, nor an error's traceback hold a secret."""
    hidden = {"KAFKA_CONFIG_SASL_PASSWORD": SECRET, "KAFKA_CONFIG_SASL_USERNAME": SECRET, "OTEL_HEADERS": SECRET}
    login = {"KAFKA_CONFIG_SECURITY_PROTOCOL": "sasl_ssl", "KAFKA_CONFIG_SASL_MECHANISM": "PLAIN"}
    settings = load(tmp_path, CXONE_CLIENT_ID=SECRET, **hidden, **login)
    shown = [repr(settings), str(settings), repr(settings.cxone.client_secret), str(settings.kafka), f"{settings.otel}"]
    shown += [text for line in describe(settings) for text in line]
    try:
        load(tmp_path, CXONE_CLIENT_ID=SECRET, CXONE_DATASTORE_ID=SECRET, STREAM_DRAIN_S=SECRET, **hidden)
    except ConfigurationError as error:
        shown.append("".join(traceback.format_exception(error)))
    assert settings.cxone.client_secret() == settings.kafka.extra_for("admin")["sasl.password"] == SECRET
    assert not [text for text in shown if SECRET in text or "p+w" in text]
    assert "STREAM_DRAIN_S" in shown[-1]


def test_the_table_holds_every_setting(tmp_path: Path) -> None:
    """The README's table has a row for each name, and the start log a line for each that has a value."""
    lines = markdown_table().splitlines()
    assert len(lines) == len(ROWS) + 2
    assert all(line.count("|") == 4 for line in lines)
    assert "| `STREAM_BATCH_SIZE` | `1000` | most records of one request (1 to 1000) |" in lines
    assert {"KAFKA_CONFIG_<NAME>", "OTEL_*", "STREAM_CONFIG_FILE"} <= {row.name for row in ROWS}
    assert dict(describe(load(tmp_path, STREAM_HTTP_ADDRESS="off")))["STREAM_HTTP_ADDRESS"] == "off"


FIXED_NAMES = [row.name for row in ROWS if row.name.isupper()]
NAMES = st.sampled_from([*FIXED_NAMES, *sorted(VARIABLES), "CXONE_CLIENT_ID_FILE", "KAFKA_CONFIG_SASL_PASSWORD_FILE"])
BENT_NAMES = st.builds(
    lambda name, at, letter: name[:at] + letter + name[at + 1 :], NAMES, st.integers(6, 30), st.text()
)
TEXTS = (
    st.text() | st.from_regex(r"[a-z0-9:/.,_-]{1,12}", fullmatch=True) | st.sampled_from(["true", "1", "off", "1e9"])
)
VALUES = TEXTS | st.text(st.characters(categories=["Cs", "Cc", "Nd"]), max_size=5)


def outcome(environ: dict[str, str]) -> Settings | ConfigurationError:
    """Load in an empty directory, and return the error as a value."""
    with TemporaryDirectory() as directory:
        try:
            return load_settings(environ, Path(directory))
        except ConfigurationError as error:
            return error


@given(environ=st.dictionaries(NAMES | BENT_NAMES, VALUES, max_size=12), least=st.sampled_from([LEAST, {}]))
def test_any_environment_is_read_or_refused(environ: dict[str, str], least: dict[str, str]) -> None:
    """Whatever stands in the environment gives settings or a configuration error of one line per problem."""
    found = outcome(least | environ)
    if isinstance(found, Settings):
        assert found.kafka.outcome_topic not in found.kafka.input_topics
    else:
        assert len(str(found).splitlines()) == len(found.problems) > 0
        assert all(problem.name and problem.wrong and problem.fix for problem in found.problems)


@given(
    st.dictionaries(NAMES, st.text(string.ascii_letters, max_size=3).map(lambda end: f"#{SECRET}#{end}"), min_size=1)
)
def test_no_value_of_any_setting_is_ever_in_an_error(environ: dict[str, str]) -> None:
    """Even a credential in the wrong setting is not shown by the error about it."""
    found = outcome(environ)
    assert isinstance(found, ConfigurationError)
    assert SECRET not in f"{found} {found!r}"
    assert "p+w" not in f"{found} {found!r}"
