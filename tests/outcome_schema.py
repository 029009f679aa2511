"""Holds outcomes to `schemas/outcome.json`: every one that any test gets to see is judged by it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable

PATH = Path(__file__).parents[1] / "schemas" / "outcome.json"


@cache
def outcome_schema() -> jsonschema_rs.Draft202012Validator:
    """Compile the schema, once."""
    return jsonschema_rs.Draft202012Validator(orjson.loads(PATH.read_bytes()), validate_formats=True, offline=True)


def outcome_faults(outcome: dict[str, Any]) -> list[str]:
    """Say what the schema refuses in the value of an outcome, as read."""
    schema = outcome_schema()
    if schema.is_valid(outcome):  # the report costs far more
        return []
    return [f"/{'/'.join(map(str, each.instance_path))}: {each.message}" for each in schema.iter_errors(outcome)]


def assert_outcomes_valid(outcomes: Iterable[dict[str, Any]]) -> None:
    """Hold the values of outcomes, as read, to the schema.

    Raises:
        AssertionError: the schema refuses one.
    """
    for outcome in outcomes:
        faults = outcome_faults(outcome)
        assert not faults, f"{faults} in {outcome}"
