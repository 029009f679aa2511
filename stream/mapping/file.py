"""Reads a mapping file and judges it: every problem at once, each with the file, the line and what to do.

Its form is `schemas/mapping.json`, which editors may use as well; what a schema cannot say is judged in `consistency`.
"""

from __future__ import annotations

import hashlib
import math
import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import orjson

from ..cdc.rules import (
    DEFAULT_PLACEHOLDER,
    Columns,
    Decimals,
    Format,
    Kind,
    Nested,
    Pattern,
    Rule,
    Side,
    VersionColumn,
)
from ..errors import ConfigurationError, Problem
from ..model import ConflictResolution, UpdateType
from ..settings.names import nearest
from .consistency import inconsistencies
from .toml_lines import line_of, lines_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

MAX_FILE_BYTES = 1_048_576
MAX_INTEGER = 2**63 - 1
SCHEMA = "mapping.json"

_WRONG = {
    "anyOf": "names neither topic nor table",
    "const": "is none of the values it may have",
    "enum": "is none of the values it may have",
    "maxItems": "has too many entries",
    "maxLength": "is too long",
    "minItems": "is empty",
    "minLength": "is empty",
    "minProperties": "is empty",
    "pattern": "is not of the right form",
    "type": "is of the wrong type",
    "uniqueItems": "names one of them twice",
}
"""What a breach of each keyword of the schema means, as the predicate of a sentence about the place."""


@dataclass(frozen=True, slots=True)
class Mapping:
    """The rules of a file, in their order; its name, and the SHA-256 of its bytes in hex. Without a file no rules."""

    rules: tuple[Rule, ...] = ()
    name: str = ""
    sha256: str = ""


NO_MAPPING = Mapping()


def load_mapping(path: Path | None, packaged: Path) -> Mapping:
    """Read a mapping file.

    Args:
        path: `STREAM_MAPPING_FILE`; None: there is none.
        packaged: the directory that holds the project's own `mapping.json`.

    Raises:
        ConfigurationError: with every problem found.
    """
    if path is None:
        return NO_MAPPING
    content = _content(path)
    document = _document(path, content)
    schema = orjson.loads((packaged / SCHEMA).read_bytes())
    found = list(_no_json(document)) or list(_breaches(document, schema)) or list(inconsistencies(document))
    if found:
        lines = lines_of(content)
        raise ConfigurationError(
            Problem(_place(path, where, lines), wrong, fix) for where, wrong, fix in _in_order(found, lines)
        )
    placeholder = document.get("placeholder", DEFAULT_PLACEHOLDER)
    rules = tuple(_rule(number, said, placeholder) for number, said in enumerate(document["rule"], start=1))
    return Mapping(rules, path.name, hashlib.sha256(content.encode()).hexdigest())


Found = tuple[tuple[str | int, ...], str, str]
"""A place of the document, what is wrong there, and what to do."""


def _content(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        problem = Problem(str(path), f"cannot be read: {error.strerror}", "mend STREAM_MAPPING_FILE, or the file")
        raise ConfigurationError([problem]) from error
    if len(content) > MAX_FILE_BYTES:
        raise ConfigurationError([Problem(str(path), f"is larger than {MAX_FILE_BYTES} bytes", "make it smaller")])
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigurationError([Problem(f"{path}:{line}", "is not UTF-8 there", "save it as UTF-8")]) from error


def _document(path: Path, content: str) -> dict[str, Any]:
    try:
        return tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"\(at (?:line (\d+), column \d+|end of document)\)", str(error))
        line = at[1] if at and at[1] else content.count("\n") + 1
        what = str(error)[: at.start()].strip() if at else str(error)
        problem = Problem(f"{path}:{line}", f"is no TOML there: {what}", "correct it; text values stand in quotes")
        raise ConfigurationError([problem]) from error
    except RecursionError as error:
        raise ConfigurationError([Problem(str(path), "is nested too deeply", "write it flat")]) from error


def _no_json(document: dict[str, Any]) -> Iterator[Found]:
    """Name each value that TOML has and JSON has not."""
    pending: list[tuple[tuple[str | int, ...], object]] = [((), document)]
    while pending:
        where, value = pending.pop()
        if isinstance(value, dict):
            pending.extend(((*where, key), below) for key, below in value.items())
        elif isinstance(value, list):
            pending.extend(((*where, index), below) for index, below in enumerate(value))
        elif isinstance(value, float) and not math.isfinite(value):
            yield where, "is no finite number", "give a finite one, or a text"
        elif isinstance(value, int) and abs(value) > MAX_INTEGER:
            yield where, "needs more than 64 bits", "give it as a text in quotes"
        elif not isinstance(value, str | int | float):
            yield where, "is a date or time, which JSON does not have", "give it as a text in quotes"


def _breaches(document: dict[str, Any], schema: dict[str, Any]) -> Iterator[Found]:
    validator = jsonschema_rs.validator_for(
        schema, pattern_options=jsonschema_rs.RegexOptions(), validate_formats=True, offline=True
    )
    for error in validator.iter_errors(document):
        where, keyword = tuple(error.instance_path), str(error.schema_path[-1])
        known, fix = _described(schema, error.schema_path[:-1])
        if keyword == "additionalProperties":
            names: list[str] = getattr(error.kind, "unexpected", [])
            yield from (((*where, name), "is not known", _instead(name, known)) for name in names)
        elif keyword == "required":
            yield where, f"has no {getattr(error.kind, 'property', 'member')}", fix
        else:
            yield where, _WRONG.get(keyword, error.message), fix


def _described(schema: dict[str, Any], path: Sequence[str | int]) -> tuple[list[str], str]:
    """Return the members that a place may have, and what to do there: the nearest word of the schema on it."""
    node: Any = schema
    fix = schema["x-fix"]
    for step in path:
        node = node[step]
        fix = node.get("x-fix", fix) if isinstance(node, dict) else fix
    return list(node.get("properties", ())), fix


def _instead(name: str, known: list[str]) -> str:
    near = nearest(name, known)
    return f"write {near}, or remove it" if near else f"remove it; known are {', '.join(known)}"


def _in_order(found: list[Found], lines: dict[tuple[str | int, ...], int]) -> list[Found]:
    return sorted(found, key=lambda each: line_of(each[0], lines) or 0)


def _place(path: Path, where: tuple[str | int, ...], lines: dict[tuple[str | int, ...], int]) -> str:
    """Write `mapping.toml:12: rule 2, columns.include`."""
    line = line_of(where, lines)
    place = f"{path}:{line}" if line else str(path)
    if len(where) > 1 and where[0] == "rule" and isinstance(where[1], int):
        members = ".".join(map(str, where[2:]))
        return f"{place}: rule {where[1] + 1}{', ' if members else ''}{members}"
    return f"{place}: {'.'.join(map(str, where))}" if where else place


def _rule(number: int, said: dict[str, Any], placeholder: str) -> Rule:
    topic, table, record_id = said.get("topic"), said.get("table"), said.get("id", "key")
    update_type, conflict_resolution = said.get("update_type"), said.get("conflict_resolution")
    return Rule(
        number=number,
        topic=None if topic is None else Pattern(topic),
        table=None if table is None else Pattern(table),
        datastore_id=said.get("datastore", ""),
        ignore=said.get("ignore", False),
        format=Format(said.get("format", Format.ENVELOPE)),
        record_id=None if record_id == "key" else tuple(record_id),
        id_separator=said.get("id_separator", ":"),
        version=_version(said.get("version")),
        before_is_full=said.get("before") == "full",
        changed_only=said.get("update") == "changed",
        delete=_delete(said.get("delete", "reject")),
        truncate_ignored=said.get("truncate") == "ignore",
        omit_nulls=said.get("nulls") == "omit",
        nested=Nested(said.get("nested", Nested.SEND)),
        decimals=Decimals(said.get("decimals", Decimals.TEXT)),
        columns=_columns(said.get("columns", {})),
        constants=said.get("constants", {}),
        update_type=None if update_type is None else UpdateType(update_type),
        conflict_resolution=None if conflict_resolution is None else ConflictResolution(conflict_resolution),
        placeholder=said.get("placeholder", placeholder),
    )


def _version(said: str | None) -> VersionColumn | None:
    if said is None:
        return None
    side, _, column = said.partition(".")
    return VersionColumn(Side(side), column.removesuffix(" - 1") if side == Side.AFTER else column)


def _delete(said: str | dict[str, Any]) -> dict[str, Any] | None:
    if isinstance(said, dict):
        fields: dict[str, Any] = said["fields"]
        return fields
    return {} if said == "ignore" else None


def _columns(said: dict[str, Any]) -> Columns:
    return Columns(
        include=frozenset(said["include"]) if "include" in said else None,
        exclude=frozenset(said.get("exclude", ())),
        rename=said.get("rename", {}),
        kinds={column: Kind(kind) for column, kind in said.get("types", {}).items()},
    )
