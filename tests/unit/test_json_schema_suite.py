"""The official JSON Schema Test Suite: its required cases of draft 2020-12, judged by what our loader compiles.

Each case is a schema file in a directory, loaded as at the start and asked as for an event's fields. The suite lies in
the source archive of `jsonschema`; `make unit` fetches that under its locked hash.
"""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stream.errors import ConfigurationError
from stream.schema_files import load_schemas

from ..builders import SCHEMAS_DIR

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SUITE = Path(__file__).parents[2] / ".cache" / "json-schema-suite"
DRAFT = "https://json-schema.org/draft/2020-12/schema"
REMOTE = "http://localhost:1234/"
_TESTS, _REMOTES = "tests/draft2020-12/", "remotes/"

CASES: Mapping[str, int] = {
    "additionalProperties": 21,
    "allOf": 30,
    "anchor": 8,
    "anyOf": 18,
    "boolean_schema": 18,
    "const": 50,
    "contains": 21,
    "content": 18,
    "default": 7,
    "defs": 2,
    "dependentRequired": 20,
    "dependentSchemas": 20,
    "dynamicRef": 42,
    "enum": 45,
    "exclusiveMaximum": 4,
    "exclusiveMinimum": 4,
    "format": 133,
    "if-then-else": 26,
    "infinite-loop-detection": 2,
    "items": 29,
    "maxContains": 12,
    "maxItems": 6,
    "maxLength": 7,
    "maxProperties": 10,
    "maximum": 8,
    "minContains": 28,
    "minItems": 6,
    "minLength": 7,
    "minProperties": 8,
    "minimum": 11,
    "multipleOf": 10,
    "not": 40,
    "oneOf": 27,
    "pattern": 9,
    "patternProperties": 23,
    "prefixItems": 11,
    "properties": 28,
    "propertyNames": 20,
    "ref": 77,
    "refRemote": 31,
    "required": 16,
    "type": 80,
    "unevaluatedItems": 66,
    "unevaluatedProperties": 124,
    "uniqueItems": 69,
    "vocabulary": 5,
}
"""How many each required file holds: a case that is lost, or new, is told."""

ASSERTED_FORMATS = {
    "date",
    "date-time",
    "duration",
    "email",
    "hostname",
    "idn-email",
    "idn-hostname",
    "ipv4",
    "ipv6",
    "iri",
    "iri-reference",
    "json-pointer",
    "regex",
    "relative-json-pointer",
    "time",
    "uri",
    "uri-reference",
    "uri-template",
    "uuid",
}

OTHERWISE: Mapping[str, set[str]] = {
    # On purpose (design, libraries): with us a format is a rule, in the suite it is a remark.
    "format": {
        f"{name} format: invalid {name} string is only an annotation by default: not as expected"
        for name in ASSERTED_FORMATS
    },
    # A file is known by its name below the directory and by its own `$id`, never by another place's address.
    "refRemote": {
        "remote HTTP ref with different $id: refused",
        "remote HTTP ref with different URN $id: refused",
    },
    # `$schema` must say draft 2020-12 itself: what a dialect of one's own leaves out, nobody would miss.
    "vocabulary": {
        "schema that uses custom metaschema with with no validation vocabulary: refused",
        "ignore unrecognized optional vocabulary: refused",
    },
}
"""What our loader judges otherwise than the suite; everything else must agree."""


class Suite:
    """The suite's archive, opened."""

    def __init__(self, archive: Path) -> None:
        with tarfile.open(archive) as tar:
            self._files = dict(_json_files(tar))

    @property
    def required(self) -> list[str]:
        """The names of the required files."""
        found = (name.removeprefix(_TESTS) for name in self._files if name.startswith(_TESTS))
        return sorted(name.removesuffix(".json") for name in found if "/" not in name)

    def groups(self, name: str) -> list[dict[str, Any]]:
        """The groups of a file: a schema each, with instances and what they are."""
        groups: list[dict[str, Any]] = self._files[f"{_TESTS}{name}.json"]
        return groups

    def remotes(self) -> dict[str, dict[str, Any]]:
        """The documents that cases refer to, by a name below a directory, each with the address that it should have.

        Documents of other drafts are left out, and metaschemas: no required case that we accept refers to them.
        """
        found = [(name.removeprefix(_REMOTES), text) for name, text in self._files.items() if name.startswith(_REMOTES)]
        return {
            name: {"$schema": DRAFT, "$id": REMOTE + name, **document}
            for name, document in found
            if (name.startswith("draft2020-12/") or "/" not in name) and "$vocabulary" not in document
        }


@pytest.fixture(scope="module")
def suite() -> Suite:
    """The suite; without it nothing is held, so its absence is a failure."""
    archives = sorted(SUITE.glob("jsonschema-*.tar.gz"))
    assert len(archives) == 1, "the JSON Schema Test Suite is not there: run `make unit`, which fetches it"
    return Suite(archives[0])


def test_every_required_file_is_run(suite: Suite) -> None:
    """No file of the suite is forgotten below, and no case is missing."""
    assert {name: sum(len(group["tests"]) for group in suite.groups(name)) for name in suite.required} == CASES
    assert OTHERWISE.keys() <= CASES.keys()


@pytest.mark.parametrize("name", CASES)
def test_the_suite_is_judged_as_it_says(name: str, suite: Suite, tmp_path: Path) -> None:
    """Every instance of every group is valid or not as the suite says, but for what is listed with its reason."""
    differing = {
        line
        for number, group in enumerate(suite.groups(name))
        for line in _differences(group, suite, tmp_path / str(number))
    }
    assert differing == OTHERWISE.get(name, set())


def _differences(group: dict[str, Any], suite: Suite, directory: Path) -> Iterator[str]:
    files = {"case": _as_file(group["schema"])}
    if REMOTE in json.dumps(group["schema"]):
        files |= suite.remotes()
    for name, document in files.items():
        path = directory / "datastores" / f"{name.removesuffix('.json')}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document))
    try:
        schemas, _ = load_schemas(directory, SCHEMAS_DIR, require=True)
    except ConfigurationError:
        yield f"{group['description']}: refused"
        return
    for case in group["tests"]:
        if (schemas.judge_fields("case", case["data"]) is None) is not case["valid"]:
            yield f"{group['description']}: {case['description']}: not as expected"


def _as_file(schema: object) -> dict[str, Any]:
    """Say the draft, which every file of ours must; `true` and `false` stand in an `allOf`, for a file is an object."""
    return {"$schema": DRAFT, **(schema if isinstance(schema, dict) else {"allOf": [schema]})}


def _json_files(tar: tarfile.TarFile) -> Iterator[tuple[str, Any]]:
    for member in tar:
        name = member.name.partition("/json/")[2]
        if name.startswith((_TESTS, _REMOTES)) and name.endswith(".json"):
            file = tar.extractfile(member)
            assert file is not None
            yield name, json.loads(file.read())
