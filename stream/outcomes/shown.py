"""How outcomes are shown: lines of JSON for programs, a table for people, and the story of one record."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol, TextIO

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..codes import ErrorCode
from ..remedies import CAUSE, REMEDY

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from .published import Failure, Outcome, Published

PLAIN_WIDTH = 200
"""Columns of characters where there is no terminal."""
NARROW_WIDTH = 120
"""On a narrower terminal the date and the event are left out."""
_CODES = {str(code): code for code in ErrorCode}


def screen(file: TextIO) -> Console:
    """Make the console of a terminal, or one of a fixed width where there is none."""
    return Console(file=file, width=None if file.isatty() else PLAIN_WIDTH)


class Form(Protocol):
    """One way to show outcomes."""

    def show(self, published: Collection[Published]) -> None:
        """Show some more."""
        ...


class JsonLines:
    """One line for each: the outcome's own members, and its headers in one member more."""

    def __init__(self, say: Callable[[str], None]) -> None:
        """Write nothing yet; `say` is given each line."""
        self._say = say

    def show(self, published: Collection[Published]) -> None:
        """Show some more."""
        for each in published:
            document: dict[str, Any] = orjson.loads(each.value)
            headers = {name: _text(value) for name, value in each.headers if name != "content-type"}
            self._say(orjson.dumps({**document, "headers": headers}).decode())


class OutcomeTable:
    """One row for each; rows are written as they come, so that no number of them fills the memory."""

    def __init__(self, console: Console) -> None:
        """Write nothing yet."""
        self._console = console
        self._is_narrow = console.width < NARROW_WIDTH
        self._is_first = True

    def show(self, published: Collection[Published]) -> None:
        """Show some more, under the same columns."""
        if not published:
            return
        table = self._table()
        for each in published:
            outcome = each.outcome
            decided = outcome.timestamp.removesuffix("Z").replace("T", " ")
            table.add_row(
                decided.partition(" ")[-1] if self._is_narrow else decided,
                _safe(outcome.data_store_id or "-"),
                _safe(outcome.record_id or "-"),
                _result(outcome),
                "-" if outcome.version is None else str(outcome.version),
                *([] if self._is_narrow else [_safe(str(outcome.source))]),
                _safe(_short(outcome.error)) if outcome.error else "",
            )
        self._console.print(table)

    def _table(self) -> Table:
        table = Table(box=None, expand=True, pad_edge=False, show_header=self._is_first, header_style="bold")
        table.add_column(
            "time (UTC)" if self._is_narrow else "decided (UTC)", width=12 if self._is_narrow else 23, no_wrap=True
        )
        table.add_column("datastore", ratio=2, no_wrap=True)
        table.add_column("record", ratio=2, no_wrap=True)
        table.add_column("result", width=15, no_wrap=True)
        table.add_column("version", width=7, no_wrap=True, justify="right")
        if not self._is_narrow:
            table.add_column("event", ratio=3, no_wrap=True)
        table.add_column("why", ratio=4, overflow="fold")
        self._is_first = False
        return table


class Story:
    """All that is told of one record, a paragraph for each of its events."""

    def __init__(self, console: Console) -> None:
        """Write nothing yet."""
        self._console = console
        self._count = 0

    def show(self, published: Collection[Published]) -> None:
        """Tell some more."""
        for each in published:
            self._count += 1
            self._tell(each)

    def _tell(self, published: Published) -> None:
        outcome = published.outcome
        lines = [Text.assemble((f"{self._count}. event {outcome.source}", "bold"), _came(outcome)), _became(outcome)]
        lines += [Text(f"   {line}") for line in (_request(outcome), _traces(published)) if line]
        lines += [Text(f"   {line}") for line in (_why(outcome.error) if outcome.error else ())]
        for line in lines:
            self._console.print(line, soft_wrap=True)


def _came(outcome: Outcome) -> str:
    came_ms = outcome.source.timestamp_ms
    return "" if came_ms is None else f", written {_moment(came_ms)}"


def _became(outcome: Outcome) -> Text:
    facts = [
        f"version {outcome.version}" if outcome.version is not None else "",
        "executed" if outcome.executed else "not executed",
        ("confirmed" if outcome.confirmed else "not confirmed by the API") if outcome.executed else "",
        f"superseded by {outcome.superseded_by}" if outcome.superseded_by else "",
        f"decided {outcome.timestamp}",
    ]
    return Text.assemble("   ", _result(outcome), ", ", ", ".join(filter(None, facts)))


def _request(outcome: Outcome) -> str:
    if outcome.batch_id is None:
        return "by no request"
    checksum = "checksum verified" if outcome.checksum_verified else "checksum not verified"
    return (
        f"batch {outcome.batch_id}, records: {outcome.batch_size}, attempts: {outcome.attempts}, "
        f"{outcome.latency_ms} ms, {checksum}"
    )


def _traces(published: Published) -> str:
    batch, event = published.batch_trace_id, published.event_trace_id
    if batch is None and event is None:
        return ""
    return f"trace {batch}" if batch == event else f"trace of the batch {batch}, of the event {event}"


def _why(error: Failure) -> list[str]:
    lines = [_plain(_short(error))]
    if (code := _CODES.get(error.code)) is not None:
        lines += [f"mostly because of: {CAUSE[code]}", f"what to do: {REMEDY[code]}"]
    return lines


def _short(error: Failure) -> str:
    place = f" at {error.path}" if error.path else ""
    status = f" ({error.http_status})" if error.http_status is not None else ""
    return f"{error.code}{place}{status}: {error.message}"


def _result(outcome: Outcome) -> Text:
    return Text(_plain(outcome.result), "green" if outcome.status == "SUCCESS" else "bold red")


def _moment(wall_ms: int) -> str:
    try:
        return f"{datetime.fromtimestamp(wall_ms / 1000, UTC):%Y-%m-%dT%H:%M:%S}.{wall_ms % 1000:03d}Z"
    except (OverflowError, ValueError):
        return f"{wall_ms} ms after 1970"


def _safe(text: str) -> Text:
    return Text(_plain(text))


def _plain(text: str) -> str:
    """Keep texts from outside from moving the cursor, colouring the terminal or making lines of their own."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "backslashreplace")
