"""The settings as people see them: the README's table, and the lines of the start log."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .kafka_config import variable
from .model import Cxone, Kafka, Settings, Stream
from .secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

PARTS: Mapping[str, type[Cxone | Kafka | Stream]] = {
    "CXONE_": Cxone,
    "KAFKA_": Kafka,
    "STREAM_": Stream,
}
"""The class of each prefix."""

_HIDDEN = "(set, hidden)"


class SettingField(NamedTuple):
    """Where a setting lives: the attribute of its part, and how it was declared."""

    prefix: str
    attribute: str
    info: FieldInfo

    @property
    def note(self) -> Mapping[str, str]:
        """What was declared besides type and bounds: `fix` and `shown`."""
        extra = self.info.json_schema_extra
        return {key: str(text) for key, text in extra.items()} if isinstance(extra, dict) else {}

    def value(self, settings: Settings) -> object:
        """Return what it is set to."""
        part: BaseModel = getattr(settings, self.prefix.rstrip("_").lower())
        return getattr(part, self.attribute)


FIELDS: Mapping[str, SettingField] = {
    prefix + (info.alias or attribute).upper(): SettingField(prefix, attribute, info)
    for prefix, part in PARTS.items()
    for attribute, info in part.model_fields.items()
    if info.description
}
"""Each setting of fixed name, in the order of contract section 5."""


class Row(NamedTuple):
    """One row of the configuration table."""

    name: str
    default: str
    meaning: str


def _rows() -> list[Row]:
    rows = [Row(name, _default(field), str(field.info.description)) for name, field in FIELDS.items()]
    properties = Row(
        "KAFKA_CONFIG_<NAME>",
        "none",
        "a librdkafka property for every client that knows it: `KAFKA_CONFIG_SASL_USERNAME` is `sasl.username`; also "
        "as `…_FILE`. Refused (exit 2): those that the promises rest on, those that weaken TLS",
    )
    rows.insert(list(FIELDS).index("KAFKA_START") + 1, properties)
    return [*rows, Row("OTEL_*", "the OpenTelemetry defaults", "nothing set: nothing is sent")]


def _default(field: SettingField) -> str:
    if shown := field.note["shown"]:
        return shown
    return "required" if field.info.is_required() else _plain(field.info.default)


def _plain(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) or "none" if isinstance(value, tuple) else str(value)


ROWS: tuple[Row, ...] = tuple(_rows())
"""The configuration table."""


def markdown_table() -> str:
    """Return the configuration table for the README, in Markdown, with a line's end after each row."""
    rows = [("name", "default", "meaning"), ("---", "---", "---")]
    rows += [(f"`{name}`", _code(default), meaning) for name, default, meaning in ROWS]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n" for row in rows)


def _code(default: str) -> str:
    return default if default in {"required", "none"} or " " in default else f"`{default}`"


def describe(settings: Settings) -> list[tuple[str, str]]:
    """Return each setting with its value for the log at start; of a secret only that it is set.

    What is not set and has no default is left out.
    """
    lines = [(name, _described(field.value(settings), field)) for name, field in FIELDS.items()]
    lines += [(variable(name), _HIDDEN if not isinstance(v, str) else v) for name, v in settings.kafka.extra.items()]
    lines += [(name, _HIDDEN) for name in settings.otel]
    return [(name, text) for name, text in lines if text != "none"]


def _described(value: object, field: SettingField) -> str:
    if isinstance(value, Secret):
        return f"(in the file {value.path})" if value.path else _HIDDEN
    return "off" if value is None and field.info.default is not None else _plain(value)
