"""Builders of change events as Debezium writes them, and of mappers from the text of a mapping file."""

from __future__ import annotations

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stream.cdc import Delta, Mapper, NotSent
from stream.errors import ConfigurationError
from stream.mapping import load_mapping
from stream.model import ConflictResolution, Defect, UpdateType

from .builders import SCHEMAS_DIR

if TYPE_CHECKING:
    from stream.cdc.rules import Rule

TOPIC = "crm.public.contacts"
SOURCE = {
    "version": "3.6.1.Final",
    "connector": "postgresql",
    "name": "crm",
    "ts_ms": 1795399797548,
    "snapshot": "false",
    "db": "postgres",
    "sequence": '[null,"22189328"]',
    "ts_us": 1795399797548753,
    "ts_ns": 1795399797548753000,
    "schema": "public",
    "table": "contacts",
    "txId": 727,
    "lsn": 22189328,
    "xmin": None,
}
PLACEHOLDER = "__debezium_unavailable_value"
ROW = {"id": 1, "email": "a@b.io", "tier": "gold"}
PLAIN = f'topic = "{TOPIC}"\ndatastore = "people"\n'
"""The least that a rule can say."""

Found = Delta | NotSent | dict[str, Any]


def text(document: object) -> bytes:
    """Write JSON as the converter of Kafka Connect does."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def envelope(op: str = "u", after: Any = None, before: Any = None, **source: Any) -> dict[str, Any]:  # noqa: ANN401
    """Build a change; without a row it has the usual one where its kind needs one."""
    if after is None and op in "cru":
        after = dict(ROW)
    if before is None and op == "d":
        before = {"id": 1, "email": "", "tier": None}
    return {
        "before": before,
        "after": after,
        "source": {**SOURCE, **source},
        "transaction": None,
        "op": op,
        "ts_ms": 1795399797727,
        "ts_us": 1795399797727808,
        "ts_ns": 1795399797727808420,
    }


def column(name: str, kind: str = "string", /, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    """Build the schema of a column."""
    return {"type": kind, "optional": True, **more, "field": name}


def wrapped(change: dict[str, Any], *columns: dict[str, Any]) -> dict[str, Any]:
    """Put the schema of its row around an envelope."""
    row = {"type": "struct", "fields": list(columns), "optional": True, "name": "crm.public.contacts.Value"}
    schema = {
        "type": "struct",
        "fields": [
            {**row, "field": "before"},
            {**row, "field": "after"},
            {"type": "struct", "fields": [], "optional": False, "field": "source"},
            {"type": "string", "optional": False, "field": "op"},
        ],
        "optional": False,
        "name": "crm.public.contacts.Envelope",
    }
    return {"schema": schema, "payload": change}


@cache
def rules(toml: str) -> tuple[Rule, ...]:
    """Read a mapping file's text."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "mapping.toml"
        path.write_text(toml, encoding="utf-8")
        return load_mapping(path, SCHEMAS_DIR).rules


def problems(toml: str) -> list[str]:
    """Return what is told of a mapping file that cannot be used, with the file's name alone."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "mapping.toml"
        path.write_text(toml, encoding="utf-8")
        try:
            load_mapping(path, SCHEMAS_DIR)
        except ConfigurationError as error:
            return [str(problem).replace(f"{directory}/", "") for problem in error.problems]
        return []


def mapper(rule: str = PLAIN, *more: str) -> Mapper:
    """Build a mapper of one rule or several, each given as the lines of its table."""
    toml = "".join(f"[[rule]]\n{each}\n" for each in (rule, *more))
    return Mapper(rules(toml), UpdateType.UPSERT, ConflictResolution.OVERWRITE)


def read(value: object, rule: str = PLAIN, *, key: object = None, topic: str = TOPIC, warm: bool = False) -> Found:
    """Read one message by a rule.

    Args:
        value: of the message, as bytes or as a document; None: null.
        rule: the lines of the rule's table.
        key: of the message, likewise; by default that of the usual row.
        topic: where it stands.
        warm: read it twice, so that the usual way is taken if it can be.
    """
    reader = mapper(rule)
    raw_key = key if isinstance(key, bytes) else text({"id": 1} if key is None else key)
    raw_value = value if value is None or isinstance(value, bytes) else text(value)
    if warm:
        reader.read(topic, raw_key, raw_value)
    return reader.read(topic, raw_key, raw_value)


def delta(value: object, rule: str = PLAIN, *, key: object = None, topic: str = TOPIC, warm: bool = False) -> Delta:
    """Read a message that must give a delta."""
    found = read(value, rule, key=key, topic=topic, warm=warm)
    assert isinstance(found, Delta), found
    return found


def fields(value: object, rule: str = PLAIN) -> dict[str, Any]:
    """Read the fields that a message sends, as they stand in the record."""
    record = json.loads(delta(value, rule).record)
    sent: dict[str, Any] = record["fields"]
    return sent


def refusal(value: object, rule: str = PLAIN, *, key: object = None, topic: str = TOPIC) -> NotSent:
    """Read a message of which nothing is sent."""
    found = read(value, rule, key=key, topic=topic)
    assert isinstance(found, NotSent), found
    return found


def defect(value: object, rule: str = PLAIN, *, key: object = None) -> Defect:
    """Return why nothing is sent of a message."""
    found = refusal(value, rule, key=key)
    assert found.defect is not None
    return found.defect
