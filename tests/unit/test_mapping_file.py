"""The mapping file: what it means, and each mistake told with file, line and what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stream.cdc.rules import (
    DEFAULT_PLACEHOLDER,
    Decimals,
    Format,
    Kind,
    Nested,
    Pattern,
    Rule,
    Side,
    VersionColumn,
)
from stream.errors import ConfigurationError
from stream.mapping import load_mapping
from stream.mapping.file import MAX_FILE_BYTES
from stream.model import ConflictResolution, UpdateType

from ..builders import SCHEMAS_DIR
from ..cdc_builders import PLAIN, problems, rules

FULL = """\
placeholder = "file"
[[rule]]
topic = "crm.*"
table = "postgres.public.contacts"
datastore = "people"
id = ["tenant", "id"]
id_separator = "/"
version = "after.rev - 1"
before = "full"
update = "changed"
delete = { fields = { active = false } }
truncate = "ignore"
nulls = "omit"
nested = "text"
decimals = "number"
update_type = "UPDATE"
conflict_resolution = "IGNORE"
placeholder = "hex:00ff"
constants = { source = "crm" }
[rule.columns]
exclude = ["secret"]
rename = { email_address = "email" }
types = { price = "decimal" }
"""


def test_all_that_a_rule_can_say_is_read() -> None:
    """Each member of the file has its place in the rule."""
    (rule,) = rules(FULL)
    assert (rule.number, rule.topic, rule.table) == (1, Pattern("crm.*"), Pattern("postgres.public.contacts"))
    assert (rule.datastore_id, rule.ignore, rule.format) == ("people", False, Format.ENVELOPE)
    assert (rule.record_id, rule.id_separator) == (("tenant", "id"), "/")
    assert rule.version == VersionColumn(Side.AFTER, "rev")
    assert (rule.before_is_full, rule.changed_only, rule.delete) == (True, True, {"active": False})
    assert (rule.truncate_ignored, rule.omit_nulls, rule.nested) == (True, True, Nested.TEXT)
    assert (rule.decimals, rule.constants, rule.placeholder) == (Decimals.NUMBER, {"source": "crm"}, "hex:00ff")
    assert (rule.update_type, rule.conflict_resolution) == (UpdateType.UPDATE, ConflictResolution.IGNORE)
    assert (rule.columns.include, rule.columns.exclude) == (None, frozenset({"secret"}))
    assert (rule.columns.rename, rule.columns.kinds) == ({"email_address": "email"}, {"price": Kind.DECIMAL})


def test_what_a_rule_leaves_out_has_its_default() -> None:
    """A topic and a datastore are enough."""
    (rule,) = rules(f"[[rule]]\n{PLAIN}")
    expected = Rule(1, rule.topic, datastore_id="people")
    assert [getattr(rule, name) for name in Rule.__dataclass_fields__] == [
        getattr(expected, name) for name in Rule.__dataclass_fields__
    ]
    assert (rule.delete, rule.placeholder) == (None, DEFAULT_PLACEHOLDER)


def test_the_defaults_that_the_schema_tells_are_those_of_the_code() -> None:
    """Editors show the schema's defaults: writing them out changes nothing."""
    schema = json.loads((SCHEMAS_DIR / "mapping.json").read_bytes())
    members = schema["properties"]["rule"]["items"]["properties"]
    defaults = {name: member["default"] for name, member in members.items() if "default" in member}
    assert len(defaults) == 10
    written = "".join(f"{name} = {json.dumps(value)}\n" for name, value in defaults.items())
    told, plain = rules(f"[[rule]]\n{PLAIN}{written}"), rules(f"[[rule]]\n{PLAIN}")
    names = Rule.__dataclass_fields__
    assert [getattr(told[0], name) for name in names] == [getattr(plain[0], name) for name in names]
    assert schema["properties"]["placeholder"]["default"] == DEFAULT_PLACEHOLDER


def test_the_file_s_placeholder_holds_for_its_rules() -> None:
    """A rule may have its own; a delete that is ignored has no fields."""
    other = PLAIN.replace("crm", "erp")
    toml = f'placeholder = "gone"\n[[rule]]\n{PLAIN}delete = "ignore"\n[[rule]]\n{other}placeholder = "x"\n'
    first, second = rules(toml)
    assert (first.placeholder, second.placeholder, first.delete) == ("gone", "x", {})


def test_a_version_may_come_from_before() -> None:
    """A column's name may hold anything, dots included."""
    (rule,) = rules(f'[[rule]]\n{PLAIN}before = "full"\nversion = "before.row.rev - 1"\n')
    assert rule.version == VersionColumn(Side.BEFORE, "row.rev - 1")


FORM: dict[str, tuple[str, ...]] = {
    "unknown member, misspelt": (
        'topik = "a"',
        "mapping.toml:5: rule 1, topik: is not known; write topic, or remove it",
    ),
    "unknown member, far off": (
        "[rule.columns]\nonly = []",
        "mapping.toml:6: rule 1, columns.only: is not known; remove it; known are include, exclude, rename, types",
    ),
    "word": (
        'nulls = "drop"',
        'mapping.toml:5: rule 1, nulls: is none of the values it may have; give "send" or "omit"',
    ),
    "number": ("nulls = 1", 'mapping.toml:5: rule 1, nulls: is none of the values it may have; give "send" or "omit"'),
    "id": (
        'id = "kee"',
        (
            'mapping.toml:5: rule 1, id: is none of the values it may have; give "key", or the names of columns as '
            '["tenant", "id"]'
        ),
    ),
    "column of an id": (
        "\n\nid = [\n  1,\n]",
        'mapping.toml:7: rule 1, id.0: is of the wrong type; give "key", or the names of columns as ["tenant", "id"]',
    ),
    "version": (
        'version = "after.rev"',
        'mapping.toml:5: rule 1, version: is not of the right form; give "before.<column>" or "after.<column> - 1"',
    ),
    "soft delete without fields": (
        "delete = { fields = {} }",
        (
            'mapping.toml:5: rule 1, delete.fields: is empty; give "reject", "ignore", or { fields = { … } } with the '
            "fields of a soft delete"
        ),
    ),
    "soft delete, misspelt": (
        "delete = { field = { a = 1 } }",
        "mapping.toml:5: rule 1, delete.field: is not known; write fields, or remove it",
        (
            'mapping.toml:5: rule 1, delete: has no fields; give "reject", "ignore", or { fields = { … } } with the '
            "fields of a soft delete"
        ),
    ),
    "one name twice": (
        'columns.include = ["a", "a"]',
        'mapping.toml:5: rule 1, columns.include: names one of them twice; give a list of names, as ["email", "name"]',
    ),
    "type of a column": (
        'columns.types = { a = "date" }',
        (
            "mapping.toml:5: rule 1, columns.types.a: is none of the values it may have; "
            'give decimal, temporal, text or json for each, as { price = "decimal" }'
        ),
    ),
    "date": (
        "constants = { since = 2026-11-23 }",
        (
            "mapping.toml:5: rule 1, constants.since: is a date or time, which JSON does not have; "
            "give it as a text in quotes"
        ),
    ),
    "infinity": (
        "constants = { a = [inf] }",
        "mapping.toml:5: rule 1, constants.a.0: is no finite number; give a finite one, or a text",
    ),
    "large integer": (
        "constants = { a = 9223372036854775808 }",
        "mapping.toml:5: rule 1, constants.a: needs more than 64 bits; give it as a text in quotes",
    ),
}


@pytest.mark.parametrize("case", FORM.values(), ids=FORM)
def test_a_breach_of_the_form_is_told_with_its_line_and_the_fix(case: tuple[str, ...]) -> None:
    """Every mistake names file, line, rule and member, says what is wrong, and what to write instead."""
    line, *told = case
    assert sorted(problems(f"# my rules\n[[rule]]\n{PLAIN}{line}\n")) == sorted(told)


MEANING = {
    "no source": (
        'datastore = "people"',
        "2: rule 1: names neither topic nor table; write it as a table [[rule]] with topic or table, and datastore",
    ),
    "no datastore": ('topic = "a"', "2: rule 1: names no datastore; give datastore, or ignore = true"),
    "ignored and mapped": (
        f"{PLAIN}ignore = true",
        "4: rule 1, datastore: has no effect beside ignore = true; remove one of them",
    ),
    "changed without before": (
        f'{PLAIN}update = "changed"',
        (
            "5: rule 1, update: compares with `before`, of which only the key is trusted; "
            'say before = "full" if the database logs whole rows (PostgreSQL: REPLICA IDENTITY FULL), or leave it out'
        ),
    ),
    "version without before": (
        f'{PLAIN}version = "before.rev"',
        (
            "5: rule 1, version: is read from `before`, of which only the key is trusted; "
            'say before = "full" if the database logs whole rows (PostgreSQL: REPLICA IDENTITY FULL), or leave it out'
        ),
    ),
    "unwrapped by table": (
        'table = "a"\ndatastore = "people"\nformat = "unwrapped"',
        "3: rule 1, table: is never seen: unwrapped rows do not name their table; name the topic instead",
    ),
    "unwrapped and changed": (
        f'{PLAIN}format = "unwrapped"\nbefore = "full"\nupdate = "changed"',
        "7: rule 1, update: needs `before`, which unwrapped rows do not have; leave it out, or send envelopes",
    ),
    "include and exclude": (
        f'{PLAIN}columns.include = ["a"]\ncolumns.exclude = ["b"]',
        "6: rule 1, columns.exclude: has no effect beside include; remove one of them",
    ),
    "renamed, not sent": (
        f'{PLAIN}columns.include = ["a"]\ncolumns.rename = {{ b = "c" }}',
        "6: rule 1, columns.rename.b: is of a column that is not sent; send the column, or remove this",
    ),
    "typed, not sent": (
        f'{PLAIN}id = ["k"]\ncolumns.exclude = ["a", "k"]\ncolumns.types = {{ a = "text", k = "text" }}',
        "7: rule 1, columns.types.a: is of a column that is not sent; send the column, or remove this",
    ),
    "two columns, one field": (
        f'{PLAIN}columns.rename = {{ a = "x", b = "x" }}',
        "5: rule 1, columns.rename.b: becomes a field that column a becomes too; give it another",
    ),
    "constant and column, one field": (
        f'{PLAIN}columns.rename = {{ a = "x" }}\nconstants = {{ x = 1 }}',
        "5: rule 1, columns.rename.a: becomes a field that a constant becomes too; give it another",
    ),
    "placeholder": (
        f'{PLAIN}placeholder = "hex:xy"',
        "5: rule 1, placeholder: is not hexadecimal after hex:; give the connector's setting as it stands there",
    ),
}


@pytest.mark.parametrize(("rule", "told"), MEANING.values(), ids=MEANING)
def test_members_that_do_not_go_together_are_told(rule: str, told: str) -> None:
    """What the schema cannot say is told in the same way."""
    assert problems(f"# my rules\n[[rule]]\n{rule}\n") == [f"mapping.toml:{told}"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ('topic = "a"', 'topic = "a"'),
        ('topic = "a.*"', 'topic = "a.b"'),
        ('topic = "a.*"', 'topic = "a.b.*"\ntable = "x"'),
        ('table = "*.contacts"', 'topic = "b"\ntable = "db.*.contacts"'),
    ],
)
def test_a_rule_that_is_never_asked_is_told(first: str, second: str) -> None:
    """The first rule that fits counts, so one that an earlier one covers is a mistake."""
    toml = f'[[rule]]\n{first}\nignore = true\n[[rule]]\n{second}\ndatastore = "d"\n'
    assert problems(toml) == [
        "mapping.toml:4: rule 2: is never asked: rule 1 fits all of its events; put it before that one, or remove it"
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ('topic = "a.b"', 'topic = "a.*"'),
        ('topic = "a"\ntable = "x"', 'topic = "a"'),
        ('table = "x"', 'topic = "a"'),
    ],
)
def test_rules_that_only_overlap_are_fine(first: str, second: str) -> None:
    """The narrower rule stands first, and the wider one takes the rest."""
    assert problems(f'[[rule]]\n{first}\nignore = true\n[[rule]]\n{second}\ndatastore = "d"\n') == []


def test_all_mistakes_are_told_at_once_in_the_order_of_the_lines() -> None:
    """Nobody mends a file one mistake at a time."""
    toml = f'[[rule]]\n{PLAIN}nulls = "x"\nid = 1\n[[rule]]\ntopic = "b c"\n'
    assert [line.split(": ")[0] for line in problems(toml)] == ["mapping.toml:4", "mapping.toml:5", "mapping.toml:7"]


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ("", "mapping.toml: has no rule; write at least one table [[rule]]"),
        ("[[rule]]\ntopic = a\n", "mapping.toml:2: is no TOML there: Invalid value; correct it"),
        ("[[rule]]\ntopic = '''a\n", "mapping.toml:3: is no TOML there"),
        ("a = 1\na = 2\n", "mapping.toml:2: is no TOML there: Cannot overwrite a value; correct it"),
        ("a = " + "[" * 5000, "mapping.toml: is nested too deeply; write it flat"),
    ],
)
def test_a_file_that_is_no_toml_is_told_with_its_line(toml: str, told: str) -> None:
    """The parser's own words, and where."""
    (line,) = problems(toml)
    assert line.startswith(told)


def test_a_file_that_cannot_be_read_is_told() -> None:
    """Missing, too large, or no UTF-8: one line each."""
    with pytest.raises(ConfigurationError, match=r"nowhere.toml: cannot be read: No such file or directory; mend"):
        load_mapping(Path("nowhere.toml"), SCHEMAS_DIR)


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    """The line of the first bad byte is named; a file beyond the bound is not read."""
    path = tmp_path / "m.toml"
    path.write_bytes(b"a = 1\nb = '\xff'\n")
    with pytest.raises(ConfigurationError, match=r"m.toml:2: is not UTF-8 there; save it as UTF-8"):
        load_mapping(path, SCHEMAS_DIR)
    path.write_bytes(b"#" * (MAX_FILE_BYTES + 1))
    with pytest.raises(ConfigurationError, match=r"m.toml: is larger than 1048576 bytes; make it smaller"):
        load_mapping(path, SCHEMAS_DIR)


def test_the_same_bytes_have_the_same_checksum(tmp_path: Path) -> None:
    """The log says by which file the service maps."""
    path = tmp_path / "m.toml"
    path.write_text(f"[[rule]]\n{PLAIN}", encoding="utf-8")
    first = load_mapping(path, SCHEMAS_DIR).sha256
    path.write_text(f"[[rule]]\n{PLAIN}# more\n", encoding="utf-8")
    assert len(first) == 64
    assert load_mapping(path, SCHEMAS_DIR).sha256 != first
