"""From a column's value as the connector wrote it to the value that is sent.

With the connector's schema beside the event every encoding is known, and a schema compiles to a converter once. Without
it the rule may say what a column holds; what then still cannot be read is refused with the connector setting to change,
because a wrong number in a datastore is worse than a dead letter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from ..decode import decode
from ..model import Defect
from . import temporal
from .decimals import DECIMAL_TEXT, decimal_text, looks_encoded
from .rules import Decimals, Kind

Converter = Callable[[Any], Any]
"""Takes a value that is not null; raises `UnreadableError` where it cannot be sent."""

_DECIMAL = "org.apache.kafka.connect.data.Decimal"
_VARIABLE_DECIMAL = "io.debezium.data.VariableScaleDecimal"
_ISO_DATE = "io.debezium.time.IsoDate"
_ISO_DATE_TEXT = re.compile(r"\d{4}-\d\d-\d\dZ", re.ASCII)
_US, _MS = 1_000, 1_000_000
_TEMPORAL: Mapping[str, Converter] = {
    "io.debezium.time.Date": temporal.date_text,
    "io.debezium.time.Time": lambda ms: temporal.time_text(ms * _MS),
    "io.debezium.time.MicroTime": lambda us: temporal.time_text(us * _US),
    "io.debezium.time.NanoTime": temporal.time_text,
    "io.debezium.time.Timestamp": lambda ms: temporal.timestamp_text(ms * _MS),
    "io.debezium.time.MicroTimestamp": lambda us: temporal.timestamp_text(us * _US),
    "io.debezium.time.NanoTimestamp": temporal.timestamp_text,
    "io.debezium.time.MicroDuration": lambda us: temporal.duration_text(us * _US),
    "io.debezium.time.NanoDuration": temporal.duration_text,
    "org.apache.kafka.connect.data.Date": temporal.date_text,
    "org.apache.kafka.connect.data.Time": lambda ms: temporal.time_text(ms * _MS),
    "org.apache.kafka.connect.data.Timestamp": lambda ms: temporal.timestamp_text(ms * _MS),
}
"""By the schema's name. Types that are texts already, as `ZonedTimestamp`, need no converter."""

_SCALE = re.compile(r"-?\d{1,6}", re.ASCII)
_STRING_MODE = "set decimal.handling.mode=string in the connector, or send the schema with the event"


class UnreadableError(ValueError):
    """A value that cannot be sent; the message says why and what to do, without the value."""


def from_schema(schema: Mapping[str, Any], decimals: Decimals) -> Converter | None:
    """Compile a column's schema.

    Args:
        schema: as Kafka Connect's JSON converter writes it.
        decimals: how decimals are sent.

    Returns:
        The converter, or None where values are sent as they are.
    """
    name = schema.get("name")
    if name == _DECIMAL:
        return _decimal(schema.get("parameters"), decimals)
    if name == _VARIABLE_DECIMAL:
        return lambda value: _self_described(value, decimals)
    if name == _ISO_DATE:
        return _iso_text
    if isinstance(name, str) and name in _TEMPORAL:
        return _temporal(_TEMPORAL[name])
    return _of_parts(schema, decimals)


def _of_parts(schema: Mapping[str, Any], decimals: Decimals) -> Converter | None:
    kind = schema.get("type")
    if kind == "array":
        return _each(_part(schema, "items", decimals))
    if kind == "map":
        return _values(_part(schema, "values", decimals))
    return _members(columns_of(schema), decimals) if kind == "struct" else None


def columns_of(struct: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the fields' schemas of a struct's schema, by name; what is no field is left out."""
    fields = struct.get("fields")
    listed = fields if isinstance(fields, list) else []
    return {each["field"]: each for each in listed if isinstance(each, dict) and isinstance(each.get("field"), str)}


def from_kind(kind: Kind | None, decimals: Decimals) -> Converter | None:
    """Return the converter of a column that has no schema.

    Args:
        kind: what the rule says of it; None: nothing.
        decimals: how decimals are sent.
    """
    if kind is Kind.DECIMAL:
        return lambda value: _declared_decimal(value, decimals)
    if kind is Kind.TEMPORAL:
        return _declared_temporal
    if kind is Kind.JSON:
        return _parsed
    return None


def undeclared(value: object, decimals: Decimals) -> object:
    """Look closely at a value of which neither a schema nor the rule says anything.

    Raises:
        UnreadableError: when it may be a decimal that only its schema could decode.
    """
    if type(value) is str and looks_encoded(value):
        raise UnreadableError(
            f"may be a decimal in base64, and no schema gives its scale: {_STRING_MODE}; if it is a text, say so in "
            'the rule: columns.types, "text"'
        )
    if type(value) is dict and _is_self_described(value):
        return _self_described(value, decimals)
    if type(value) is list:
        return [undeclared(item, decimals) for item in value]
    return value


def _decimal(parameters: object, decimals: Decimals) -> Converter:
    said = parameters.get("scale") if isinstance(parameters, dict) else None
    if not isinstance(said, str) or _SCALE.fullmatch(said) is None:
        return _no_scale
    scale = int(said)

    def convert(value: object) -> object:
        if type(value) in (int, float):  # the JSON converter's decimal.format=NUMERIC
            return value
        return _as_decimal(_decoded(value, scale), decimals)

    return convert


def _no_scale(_value: object) -> object:
    raise UnreadableError(f"is a decimal in base64, and its schema has no scale: {_STRING_MODE}")


def _decoded(encoded: object, scale: int) -> str:
    try:
        return decimal_text(str(_a(str, encoded)), scale)
    except ValueError:
        raise UnreadableError("is no decimal of the form that its schema says") from None


def _is_self_described(value: dict[str, Any]) -> bool:
    return len(value) == 2 and type(value.get("scale")) is int and type(value.get("value")) is str  # noqa: PLR2004


def _self_described(value: object, decimals: Decimals) -> object:
    if not isinstance(value, dict) or not _is_self_described(value):
        raise UnreadableError("is no decimal with its own scale, as its schema says")
    return _as_decimal(_decoded(value["value"], value["scale"]), decimals)


def _as_decimal(text: str, decimals: Decimals) -> object:
    if decimals is Decimals.TEXT:
        return text
    found = decode(b'{"n":%b}' % text.encode())
    if isinstance(found, Defect):
        raise UnreadableError('has more digits than a number can carry: send it as text (decimals = "text")')
    return found["n"]


def _declared_decimal(value: object, decimals: Decimals) -> object:
    if type(value) in (int, float):  # decimal.handling.mode=double
        return value
    if type(value) is str and DECIMAL_TEXT.fullmatch(value) is not None:
        return value if decimals is Decimals.TEXT else _as_decimal(value, decimals)
    if type(value) is dict and _is_self_described(value):
        return _self_described(value, decimals)
    if type(value) is list:
        return [None if item is None else _declared_decimal(item, decimals) for item in value]
    raise UnreadableError(f"is a decimal by its rule, and no schema tells how it is encoded: {_STRING_MODE}")


def _temporal(convert: Converter) -> Converter:
    def checked(value: object) -> object:
        if type(value) is not int:
            raise UnreadableError("is not the whole number that its schema says")
        try:
            return convert(value)
        except ValueError:
            raise UnreadableError("is a time that has no text in RFC 3339, such as infinity or a span") from None

    return checked


def _declared_temporal(value: object) -> object:
    if type(value) is int:
        raise UnreadableError(
            "is a time by its rule, and no schema tells what its number counts: set time.precision.mode=isostring in "
            "the connector, or send the schema with the event"
        )
    if type(value) is list:
        return [None if item is None else _declared_temporal(item) for item in value]
    return _iso_text(value)


def _iso_text(value: object) -> object:
    """Write a date as RFC 3339 has it: `time.precision.mode=isostring` puts a Z behind it."""
    return value[:-1] if type(value) is str and _ISO_DATE_TEXT.fullmatch(value) else value


def _parsed(value: object) -> object:
    if type(value) is not str:
        return value
    found = decode(b'{"v":%b}' % value.encode())
    if isinstance(found, Defect):
        raise UnreadableError(f"is no JSON that can be sent on, though its rule says so: {found.code}")
    return found["v"] if len(found) == 1 and "v" in found else _not_one_value()


def _not_one_value() -> object:
    raise UnreadableError("is no JSON that can be sent on, though its rule says so: more than one value")


def _part(schema: Mapping[str, Any], member: str, decimals: Decimals) -> Converter | None:
    part = schema.get(member)
    return from_schema(part, decimals) if isinstance(part, dict) else None


def _each(convert: Converter | None) -> Converter | None:
    if convert is None:
        return None
    return lambda value: [_unless_null(convert, item) for item in _a(list, value)]


def _values(convert: Converter | None) -> Converter | None:
    if convert is None:
        return None
    return lambda value: {key: _unless_null(convert, item) for key, item in _a(dict, value).items()}


def _members(columns: Mapping[str, Mapping[str, Any]], decimals: Decimals) -> Converter | None:
    compiled = {name: from_schema(schema, decimals) for name, schema in columns.items()}
    if not any(compiled.values()):
        return None
    return lambda value: {
        name: item if (convert := compiled.get(name)) is None else _unless_null(convert, item)
        for name, item in _a(dict, value).items()
    }


def _unless_null(convert: Converter, value: object) -> object:
    return None if value is None else convert(value)


def _a(kind: type, value: Any) -> Any:  # noqa: ANN401 - any JSON
    if type(value) is not kind:
        raise UnreadableError("is not of the type that its schema says")
    return value


def as_text(value: object) -> str:
    """Write a nested value as compact JSON text."""
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        raise UnreadableError("is nested deeper than can be written") from None
