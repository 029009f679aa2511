"""Every name that telemetry uses: of spans, attributes and metrics, with units and buckets. One place, for they change.

Conventional names are those of OpenTelemetry's semantic conventions 1.45 for messaging (development) and of the stable
ones for HTTP. 1.45 renamed `messaging.system` to `messaging.system.name` and dropped the prefix of `messaging.kafka.*`;
who asks for it (`OTEL_SEMCONV_STABILITY_OPT_IN=messaging/dup`) gets the older names beside them. Own names begin with
`cxone.`. What each means stands in `docs/telemetry.md`, and a test holds the two together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

SCOPE = "cxone-delta-stream"
"""The instrumentation scope: this project."""
SCHEMA_URL = "https://opentelemetry.io/schemas/1.45.0"
OPT_IN = "OTEL_SEMCONV_STABILITY_OPT_IN"
DUPLICATE = "messaging/dup"

# Attributes of the conventions.
SYSTEM = "messaging.system.name"
OPERATION = "messaging.operation.name"
OPERATION_TYPE = "messaging.operation.type"
DESTINATION = "messaging.destination.name"
PARTITION = "messaging.destination.partition.id"
GROUP = "messaging.consumer.group.name"
MESSAGE_COUNT = "messaging.batch.message_count"
HTTP_METHOD = "http.request.method"
HTTP_STATUS = "http.response.status_code"
RESEND_COUNT = "http.request.resend_count"
BODY_BYTES = "http.request.body.size"
SERVER_ADDRESS = "server.address"
SERVER_PORT = "server.port"
URL_TEMPLATE = "url.template"
ERROR_TYPE = "error.type"
OLDER_NAMES = {SYSTEM: "messaging.system"}
"""What 1.44 called them."""

# Attributes of our own.
DATASTORE = "cxone.datastore.id"
RESULT = "cxone.result"
STATUS = "cxone.status"
BATCH_ID = "cxone.batch.id"
BATCH_ERRAND = "cxone.batch.errand"
BATCH_UNDECIDED = "cxone.batch.undecided"
LINKS_DROPPED = "cxone.batch.links_dropped"
CHUNK_EVENTS = "cxone.chunk.events"
ERROR_CODE = "cxone.error.code"
STAGE = "cxone.stage"
CAUSE = "cxone.cause"
CHANGE = "cxone.change"
REASON = "cxone.reason"
WAIT_S = "cxone.wait_s"
STATE = "cxone.state"

# Spans and their events.
VALIDATE = "validate"
LANE = "lane"
PROCESS, SEND, COMMIT, POLL = "process", "send", "commit", "poll"
"""Operations: a span's name is the operation and the destination."""
WAITS = "cxone.waits"
ABORTED = "cxone.transaction.aborted"

OTHER = "other"
"""The label of everything beyond a bound."""


class Metric(NamedTuple):
    """One metric as it is declared. `attributes` are all that its points may have."""

    name: str
    unit: str
    meaning: str
    attributes: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""The buckets that the conventions advise for durations."""
LONG_SECONDS = (*SECONDS, 30.0, 60.0, 300.0, 900.0, 3600.0)
"""For what includes waiting: an event may be hours old."""
SIZES = (1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 750.0, 1000.0)
SHARES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)

_MESSAGING = (SYSTEM, OPERATION, DESTINATION, GROUP)

# Of the conventions.
CONSUMED = Metric("messaging.client.consumed.messages", "{message}", "messages read from the input topics", _MESSAGING)
SENT = Metric("messaging.client.sent.messages", "{message}", "outcomes in committed transactions", _MESSAGING)
OPERATION_DURATION = Metric(
    "messaging.client.operation.duration",
    "s",
    "writing (`send`) and committing (`commit`) one transaction of outcomes",
    _MESSAGING,
    SECONDS,
)
PROCESS_DURATION = Metric(
    "messaging.process.duration",
    "s",
    "one batch, from the hand-out to its verdict, with all waits and repeats",
    (*_MESSAGING, ERROR_TYPE),
    LONG_SECONDS,
)
HTTP_DURATION = Metric(
    "http.client.request.duration",
    "s",
    "one HTTP call, until its answer is read or given up",
    (HTTP_METHOD, SERVER_ADDRESS, SERVER_PORT, HTTP_STATUS, ERROR_TYPE),
    SECONDS,
)

# Of our own: recorded as things happen.
EVENTS = Metric("cxone.delta.events", "{event}", "events decided, each once", (DATASTORE, RESULT))
REQUESTS = Metric("cxone.delta.requests", "{request}", "requests with a verdict", (DATASTORE, STATUS))
BATCH_SIZE = Metric("cxone.delta.batch.size", "{event}", "events of one batch", (), SIZES)
BATCH_FILL = Metric(
    "cxone.delta.batch.fill", "1", "how full one batch was: by events or by bytes, whichever is fuller", (), SHARES
)
STAGE_DURATION = Metric(
    "cxone.delta.stage.duration",
    "s",
    "where the time goes, one sample for each chunk, batch, call or transaction: `validation`, `lane`, `token`, "
    "`http`, `publish` (verdict to transaction), `commit`",
    (STAGE,),
    LONG_SECONDS,
)
PRODUCE_TO_OUTCOME = Metric(
    "cxone.delta.produce_to_outcome.duration",
    "s",
    "from the input message's timestamp to the committed outcome, of each batch's oldest event",
    (),
    LONG_SECONDS,
)
CHANGE_TO_APPLIED = Metric(
    "cxone.delta.change_to_applied.duration",
    "s",
    "from the change in the source database (Debezium's `source.ts_ms`) to the verdict, of each batch's oldest event",
    (),
    LONG_SECONDS,
)
RETRIES = Metric("cxone.delta.retries", "{request}", "requests that decided nothing, by cause", (ERROR_TYPE,))
SUSPECTS = Metric(
    "cxone.delta.suspects",
    "{event}",
    "events that may be executed twice: `takeover` of an earlier owner's, `lost_answer`",
    (CAUSE,),
)
CHANGES = Metric("cxone.delta.changes", "{change}", "holds, outages, parked records: begun and ended", (CHANGE,))
TOKENS = Metric("cxone.delta.token.renewals", "{renewal}", "tokens asked for", (STATUS,))
REBUILDS = Metric("cxone.delta.producer.rebuilds", "{producer}", "producers given up and made anew")
TRANSACTIONS = Metric("cxone.delta.transactions", "{transaction}", "transactions that have ended", (STATUS,))
LATE = Metric("cxone.delta.late_outcomes", "{event}", "outcomes dropped because the partition is another instance's")
REBALANCES = Metric("cxone.delta.rebalances", "{rebalance}", "decisions of the consumer group", (CHANGE,))

# Of our own: looked at when somebody asks.
SUCCESS_RATE = Metric("cxone.delta.success_rate", "%", "requests that succeeded since the start")
IN_FLIGHT = Metric("cxone.delta.in_flight", "{request}", "requests with a worker")
WAITING = Metric("cxone.delta.waiting", "{request}", "batches that wait for their time")
READY = Metric("cxone.delta.ready", "{event}", "events that could go into a batch")
OUTBOX = Metric("cxone.delta.outbox", "{event}", "outcomes not yet known to be committed")
BUFFER_USED = Metric("cxone.delta.buffer.used", "By", "undecided events in memory")
BUFFER_LIMIT = Metric("cxone.delta.buffer.limit", "By", "`STREAM_BUFFER_BYTES`")
OUTAGE = Metric("cxone.delta.outage", "{outage}", "1 while everything is held")
HELD = Metric("cxone.delta.held", "{datastore}", "datastores that are held")
PARKED = Metric("cxone.delta.parked", "{record}", "records that break the API alone, and wait")
PARTITIONS = Metric(
    "cxone.delta.partitions", "{partition}", "partitions: `flowing`, `paused`, `starting`, `refused`", (STATE,)
)
LAG = Metric("cxone.delta.lag", "{message}", "from the committed offset to the log's end", (DESTINATION, PARTITION))
WINDOW = Metric(
    "cxone.delta.window.used",
    "1",
    "share of the 16,384 events that may be delivered past the committed offset",
    (DESTINATION, PARTITION),
)

METRICS = tuple(value for value in list(globals().values()) if isinstance(value, Metric))
"""All of them."""


def with_older(attributes: Mapping[str, str], opt_in: str) -> dict[str, str]:
    """Add the older names beside the newer ones, where they are asked for.

    Args:
        attributes: of the messaging conventions.
        opt_in: what `OTEL_SEMCONV_STABILITY_OPT_IN` says, a comma-separated list.
    """
    if DUPLICATE not in [each.strip() for each in opt_in.split(",")]:
        return dict(attributes)
    older = {OLDER_NAMES[name]: value for name, value in attributes.items() if name in OLDER_NAMES}
    return {**attributes, **older}
