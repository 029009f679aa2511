"""The connectors of the demonstration, one for each form that the service reads, and what their tables must become."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

from ..connect import JSON_CONVERTER
from ..postgres import DATABASE, SUPERUSER
from .workload import DATASTORES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ..connect import Properties
    from ..postgres import Postgres
    from .values import Table
    from .workload import Record

TOPICS: Final = ("crm.public.contacts", "crm.public.seats", "crm.message", "raw.public.orders", "flat.public.teams")

# What docs/cdc.md recommends, each setting with its reason.
_SAFE: Final[Mapping[str, str]] = {
    "key.converter": JSON_CONVERTER,
    "key.converter.schemas.enable": "false",
    "value.converter": JSON_CONVERTER,
    "value.converter.schemas.enable": "false",
    "value.converter.replace.null.with.default": "false",
    "decimal.handling.mode": "string",
    "time.precision.mode": "isostring",
    "interval.handling.mode": "string",
    "tombstones.on.delete": "false",
    "extended.headers.enabled": "false",
    "skipped.operations": "none",
}
_NO_MESSAGES: Final[Mapping[str, str]] = {"message.prefix.exclude.list": ".*"}
_UNWRAPPED: Final[Mapping[str, str]] = {
    "transforms": "unwrap",
    "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState",
    "transforms.unwrap.delete.tombstone.handling.mode": "rewrite",
    "transforms.unwrap.add.fields": "op",
}
_SETTINGS: Final[Mapping[str, Mapping[str, str]]] = {
    "crm": _SAFE,
    "raw": _NO_MESSAGES,
    "flat": {**_SAFE, **_NO_MESSAGES, **_UNWRAPPED},
}
_TABLES: Final[Mapping[str, str]] = {
    "crm": "public.contacts,public.seats",
    "raw": "public.orders",
    "flat": "public.teams",
}

_ROWS: Final[Mapping[Table, str]] = {
    "contacts": """
        SELECT id::text AS id, json_build_object(
            'change', change, 'mail', email, 'tier', tier, 'balance', balance::text, 'rate', rate::text,
            'born', born, 'wakes', wakes::text || 'Z', 'made', (to_json(made) #>> '{}') || 'Z',
            'seen', replace(to_json(seen) #>> '{}', '+00:00', 'Z'), 'contract', contract::text, 'plan', plan,
            'tags', tags, 'photo', replace(encode(photo, 'base64'), chr(10), ''), 'biography', biography
        ) AS fields FROM contacts""",
    "seats": """
        SELECT replace(replace(tenant, '%', '%25'), ':', '%3A') || ':' || seat AS id, json_build_object(
            'tenant', tenant, 'seat', seat, 'change', change, 'holder', holder, 'colour', colour, 'badge', badge
        ) AS fields FROM seats""",
    "orders": """
        SELECT number::text AS id, json_build_object(
            'number', number, 'change', change, 'total', total::text, 'rate', trim_scale(rate)::text,
            'ordered', ordered, 'due', due::text || 'Z', 'placed', (to_json(placed) #>> '{}') || 'Z',
            'packed', (to_json(packed) #>> '{}') || 'Z', 'paid', replace(to_json(paid) #>> '{}', '+00:00', 'Z'),
            'is_open', is_open, 'weight', weight, 'note', note
        ) AS fields FROM orders""",
    "teams": """
        SELECT id::text AS id, json_build_object(
            'id', id, 'change', change, 'name', name, 'budget', budget::text, 'founded', founded, 'motto', motto
        ) AS fields FROM teams""",
}
"""Each row as its record must be, told by the database itself: a second reading of the mapping.

Of a `numeric` without a scale, Debezium's default takes away zeros at the end; `decimal.handling.mode=string` does not.
"""


def connectors(postgres: Postgres) -> dict[str, Properties]:
    """Return the properties of each connector."""
    always = {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "plugin.name": "pgoutput",
        "database.hostname": "127.0.0.1",
        "database.port": str(postgres.port),
        "database.user": SUPERUSER,
        "database.password": postgres.password,
        "database.dbname": DATABASE,
        "publication.autocreate.mode": "disabled",
        "tasks.max": "1",
    }
    return {
        name: {
            **always,
            **settings,
            "topic.prefix": name,
            "slot.name": name,
            "publication.name": name,
            "table.include.list": _TABLES[name],
        }
        for name, settings in _SETTINGS.items()
    }


def rows(postgres: Postgres) -> dict[Record, dict[str, Any]]:
    """Read all tables, as the records that their rows must be."""
    found: dict[Record, dict[str, Any]] = {}
    for table, query in _ROWS.items():
        for line in postgres.query(f"SELECT json_build_array(id, fields) FROM ({query}) AS rows"):
            record_id, fields = orjson.loads(line)
            found[DATASTORES[table], record_id] = {**fields, "active": True}
    return found


def streaming(postgres: Postgres) -> int:
    """Count the connectors whose snapshots are over, and that follow the log."""
    return int(postgres.query("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'")[0])
