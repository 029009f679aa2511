"""Says what a message is, by its form alone: a row's change, a message of the connector about itself, or neither."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .wrapper import ConnectSchema

NATIVE_MEMBERS = frozenset(
    {"dataStoreId", "id", "version", "fields", "updateType", "conflictResolution", "checksum"},
)
"""Of a native event (contract section 2)."""

_OWN_SCHEMAS = (
    "io.debezium.connector.common.Heartbeat",
    "io.debezium.connector.common.TransactionMetadataValue",
    "io.debezium.connector.common.Notification",
    ".SchemaChangeValue",
)
_HEARTBEAT = frozenset({"ts_ms"})
_TRANSACTION = frozenset({"status", "id", "event_count", "data_collections", "ts_ms"})
_SCHEMA_CHANGE = frozenset({"source", "databaseName", "ddl", "tableChanges"})
_NOTIFICATION = frozenset({"id", "type", "aggregate_type", "additional_data", "timestamp"})


def is_envelope(document: dict[str, Any]) -> bool:
    """Tell whether a value is a change in Debezium's envelope, of whatever kind."""
    return type(document.get("op")) is str and type(document.get("source")) is dict


def is_native(document: dict[str, Any]) -> bool:
    """Tell whether a value is meant as a native event: it may still be an invalid one."""
    return "fields" in document and "id" in document and document.keys() <= NATIVE_MEMBERS


def is_of_connector(document: dict[str, Any], schema: ConnectSchema | None) -> bool:
    """Tell whether a value is what a connector says of itself: it carries no change of a row.

    Heartbeats, boundaries of transactions, changes of a table's schema, notifications.
    """
    if schema is not None and schema.name:
        return schema.name.endswith(_OWN_SCHEMAS)
    members = document.keys()
    return (
        (members == _HEARTBEAT and type(document["ts_ms"]) is int)
        or (members == _TRANSACTION and document["status"] in ("BEGIN", "END"))
        or members >= _SCHEMA_CHANGE
        or members == _NOTIFICATION
    )


def why_foreign(document: dict[str, Any]) -> str | None:
    """Say why an envelope is of a database whose rows cannot be mapped; None for all others."""
    source = document["source"]
    connector = source.get("connector")
    if connector == "mongodb" or type(document.get("after")) is str or type(document.get("before")) is str:
        return (
            "The event is of MongoDB, whose documents come as text: there are no columns to map. Put a consumer "
            "between that makes native events of them."
        )
    if connector == "cassandra":
        return (
            "The event is of Cassandra, which wraps each column into its own state. Put a consumer between that makes "
            "native events of them."
        )
    return None


def table_of(source: dict[str, Any]) -> str:
    """Write the table that an envelope's `source` names as `db.schema.table`, or `db.table`."""
    parts = (source.get("db"), source.get("schema"), source.get("table"))
    return ".".join(part for part in parts if type(part) is str and part)
