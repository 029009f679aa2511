"""The jars of Kafka: what is fetched, from where, and that nothing unlisted is run."""

from __future__ import annotations

import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stream.sandbox.kafka_jars import CONNECT, KAFKA, KafkaJarsError, cache_dir, ensure_kafka, read_list
from stream.sandbox.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

JAR = "org/example/thing/1.0/thing-1.0.jar"
CONTENT = b"a jar"
LISTED = {JAR: hashlib.sha256(CONTENT).hexdigest()}


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[str]:
    """A Maven repository that holds one jar."""
    stored = tmp_path / "repository" / JAR
    stored.parent.mkdir(parents=True)
    stored.write_bytes(CONTENT)
    handler = partial(_QuietHandler, directory=str(tmp_path / "repository"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_missing_jar_is_fetched_once(tmp_path: Path, repository: str) -> None:
    """The first call fetches and says so, the second neither asks the repository nor says anything."""
    told: list[str] = []
    first = ensure_kafka(told.append, directory=tmp_path / "jars", listed=LISTED, repository=repository)
    nobody = f"http://127.0.0.1:{free_port()}"
    again: list[str] = []
    second = ensure_kafka(again.append, directory=tmp_path / "jars", listed=LISTED, repository=nobody)
    assert first == second
    assert first.jars[0].read_bytes() == CONTENT
    assert first.java.is_file()
    assert told == ["fetching 1 jars of Apache Kafka, this once", "fetched 1 of 1 jars"]
    assert again == []


def test_a_repository_that_gives_something_else_is_refused(tmp_path: Path, repository: str) -> None:
    """A jar that differs from the list gets no name in the directory of jars, and the message names it."""
    with pytest.raises(KafkaJarsError, match=r"thing-1\.0\.jar is not the jar that is listed, and is not run"):
        ensure_kafka(directory=tmp_path / "jars", listed={JAR: "0" * 64}, repository=repository)
    assert list((tmp_path / "jars").iterdir()) == []


def test_a_jar_that_was_changed_later_is_refused(tmp_path: Path, repository: str) -> None:
    """Jars are judged at every start, not only when they are fetched."""
    fetched = ensure_kafka(directory=tmp_path / "jars", listed=LISTED, repository=repository)
    fetched.jars[0].write_bytes(b"another jar")
    with pytest.raises(KafkaJarsError, match=r"delete .*thing-1\.0\.jar to have it fetched again"):
        ensure_kafka(directory=tmp_path / "jars", listed=LISTED, repository=repository)


def test_a_repository_that_cannot_be_reached_is_told_with_the_way_out(tmp_path: Path) -> None:
    """Without a network a person reads what failed and what to do, after more than one try."""
    nobody = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(KafkaJarsError, match=r"tried 3 times: .* check the network") as told:
        ensure_kafka(directory=tmp_path / "jars", listed=LISTED, repository=nobody)
    assert told.value.exit_code == 1
    assert list((tmp_path / "jars").iterdir()) == []


def test_the_cache_is_where_it_is_named_else_in_the_checkout_else_the_users(tmp_path: Path) -> None:
    """The variable wins, a checkout keeps everything inside itself, an installed package uses the user's cache."""
    checkout, installed = tmp_path / "checkout" / "stream", tmp_path / "site-packages" / "stream"
    checkout.mkdir(parents=True)
    (checkout.parent / "pyproject.toml").touch()
    assert cache_dir({"CXONE_STREAM_CACHE": str(tmp_path)}, checkout) == tmp_path
    assert cache_dir({}, checkout) == checkout.parent / ".cache"
    assert cache_dir({"XDG_CACHE_HOME": "/users/cache"}, installed) == Path("/users/cache/cxone-delta-stream")
    assert cache_dir({}, installed) == Path.home() / ".cache" / "cxone-delta-stream"


def test_the_list_names_a_whole_broker_of_one_version() -> None:
    """The committed list holds Kafka's server, clients and a logger, each with a SHA-256, and one Kafka version."""
    listed = read_list(KAFKA.file.read_text())
    assert all(len(bytes.fromhex(digest)) == hashlib.sha256().digest_size for digest in listed.values())
    names = {Path(path).parts[-3] for path in listed}
    assert {"kafka_2.13", "kafka-clients", "kafka-server", "slf4j-simple"} <= names
    assert {Path(path).parts[-2] for path in listed if path.startswith("org/apache/kafka/")} == {"4.4.0"}


def test_the_list_of_connect_names_what_is_wanted() -> None:
    """Each coordinate that the list was resolved from stands in it, with a SHA-256, and Jetty in one version."""
    listed = read_list(CONNECT.file.read_text())
    assert all(len(bytes.fromhex(digest)) == hashlib.sha256().digest_size for digest in listed.values())
    versions = {Path(path).parts[-3]: Path(path).parts[-2] for path in listed}
    assert len(versions) == len(listed)
    wanted = [coordinate.split(":") for coordinate in CONNECT.wanted]
    assert {versions[artifact] for _, artifact, version in wanted if versions[artifact] != version} == set()
    assert {Path(path).parts[-2] for path in listed if path.startswith("org/eclipse/jetty/")} == {"12.0.34"}
