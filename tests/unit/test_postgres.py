"""Where PostgreSQL's programs are looked for, and what is said when there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stream.sandbox.postgres import PostgresError, find_postgres

if TYPE_CHECKING:
    from pathlib import Path


def _install(directory: Path, version: str) -> Path:
    """Put programs that only tell their version into a directory."""
    directory.mkdir(parents=True)
    for name in ("postgres", "initdb", "psql"):
        program = directory / name
        program.write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
        program.chmod(0o755)
    return directory


def test_the_newest_of_debians_is_taken(tmp_path: Path) -> None:
    """Versions are compared as numbers, and directories that are no version do not disturb."""
    for version in ("14", "9", "common"):
        _install(tmp_path / version / "bin", version if version.isdecimal() else "17.1")
    newest = _install(tmp_path / "16" / "bin", "16.4 (Debian 16.4-1)")
    assert find_postgres("", tmp_path) == newest


def test_one_in_the_path_goes_before(tmp_path: Path) -> None:
    """Unless it is too old."""
    installed = _install(tmp_path / "debian" / "15" / "bin", "15.8")
    own, old = _install(tmp_path / "own", "17.2"), _install(tmp_path / "old", "13.1")
    assert find_postgres(str(own), tmp_path / "debian") == own
    assert find_postgres(str(old), tmp_path / "debian") == installed


def test_without_any_the_way_to_one_is_told_in_one_line(tmp_path: Path) -> None:
    """None, half of one, or only an old one: what to install is said."""
    half, old = _install(tmp_path / "half", "16"), _install(tmp_path / "old" / "13" / "bin", "13.9")
    (half / "initdb").unlink()
    for path, debian in (("", tmp_path / "none"), (str(half), tmp_path / "none"), ("", old.parents[1])):
        with pytest.raises(PostgresError, match=r"^PostgreSQL 14 or newer .* run: apt-get install postgresql$"):
            find_postgres(path, debian)
