"""A snapshot and the facts as JSON: `/status`, and the same without the facts in the stream of events."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING

import orjson

from ..clock import rfc3339
from .findings import findings
from .probes import kafka_ready, live, ready

if TYPE_CHECKING:
    from .told import Told

SPEC_VERSION = 1


def status_document(told: Told, *, is_whole: bool) -> bytes:
    """Write what is known now.

    Args:
        told: where it comes from.
        is_whole: with what does not change while the process lives.
    """
    snapshot, turning = told.board.snapshot, told.watchdog.turning
    is_live, is_ready = live(turning), ready(snapshot, turning)
    now_ms = told.clock.wall_ms()
    document: dict[str, object] = {
        "specVersion": SPEC_VERSION,
        "version": told.facts.version,
        "now": rfc3339(now_ms),
        "startedAt": rfc3339(told.facts.started_ms),
        "uptimeS": max(now_ms - told.facts.started_ms, 0) // 1000,
        "live": is_live.is_well,
        "ready": is_ready.is_well,
        "kafkaReady": kafka_ready(snapshot, turning).is_well,
        "reasons": [*is_live.reasons, *is_ready.reasons],
        "draining": turning.is_ending,
        "loopStillS": turning.still_s,
        "findings": plain(findings(snapshot, is_live)),
        # By contract section 5 these two stand at the top.
        "successRate": None if snapshot is None else snapshot.requests.success_rate,
        "avgLatencyMs": None if snapshot is None else snapshot.requests.avg_latency_ms,
        "current": plain(snapshot),
    }
    if is_whole:
        document["facts"] = plain(told.facts)
    return orjson.dumps(document, option=orjson.OPT_NON_STR_KEYS)


def plain(value: object) -> object:
    """Turn frozen values into what JSON knows; names become camelCase, floats are cut to three decimals."""
    if is_dataclass(value) and not isinstance(value, type):
        return {camel: plain(getattr(value, name)) for name, camel in _names(type(value))}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {str(key): plain(below) for key, below in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return plain(value._asdict())
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return round(value, 3) if isinstance(value, float) else value


@cache
def _names(kind: type) -> tuple[tuple[str, str], ...]:
    """List the fields of a kind of value, each with its name in JSON."""
    return tuple((each.name, _camel(each.name)) for each in fields(kind))


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
