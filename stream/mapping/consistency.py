"""What a mapping file must say beyond its form: members that need each other, or exclude each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..cdc.rules import DEFAULT_PLACEHOLDER, Pattern
from ..cdc.unavailable import placeholder_octets

if TYPE_CHECKING:
    from collections.abc import Iterator

    Found = tuple[tuple[str | int, ...], str, str]

_SOURCE = frozenset({"topic", "table", "ignore"})
_FULL = 'say before = "full" if the database logs whole rows (PostgreSQL: REPLICA IDENTITY FULL), or leave it out'


def inconsistencies(document: dict[str, Any]) -> Iterator[Found]:
    """Judge a document that has the form of `schemas/mapping.json`.

    Returns:
        For each problem its place, what is wrong, and what to do.
    """
    yield from _placeholder((), document)
    for index, rule in enumerate(document["rule"]):
        for where, wrong, fix in _of_rule(rule):
            yield ("rule", index, *where), wrong, fix
        first = next((n for n, other in enumerate(document["rule"][:index]) if _covers(other, rule)), None)
        if first is not None:
            wrong = f"is never asked: rule {first + 1} fits all of its events"
            yield ("rule", index), wrong, "put it before that one, or remove it"


def _of_rule(rule: dict[str, Any]) -> Iterator[Found]:
    if "ignore" in rule:
        for name in sorted(rule.keys() - _SOURCE):
            yield (name,), "has no effect beside ignore = true", "remove one of them"
        return
    if "datastore" not in rule:
        yield (), "names no datastore", "give datastore, or ignore = true"
    yield from _placeholder((), rule)
    if rule.get("before") != "full":
        yield from _needs_before(rule)
    if rule.get("format") == "unwrapped":
        yield from _not_unwrapped(rule)
    yield from _of_columns(rule)


def _needs_before(rule: dict[str, Any]) -> Iterator[Found]:
    if rule.get("update") == "changed":
        yield ("update",), "compares with `before`, of which only the key is trusted", _FULL
    if rule.get("version", "").startswith("before."):
        yield ("version",), "is read from `before`, of which only the key is trusted", _FULL


def _not_unwrapped(rule: dict[str, Any]) -> Iterator[Found]:
    if "table" in rule:
        yield ("table",), "is never seen: unwrapped rows do not name their table", "name the topic instead"
    if rule.get("update") == "changed" or rule.get("version", "").startswith("before."):
        member = "update" if rule.get("update") == "changed" else "version"
        yield (member,), "needs `before`, which unwrapped rows do not have", "leave it out, or send envelopes"


def _of_columns(rule: dict[str, Any]) -> Iterator[Found]:
    columns = rule.get("columns", {})
    include, exclude = columns.get("include"), columns.get("exclude", [])
    if include is not None and exclude:
        yield ("columns", "exclude"), "has no effect beside include", "remove one of them"
    for member in ("rename", "types"):
        for column in columns.get(member, {}):
            is_id = isinstance(rule.get("id"), list) and column in rule["id"]
            unsent = column in exclude or (include is not None and column not in include)
            if unsent and not (member == "types" and (is_id or rule.get("id", "key") == "key")):
                yield ("columns", member, column), "is of a column that is not sent", "send the column, or remove this"
    taken = dict.fromkeys(rule.get("constants", {}), "a constant")
    for column, target in columns.get("rename", {}).items():
        if target in taken:
            yield ("columns", "rename", column), f"becomes a field that {taken[target]} becomes too", "give it another"
        taken[target] = f"column {column}"


def _placeholder(where: tuple[str | int, ...], table: dict[str, Any]) -> Iterator[Found]:
    try:
        placeholder_octets(table.get("placeholder", DEFAULT_PLACEHOLDER))
    except ValueError:
        yield (
            (*where, "placeholder"),
            "is not hexadecimal after hex:",
            "give the connector's setting as it stands there",
        )


def _covers(first: dict[str, Any], rule: dict[str, Any]) -> bool:
    """Tell whether one rule fits all that another one fits: a pattern that fits another's text fits what that fits."""
    return all(
        name not in first or (name in rule and Pattern(first[name]).fits(rule[name])) for name in ("topic", "table")
    )
