"""`cxone-stream demo --keep`: all stays up, and new outcomes are shown as they are committed."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from .kafka import DemoError
from .table import keep_steps, scripts
from .watch import TICK_S, latency_ms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .screen import Screen
    from .watch import Stage

_MOST_SHOWN: Final = 10


def keep(stage: Stage, screen: Screen, program: str) -> None:
    """Say what to try, and show new outcomes until Ctrl-C; then end the service.

    Args:
        stage: what runs.
        screen: where to speak.
        program: how `cxone-stream` is called from any directory.

    Raises:
        DemoError: the service has ended by itself, or not in order.
    """
    servers, directory = stage.kafka.bootstrap_servers, stage.directory
    (directory / ".env").write_text(dotenv(stage.settings))
    for name, text in scripts(servers, directory, sys.executable, program).items():
        (directory / name).write_text(text)
        (directory / name).chmod(0o755)
    screen.say("\n".join(keep_steps(servers, stage.sandbox.base_url, stage.service.page, shown(directory))))
    try:
        _follow(stage, screen)
    except KeyboardInterrupt:
        screen.say("ending the service, then the stand-in and Kafka")
        stage.service.end()
    if stage.service.exit_code != 0:
        raise DemoError(f"the service ended with exit code {stage.service.exit_code}:\n{stage.service.log_tail()}")


def dotenv(settings: Mapping[str, str]) -> str:
    """Write settings in the form of `.env`: a service that is started beside the file has them."""
    return "".join(f"{name}='{value}'\n" for name, value in settings.items())


def shown(path: Path) -> Path:
    """Shorten a path for people, where it lies below the working directory."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _follow(stage: Stage, screen: Screen) -> None:
    told = len(stage.follower.readings)
    while stage.service.exit_code is None:
        new = stage.follower.readings[told:]
        told += len(new)
        for reading in new[:_MOST_SHOWN]:
            screen.say(outcome_line(orjson.loads(reading.value or b"{}"), latency_ms(reading)))
        if len(new) > _MOST_SHOWN:
            screen.say(f"  … and {len(new) - _MOST_SHOWN:,} more")
        time.sleep(TICK_S)


def outcome_line(outcome: Mapping[str, Any], took_ms: float) -> str:
    """Return an outcome as one line."""
    error = outcome["error"]
    if error is not None:
        return f"  {outcome['result']}  {error['code']}: {error['message']}"
    record = f"{outcome['dataStoreId']}/{outcome['recordId']}"
    return f"  {outcome['result']}  {record} is version {outcome['version']}, {took_ms:,.0f} ms after its event"
