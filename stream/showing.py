"""Puts together what is shown of the service while it runs: the board, the watchdog, the HTTP server."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import TYPE_CHECKING

from . import __version__
from .board import Board
from .bulletin import Bulletin, Heartbeat
from .clock import SystemClock
from .settings import describe
from .watchdog import Watchdog
from .web import Facts, Routes, StatusServer, Told

if TYPE_CHECKING:
    from collections.abc import Callable

    from .mapping import Mapping
    from .observer import Observer
    from .schema_files import SchemaFile
    from .settings import Settings
    from .web import Exposition

LIBRARIES = ("confluent-kafka", "httpx", "orjson", "jsonschema-rs")
"""Those whose version matters where something behaves in another way than here."""


def show(
    settings: Settings,
    files: tuple[SchemaFile, ...],
    mapping: Mapping,
    is_ending: Callable[[], bool],
    metrics: Exposition | None = None,
) -> Observer:
    """Begin to show, before anything outside is touched: probes come while the service starts.

    Args:
        settings: judged and complete.
        files: of the schemas.
        mapping: of sources that are not native.
        is_ending: whether the process was asked to end.
        metrics: for `/metrics`; None where there are none.

    Returns:
        Who must be told what the loop does.

    Raises:
        FatalError: when `STREAM_HTTP_ADDRESS` cannot be listened on.
    """
    board, clock, address = Board(), SystemClock(), settings.stream.http_address
    watchdog = Watchdog(board, is_ending)
    if address is not None:
        told = Told(_facts(settings, files, mapping, clock.wall_ms()), board, watchdog, clock, metrics)
        StatusServer(address, Routes(told), clock).start()
    watchdog.start()
    return Heartbeat(board) if address is None else Bulletin(board, clock, settings.stream.batch_size)


def _facts(settings: Settings, files: tuple[SchemaFile, ...], mapping: Mapping, started_ms: int) -> Facts:
    return Facts(
        version=__version__,
        build={"Python": platform.python_version()} | {name: version(name) for name in LIBRARIES},
        started_ms=started_ms,
        group_id=settings.kafka.group_id,
        instance_id=settings.kafka.instance_id,
        configuration=dict(describe(settings)),
        schemas={file.name: file.sha256 for file in files},
        mapping={mapping.name: mapping.sha256} if mapping.rules else None,
    )
