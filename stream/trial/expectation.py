"""Compares what would become of messages with what somebody wrote down: fixtures for their own CI."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import orjson

from ..errors import StreamError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MAX_SHOWN = 500
_NOTHING = object()


def compare(found: Iterable[dict[str, Any]], expected: Iterable[bytes]) -> Iterator[str]:
    """Compare results with the lines of a file of expectations, one for each message.

    Args:
        found: as `as_json` gives them.
        expected: JSON lines; each names the members that it cares for, and objects inside of it likewise but for
            `record`, which is compared as a whole. The output of `try --json` is such a file.

    Yields:
        One sentence for each difference.

    Raises:
        StreamError: for a line that is no object.
    """
    for number, (one, other) in enumerate(zip_longest(found, _objects(expected)), start=1):
        if one is None:
            yield f"message {number}: expected, but there is none"
        elif other is None:
            yield f"message {number} (line {one['line']}): there is no expectation for it"
        else:
            for path, wanted, is_there in _differences(other, one, ""):
                there = "nothing" if is_there is _NOTHING else _shown(is_there)
                yield f"message {number} (line {one['line']}), {path}: expected {_shown(wanted)}, found {there}"


def _objects(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            document = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise StreamError(f"line {number} of the expectations is not JSON: {error}; mend it") from error
        if not isinstance(document, dict):
            raise StreamError(f"line {number} of the expectations is no object; write one as try --json does")
        yield document


def _differences(wanted: dict[str, Any], found: dict[str, Any], path: str) -> Iterator[tuple[str, object, object]]:
    for name, value in wanted.items():
        there = found.get(name, _NOTHING)
        place = f"{path}{name}"
        if isinstance(value, dict) and isinstance(there, dict) and name != "record":
            yield from _differences(value, there, f"{place}.")
        elif _canonical(value) != _canonical(there):
            yield place, value, there


def _canonical(value: object) -> bytes:
    """Write a value so that 1, 1.0 and true differ, and the order of members does not count."""
    return b"" if value is _NOTHING else orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _shown(value: object) -> str:
    text = orjson.dumps(value).decode()
    return f"{text[:_MAX_SHOWN]}…" if len(text) > _MAX_SHOWN else text
