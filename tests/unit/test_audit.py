"""The audit: one line for each request with a verdict, to wherever the configuration says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest

from stream.audit import AuditLog, line
from stream.conflict import VERSION_CONFLICT
from stream.errors import FatalError
from stream.model import Decided, Rebase, Result, Ruling, Verdict

from ..builders import TIMESTAMP, batch, event

if TYPE_CHECKING:
    from pathlib import Path

REQUEST = batch(event("a", offset=0), event("b", offset=1))
DECIDED = Decided(REQUEST, Verdict(Result.APPLIED, 200, 12.3456789, 3), REQUEST.events)


def test_a_line_has_the_documented_members() -> None:
    """Contract section 5, in order, on one line."""
    written = line(DECIDED, TIMESTAMP)
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


@pytest.mark.parametrize("result", [Result.REJECTED, Result.CONFLICT, Result.INTEGRITY])
def test_a_request_is_applied_whole_or_not_at_all(result: Result) -> None:
    """Of a refused one no record was applied by it, however many of them it decides and whatever these come to."""
    ours = {"a": Ruling(Result.ALREADY_APPLIED, None, 4, confirmed=True)}
    verdict = Verdict(result, 409, 1.0, 1, VERSION_CONFLICT, rulings=ours)
    for events in (REQUEST.events, REQUEST.events[:1], ()):
        written = orjson.loads(line(Decided(REQUEST, verdict, events), TIMESTAMP))
        assert (written["status"], written["successCount"], written["failureCount"]) == ("FAILED", 0, 2)


def test_records_that_were_left_out_do_not_make_it_fail() -> None:
    """Stale is a success (contract section 3), and the request was carried out."""
    stale = {"a": Ruling(Result.SKIPPED_STALE, None, 4, confirmed=True)}
    verdict = Verdict(Result.APPLIED, 200, 1.0, 1, rulings=stale)
    written = orjson.loads(line(Decided(REQUEST, verdict, REQUEST.events), TIMESTAMP))
    assert (written["status"], written["successCount"], written["failureCount"]) == ("SUCCESS", 2, 0)


def test_rebased_records_have_their_history() -> None:
    """From which version to which, and no value of the record."""
    rebased = (Rebase("a", 3, 8), Rebase("b", None, 0))
    written = orjson.loads(line(Decided(REQUEST, Verdict(Result.APPLIED, 200, 1.0, 1, rebased=rebased), ()), TIMESTAMP))
    assert written["rebased"] == [{"recordId": "a", "from": 3, "to": 8}, {"recordId": "b", "from": None, "to": 0}]


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
