"""Credentials that stand in files: rotated in every way that is in use, and what is said when a file is no good."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from stream.credentials import Credentials
from stream.settings.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def _in_files(directory: Path) -> tuple[Credentials, Path]:
    """Credentials whose secret stands in a file that holds `old`."""
    path = directory / "secret"
    path.write_text("old")
    return Credentials(Secret("me"), Secret.from_file(path)), path


def _replace(path: Path) -> None:
    next_one = path.with_name("next")
    next_one.write_text("new")
    next_one.replace(path)


def _overwrite(path: Path) -> None:
    path.write_text("new")


def _overwrite_and_backdate(path: Path) -> None:
    before = path.stat()
    path.write_text("new")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("rotate", [_replace, _overwrite, _overwrite_and_backdate])
def test_a_rotated_secret_counts_at_once(tmp_path: Path, rotate: Callable[[Path], None]) -> None:
    """However the file is rewritten, also to the same length and with the time of before, it is read anew."""
    credentials, path = _in_files(tmp_path)
    before = credentials.read()
    rotate(path)
    assert (before, credentials.read()) == (("me", "old"), ("me", "new"))


def test_both_are_rotated_as_kubernetes_does(tmp_path: Path) -> None:
    """Files that are links through a directory, itself a link that is swapped: both values change together."""
    for version, (client_id, secret) in {"v1": ("me", "old"), "v2": ("you", "new")}.items():
        (tmp_path / version).mkdir()
        (tmp_path / version / "id").write_text(client_id)
        (tmp_path / version / "secret").write_text(secret)
    (tmp_path / "..data").symlink_to("v1")
    for name in ("id", "secret"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    credentials = Credentials(Secret.from_file(tmp_path / "id"), Secret.from_file(tmp_path / "secret"))
    before = credentials.read()
    (tmp_path / "..tmp").symlink_to("v2")
    (tmp_path / "..tmp").replace(tmp_path / "..data")
    (tmp_path / "v1" / "id").unlink()
    assert (before, credentials.read()) == (("me", "old"), ("you", "new"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "names a file without a usable value"),
        (b"\n", "names a file without a usable value"),
        (b"\xff", "names a file that is not UTF-8 text"),
        (b"x" * 70_000, "names a file above 65536 bytes"),
        (None, "names a file that is not there"),
    ],
    ids=["empty", "only a line's end", "no text", "huge", "gone"],
)
def test_a_file_that_is_no_good_leaves_the_old_value(tmp_path: Path, content: bytes | None, reason: str) -> None:
    """The last good value holds; that is said once, with the setting and the reason, and again after it was mended."""
    credentials, path = _in_files(tmp_path)
    with capture_logs() as lines:
        for _ in range(2):
            path.unlink() if content is None else path.write_bytes(content)
            assert {credentials.read() for _ in range(3)} == {("me", "old")}
            path.write_text("old")
            credentials.read()
    told = {"event": "credentials_file_unusable", "log_level": "warning", "setting": "CXONE_CLIENT_SECRET_FILE"}
    assert lines == [{**told, "reason": reason, "still": "the last good value"}] * 2


def test_a_change_is_said_without_the_values(tmp_path: Path) -> None:
    """An operator sees that a rotation was taken up; neither value is in the log."""
    credentials, path = _in_files(tmp_path)
    credentials.read()
    with capture_logs() as lines:
        path.write_text("new")
        credentials.read()
        credentials.read()
    assert lines == [{"event": "credentials_changed", "log_level": "info"}]
