"""The audit: one line for each request with a verdict, to wherever the configuration says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest

from stream.audit import AuditLog, line
from stream.errors import FatalError
from stream.model import Decided, Result, Verdict

from ..builders import TIMESTAMP, batch, event

if TYPE_CHECKING:
    from pathlib import Path

REQUEST = batch(event("a", offset=0), event("b", offset=1))
DECIDED = Decided(REQUEST, Verdict(Result.APPLIED, 200, 12.3456789, 3))


def test_a_line_has_the_documented_members() -> None:
    """Contract section 5, in order, on one line."""
    written = line(DECIDED, 2, TIMESTAMP)
    assert written.endswith(b"}\n")
    assert written.count(b"\n") == 1
    assert list(orjson.loads(written).items()) == [
        ("timestamp", TIMESTAMP),
        ("dataStoreId", "people"),
        ("batchSize", 2),
        ("checksum", REQUEST.checksum),
        ("status", "SUCCESS"),
        ("latencyMs", 12.346),
        ("successCount", 2),
        ("failureCount", 0),
        ("batchId", REQUEST.batch_id),
        ("attempts", 3),
        ("httpStatus", 200),
    ]


@pytest.mark.parametrize(("succeeded", "status", "failed"), [(2, "SUCCESS", 0), (1, "FAILED", 1), (0, "FAILED", 2)])
def test_success_means_that_nothing_failed(succeeded: int, status: str, failed: int) -> None:
    """One failed record makes the line `FAILED`; the counts add up to the batch."""
    written = orjson.loads(line(DECIDED, succeeded, TIMESTAMP))
    assert (written["status"], written["successCount"], written["failureCount"]) == (status, succeeded, failed)


def test_lines_are_appended_to_a_file(tmp_path: Path) -> None:
    """An earlier run's lines stay, and each line is there as soon as it was written."""
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b"before\n")
    for text in (b"one\n", b"two\n"):
        log = AuditLog(str(path))
        log.write(text)
        assert path.read_bytes().endswith(text)
        log.close()
    assert path.read_bytes() == b"before\none\ntwo\n"


def test_a_dash_is_the_standard_output(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """The default target is stdout, which is not ours to close."""
    log = AuditLog("-")
    log.write(b"one\n")
    log.close()
    log.write(b"two\n")
    assert capfdbinary.readouterr() == (b"one\ntwo\n", b"")


def test_off_writes_nothing(capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> None:
    """`off` is no file name."""
    log = AuditLog("off")
    log.write(b"one\n")
    log.close()
    assert capfdbinary.readouterr() == (b"", b"")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_opened_ends_the_process(tmp_path: Path) -> None:
    """Nothing goes unaudited: the error names the setting and the way out."""
    with pytest.raises(FatalError, match="cannot be opened: No such file or directory; set STREAM_AUDIT_LOG"):
        AuditLog(str(tmp_path / "absent" / "audit.jsonl"))


def test_a_line_that_cannot_be_written_ends_the_process(tmp_path: Path) -> None:
    """A log that takes no line is no reason to go on unaudited."""
    log = AuditLog(str(tmp_path / "audit.jsonl"))
    log.close()
    with pytest.raises(FatalError, match=r"audit\.jsonl cannot be written: .*; free its disk, or set STREAM_AUDIT_LOG"):
        log.write(b"one\n")
