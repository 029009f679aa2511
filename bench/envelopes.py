"""The events as a Debezium connector for PostgreSQL would write them, made up, and the rules that map them.

The form is that of real ones (`tests/golden`): the row, where it came from, and with `schemas.enable=true` a schema of
all that around it, in key and value.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TABLES: Mapping[str, str] = {
    "store-00": "customers",
    "store-01": "contacts",
    "store-02": "accounts",
    "store-03": "contracts",
    "store-04": "tickets",
    "store-05": "devices",
    "store-06": "addresses",
    "store-07": "invoices",
    "store-08": "campaigns",
    "store-09": "agents",
}
"""The table that each datastore is made of: they share a topic, as after a router, and are told apart by their name."""

_SOURCE = (
    b'"source":{"version":"3.7.0.Final","connector":"postgresql","name":"crm","ts_ms":%d,"snapshot":"false","db":"crm",'
    b'"sequence":"[\\"%d\\",\\"%d\\"]","ts_us":%d,"ts_ns":%d,"schema":"public","table":"%b","txId":%d,"lsn":%d,'
    b'"xmin":null,"origin":null,"origin_lsn":null},"transaction":null,"op":"u","ts_ms":%d,"ts_us":%d,"ts_ns":%d}'
)
_BEGAN_US = 1_795_399_785_454_639
_FIRST_LSN = 22_459_184


def envelope(
    number: int, datastore_id: str, record_id: str, fields: Mapping[str, Any], *, has_schema: bool
) -> tuple[bytes, bytes]:
    """Write an update of a row as key and value of a message.

    Args:
        number: of the change, from which come its time and its place in the log.
        datastore_id: that the table is for.
        record_id: the row's key.
        fields: its other columns.
        has_schema: whether schemas are around key and value.
    """
    table = TABLES[datastore_id]
    key, row = orjson.dumps({"id": record_id}), orjson.dumps({"id": record_id, **fields})
    value = b'{"before":null,"after":%b,%b' % (row, _origin(number, table.encode()))
    if not has_schema:
        return key, value
    key_schema, value_schema = _schemas(table)
    return b'{"schema":%b,"payload":%b}' % (key_schema, key), b'{"schema":%b,"payload":%b}' % (value_schema, value)


def mapping() -> str:
    """Write the rules for these tables."""
    return "\n".join(
        f'[[rule]]\ntable = "crm.public.{table}"\ndatastore = "{datastore_id}"\ncolumns.exclude = ["id"]\n'
        for datastore_id, table in TABLES.items()
    )


def _origin(number: int, table: bytes) -> bytes:
    at_us, lsn = _BEGAN_US + 37 * number, _FIRST_LSN + 176 * number
    at_ms, seen_us = at_us // 1_000, at_us + 230_017
    told = (at_ms, lsn - 80, lsn, at_us, at_us * 1_000, table, 1_000 + number, lsn)
    return _SOURCE % (*told, seen_us // 1_000, seen_us, seen_us * 1_000 + 76)


@lru_cache(maxsize=len(TABLES))
def _schemas(table: str) -> tuple[bytes, bytes]:
    """Write the schemas of key and value, as the JSON converter does."""
    name = f"crm.public.{table}"
    columns = [_field("string", "id", optional=False)]
    columns += [_field("string", column) for column in ("name", "email", "tier")]
    columns += [_field("double", "balance"), _field("string", "updatedAt"), _field("string", "note")]
    texts = ("version", "connector", "name", "snapshot", "db", "sequence", "schema", "table", "origin")
    numbers = ("ts_ms", "ts_us", "ts_ns", "txId", "lsn", "xmin", "origin_lsn")
    source = [*(_field("string", each) for each in texts), *(_field("int64", each) for each in numbers)]
    members = [
        _struct(columns, f"{name}.Value", "before"),
        _struct(columns, f"{name}.Value", "after"),
        _struct(source, "io.debezium.connector.postgresql.Source", "source"),
        _struct([_field("string", "id"), _field("int64", "total_order")], "event.block", "transaction"),
        _field("string", "op", optional=False),
        *(_field("int64", each) for each in ("ts_ms", "ts_us", "ts_ns")),
    ]
    return orjson.dumps(_struct(columns[:1], f"{name}.Key")), orjson.dumps(_struct(members, f"{name}.Envelope"))


def _field(kind: str, name: str, *, optional: bool = True) -> dict[str, Any]:
    return {"type": kind, "optional": optional, "field": name}


def _struct(fields: Iterable[dict[str, Any]], name: str, field: str | None = None) -> dict[str, Any]:
    named = {} if field is None else {"field": field}
    return {"type": "struct", "fields": list(fields), "optional": field is not None, "name": name, **named}
