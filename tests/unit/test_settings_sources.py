"""Where settings come from, which source wins, and how misspelt names are found (contract section 5)."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.errors import ConfigurationError
from stream.settings import Settings, load_settings
from stream.settings.names import distance, nearest
from stream.settings.secret import Secret, UnusableError

LEAST = {
    "CXONE_REGION": "us-21.niceincontact.com",
    "CXONE_CLIENT_ID": "an-id",
    "CXONE_CLIENT_SECRET": "a-secret",
    "KAFKA_BOOTSTRAP_SERVERS": "kafka-1:9092",
}


def refused(cwd: Path, **environ: str) -> dict[str, str]:
    """Return the lines of what is refused, by name."""
    with pytest.raises(ConfigurationError) as caught:
        load_settings(LEAST | environ, cwd)
    return {problem.name: f"{problem.wrong}; {problem.fix}" for problem in caught.value.problems}


def toml(cwd: Path, content: str) -> Settings:
    """Load with a TOML file."""
    (cwd / "stream.toml").write_text(content, encoding="utf-8")
    return load_settings(LEAST | {"STREAM_CONFIG_FILE": "stream.toml"}, cwd)


def test_the_first_source_wins(tmp_path: Path) -> None:
    """The environment counts before `.env`, that before TOML, and that before a secret file."""
    (tmp_path / "from_file").write_text("file\n")
    (tmp_path / ".env").write_text("KAFKA_GROUP_ID=dotenv\nKAFKA_INPUT_TOPIC=dotenv\nSTREAM_CONFIG_FILE=stream.toml\n")
    (tmp_path / "stream.toml").write_text(
        'kafka_group_id = "toml"\nkafka_input_topic = "toml"\nkafka_outcome_topic = "toml"\n'
        'cxone_client_secret = "toml"\ncxone_client_id_file = "from_file"\n'
    )
    environ = {"CXONE_REGION": "a.b", "KAFKA_BOOTSTRAP_SERVERS": "k", "KAFKA_GROUP_ID": "environment"}
    settings = load_settings(environ | {"CXONE_CLIENT_SECRET_FILE": "from_file"}, tmp_path)
    kafka, cxone = settings.kafka, settings.cxone
    assert (kafka.group_id, kafka.input_topics, kafka.outcome_topic) == ("environment", ("dotenv",), "toml")
    assert (cxone.client_secret(), cxone.client_id()) == ("toml", "file")


@pytest.mark.parametrize(
    "content",
    [
        'STREAM_BATCH_SIZE=7\nKAFKA_INPUT_TOPIC=["a", "b"]\nSTREAM_CLOUDEVENTS=true\nKAFKA_CONFIG_CLIENT_ID="me"',
        'stream_batch_size = "7"\nkafka_input_topic = "a,b"\nstream_cloudevents = "yes"\nkafka_config_client_id = "me"',
        '[stream]\nbatch_size = 7\ncloudevents = true\n[kafka]\ninput_topic = "a,b"\nconfig_client_id = "me"',
        '[stream]\nstream_batch_size = 7\nCLOUDEVENTS = true\n[kafka]\ninput_topic = "a,b"\nconfig."client.id" = "me"',
    ],
)
def test_toml_may_be_written_in_several_ways(tmp_path: Path, content: str) -> None:
    """Keys are the settings' names in either case, flat or in tables; values may have TOML's types."""
    settings = toml(tmp_path, content)
    assert (settings.stream.batch_size, settings.stream.cloudevents) == (7, True)
    assert (settings.kafka.input_topics, settings.kafka.extra) == (("a", "b"), {"client.id": "me"})


@pytest.mark.parametrize(
    ("content", "name", "told"),
    [
        ("[stream]\nbatch_sise = 1", "stream.batch_sise", "write stream_batch_size"),
        ("colour = 1", "colour", "remove it"),
        ("STREAM_CONFIG_FILE = 'x'", "STREAM_CONFIG_FILE", "no setting that the file"),
        ("kafka_group_id = 'a'\n[kafka]\ngroup_id = 'b'", "kafka.group_id", "a second time"),
        ("[stream]\nbatch_size = 2020-01-01", "stream.batch_size", "a kind of value"),
        ("kafka_input_topic = ['a', 1]", "kafka_input_topic", "a kind of value"),
        ("[stream]\nbatch_size = 0", "STREAM_BATCH_SIZE", "is below 1 (in the file of STREAM_CONFIG_FILE)"),
        ("[stream\nbatch_size = 0", "STREAM_CONFIG_FILE", "not TOML (at line 1, column 8)"),
        ("a = " + "[" * 5000, "STREAM_CONFIG_FILE", "names a file"),
        ("a = 1 # " + "x" * 2_000_000, "STREAM_CONFIG_FILE", "above 1048576 bytes"),
    ],
)
def test_toml_is_refused_where_it_is_wrong(tmp_path: Path, content: str, name: str, told: str) -> None:
    """A key that is no setting, a doubled one, a wrong type, and a broken or huge file are each told."""
    (tmp_path / "stream.toml").write_text(content, encoding="utf-8")
    lines = refused(tmp_path, STREAM_CONFIG_FILE="stream.toml")
    assert list(lines) == [name]
    assert told in lines[name]


def test_dotenv_is_taken_as_it_stands(tmp_path: Path) -> None:
    """`.env` may quote and export; `${…}` in a secret is not replaced; a broken line is told with its number."""
    secret = "p+w & x=1%/2 ü${HOME}"  # noqa: S105 - made up
    (tmp_path / ".env").write_text(f"# ours\nexport KAFKA_GROUP_ID=g\nCXONE_CLIENT_SECRET='{secret}'\nX\n", "utf-8")
    environ = {name: text for name, text in LEAST.items() if name != "CXONE_CLIENT_SECRET"}
    settings = load_settings(environ, tmp_path)
    assert (settings.cxone.client_secret(), settings.kafka.group_id) == (secret, "g")
    (tmp_path / ".env").write_text("KAFKA_GROUP_ID='g\n", encoding="utf-8")
    assert refused(tmp_path)[".env"].startswith("line 1 cannot be read")
    (tmp_path / ".env").write_bytes(b"KAFKA_GROUP_ID=\xff\n")
    assert refused(tmp_path)[".env"].startswith("names a file that is not UTF-8")


def test_a_directory_named_dotenv_is_left_alone(tmp_path: Path) -> None:
    """Some keep a virtual environment in `.env/`: it is no source."""
    (tmp_path / ".env").mkdir()
    assert load_settings(LEAST, tmp_path).kafka.group_id == "cxone-delta-stream"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("CXONE_REGON", "CXONE_REGION"),
        ("CXONE_REGOIN", "CXONE_REGION"),
        ("CXONE_CLIENT_SECRETS_FILE", "CXONE_CLIENT_SECRET_FILE"),
        ("KAFKA_DEADLETTER_TOPIC", "KAFKA_DEAD_LETTER_TOPIC"),
        ("KAFKA_CONF_SASL_USERNAME", "KAFKA_CONFIG_SASL_USERNAME"),
        ("STREAM_DRAIN", "STREAM_DRAIN_S"),
        ("stream_drain_s", "STREAM_DRAIN_S"),
    ],
)
def test_a_near_miss_is_refused_with_the_name_meant(tmp_path: Path, name: str, meant: str) -> None:
    """An unknown name one or two letters away from a known one, in the environment or `.env`, is not ignored."""
    assert f"write {meant}, or" in refused(tmp_path, **{name: "1"})[name]
    (tmp_path / ".env").write_text(f"{name}=1\n", encoding="utf-8")
    assert f"close to {meant} (in .env)" in refused(tmp_path)[name]


def test_a_strange_name_stays_on_its_line(tmp_path: Path) -> None:
    """A name with control characters is shown escaped, so that each problem is one line."""
    assert list(refused(tmp_path, **{"STREAM_DRAIN_S\n": "1"})) == ["STREAM_DRAIN_S\\n"]
    assert list(refused(tmp_path, **{"KAFKA_CONFIG_\x1bX": "1"})) == ["KAFKA_CONFIG_\\x1bX"]


def test_names_that_others_set_are_ignored(tmp_path: Path) -> None:
    """Service links, and names far from every known one, belong to somebody else."""
    others = (
        "KAFKA_PORT KAFKA_SERVICE_HOST KAFKA_SERVICE_PORT KAFKA_SERVICE_PORT_TCP_PLAINTEXT KAFKA_PORT_9092_TCP"
        " KAFKA_PORT_9092_TCP_ADDR STREAM_PORT_8080_TCP STREAM_PORT_8080_TCP_PROTO CXONE_SERVICE_HOST"
        " KAFKA_CONFIG_PORT KAFKA_CONFIG_SERVICE_HOST KAFKA_START_SERVICE_PORT KAFKA_HOME KAFKA_HEAP_OPTS"
        " KAFKA_ADVERTISED_LISTENERS STREAM_NAME KAFKA_TOPIC"
    )
    assert load_settings(LEAST | dict.fromkeys(others.split(), "tcp://10.0.0.1:9092"), tmp_path).warnings == ()


@pytest.mark.parametrize(
    ("first", "second", "steps"),
    [("abc", "abc", 0), ("abc", "acb", 1), ("ca", "abc", 2), ("abcd", "badc", 2), ("ab", "", 2), ("", "a", 1)],
)
def test_distance_counts_swaps_as_one(first: str, second: str, steps: int) -> None:
    """Two neighbours swapped are one slip, even with a letter put between them."""
    assert distance(first, second) == distance(second, first) == steps


def test_nearest_prefers_the_closer_name() -> None:
    """The smallest distance wins, and beyond two letters nothing is meant."""
    assert nearest("BATCH_SIZ", {"BATCH_SIZE", "BATCH_SI"}) == "BATCH_SI"
    assert nearest("BATCH", {"BATCH_SIZE"}) is None


def test_a_secret_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    """A rotated secret counts at once; while its file is away, empty or broken, the last good one does."""
    path = tmp_path / "secret"
    path.write_text("one\r\n", encoding="utf-8")
    secret = Secret.from_file(path)
    replacement = tmp_path / "next"
    replacement.write_text("zwö+ & = % /\n", encoding="utf-8")
    read = [secret()]
    replacement.replace(path)
    read.append(secret())
    for content in (b"", b"\xff", None):
        path.unlink() if content is None else path.write_bytes(content)
        read.append(secret())
    path.write_text("three", encoding="utf-8")
    assert [*read, secret()] == ["one", "zwö+ & = % /", "zwö+ & = % /", "zwö+ & = % /", "zwö+ & = % /", "three"]
    assert (repr(secret), secret.path) == ("Secret(hidden)", path)


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe", b"a\x00b", b"x" * 70_000])
def test_a_secret_file_without_a_secret_is_refused(tmp_path: Path, content: bytes) -> None:
    """An empty, binary or huge file holds no secret, and the refusal is about the `_FILE` setting alone."""
    (tmp_path / "secret").write_bytes(content)
    environ = {name: text for name, text in LEAST.items() if name != "CXONE_CLIENT_SECRET"}
    with pytest.raises(ConfigurationError) as caught:
        load_settings(environ | {"CXONE_CLIENT_SECRET_FILE": "secret"}, tmp_path)
    assert [problem.name for problem in caught.value.problems] == ["CXONE_CLIENT_SECRET_FILE"]


def test_a_file_that_is_no_file_is_refused(tmp_path: Path) -> None:
    """A directory, a pipe and an impossible path are refused without waiting for anything."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "a\0b", tmp_path / ("x" * 5000)):
        with pytest.raises(UnusableError, match="not there"):
            Secret.from_file(path)


@given(dotenv=st.binary() | st.text().map(str.encode), config=st.text().map(str.encode) | st.binary())
def test_any_files_are_read_or_refused(dotenv: bytes, config: bytes) -> None:
    """Whatever bytes `.env` and the TOML file hold, the answer is settings or a configuration error."""
    with TemporaryDirectory() as directory:
        (Path(directory) / ".env").write_bytes(dotenv)
        (Path(directory) / "c").write_bytes(config)
        try:
            group = load_settings(LEAST | {"STREAM_CONFIG_FILE": "c"}, Path(directory)).kafka.group_id
        except ConfigurationError as error:
            group = str(error.problems[0])
    assert group
