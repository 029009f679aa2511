"""The audit: one JSON line for each request with a verdict, written before its outcomes are (contract section 5)."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import orjson

from .errors import FatalError

if TYPE_CHECKING:
    from .model import Decided


def line(decided: Decided, timestamp: str) -> bytes:
    """Write the line of one request.

    Args:
        decided: the request and its verdict. A request is atomic: of a refused one no record was applied, whatever
            becomes of each later on.
        timestamp: RFC 3339.
    """
    batch, verdict = decided.batch, decided.verdict
    success_count = len(batch.events) if verdict.result.succeeded else 0
    failure_count = len(batch.events) - success_count
    rebased = [{"recordId": each.record_id, "from": each.sent, "to": each.current} for each in verdict.rebased]
    return orjson.dumps(
        {
            "timestamp": timestamp,
            "dataStoreId": batch.lane.datastore_id,
            "batchSize": len(batch.events),
            "checksum": batch.checksum,
            "status": "FAILED" if failure_count else "SUCCESS",
            "latencyMs": round(verdict.latency_ms, 3),
            "successCount": success_count,
            "failureCount": failure_count,
            "batchId": batch.batch_id,
            "attempts": verdict.attempts,
            "httpStatus": verdict.http_status,
            **({"rebased": rebased} if rebased else {}),
        },
        option=orjson.OPT_APPEND_NEWLINE,
    )


class AuditLog:
    """Where the lines go: `STREAM_AUDIT_LOG` is a file to append to, `-` (stdout) or `off`."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._stream: BinaryIO | None = self._open(target)

    def write(self, text: bytes) -> None:
        """Append one line, whole and at once; FatalError when it cannot be written, for nothing goes unaudited."""
        if self._stream is None:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError) as error:
            what = f"the audit log {self._target} cannot be written: {error}"
            raise FatalError(what, "free its disk, or set STREAM_AUDIT_LOG") from error

    def close(self) -> None:
        """Close the file; stdout stays open."""
        if self._stream is not None and self._target != "-":
            with contextlib.suppress(OSError):  # what cannot be written has been told by `write`
                self._stream.close()

    @staticmethod
    def _open(target: str) -> BinaryIO | None:
        if target == "off":
            return None
        if target == "-":
            return sys.stdout.buffer
        try:
            return Path(target).open("ab")
        except OSError as error:
            what = f"the audit log {target} cannot be opened: {error.strerror}"
            raise FatalError(what, "set STREAM_AUDIT_LOG to a file that can be written, to - or to off") from error
