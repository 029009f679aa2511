"""Puts the service's intake together for a trial: settings without credentials, schemas, mapping."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..intake import Defaults, Intake
from ..mapping import load_mapping
from ..schema_files import load_schemas
from ..settings import PACKAGED_SCHEMAS, load_without_account

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_NO_BROKERS = {"KAFKA_BOOTSTRAP_SERVERS": "localhost:9092"}
"""What the service must be told and a trial never uses."""


def load_trial(environ: Mapping[str, str], cwd: Path, mapping: Path | None) -> tuple[Intake, str]:
    """Read the configuration that decides what becomes of an event.

    Args:
        environ: the process environment.
        cwd: the working directory.
        mapping: a mapping file instead of `STREAM_MAPPING_FILE`.

    Returns:
        The intake, and the topic of events that name none: the first of `KAFKA_INPUT_TOPIC`.

    Raises:
        ConfigurationError: with every problem of the settings, the schemas or the mapping file.
    """
    settings = load_without_account({**environ, **_NO_BROKERS}, cwd)
    stream = settings.stream
    schemas, _ = load_schemas(stream.schemas_dir, PACKAGED_SCHEMAS, require=stream.require_schema)
    rules = load_mapping(mapping or stream.mapping_file, PACKAGED_SCHEMAS).rules
    defaults = Defaults(settings.cxone.datastore_id, stream.update_type, stream.conflict_resolution)
    return Intake(schemas, defaults, rules), settings.kafka.input_topics[0]
