"""Finds the line on which a TOML file says something: `tomllib` keeps no places.

A statement is the shortest run of lines that `tomllib` itself can read, so there is no second TOML parser here that
could disagree with the first: an open string, array or table needs the next line, a complete statement does not.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Path = tuple[str | int, ...]


def lines_of(text: str) -> dict[Path, int]:
    """Map each place of a document to the line where it begins.

    Args:
        text: a document that `tomllib` reads.

    Returns:
        By path (`("rule", 0, "columns", "include")`) the number of the first line, from 1, of the statement that gives
        the place; a table has the line of its header. What stands inside one statement has that statement's line.
    """
    found: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    for line, statement in _statements(text.replace("\r\n", "\n").split("\n")):
        keys = tuple(_keys(tomllib.loads(statement)))
        if not statement.lstrip().startswith("["):
            _note(found, (*table, *keys), line)
            continue
        table = _resolve(keys, counts)
        if statement.lstrip().startswith("[["):
            counts[table] = counts.get(table, -1) + 1
            _note(found, table, line)
            table = (*table, counts[table])
        _note(found, table, line)
    return found


def line_of(path: Sequence[str | int], lines: dict[Path, int]) -> int | None:
    """Return the line of the longest part of a path that has one.

    Args:
        path: of a value of the document, or of one that is missing there.
        lines: what `lines_of` has found.
    """
    known = (lines.get(tuple(path[:length])) for length in range(len(path), 0, -1))
    return next((line for line in known if line is not None), None)


def _statements(lines: list[str]) -> Iterator[tuple[int, str]]:
    first, text = 0, ""
    for number, line in enumerate(lines, start=1):
        first, text = (first, f"{text}\n{line}") if text else (number, line)
        if _is_whole(text):
            if text.strip() and not text.lstrip().startswith("#"):
                yield first, text
            text = ""


def _is_whole(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _keys(document: dict[str, Any]) -> Iterator[str]:
    """Walk down a document of one statement; a value that is an inline table is walked into, too."""
    node: Any = document
    while isinstance(node, dict) and len(node) == 1:
        ((key, node),) = node.items()
        yield key
        if isinstance(node, list) and node == [{}]:  # the header of an array's table
            return


def _resolve(keys: Path, counts: dict[Path, int]) -> Path:
    """Put the numbers of the latest tables into a header's path: `rule.columns` speaks of the last rule."""
    path: Path = ()
    for key in keys[:-1]:
        path = (*path, key)
        if path in counts:
            path = (*path, counts[path])
    return (*path, *keys[-1:])


def _note(found: dict[Path, int], path: Path, line: int) -> None:
    for length in range(1, len(path) + 1):
        found.setdefault(path[:length], line)
