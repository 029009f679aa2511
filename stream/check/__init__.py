"""`cxone-stream check`: tests the outside and says what to do, one line each; changes nothing (contract section 6).

Kafka and the API are probed side by side. Each question has a deadline, and the whole has one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from ..clock import SystemClock
from ..mapping import NO_MAPPING
from ..schema_files import DATASTORE_ID
from .api import probe_api
from .cluster import KafkaDeadlines, KafkaProbe
from .mapping import look_at_mapping
from .report import Finding, State, as_json, doubtful, exit_code, good, line, without
from .threads import Branch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..mapping import Mapping
    from ..schema_files import SchemaFile
    from ..settings import Settings

__all__ = ["Deadlines", "Finding", "State", "as_json", "check", "exit_code", "line"]

_SHOWN_FILES = 8


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long questions may take, in seconds: each step of Kafka's, each call to the API, and all of it."""

    kafka: KafkaDeadlines = field(default_factory=KafkaDeadlines)
    api_s: float = 8.0
    whole_s: float = 25.0


def check(
    settings: Settings,
    files: Sequence[SchemaFile],
    deadlines: Deadlines | None = None,
    mapping: Mapping = NO_MAPPING,
) -> Iterator[Finding]:
    """Look at everything.

    Args:
        settings: judged and complete.
        files: the schema files, compiled without a problem.
        deadlines: those of the command line by default.
        mapping: of sources that are not native.

    Yields:
        What was found, as it comes: configuration, schemas, Kafka, the API. No finding holds a credential.
    """
    secrets = _secrets(settings)
    for finding in _look(settings, files, mapping, deadlines or Deadlines()):
        yield without(finding, secrets)


def _look(settings: Settings, files: Sequence[SchemaFile], mapping: Mapping, deadlines: Deadlines) -> Iterator[Finding]:
    clock = SystemClock()
    until_s = clock.monotonic_s() + deadlines.whole_s
    cluster = KafkaProbe(settings.kafka, settings.stream.ignore_offset_metadata, deadlines.kafka, clock)
    datastore_id = settings.cxone.datastore_id or next(_datastore_ids(files), None)
    branches = (
        Branch("kafka", cluster.findings, clock),
        Branch("api", partial(probe_api, settings.cxone, datastore_id, deadlines.api_s, clock), clock),
    )
    yield good("configuration", "complete")
    for warning in settings.warnings:
        yield doubtful("configuration", warning, "change it, unless it is meant")
    yield _schemas(files)
    yield from look_at_mapping(mapping, settings.kafka.input_topics)
    for branch in branches:
        yield from branch.findings(until_s)


def _schemas(files: Sequence[SchemaFile]) -> Finding:
    shown = [f"{file.name} ({file.sha256[:12]})" for file in files[:_SHOWN_FILES]]
    more = [f"{len(files) - _SHOWN_FILES} more"] if len(files) > _SHOWN_FILES else []
    return good("schemas", ", ".join([*shown, *more]))


def _datastore_ids(files: Sequence[SchemaFile]) -> Iterator[str]:
    for file in files:
        folder, _, name = file.name.rpartition("/")
        datastore_id = name.removesuffix(".json")
        if folder == "datastores" and DATASTORE_ID.fullmatch(datastore_id):
            yield datastore_id


def _secrets(settings: Settings) -> list[str]:
    hidden = [value.get_secret_value() for value in settings.kafka.extra.values() if not isinstance(value, str)]
    return [settings.cxone.client_id(), settings.cxone.client_secret(), *hidden]
