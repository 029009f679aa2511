"""The schema of the values is strict and tells everything; its generated parts are what the code says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import yaml

from . import values_schema
from .values_schema import CHART, REFERENCE, SCHEMA, Schema

if TYPE_CHECKING:
    from collections.abc import Iterator

WHOLE: Schema = json.loads(SCHEMA.read_text(encoding="utf-8"))


def _parts(part: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    yield path, part
    for name, below in part.get("properties", {}).items():
        yield from _parts(below, f"{path}.{name}")


def test_the_generated_parts_are_what_the_code_says() -> None:
    """Names, kinds and bounds of the service's settings stand in the schema, and the reference shows all values."""
    assert SCHEMA.read_text(encoding="utf-8") == values_schema.written(values_schema.schema())
    text = REFERENCE.read_text(encoding="utf-8")
    assert values_schema.reference(text) == text


def test_every_value_is_described() -> None:
    """Each value says what it is for; properties of librdkafka are described by librdkafka."""
    bare = [path for path, part in _parts(WHOLE) if not part.get("description")]
    assert [path for path in bare if path and not path.startswith(".kafka.config.")] == []


def test_no_object_takes_names_that_nobody_knows() -> None:
    """Each object that lists its members refuses others, so that a typo is never a value without effect."""
    objects = [(path, part) for path, part in _parts(WHOLE) if "properties" in part]
    assert len(objects) > 30
    assert [path for path, part in objects if part.get("additionalProperties") is not False] == []


def test_every_default_stands_in_the_schema() -> None:
    """No default is a value that the schema does not know."""

    def unknown(values: object, part: Schema, path: str) -> Iterator[str]:
        if isinstance(values, dict) and "properties" in part:
            for name, value in values.items():
                known = part["properties"].get(name)
                yield from [f"{path}.{name}"] if known is None else unknown(value, known, f"{path}.{name}")

    defaults = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    assert list(unknown(defaults, WHOLE, "")) == []
