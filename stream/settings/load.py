"""Reads the settings once, judges all of them, and gives them as one frozen value (contract section 5).

The way of a setting: `sources` (who says what) -> here -> `model` (what it means; librdkafka's own
properties in `kafka_config`) -> `Settings`. Whatever is wrong is collected on the way and told at once; nothing outside
the process is touched before. `table` shows them to people.

pydantic judges types and bounds. Its companion pydantic-settings is not used to read: it takes the process environment
only, substitutes `${…}` inside secrets of a `.env`, ignores misspelt names, and cannot say which source was wrong.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, SecretStr, ValidationError

from ..errors import ConfigurationError, Problem
from . import kafka_config
from .model import Cxone, Kafka, Settings, Stream
from .secret import Secret, UnusableError, read_secret_file, secret_text
from .sources import FILE, Entries, names_property, read_sources
from .table import FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pydantic_core import ErrorDetails

_WEBHOOK = "REPLICATION_WEBHOOK_URL"
_CREDENTIALS = ("CXONE_CLIENT_ID", "CXONE_CLIENT_SECRET")
_KNOWN = frozenset({*FIELDS, _WEBHOOK, *(name + FILE for name in _CREDENTIALS)})
_OF_NO_USE = Secret("")
_NO_ACCOUNT = {"CXONE_REGION": "localhost", "CXONE_CLIENT_ID": "none", "CXONE_CLIENT_SECRET": "none"}
_Part = TypeVar("_Part", bound=BaseModel)

_WRONG: Mapping[str, str] = {
    "missing": "is missing",
    "int_parsing": "is not a whole number",
    "int_parsing_size": "is not a number in its bounds",
    "float_parsing": "is not a number",
    "finite_number": "is not a number in its bounds",
    "bool_parsing": "is neither true nor false",
    "greater_than_equal": "is below {ge}",
    "less_than_equal": "is above {le}",
    "string_too_long": "is longer than {max_length} characters",
    "enum": "is none of the values it may have",
    "literal_error": "is none of the values it may have",
}
"""What pydantic's kinds of error mean, as predicates about the setting; any other kind: it cannot be read."""


def load_settings(environ: Mapping[str, str], cwd: Path) -> Settings:
    """Read and judge all settings.

    Args:
        environ: the process environment.
        cwd: the working directory: `.env` stands there, and relative paths start there.

    Returns:
        The settings; `warnings` in them are for the log.

    Raises:
        ConfigurationError: with every problem found; nothing outside the process was touched.
    """
    entries, problems = read_sources(environ, cwd, _KNOWN)
    given: dict[str, object] = {name: entry.text.strip() for name, entry in entries.items()}
    given.update(_credentials(entries, cwd, problems))
    given.update(_address(given, problems))
    properties = _kafka_properties(entries, cwd, problems)
    cxone = _part(Cxone, "CXONE_", given, entries, cwd, problems)
    kafka = _part(Kafka, "KAFKA_", given, entries, cwd, problems)
    stream = _part(Stream, "STREAM_", given, entries, cwd, problems)
    problems += kafka_config.check_together(properties, kafka.session_timeout_s if kafka else None)
    if problems or not (cxone and kafka and stream):
        raise ConfigurationError(problems)
    extra = {name: _wrapped(name, text) for name, text in properties.items() if text is not None}
    otel = {name: SecretStr(entry.text) for name, entry in entries.items() if name.startswith("OTEL_")}
    settings = Settings(cxone, kafka.model_copy(update={"extra": extra}), stream, otel)
    return replace(settings, warnings=tuple(_warnings(settings, entries, properties)))


def load_without_account(environ: Mapping[str, str], cwd: Path) -> Settings:
    """Read and judge all settings for a command that never calls the API, which then needs no account.

    Args:
        environ: the process environment.
        cwd: as for `load_settings`.

    Returns:
        The settings; address and credentials in them are of no use.

    Raises:
        ConfigurationError: with every problem found.
    """
    return load_settings({**environ, **_NO_ACCOUNT}, cwd)


def _address(given: Mapping[str, object], problems: list[Problem]) -> dict[str, object]:
    """Say that there is no address, once and under the name that most people set."""
    if "CXONE_REGION" in given or "CXONE_BASE_URL" in given:
        return {}
    problems.append(Problem("CXONE_REGION", "is missing", FIELDS["CXONE_REGION"].note["fix"]))
    return {"CXONE_BASE_URL": "https://localhost"}


def _wrapped(name: str, text: str) -> str | SecretStr:
    return SecretStr(text) if kafka_config.is_secret(name) else text


def _credentials(entries: Entries, cwd: Path, problems: list[Problem]) -> dict[str, Secret]:
    """Return what is given of the two; one that is given but cannot be used counts as given, to be told once."""
    secrets = {}
    for name in _CREDENTIALS:
        source = name if name in entries else name + FILE
        if not (entry := entries.get(source)):
            continue
        try:
            secrets[name] = (
                Secret(secret_text(entry.text)) if source == name else Secret.from_file(cwd / entry.text.strip())
            )
        except UnusableError as error:
            problems.append(entry.problem(source, error.wrong, error.fix))
            secrets[name] = _OF_NO_USE
    return secrets


def _kafka_properties(entries: Entries, cwd: Path, problems: list[Problem]) -> dict[str, str | None]:
    """Return the properties of `KAFKA_CONFIG_…` by librdkafka's names; None for one that is told to be wrong."""
    properties: dict[str, str | None] = {}
    for name, entry in sorted(entries.items()):
        if not name.startswith(kafka_config.PREFIX):
            continue
        setting = name if names_property(name) else name.removesuffix(FILE)
        if setting != name and setting in entries:
            continue
        key = kafka_config.property_of(setting) or setting
        properties[key] = None
        try:
            text = entry.text if setting == name else read_secret_file(cwd / entry.text.strip())
            properties[key] = kafka_config.check_property(setting, text, cwd)
        except UnusableError as error:
            problems.append(entry.problem(name, error.wrong, error.fix))
    return properties


def _part(
    kind: type[_Part], prefix: str, given: Mapping[str, object], entries: Entries, cwd: Path, problems: list[Problem]
) -> _Part | None:
    names = [name for name, field in FIELDS.items() if field.prefix == prefix and name in given]
    try:
        return kind.model_validate({n.removeprefix(prefix).lower(): given[n] for n in names}, context={"cwd": cwd})
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
    problems += [
        _problem(prefix, detail, entries) for detail in details if detail["type"] != "default_factory_not_called"
    ]
    return None


def _problem(prefix: str, detail: ErrorDetails, entries: Entries) -> Problem:
    name = prefix + str(detail["loc"][0]).upper()
    context, fix = detail.get("ctx", {}), FIELDS[name].note["fix"]
    wrong = _WRONG.get(detail["type"], "cannot be read").format(**context)
    if isinstance(error := context.get("error"), UnusableError):
        wrong, fix = error.wrong, error.fix or fix
    return entries[name].problem(name, wrong, fix) if name in entries else Problem(name, wrong, fix)


def _warnings(settings: Settings, entries: Entries, properties: Mapping[str, str | None]) -> Iterator[str]:
    yield from (
        f"{name}{FILE} is not read: {name} is set and counts" for name in sorted(entries) if name + FILE in entries
    )
    if _WEBHOOK in entries:
        yield f"{_WEBHOOK} has no effect: read the outcome topic, {settings.kafka.outcome_topic}, instead"
    yield from kafka_config.warnings(properties)
