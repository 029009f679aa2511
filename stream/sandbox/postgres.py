"""A real PostgreSQL on a loopback port, from the programs that the machine has: what a connector reads its log of.

It refuses to be run by root; there it is run as the user `postgres`. It never outlives the process that started it.
"""

from __future__ import annotations

import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ..errors import StreamError
from .kafka_process import BoundProcess
from .ports import free_port

if TYPE_CHECKING:
    from collections.abc import Mapping

SUPERUSER = "postgres"
DATABASE = "postgres"
OLDEST = 14
HOW_TO_INSTALL = (
    f"PostgreSQL {OLDEST} or newer is needed on this machine; on Debian or Ubuntu run: apt-get install postgresql"
)
SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "wal_level": "logical",
    "timezone": "UTC",
    # a sandbox: whatever the machine's end takes away is made anew
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "20",
}
"""What differs from PostgreSQL's defaults; the port is added."""

_DEBIAN = Path("/usr/lib/postgresql")
_PASSED_ON = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH")
_STEP_S = 0.02
_TAIL_LINES = 15
_STATEMENT_S = 120.0
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")


class PostgresError(StreamError):
    """PostgreSQL cannot be had or did not come up, or it refused a statement."""


def find_postgres(path: str | None = None, debian: Path = _DEBIAN) -> Path:
    """Return the directory of PostgreSQL's programs: one in the path, else the newest where Debian puts them.

    Args:
        path: directories as in `PATH`, which it is by default.
        debian: what Debian installs below, one directory for each version.

    Raises:
        PostgresError: there is none, or only an old one; says how to install it.
    """
    in_path = shutil.which("postgres", path=path)
    by_version = sorted(debian.glob("*/bin/postgres"), key=lambda program: _number(program.parts[-3]), reverse=True)
    for program in [*([Path(in_path)] if in_path else []), *by_version]:
        if all((program.parent / name).exists() for name in ("initdb", "psql")) and _major(program) >= OLDEST:
            return program.parent
    raise PostgresError(HOW_TO_INSTALL)


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def _major(program: Path) -> int:
    told = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=False).stdout
    found = _VERSION.search(told)
    return int(found[1]) if found else 0


class Postgres:
    """One PostgreSQL server; as a context manager it is started on entering, ended and removed on leaving."""

    def __init__(self, programs: Path) -> None:
        """Prepare a server; nothing is started and no file is written.

        Args:
            programs: what `find_postgres` returned.
        """
        self.port = free_port()
        self.password = secrets.token_urlsafe(16)
        self._programs = programs
        self._user = _unprivileged()
        self._directory: Path | None = None
        self._environ = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        self._process: BoundProcess | None = None

    def start(self, timeout_s: float = 60.0) -> None:
        """Make a database cluster, start the server, and return when it takes statements (about 2 s).

        Raises:
            PostgresError: it ended, or took no statement in time; nothing is left behind.
        """
        try:
            data_dir = self._make_cluster()
            options = [
                word
                for name, value in {**SETTINGS, "port": str(self.port)}.items()
                for word in ("-c", f"{name}={value}")
            ]
            self._process = BoundProcess(
                (str(self._programs / "postgres"), "-D", str(data_dir), *options),
                cwd=data_dir,
                environ=self._environ,
                log_file=self._log_file,
                removed_with_us=self._directory,
                user=self._user,
            )
            self._wait_until_it_answers(timeout_s)
        except BaseException:
            self.close()
            raise

    def execute(self, statements: str) -> None:
        """Carry out SQL, in transactions where it says so.

        Raises:
            PostgresError: a statement was refused; those before it were carried out.
        """
        self._psql(statements)

    def query(self, statement: str) -> list[str]:
        """Return the rows of a query of one column, as text, with times and spans as in ISO 8601.

        Raises:
            PostgresError: it was refused.
        """
        copy = f"COPY ({statement}) TO STDOUT (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')"
        return self._psql(f"SET IntervalStyle = iso_8601; {copy}").splitlines()

    def close(self) -> None:
        """End the server and remove its data."""
        if self._process is not None:
            self._process.send(signal.SIGQUIT)
            if not self._process.wait(5.0):
                self._process.send(signal.SIGKILL)
                self._process.wait()
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        """End it and clean up."""
        self.close()

    @property
    def _log_file(self) -> Path:
        return (self._directory or Path()) / "postgres.log"

    def _make_cluster(self) -> Path:
        self._directory = Path(tempfile.mkdtemp(prefix="cxone-postgres-"))
        password_file = self._directory / "password"
        password_file.write_text(self.password)
        if self._user is not None:
            for path in (self._directory, password_file):
                shutil.chown(path, self._user, self._user)
        data_dir = self._directory / "data"
        command = [str(self._programs / "initdb"), "-D", str(data_dir), "-U", SUPERUSER, "--pwfile", str(password_file)]
        command += ["--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-sync"]
        with self._log_file.open("ab") as log:
            made = subprocess.run(
                command,
                cwd=self._directory,
                env=self._environ,
                stdout=log,
                stderr=log,
                check=False,
                user=self._user,
                group=self._user,
                extra_groups=None if self._user is None else (),
            )
        password_file.unlink()
        if made.returncode:
            raise PostgresError(f"PostgreSQL could not make its database (exit {made.returncode}){self._log_tail()}")
        return data_dir

    def _wait_until_it_answers(self, timeout_s: float) -> None:
        deadline_s = time.monotonic() + timeout_s
        while True:
            try:
                self.execute("SELECT 1")
            except PostgresError:
                if self._process is None or not self._process.is_running():
                    raise PostgresError(f"PostgreSQL ended while starting{self._log_tail()}") from None
                if time.monotonic() > deadline_s:
                    message = f"PostgreSQL took no statement within {timeout_s:g} s{self._log_tail()}"
                    raise PostgresError(message) from None
                time.sleep(_STEP_S)
            else:
                return

    def _psql(self, statements: str) -> str:
        address = ("-h", "127.0.0.1", "-p", str(self.port), "-U", SUPERUSER, "-d", DATABASE)
        done = subprocess.run(
            [str(self._programs / "psql"), *address, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", "-"],
            env={**self._environ, "PGPASSWORD": self.password, "PGCONNECT_TIMEOUT": "10"},
            input=statements,
            capture_output=True,
            encoding="utf-8",
            timeout=_STATEMENT_S,
            check=False,
        )
        if done.returncode:
            raise PostgresError(f"PostgreSQL refused a statement: {done.stderr.strip()[:1000]}")
        return done.stdout

    def _log_tail(self) -> str:
        lines = self._log_file.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
        return "\n".join(["; the end of its log:", *lines])


def main() -> int:
    """Say in one line what is missing on this machine; return the exit code."""
    try:
        find_postgres()
    except PostgresError as error:
        print(error, file=sys.stderr)  # noqa: T201 - for the Makefile
        return error.exit_code
    return 0


def _unprivileged() -> str | None:
    """Name the user that the server is run as: None for this one, unless it is root, whom PostgreSQL refuses."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in (SUPERUSER, "nobody") if name in known), None)


if __name__ == "__main__":
    sys.exit(main())
