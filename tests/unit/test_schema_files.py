"""Schema files at the start: what is refused, how it is told, that local references work and nothing is fetched."""

from __future__ import annotations

import hashlib
import json
import socket
from typing import TYPE_CHECKING, Any

import pytest

from stream.errors import ConfigurationError
from stream.schema_files import SchemaFile, load_schemas

from ..builders import SCHEMAS_DIR

if TYPE_CHECKING:
    from pathlib import Path

    from stream.validate import Schemas

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def load(directory: Path, **files: dict[str, Any] | bytes) -> Schemas:
    """Write `datastores/{name}.json` for each argument, and load the directory."""
    (directory / "datastores").mkdir(exist_ok=True)
    for name, content in files.items():
        text = content if isinstance(content, bytes) else json.dumps({"$schema": DRAFT, **content}).encode()
        (directory / "datastores" / f"{name}.json").write_bytes(text)
    schemas, _ = load_schemas(directory, SCHEMAS_DIR, require=False)
    return schemas


def refusal(directory: Path, **files: dict[str, Any] | bytes) -> list[str]:
    """Load what must be refused; return the problems' lines."""
    with pytest.raises(ConfigurationError) as refused:
        load(directory, **files)
    return [str(problem) for problem in refused.value.problems]


BROKEN: dict[str, tuple[dict[str, Any] | bytes, str]] = {
    "broken JSON": (b'{"type":', "is not JSON: unexpected end of data: line 1 column 9"),
    "not UTF-8": (b'{"title":"\xff"}', "is not JSON"),
    "empty": (b"", "is not JSON"),
    "no object": (b"true", 'does not say "$schema"'),
    "no $schema": (b'{"type":"object"}', 'does not say "$schema"'),
    "another draft": ({"$schema": "http://json-schema.org/draft-07/schema#"}, 'does not say "$schema"'),
    "no valid schema": (
        {"properties": {"a": {"type": "strin"}}},
        'is no valid schema at /properties/a/type: draft 2020-12 demands {"enum":["array",',
    ),
    "no number": ({"minLength": "3"}, 'is no valid schema at /minLength: draft 2020-12 demands {"type":"integer"}'),
    "remote $ref": ({"properties": {"a": {"$ref": "https://example.com/x.json"}}}, "at /properties/a/$ref"),
    "remote $dynamicRef": ({"items": {"$dynamicRef": "http://example.com/x"}}, "at /items/$dynamicRef"),
    "file $ref": ({"allOf": [{}, {"$ref": "file:///etc/passwd"}]}, "refers to another place at /allOf/1/$ref"),
    "$ref out of the directory": ({"$ref": "../../../secret.json"}, "refers to another place at /$ref"),
    "$ref to no address": ({"$ref": "http://[::1"}, "refers to another place at /$ref"),
    "$ref to a missing file": ({"$ref": "absent.json"}, "refers to another place at /$ref"),
    "$ref to a missing place": (
        {"properties": {"a": {"$ref": "#/$defs/absent"}}},
        "cannot be compiled: at /properties/a/$ref: Pointer '/$defs/absent' does not exist",
    ),
    "$ref to a missing anchor": ({"$ref": "#absent"}, "cannot be compiled: at /$ref: Anchor 'absent' does not exist"),
    "$dynamicRef to a missing anchor": (
        {"items": {"$dynamicRef": "#absent"}},
        "at /items/$dynamicRef: Anchor 'absent'",
    ),
    "$ref to a missing place of a part": (
        {"properties": {"part": {"$id": "urn:example:part", "items": {"$ref": "#/absent"}}}},
        "cannot be compiled: at /properties/part/items/$ref: Pointer '/absent' does not exist",
    ),
    "look-around": ({"properties": {"a": {"pattern": "(?=a)b"}}}, "at /properties/a/pattern: "),
    "back-reference": ({"properties": {"a": {"pattern": r"(a)\1"}}}, "linear time (no look-around, no back-reference)"),
    "pattern of names": ({"patternProperties": {"(?<!a)b": {}}}, "at /patternProperties/(?<!a)b: "),
    "no pattern": ({"properties": {"a": {"pattern": "("}}}, "at /properties/a/pattern"),
    "nested too deep": (
        json.dumps({"$schema": DRAFT})[:-1].encode() + b',"not":' + b'{"not":' * 300 + b"{}" + b"}" * 301,
        "is nested too deep",
    ),
}


@pytest.mark.parametrize(("content", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_file_that_cannot_be_used_is_refused(content: dict[str, Any] | bytes, reason: str, tmp_path: Path) -> None:
    """Each fault is one line with the file's name, the reason and the place, and a way out."""
    (line,) = refusal(tmp_path, people=content)
    assert line.startswith("schema datastores/people.json: ")
    assert reason in line
    assert line.endswith("; mend the file, or take it out of STREAM_SCHEMAS_DIR")


def test_a_reference_that_only_the_compiler_sees_is_refused_too(tmp_path: Path) -> None:
    """A property that is called like a keyword for data hides nothing: the second library refuses what it finds."""
    (line,) = refusal(tmp_path, people={"properties": {"default": {"$ref": "http://127.0.0.1:9/hidden.json"}}})
    assert "http://127.0.0.1:9/hidden.json" in line


def test_all_files_are_told_at_once(tmp_path: Path) -> None:
    """One start shows every file that is wrong."""
    lines = refusal(tmp_path, a=b"{", b=b"[]", c={"$ref": "http://example.com/"}, d={})
    assert [line.split(":")[0] for line in lines] == [f"schema datastores/{name}.json" for name in "abc"]


def test_a_missing_directory_is_refused(tmp_path: Path) -> None:
    """A wrong `STREAM_SCHEMAS_DIR` is named, and no schema is guessed."""
    with pytest.raises(ConfigurationError, match=r"STREAM_SCHEMAS_DIR: .*absent is no directory"):
        load_schemas(tmp_path / "absent", SCHEMAS_DIR, require=False)


def test_files_of_a_mounted_config_map_count_once(tmp_path: Path) -> None:
    """Kubernetes keeps the files in a hidden directory and links to them: each is one schema, under its own name."""
    hidden = tmp_path / "datastores" / "..2026_11_23_10_00_00.1"
    hidden.mkdir(parents=True)
    (hidden / "people.json").write_text(json.dumps({"$schema": DRAFT, "$id": "https://example.org/people"}))
    (tmp_path / "datastores" / "..data").symlink_to(hidden.name)
    (tmp_path / "datastores" / "people.json").symlink_to("..data/people.json")
    _, files = load_schemas(tmp_path, SCHEMAS_DIR, require=False)
    assert [file.name for file in files] == ["envelope.json", "datastores/people.json"]


def test_references_between_files_work(tmp_path: Path) -> None:
    """A file may use another one's definitions, by its name or by its `$id`."""
    schemas = load(
        tmp_path,
        shared={"$defs": {"name": {"type": "string", "maxLength": 3}}},
        named={"$id": "urn:example:named", "$defs": {"age": {"type": "integer"}}},
        people={
            "properties": {
                "name": {"$ref": "shared.json#/$defs/name"},
                "age": {"$ref": "urn:example:named#/$defs/age"},
            }
        },
    )
    assert schemas.judge_fields("people", {"name": "Ada", "age": 36}) is None
    for wrong in ({"name": "Augusta"}, {"age": "36"}):
        assert schemas.judge_fields("people", wrong) is not None


@pytest.mark.parametrize("identifier", [{}, {"$id": "urn:example:people"}, {"$id": "https://example.com/people"}])
def test_references_inside_a_file_work(identifier: dict[str, str], tmp_path: Path) -> None:
    """A file may use its own definitions, whatever its `$id` is."""
    schemas = load(
        tmp_path,
        people={
            **identifier,
            "$defs": {"name": {"$anchor": "name", "type": "string"}},
            "properties": {"first": {"$ref": "#/$defs/name"}, "last": {"$ref": "#name"}},
        },
    )
    assert schemas.judge_fields("people", {"first": "Ada", "last": "Lovelace"}) is None
    assert schemas.judge_fields("people", {"first": 1}) is not None
    assert schemas.judge_fields("people", {"last": 1}) is not None


def test_a_word_that_only_looks_like_a_reference_is_none(tmp_path: Path) -> None:
    """What stands below `const`, `enum` and their kin is data."""
    schemas = load(tmp_path, people={"const": {"$ref": "http://example.com/x"}, "examples": [{"$ref": "nowhere.json"}]})
    assert schemas.judge_fields("people", {"$ref": "http://example.com/x"}) is None


def test_nothing_is_ever_fetched(tmp_path: Path) -> None:
    """A host that listens, and that a schema refers to in every way, sees no connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/x.json"
        for reference in (
            {"$ref": url},
            {"$dynamicRef": url},
            {"properties": {"default": {"$ref": url}}},
            {"$schema": url},
            {"$id": url, "$ref": "y.json"},
        ):
            assert refusal(tmp_path, people=reference)
        assert load(tmp_path, people={"$id": url}).judge_fields("people", {"a": 1}) is None
        listening.setblocking(False)  # noqa: FBT003 - the socket's own signature
        with pytest.raises(BlockingIOError):
            listening.accept()


def test_only_files_named_like_a_datastore_judge_one(tmp_path: Path) -> None:
    """Files in deeper folders are there to be referred to."""
    (tmp_path / "datastores" / "shared").mkdir(parents=True)
    (tmp_path / "datastores" / "shared" / "types.json").write_text(json.dumps({"$schema": DRAFT, "type": "null"}))
    schemas = load(tmp_path, people={"properties": {"a": {"$ref": "shared/types.json"}}})
    assert schemas.judge_fields("types", {"a": 1}) is None
    assert schemas.judge_fields("people", {"a": 1}) is not None


def test_which_files_judge_is_known(tmp_path: Path) -> None:
    """Name and SHA-256 of each file, the envelope's too, can be shown."""
    load(tmp_path, people={})
    _, files = load_schemas(tmp_path, SCHEMAS_DIR, require=False)
    paths = {
        "envelope.json": SCHEMAS_DIR / "envelope.json",
        "datastores/people.json": tmp_path / "datastores/people.json",
    }
    assert files == tuple(
        SchemaFile(name, hashlib.sha256(path.read_bytes()).hexdigest()) for name, path in paths.items()
    )


def test_formats_are_judged(tmp_path: Path) -> None:
    """`format` is a rule, not a remark."""
    schemas = load(tmp_path, people={"properties": {"at": {"format": "date-time"}}})
    assert schemas.judge_fields("people", {"at": "2026-11-23T04:20:00Z"}) is None
    assert schemas.judge_fields("people", {"at": "yesterday"}) is not None


SECRETIVE: list[dict[str, Any] | bytes] = [
    b'{"enum":["zq7x9j"',
    {"enum": ["zq7x9j"], "type": "zq7x9j"},
    {"const": "zq7x9j", "properties": {"p": {"pattern": "zq7x9j(?=a)"}}},
    {"minLength": "zq7x9j"},
]


@pytest.mark.parametrize("content", SECRETIVE)
def test_a_problem_tells_no_value_of_the_file(content: dict[str, Any] | bytes, tmp_path: Path) -> None:
    """A schema's own values, such as those of an `enum`, do not get into the log."""
    assert "zq7x9j" not in "".join(refusal(tmp_path, people=content))
