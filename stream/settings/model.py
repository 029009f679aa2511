"""The settings as typed, frozen values: one class per prefix, one field per row of contract section 5.

A field without description is no setting of its own: it follows from others. Checks of a field against others stand
on the later field, so that they are made exactly when the earlier ones are good.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path  # pydantic reads it from the annotations
from typing import TYPE_CHECKING, Annotated, Literal
from uuid import uuid4

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)

from ..model import ConflictResolution, UpdateType
from . import values
from .fields import (
    PACKAGED_SCHEMAS,
    Lower,
    Upper,
    any_path,
    choice,
    existing_directory,
    existing_file,
    flag,
    following,
    log_file,
    row,
    whole,
    whole_fix,
)
from .kafka_properties import PROPERTIES
from .secret import Secret, UnusableError
from .values import HostPort

if TYPE_CHECKING:
    from collections.abc import Mapping

_MIB = 1_048_576
_DAY_S = 86_400


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True)


class Cxone(_Part):
    """The API and the credential for it: `CXONE_…`."""

    region: Annotated[str, AfterValidator(values.bare_host)] | None = row(
        "host of the API, e.g. `us-21.niceincontact.com`",
        "give the host name alone, as us-21.niceincontact.com, or set CXONE_BASE_URL",
        None,
        shown="required",
    )
    base_url: Annotated[str, AfterValidator(values.secure_url)] = following(
        "replaces the region; plain `http` is accepted for loopback hosts only",
        "give an address as https://us-21.niceincontact.com",
        lambda earlier: f"https://{earlier['region']}",
        shown="https://{region}",
    )
    token_path: Annotated[str, AfterValidator(values.url_path)] = row(
        "path of the token call", "give a path as /oauth/token", "/oauth/token"
    )
    execute_path: Annotated[str, AfterValidator(values.url_path)] = row(
        "path of the execute call", "give a path as /api/v2/dataactions/records", "/api/v2/dataactions/records"
    )
    record_path: Annotated[str | None, BeforeValidator(values.record_path)] = row(
        "path of the read call; `off`: there is no read call",
        "give a path as /api/v2/datastores/{dataStoreId}/records/{recordId}, or off",
        "/api/v2/datastores/{dataStoreId}/records/{recordId}",
    )
    client_id: Secret = row(
        "never logged; also as `CXONE_CLIENT_ID_FILE`, read again when it changes",
        "set it, or CXONE_CLIENT_ID_FILE to the path of a file that holds it",
    )
    client_secret: Secret = row(
        "never logged; also as `CXONE_CLIENT_SECRET_FILE`, read again when it changes",
        "set it, or CXONE_CLIENT_SECRET_FILE to the path of a file that holds it",
    )
    datastore_id: Annotated[str, AfterValidator(values.datastore_id)] | None = row(
        "datastore of events that name none", "give 1 to 128 of A-Z a-z 0-9 . _ -, not beginning with a dot", None
    )
    max_in_flight: int = whole("requests at one time, per instance", 8, 1, 64)
    max_in_flight_per_datastore: int = following(
        "of them for one datastore; by default never more than `CXONE_MAX_IN_FLIGHT`",
        whole_fix(1, 64),
        lambda earlier: min(4, earlier["max_in_flight"]),
        shown="4",
        ge=1,
        le=64,
    )
    max_requests_per_s: float | None = row(
        "per instance (0.1 to 10000)", "give a number from 0.1 to 10000, or remove it", None, ge=0.1, le=10_000
    )

    @field_validator("max_in_flight_per_datastore")
    @classmethod
    def _fits_in_flight(cls, count: int, info: ValidationInfo) -> int:
        if count > info.data.get("max_in_flight", count):
            raise UnusableError("is above CXONE_MAX_IN_FLIGHT", "lower it, or raise CXONE_MAX_IN_FLIGHT")
        return count


class Kafka(_Part):
    """The cluster, the group and the topics: `KAFKA_…`."""

    bootstrap_servers: Annotated[str, AfterValidator(values.brokers)] = row(
        "brokers to begin with, comma-separated `host:port`", "give host:port of one or more brokers, as kafka-1:9092"
    )
    group_id: Annotated[str, AfterValidator(values.printable)] = row(
        "consumer group", "give at most 200 letters, digits and signs", "cxone-delta-stream", max_length=200
    )
    instance_id: Annotated[str, AfterValidator(values.kafka_name)] | None = row(
        "stable name of this instance: `group.instance.id`; `transactional.id` is `{group}.{instance}` (else "
        "`{group}.{random}`)",
        "give at most 249 of A-Z a-z 0-9 . _ -, another one for each instance",
        None,
    )
    session_timeout_s: int = whole(
        "with an instance id, a removed instance's partitions stand still that long", 30, 6, 300
    )
    input_topics: Annotated[tuple[str, ...], BeforeValidator(values.topics)] = row(
        "topics to read, comma-separated", "give names of A-Z a-z 0-9 . _ -, separated by commas", ("cxone.deltas",),
        alias="input_topic",
    )  # fmt: skip
    outcome_topic: Annotated[str, AfterValidator(values.topic)] = row(
        "where outcomes go; never one of the inputs", "give a name of A-Z a-z 0-9 . _ -", "cxone.outcomes"
    )
    dead_letter_topic: Annotated[str, AfterValidator(values.topic)] | None = row(
        "where copies of failed events go; none of the other topics",
        "give a name of A-Z a-z 0-9 . _ -, or remove it",
        None,
    )
    start: Annotated[Literal["earliest", "latest"], Lower] = choice(
        "or `latest`: where a partition without a committed offset begins; one added later begins at its beginning",
        "earliest",
        "latest",
    )
    extra: dict[str, str | SecretStr] = Field(default_factory=dict)
    """Properties of `KAFKA_CONFIG_…` by librdkafka's names."""
    transactional_id: str = Field(
        default_factory=lambda earlier: f"{earlier['group_id']}.{earlier['instance_id'] or uuid4().hex}", init=False
    )
    """The same for the life of the process: a rebuilt producer fences the one before it."""

    @field_validator("outcome_topic")
    @classmethod
    def _is_no_input(cls, name: str, info: ValidationInfo) -> str:
        if name in info.data.get("input_topics", ()):
            raise UnusableError(
                "is an input topic too: outcomes would come back as events", "give it a topic of its own"
            )
        return name

    @field_validator("dead_letter_topic")
    @classmethod
    def _is_alone(cls, name: str | None, info: ValidationInfo) -> str | None:
        if name in info.data.get("input_topics", ()):
            raise UnusableError(
                "is an input topic too: a bad event would come back for ever", "give it a topic of its own"
            )
        if name is not None and name == info.data.get("outcome_topic"):
            raise UnusableError(
                "is KAFKA_OUTCOME_TOPIC too: readers could not tell them apart", "give it a topic of its own"
            )
        return name

    def extra_for(self, client: Literal["consumer", "producer", "admin"]) -> dict[str, str]:
        """Return the properties of `KAFKA_CONFIG_…` that a kind of client knows, secrets in clear.

        Only for the constructor of that client; an administrator gets what both others know.
        """
        knows = {"consumer": "*C", "producer": "*P", "admin": "*"}[client]
        return {
            name: value.get_secret_value() if isinstance(value, SecretStr) else value
            for name, value in self.extra.items()
            if PROPERTIES[name].clients in knows
        }


class Stream(_Part):
    """What happens between them: `STREAM_…`."""

    batch_size: int = whole("most records of one request", 1000, 1, 1000)
    batch_linger_ms: int = whole("how long a batch that is not full waits", 200, 0, 60_000)
    batch_bytes: int = whole("of the request body", 4 * _MIB, 1024, 16 * _MIB)
    buffer_bytes: int = whole("of undecided events, whole process", 64 * _MIB, _MIB, 16_384 * _MIB)
    update_type: Annotated[UpdateType, Upper] = choice("or `UPDATE`", UpdateType.UPSERT, "UPDATE")
    conflict_resolution: Annotated[ConflictResolution, Upper] = choice(
        "or `FAIL`, `IGNORE`", ConflictResolution.OVERWRITE, "FAIL", "IGNORE"
    )
    on_conflict: Annotated[Literal["report", "rebase"], Lower] = choice(
        "`report`: outcome `CONFLICT`; `rebase`: send again on the current version, up to 3 times", "report", "rebase"
    )
    stop_after_refused: int = whole(
        "so many records of a datastore that the API refused (`REJECTED`) in a row hold it; 0: never", 100, 0, 1_000_000
    )
    give_up_after_s: int | None = whole("held longer than this: `ABANDONED`; none: wait for ever", None, 1, 30 * _DAY_S)
    schemas_dir: Annotated[Path, BeforeValidator(existing_directory)] = row(
        "`datastores/{dataStoreId}.json`: schema of that datastore's `fields`",
        "give the path of a directory that this process can read",
        PACKAGED_SCHEMAS,
        shown="the packaged `schemas/`",
    )
    require_schema: bool = flag("true: an event of a datastore without a schema is `INVALID`")
    mapping_file: Annotated[Path, BeforeValidator(existing_file)] | None = row(
        "how Debezium events become deltas (TOML)", "give the path of a file that this process can read", None
    )
    coalesce: Annotated[Literal["off", "fields"], Lower] = choice(
        "`fields`: waiting events of one record merge", "off", "fields"
    )
    cloudevents: bool = flag("CloudEvents headers on outcomes")
    copy_headers: Annotated[tuple[str, ...], BeforeValidator(values.header_names)] = row(
        "headers of an event that its outcome carries too, comma-separated, as `correlation-id`; at most 16, of 4 KiB "
        "together",
        "give at most 16 names of headers, separated by commas",
        (),
        shown="none",
    )
    ignore_offset_metadata: bool = flag("start although the offset metadata cannot be read (may double outcomes)")
    drain_s: int = whole("longest drain after SIGTERM", 25, 1, 600)
    audit_log: Annotated[str, AfterValidator(log_file)] = row(
        "file, `-` (stdout) or `off`", "give the path of a file in a directory that is there, - or off", "-"
    )
    http_address: Annotated[HostPort | None, BeforeValidator(values.host_port)] = row(
        "`/livez`, `/readyz`, `/metrics`, `/status` (JSON), `/` (page); `off` turns it off",
        "give host:port as 0.0.0.0:8080, or off",
        HostPort("0.0.0.0", 8080),  # noqa: S104 - probes come from outside the container
    )
    log_level: Annotated[Literal["debug", "info", "warning", "error"], Lower] = choice(
        "or `debug`, `warning`, `error`", "info", "debug", "warning", "error"
    )
    log_format: Annotated[Literal["auto", "json", "text"], Lower] = choice(
        "or `json`, `text`; `auto` is text on a terminal", "auto", "json", "text"
    )
    config_file: Annotated[Path, BeforeValidator(any_path)] | None = row(
        "TOML: the same names, flat or in the tables `[cxone]`, `[kafka]`, `[stream]`",
        "give the path of a TOML file that this process can read",
        None,
    )

    @field_validator("buffer_bytes")
    @classmethod
    def _holds_a_batch(cls, size_bytes: int, info: ValidationInfo) -> int:
        if size_bytes < info.data.get("batch_bytes", 0):
            raise UnusableError(
                "is below STREAM_BATCH_BYTES: no batch could get full", "raise it, or lower STREAM_BATCH_BYTES"
            )
        return size_bytes


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be configured, judged and typed; it does not change while the process lives."""

    cxone: Cxone
    kafka: Kafka
    stream: Stream
    otel: Mapping[str, SecretStr] = field(default_factory=dict)
    """`OTEL_…` by name, from all sources: the telemetry library itself reads the process environment only."""
    warnings: tuple[str, ...] = ()
    """Sentences for the log at start: what is legal but probably not meant."""
