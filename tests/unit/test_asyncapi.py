"""`docs/asyncapi.yaml` says what the code does; that it is AsyncAPI at all is for `make asyncapi` (its own parser)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import orjson
import pytest
import yaml

from stream.codes import ErrorCode
from stream.dead_letter import without_value
from stream.intake import Unfit
from stream.model import Defect, Result
from stream.outcome import Form, OutcomeWriter
from stream.replayed import ATTEMPT, SOURCE
from stream.settings import Kafka

from ..builders import ASSIGNMENT, SCHEMAS_DIR, TIMESTAMP, message
from ..outcome_schema import assert_outcomes_valid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stream.model import Headers

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
DOCUMENT: dict[str, Any] = yaml.safe_load((DOCS / "asyncapi.yaml").read_text(encoding="utf-8"))
MESSAGES: dict[str, Any] = DOCUMENT["components"]["messages"]
TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
DEFECT = Defect(ErrorCode.NOT_JSON, "it breaks off", None, None)


def header_faults(name: str, headers: dict[str, Any]) -> list[str]:
    """Say what the document refuses in the headers of a message, and which of them it does not know."""
    schema = {"$ref": f"#/components/messages/{name}/headers", "components": DOCUMENT["components"]}
    known = MESSAGES[name]["headers"]["properties"]
    faults = [str(each.message) for each in jsonschema_rs.Draft7Validator(schema).iter_errors(headers)]
    return faults + [f"{each} is not documented" for each in headers if each not in known]


def payload_is_valid(name: str, payload: object) -> bool:
    """Judge a payload by the schema file that the document names."""
    schema = orjson.loads((DOCS / MESSAGES[name]["payload"]["$ref"]).read_bytes())
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True).is_valid(payload)


def references(node: object) -> Iterator[str]:
    """Name all references of the document."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from [value] if key == "$ref" else references(value)
    elif isinstance(node, list):
        for each in node:
            yield from references(each)


def test_every_reference_leads_somewhere() -> None:
    """Inside of the document, or to the schema files themselves: there is no copy that could differ from them."""
    outside = set()
    for reference in references(DOCUMENT):
        if not reference.startswith("#/"):
            outside.add((DOCS / reference).resolve().relative_to(ROOT).as_posix())
            continue
        place: Any = DOCUMENT
        for part in reference[2:].split("/"):
            place = place[part]
    assert outside == {"schemas/envelope.json", "schemas/outcome.json"}
    assert all((ROOT / each).is_file() for each in outside)


def test_the_channels_are_the_default_topics() -> None:
    """Input, outcomes and dead letters; the dead letter topic has no default, and the name of the examples."""
    defaults = {name: Kafka.model_fields[name].default for name in ("input_topics", "outcome_topic")}
    addresses = {name: channel["address"] for name, channel in DOCUMENT["channels"].items()}
    assert addresses == {
        "deltas": defaults["input_topics"][0],
        "outcomes": defaults["outcome_topic"],
        "deadLetters": "cxone.dead-letters",
    }


@pytest.mark.parametrize("name", MESSAGES)
def test_every_example_is_what_the_document_says(name: str) -> None:
    """Headers and payload of each, and there is at least one of each message."""
    examples = MESSAGES[name]["examples"]
    assert examples
    for example in examples:
        assert header_faults(name, example.get("headers", MINIMUM.get(name, {}))) == []
        if "$ref" in MESSAGES[name]["payload"]:
            assert payload_is_valid(name, example["payload"]), example["name"]


MINIMUM = {"outcome": {"content-type": "application/json"}}


def test_the_check_of_examples_can_fail() -> None:
    """A wrong type in a payload, a header that is missing, wrong or unknown."""
    example = MESSAGES["outcome"]["examples"][0]
    assert not payload_is_valid("outcome", example["payload"] | {"attempts": "many"})
    assert header_faults("outcome", {}) == ['"content-type" is a required property']
    assert header_faults("outcome", example["headers"] | {"ce_id": "7"})
    assert header_faults("outcome", example["headers"] | {"x": "7"}) == ["x is not documented"]


def test_the_headers_that_are_written_are_documented() -> None:
    """All that an outcome and a dead letter can have, with tracing and without."""
    headers: Headers = [("traceparent", TRACE), ("tracestate", b"a=1"), (SOURCE, b"deltas/0/3"), (ATTEMPT, b"1")]
    writer = OutcomeWriter(Form("a group", cloudevents=True, dead_letters=True))
    unfit = Unfit(Result.INVALID, DEFECT, "people", "r1")
    seen: set[str] = set()
    for traceparent in (None, TRACE):
        settled = writer.of_unfit(message(b"{", offset=7, headers=headers), ASSIGNMENT, unfit, TIMESTAMP, traceparent)
        assert_outcomes_valid([orjson.loads(settled.value)])
        written = {name: (value or b"").decode() for name, value in settled.headers}
        assert header_faults("outcome", written) == []
        seen |= written.keys()
        letter = settled.dead_letter
        assert letter is not None
        for each in (letter, without_value(letter)):
            assert header_faults("deadLetter", {name: (value or b"").decode() for name, value in each.reasons}) == []
    assert seen == MESSAGES["outcome"]["headers"]["properties"].keys()


def test_the_input_is_described_by_the_schema_that_judges_it() -> None:
    """The very file that the service loads."""
    assert (DOCS / MESSAGES["delta"]["payload"]["$ref"]).resolve() == (SCHEMAS_DIR / "envelope.json").resolve()


def test_the_parsers_packages_are_locked_by_hashes_alone() -> None:
    """Each has one, and none names a place to fetch it from."""
    lock = orjson.loads((ROOT / "tests" / "asyncapi" / "package-lock.json").read_bytes())
    packages = {name: each for name, each in lock["packages"].items() if name}
    assert packages
    assert [name for name, each in packages.items() if not each["integrity"].startswith("sha512-")] == []
    assert [name for name, each in packages.items() if "resolved" in each] == []
