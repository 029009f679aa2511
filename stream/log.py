"""The log: one line per happening on stderr, a constant event name and fields, as JSON or as text for a terminal.

`get_log().info("token_renewed", expires_in_s=3600)`. No caller puts a credential or a field value of a record into a
line; should one ever, the last step before a line is written hides what is named, or looks, like one.
"""

from __future__ import annotations

import io
import json
import logging
import os
import re
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, TextIO

import orjson
import structlog

from .clock import SystemClock
from .recurring import Recurring, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

    from .clock import Clock

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["auto", "json", "text"]

REDACTED = "[redacted]"
KAFKA = "kafka"
"""The clients of Kafka log below this name."""
COMPLAINTS = frozenset({"consumer_error", "producer_waits"})
"""Lines of ours that repeat what a client of Kafka complains of."""
_DEEPEST = 8
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SECRET_NAME = re.compile(
    r"secret|token|passw|passphrase|authorization|credential|cookie|bearer|(api|private|access)key|clientid|pem$"
)
_HARMLESS_ENDINGS = frozenset({"file", "path", "url", "type", "count"})
_SECRET_TEXT = re.compile(
    r"(?i)(bearer\s+|(?:client_secret|access_token|refresh_token|password)[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,;]+"
)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def configure_log(level: Level, log_format: Format, stream: TextIO | None = None, clock: Clock | None = None) -> None:
    """Say where lines go and what they look like; lines of libraries come from `warning` on, in the same form.

    What clients of Kafka repeat while a broker is away is told once, and then once a minute with `left_out`, the number
    of those that were not.

    Args:
        level: the lowest that is written.
        log_format: `auto` is text on a terminal, else JSON.
        stream: stderr when None.
        clock: for that minute; the machine's when None.
    """
    target = sys.stderr if stream is None else stream
    is_text = log_format == "text" or (log_format == "auto" and target.isatty())
    render: list[Processor] = [_escape_controls, _text_renderer(target)] if is_text else [_render_json]
    lines = _Unstoppable(target)
    bounded = _Bounded(clock or SystemClock())
    structlog.configure(
        processors=[bounded, *_STAMP, *_SHOW, *render],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=lines),  # type: ignore[arg-type]  # has all that is called
        cache_logger_on_first_use=False,
    )
    _take_over_libraries(lines, render, bounded)


def add_fields(more: Callable[[Mapping[str, object]], Mapping[str, str]]) -> None:
    """Let every line have more fields; called after `configure_log`.

    Args:
        more: is given the fields of a line and returns those to be added.
    """

    def add(_log: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
        return {**fields, **more(fields)}

    structlog.configure(processors=[add, *structlog.get_config()["processors"]])


def get_log() -> FilteringBoundLogger:
    """Return the log. It may be asked for before `configure_log`, and used from any thread."""
    log: FilteringBoundLogger = structlog.get_logger()
    return log


def flush() -> None:
    """Write out what is buffered on stderr and stdout; called before the process is ended without clean-up."""
    for stream in (sys.stderr, sys.stdout):
        with suppress(OSError, ValueError):
            stream.flush()


def redact(_log: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
    """Hide what is named like a credential, and what looks like one inside any text."""
    return {name: _redacted(name, value, 0) for name, value in fields.items()}


class _Unstoppable(io.TextIOBase):
    """Writes as long as it can: a full disk or a closed pipe behind the log must not stop events."""

    def __init__(self, target: TextIO) -> None:
        self._target = target

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            self._target.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._target.flush()


class _Bounded:
    """Leaves out what clients of Kafka say again and again, from whatever thread it comes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._recurring = Recurring()
        self._lock = threading.Lock()

    def __call__(self, _log: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
        """Judge a line of ours, as a step before it is written."""
        if fields.get("event") not in COMPLAINTS:
            return fields
        left_out = self._left_out(f"{fields['event']} {fields.get('reason')}")
        if left_out is None:
            raise structlog.DropEvent
        return {**fields, "left_out": left_out} if left_out else fields

    def admits(self, record: logging.LogRecord) -> bool:
        """Judge a line of a library."""
        if record.name.partition(".")[0] != KAFKA:
            return True
        left_out = self._left_out(record.getMessage())
        if left_out:
            record.left_out = left_out
        return left_out is not None

    def _left_out(self, text: str) -> int | None:
        with self._lock:
            return self._recurring.left_out(kind_of(text), self._clock.monotonic_s())


def _redacted(name: str, value: object, depth: int) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if _is_secret(name) or depth > _DEEPEST:
        return REDACTED
    if isinstance(value, str):
        return _SECRET_TEXT.sub(rf"\1{REDACTED}", value)
    if isinstance(value, Mapping):
        return {key: _redacted(str(key), below, depth + 1) for key, below in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redacted(name, below, depth + 1) for below in value]
    return value


def _is_secret(name: str) -> bool:
    words = [word.lower() for word in _WORDS.findall(name)]
    return bool(words) and words[-1] not in _HARMLESS_ENDINGS and bool(_SECRET_NAME.search("".join(words)))


def _render_json(_log: WrappedLogger, _method: str, fields: EventDict) -> str:
    line = {name: fields[name] for name in ("timestamp", "level", "event") if name in fields} | dict(fields)
    try:
        # Dataclasses as their own text, which hides what they hide, and not field by field.
        return orjson.dumps(
            line, default=str, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS
        ).decode()
    except TypeError:
        # What JSON cannot say exactly (lone surrogates, integers beyond 64 bits) is still worth a line.
        return json.dumps(line, default=str, skipkeys=True)


def _escape_controls(_log: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
    """Keep texts from outside from moving the cursor, colouring the terminal or making lines of their own."""
    return {
        name: _CONTROLS.sub(lambda found: ascii(found[0])[1:-1], value)
        if isinstance(value, str) and name not in {"exception", "stack"}
        else value
        for name, value in fields.items()
    }


def _text_renderer(target: TextIO) -> Processor:
    return structlog.dev.ConsoleRenderer(
        colors=target.isatty() and "NO_COLOR" not in os.environ,
        exception_formatter=structlog.dev.plain_traceback,
    )


def _take_over_libraries(lines: _Unstoppable, render: list[Processor], bounded: _Bounded) -> None:
    forget_record = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler = logging.StreamHandler(lines)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, structlog.stdlib.ExtraAdder(["left_out"]), *_STAMP],
            processors=[forget_record, *_SHOW, *render],
        )
    )
    handler.addFilter(bounded.admits)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)


_STAMP: list[Processor] = [
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
# Tracebacks as plain text: richer ones show local variables, and those hold credentials.
_SHOW: list[Processor] = [structlog.processors.format_exc_info, redact]
