"""Puts the service together and ends it: settings in, an exit code out. The only place that knows all edges."""

from __future__ import annotations

import gc
import os
import random
from typing import TYPE_CHECKING

from .audit import AuditLog
from .clock import SystemClock
from .consumer import KafkaSource
from .credentials import Credentials
from .cxone import Api, CxoneClient
from .errors import FatalError
from .flights import InFlightLimits
from .group_watch import GroupWatch
from .holds import HoldLimits
from .intake import Defaults, Intake
from .lanes import BatchLimits
from .lease import Lease
from .log import flush, get_log
from .loop import Loop
from .mapping import NO_MAPPING, load_mapping
from .observer import NO_TRACING, SILENT, Observer, Observers, Tracing
from .outcome import Form, OutcomeWriter
from .parts import Bounds, Parts
from .publisher import KafkaSink
from .schema_files import load_schemas
from .settings import PACKAGED_SCHEMAS
from .showing import show
from .start import Start, StartAt
from .steps import OnConflict, Policy
from .stop_signal import StopSignal
from .telemetry import set_up
from .workers import Workers

if TYPE_CHECKING:
    from .mapping import Mapping
    from .schema_files import SchemaFile
    from .settings import Settings
    from .validate import Schemas

GC_THRESHOLDS = (20_000, 20, 100)
"""Events live until they are committed, so that frequent collections only walk over them (13 % of the CPU time)."""
DRAIN_SHARE_FOR_ALL = 0.97
"""When this share of `STREAM_DRAIN_S` has passed the process ends, even if a library still blocks."""


def serve(settings: Settings) -> None:
    """Run the service until SIGTERM or SIGINT; does not return (contract section 6).

    The process ends by `os._exit` after the logs are flushed: a thread that is stuck in librdkafka would block a
    normal exit for ever.

    Args:
        settings: judged and complete.

    Raises:
        ConfigurationError: when a schema file or the mapping file cannot be used; nothing outside was touched then.
    """
    schemas, files = load_schemas(settings.stream.schemas_dir, PACKAGED_SCHEMAS, require=settings.stream.require_schema)
    mapping = load_mapping(settings.stream.mapping_file, PACKAGED_SCHEMAS)
    code = 1
    try:
        _run(settings, schemas, files, mapping)
        code = 0
    except FatalError as error:
        get_log().critical("service_failed", reason=str(error))
    except Exception:  # noqa: BLE001 - the loop's top: whatever it was, the next process starts from the last commit
        get_log().critical("service_failed", exc_info=True)
    finally:
        _exit(code)


def _run(settings: Settings, schemas: Schemas, files: tuple[SchemaFile, ...], mapping: Mapping) -> None:
    log = get_log()
    for warning in settings.warnings:
        log.warning("configuration", reason=warning)
    for file in files:
        log.info("schema_loaded", file=file.name, sha256=file.sha256)
    if mapping.rules:
        log.info("mapping_loaded", file=mapping.name, sha256=mapping.sha256, rules=len(mapping.rules))
    within_s = DRAIN_SHARE_FOR_ALL * settings.stream.drain_s
    stop = StopSignal(SystemClock(), within_s, lambda: _cut_short(within_s))
    telemetry = set_up(settings, SystemClock())
    shown = show(settings, files, mapping, lambda: stop.asked_at_s is not None, telemetry.metrics)
    observer = Observers(shown, *telemetry.observers)
    loop = Loop(connect(settings, schemas, mapping, observer, telemetry.tracing), bounds(settings))
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    log.info("service_started", topics=list(settings.kafka.input_topics), group=settings.kafka.group_id)

    if settings.kafka.instance_id is not None:
        GroupWatch(settings.kafka, settings.kafka.instance_id, SystemClock()).start()
    try:
        loop.run(lambda: stop.asked_at_s)
        log.info("service_ended")
    finally:
        telemetry.close()


def connect(
    settings: Settings,
    schemas: Schemas,
    mapping: Mapping = NO_MAPPING,
    observer: Observer = SILENT,
    tracing: Tracing = NO_TRACING,
) -> Parts:
    """Make the loop's parts, with its real edges.

    Args:
        settings: judged and complete.
        schemas: compiled.
        mapping: of sources that are not native.
        observer: is told what happens.
        tracing: gives the trace context of requests and outcomes.

    Returns:
        The parts of a loop; the group has not been joined yet.

    Raises:
        FatalError: when the outcome topic, the audit log, or a certificate or proxy of the environment cannot be used.
    """
    stream, kafka, cxone = settings.stream, settings.kafka, settings.cxone
    clock = SystemClock()
    lease = Lease(kafka.session_timeout_s)
    audit = AuditLog(stream.audit_log)
    client = CxoneClient(_api(settings), clock, observer, tracing)
    is_metered = cxone.max_requests_per_s is not None
    pool = Workers(cxone.max_in_flight, client.perform, lease, clock, is_metered=is_metered, tracing=tracing)
    sink = KafkaSink(kafka, pool.wake, observer)
    return Parts(
        source=KafkaSource(kafka),
        pool=pool,
        sink=sink,
        clock=clock,
        rng=random.Random(),  # noqa: S311 - jitter and names, no secrets
        intake=Intake(
            schemas,
            Defaults(cxone.datastore_id, stream.update_type, stream.conflict_resolution),
            mapping.rules,
        ),
        start=Start(StartAt(kafka.start), stream.ignore_offset_metadata),
        writer=OutcomeWriter(_form(settings)),
        audit=audit,
        lease=lease,
        observer=observer,
        tracing=tracing,
    )


def _api(settings: Settings) -> Api:
    cxone = settings.cxone
    return Api(
        cxone.base_url,
        cxone.token_path,
        cxone.execute_path,
        cxone.record_path,
        cxone.max_in_flight,
        Credentials(cxone.client_id, cxone.client_secret).read,
    )


def _form(settings: Settings) -> Form:
    stream, kafka = settings.stream, settings.kafka
    return Form(
        kafka.group_id,
        stream.cloudevents,
        dead_letters=kafka.dead_letter_topic is not None,
        copied=frozenset(stream.copy_headers),
    )


def bounds(settings: Settings) -> Bounds:
    """Choose the loop's bounds from the settings."""
    stream, cxone = settings.stream, settings.cxone
    return Bounds(
        BatchLimits(stream.batch_size, stream.batch_bytes, stream.batch_linger_ms / 1000, stream.coalesce == "fields"),
        InFlightLimits(cxone.max_in_flight, cxone.max_in_flight_per_datastore, cxone.max_requests_per_s),
        stream.buffer_bytes,
        stream.drain_s,
        Policy(OnConflict(stream.on_conflict), can_read=cxone.record_path is not None),
        HoldLimits(stream.stop_after_refused, stream.give_up_after_s),
    )


def _cut_short(after_s: float) -> None:
    """End in time whatever happens: what is not committed by then is the next owner's (contract section 4.6)."""
    get_log().warning("drain_cut_short", after_s=round(after_s, 1))
    _exit(0)


def _exit(code: int) -> None:
    flush()
    os._exit(code)
