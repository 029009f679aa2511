"""Writes the chart's generated parts and the golden files anew."""

from __future__ import annotations

from .rendering import HERE, NAMES, rendered
from .values_schema import REFERENCE, SCHEMA, reference, schema, written

SCHEMA.write_text(written(schema()), encoding="utf-8")
REFERENCE.write_text(reference(REFERENCE.read_text(encoding="utf-8")), encoding="utf-8")
for name in NAMES:
    (HERE / "golden" / f"{name}.yaml").write_text(rendered(name), encoding="utf-8")
