"""Reads the JSON Schema files and compiles them, once, at the start.

Two libraries share the work: `jsonschema` checks the schema files themselves, `jsonschema_rs` alone judges events.
Nothing is ever fetched: a reference resolves inside the directory or is refused, and a pattern runs in linear time or
is refused, each here with the file, the place and the reason.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag, urljoin

import jsonschema_rs
import orjson
from jsonschema.exceptions import SchemaError
from jsonschema.validators import validator_for

from .errors import ConfigurationError, Problem
from .validate import Schemas, pointer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .validate import Schema

DATASTORE_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")
ENVELOPE = "envelope.json"
_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_BASE = "https://schemas.invalid/"  # never fetched: `urljoin` only joins schemes that it knows
_MAX_DEMAND_LENGTH = 120
_DATA_KEYWORDS = frozenset({"const", "default", "enum", "examples"})


@dataclass(frozen=True, slots=True)
class SchemaFile:
    """Which file judges: its name below the schemas directory and the SHA-256 of its bytes, in hex."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class _Node:
    """A subschema: where it stands, which base its references have, and itself."""

    path: tuple[str | int, ...]
    base: str
    schema: dict[str, Any]


def load_schemas(directory: Path, packaged: Path, *, require: bool) -> tuple[Schemas, tuple[SchemaFile, ...]]:
    """Read, check and compile all schema files.

    Args:
        directory: `STREAM_SCHEMAS_DIR`, with `datastores/{dataStoreId}.json`.
        packaged: the directory that holds the project's own `envelope.json`.
        require: `STREAM_REQUIRE_SCHEMA`.

    Returns:
        The schemas, ready to judge, and the files that they were made of.

    Raises:
        ConfigurationError: with one problem for each file that cannot be used.
    """
    if not directory.is_dir():
        raise ConfigurationError(
            [Problem("STREAM_SCHEMAS_DIR", f"{directory} is no directory", "create it or name another")]
        )
    paths = {ENVELOPE: packaged / ENVELOPE}
    paths |= dict(_visible(directory))
    texts = {name: path.read_bytes() for name, path in paths.items()}
    documents, problems = _read(texts)
    problems += _unresolved(documents)
    compiled = {} if problems else _compile_all(documents, problems)
    if problems:
        raise ConfigurationError(problems)
    schemas = Schemas(compiled[ENVELOPE], dict(_by_datastore(compiled)), require=require)
    return schemas, tuple(SchemaFile(name, hashlib.sha256(text).hexdigest()) for name, text in texts.items())


def _visible(directory: Path) -> Iterator[tuple[str, Path]]:
    """Find the files but those in hidden directories: a mounted ConfigMap keeps its files in one, and links to them."""
    for path in sorted(directory.glob("datastores/**/*.json")):
        name = path.relative_to(directory)
        if not any(part.startswith(".") for part in name.parts):
            yield name.as_posix(), path


def _read(texts: dict[str, bytes]) -> tuple[dict[str, Any], list[Problem]]:
    documents: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, text in texts.items():
        try:
            document = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            problems.append(_problem(name, f"is not JSON: {error}"))
            continue
        if not isinstance(document, dict) or document.get("$schema") != _DRAFT:
            problems.append(_problem(name, f'does not say "$schema": "{_DRAFT}"'))
            continue
        documents[name] = document
    return documents, problems


def _unresolved(documents: dict[str, Any]) -> list[Problem]:
    """Name each reference that leads out of the directory, before a library could try to follow it."""
    nodes = {name: list(_subschemas(document, _BASE + name)) for name, document in documents.items()}
    known = {_DRAFT} | {node.base for listed in nodes.values() for node in listed}
    return [
        _problem(name, f"refers to another place at {pointer([*node.path, keyword])}; nothing is ever fetched")
        for name, listed in nodes.items()
        for node in listed
        for keyword in ("$ref", "$dynamicRef")
        if isinstance(reference := node.schema.get(keyword), str) and _resolve(node.base, reference) not in known
    ]


def _resolve(base: str, reference: str) -> str | None:
    """Say which document a reference means; None where it is no address at all."""
    if reference.startswith("#"):  # `urljoin` would lose a base whose scheme it does not know, such as `urn:`
        return base
    try:
        return str(urldefrag(urljoin(base, reference)).url)
    except ValueError:
        return None


def _subschemas(document: dict[str, Any], base: str) -> Iterator[_Node]:
    stack = [_Node((), base, document)]
    while stack:
        node = stack.pop()
        if isinstance(identifier := node.schema.get("$id"), str):
            node = _Node(node.path, _resolve(node.base, identifier) or node.base, node.schema)
        yield node
        for keyword, value in node.schema.items():
            if keyword in _DATA_KEYWORDS:
                continue
            members = enumerate(value) if isinstance(value, list) else [(None, value)]
            stack.extend(
                _Node((*node.path, keyword, *([] if index is None else [index])), node.base, child)
                for index, child in members
                if isinstance(child, dict)
            )


def _compile_all(documents: dict[str, Any], problems: list[Problem]) -> dict[str, Schema]:
    compiled: dict[str, Schema] = {}
    for name, document in documents.items():
        try:
            validator_for(document).check_schema(document)
        except SchemaError as error:
            problems.append(_problem(name, f"is no valid schema at {_breach(error)}"))
        except RecursionError:
            problems.append(_problem(name, "is nested too deep to be checked"))
    if problems:
        return compiled
    try:
        registry = jsonschema_rs.Registry([(_uri(name, document), document) for name, document in documents.items()])
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        problems.append(_problem("files", f"cannot be compiled together: {_first_line(error)}"))
        return compiled
    for name, document in documents.items():
        try:
            compiled[name] = _compile(document, _uri(name, document), registry)
        except (ValueError, jsonschema_rs.ReferencingError) as error:
            reason = _dangling(name, document, registry) or _first_line(error)
            problems.append(_problem(name, f"cannot be compiled: {reason}"))
    return compiled


def _breach(error: SchemaError) -> str:
    """Say where a file is no schema, and what the draft demands there; values of the file are not repeated."""
    leaf = error.context[0] if error.context else error
    demand = orjson.dumps({str(leaf.validator): leaf.validator_value}).decode()
    return f"{pointer(list(error.absolute_path)) or '/'}: draft 2020-12 demands {demand[:_MAX_DEMAND_LENGTH]}"


def _dangling(name: str, document: dict[str, Any], registry: jsonschema_rs.Registry) -> str | None:
    """Find the reference that leads to a missing place of a file that is there: the compiler names its target only."""
    for node in _subschemas(document, _BASE + name):
        for keyword in ("$ref", "$dynamicRef"):
            reference = node.schema.get(keyword)
            if not isinstance(reference, str) or _resolve(node.base, reference) == _DRAFT:
                continue
            try:
                registry.resolver(node.base).lookup(reference)
            except jsonschema_rs.ReferencingError as error:
                return f"at {pointer([*node.path, keyword])}: {_first_line(error)}"
    return None


def _first_line(error: Exception) -> str:
    if not isinstance(error, jsonschema_rs.ValidationError) or not error.instance_path:
        return str(error).splitlines()[0]
    linear = " that runs in linear time (no look-around, no back-reference)" if "regex" in error.message else ""
    return f"at {pointer(error.instance_path)}: {error.message}{linear}"


def _uri(name: str, document: dict[str, Any]) -> str:
    return _resolve(_BASE + name, document.get("$id", "")) or _BASE + name


def _compile(document: dict[str, Any], uri: str, registry: jsonschema_rs.Registry) -> Schema:
    return jsonschema_rs.validator_for(
        document,
        base_uri=uri,
        registry=registry,
        validate_formats=True,
        pattern_options=jsonschema_rs.RegexOptions(),
        mask="the value",
        offline=True,
    )


def _by_datastore(compiled: dict[str, Schema]) -> Iterator[tuple[str, Schema]]:
    for name, schema in compiled.items():
        folder, _, file = name.rpartition("/")
        datastore_id = file.removesuffix(".json")
        if folder == "datastores" and DATASTORE_ID.fullmatch(datastore_id):
            yield datastore_id, schema


def _problem(name: str, wrong: str) -> Problem:
    return Problem(f"schema {name}", wrong, "mend the file, or take it out of STREAM_SCHEMAS_DIR")
