"""`cxone-stream try`: lines read as messages byte for byte, what is said of each, and fixtures compared."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from typer.testing import CliRunner

from stream.cli import app
from stream.errors import StreamError
from stream.trial import Reading
from stream.trial.expectation import compare
from stream.trial.reading import MAX_LINE_BYTES, Form, lines_of

from ..cdc_builders import PLAIN, ROW, envelope, text

if TYPE_CHECKING:
    from stream.model import Message

NATIVE = b'{"dataStoreId":"people","id":"r1","fields":{"name":"Ada"}}'


def one(line: bytes, reading: Reading = Reading.AUTO) -> Message:
    """Read one line."""
    (found,) = Form(reading, "deltas").messages([line])
    return found.message


def run(directory: Path, *arguments: str, lines: bytes = NATIVE, rule: str = PLAIN) -> tuple[int, list[str]]:
    """Try lines by a rule, in a directory; return the exit code and what was said."""
    (directory / "events.jsonl").write_bytes(lines)
    (directory / "mapping.toml").write_text(f"[[rule]]\n{rule}", encoding="utf-8")
    events, mapping = str(directory / "events.jsonl"), str(directory / "mapping.toml")
    result = CliRunner().invoke(app, ["try", events, "--mapping", mapping, *arguments])
    if isinstance(result.exception, StreamError):
        return result.exception.exit_code, str(result.exception).splitlines()
    return result.exit_code, result.stdout.splitlines()


# Lines


@pytest.mark.parametrize(
    "line",
    [
        NATIVE,
        b'{"id":"r1","fields":{"n":1.00000000000000000001}}',
        b'{"a":1,"a":2}',
        b"\xff",
        b"no json",
        b"[1]",
        b'{"key":"a","value":"b"}',
        b'{"value":7}',
        b'{"value":{},"more":1}',
        b'{"value":{}} x',
        b'{"value":{},"value":null}',
    ],
)
def test_a_line_is_a_value_as_it_stands(line: bytes) -> None:
    """Byte for byte, also where it is no JSON; a row with columns `key` and `value` is no message."""
    found = one(b" " + line + b"\r\n")
    assert (found.value, found.key, found.partition.topic) == (line, None, "deltas")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'{"value":{"a":1}}', (b'{"a":1}', None, "deltas", None)),
        (b'{"key":{"id":1},"value":null,"topic":"t"}', (None, b'{"id":1}', "t", None)),
        (b'{"key":"r1","value":{"a" : 1e999}}', (b'{"a" : 1e999}', b"r1", "deltas", None)),
        (
            b'{ "headers" : {"a":"b","c":null} , "key" : 7 , "value" : {"n":12345678901234567890} }',
            (b'{"n":12345678901234567890}', b"7", "deltas", [("a", b"b"), ("c", None)]),
        ),
        (b'{"key":null,"value":{},"offset":5,"partition":0,"timestampMs":1}', (b"{}", None, "deltas", None)),
    ],
)
def test_a_line_may_be_a_whole_message(line: bytes, expected: tuple[Any, ...]) -> None:
    """Its value keeps its own bytes; texts stand for themselves."""
    found = one(line)
    assert (found.value, found.key, found.partition.topic, found.headers) == expected


def test_what_a_line_is_can_be_said() -> None:
    """A row that looks like a message, and a message whose value is a text: bytes that are no JSON."""
    assert one(b'{"value":null}', Reading.VALUE).value == b'{"value":null}'
    assert one(b'{"value":"no \\u00e9 json"}', Reading.MESSAGE).value == "no é json".encode()
    assert one(b'{"value":"\\ud800"}', Reading.MESSAGE).value == b'"\\ud800"'


@pytest.mark.parametrize(
    "line", [b"[]", b"{", NATIVE, b'{"value":{},"topic":7}', b'{"value":{},"headers":[]}', b'{"key":1}']
)
def test_a_line_that_should_be_a_message_and_is_none_is_told(line: bytes) -> None:
    """With its number."""
    with pytest.raises(StreamError, match="line 2 is no message"):
        list(Form(Reading.MESSAGE, "t").messages([b"  \n", line]))


def test_blank_lines_are_passed_over_but_counted() -> None:
    """What is said names the line of the file; a file without any is no mistake."""
    assert [line.number for line in Form(Reading.AUTO, "t").messages([b"\n", NATIVE, b" ", NATIVE])] == [2, 4]


def test_a_line_is_bounded(tmp_path: Path) -> None:
    """A file without line ends does not fill the memory."""
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.truncate(MAX_LINE_BYTES + 2)
    with path.open("rb") as file, pytest.raises(StreamError, match="has more than 16777216 bytes"):
        list(lines_of(file))


# What is said


def test_each_event_is_told_on_a_line(tmp_path: Path) -> None:
    """Where it would go with which record; why it would be refused, and where; or that it carries no change."""
    lines = b"\n".join(
        [
            NATIVE,
            b'{"key":{"id":1},"topic":"crm.public.contacts","value":%b}' % text(envelope("c")),
            b'{"key":{"id":1},"topic":"crm.public.contacts","value":%b}' % text(envelope("d")),
            b'{"key":{"id":1},"topic":"crm.public.contacts","value":null}',
            b'{"ts_ms":1}',
            b'{"id":"r\\u001b[31m","dataStoreId":"people"}',
        ]
    )
    code, said = run(tmp_path, lines=lines)
    assert code == 0
    assert said[:2] == [
        '1: to people, UPSERT, OVERWRITE: {"id":"r1","fields":{"name":"Ada"}}',
        '2: to people, UPSERT, OVERWRITE: {"id":"1","fields":{"id":1,"email":"a@b.io","tier":"gold"}}',
    ]
    assert said[2].startswith("3: UNSUPPORTED (people 1): delete_without_rule: The row was deleted")
    assert said[3:5] == ["4: IGNORED (people 1): carries no change", "5: IGNORED: carries no change"]
    assert said[5].startswith("6: INVALID (people r\\x1b[31m): envelope_invalid")


def test_programs_get_json_lines(tmp_path: Path) -> None:
    """The record as it would be sent, with its directives; or result and error as an outcome has them."""
    refused = b'{"key":{"id":1},"value":%b}' % text(envelope("d"))
    code, said = run(tmp_path, "--json", "--topic", "crm.public.contacts", lines=NATIVE + b"\n" + refused)
    first, second = map(json.loads, said)
    assert code == 0
    assert first == {
        "line": 1,
        "topic": "crm.public.contacts",
        "dataStoreId": "people",
        "updateType": "UPSERT",
        "conflictResolution": "OVERWRITE",
        "record": {"id": "r1", "fields": {"name": "Ada"}},
    }
    assert second.pop("error").keys() == {"code", "message", "path"}
    ids = {"dataStoreId": "people", "recordId": "1"}
    assert second == {"line": 2, "topic": "crm.public.contacts", "result": "UNSUPPORTED", **ids}


def test_a_long_record_is_cut_for_people_only(tmp_path: Path) -> None:
    """A terminal is no place for megabytes."""
    line = orjson.dumps({"dataStoreId": "people", "id": "r1", "fields": {"name": "x" * 10_000}})
    assert len(run(tmp_path, lines=line)[1][0]) < 2_100
    assert len(run(tmp_path, "--json", lines=line)[1][0]) > 10_000


def test_schemas_judge_with_the_place_in_the_event(tmp_path: Path) -> None:
    """The datastore's schema judges what the mapping has made, and the pointer leads into the row."""
    rule = PLAIN.replace('"people"', '"example"') + 'columns.exclude = ["id"]\ncolumns.rename = { email = "name" }'
    line = text({"key": {"id": 1}, "value": envelope("c", {**ROW, "email": ""})})
    (said,) = run(tmp_path, "--topic", "crm.public.contacts", lines=line, rule=rule)[1]
    assert said.startswith("1: INVALID (example 1): fields_invalid at /after/email: ")


def test_nothing_but_the_rules_must_be_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No account and no brokers; what decides on events is read from the settings as ever."""
    for name in ("CXONE_REGION", "CXONE_CLIENT_ID", "CXONE_CLIENT_SECRET", "KAFKA_BOOTSTRAP_SERVERS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("STREAM_UPDATE_TYPE", "UPDATE")
    monkeypatch.setenv("CXONE_DATASTORE_ID", "fallback")
    code, said = run(tmp_path, lines=b'{"id":"r1","fields":{"a":1}}')
    assert (code, said) == (0, ['1: to fallback, UPDATE, OVERWRITE: {"id":"r1","fields":{"a":1}}'])


def test_a_mapping_file_that_cannot_be_used_ends_with_2(tmp_path: Path) -> None:
    """Its mistakes are told as by `check` and `run`."""
    code, said = run(tmp_path, rule="topic = 1")
    assert code == 2
    assert said[0].startswith(f"{tmp_path}/mapping.toml:")


def test_a_file_that_is_not_there_is_told() -> None:
    """One sentence, exit code 1."""
    result = CliRunner().invoke(app, ["try", "nowhere.jsonl"])
    assert isinstance(result.exception, StreamError)
    assert str(result.exception).startswith("nowhere.jsonl cannot be read: No such file or directory; name a file")


def test_standard_input_is_read() -> None:
    """`-` is a file like any other."""
    result = CliRunner().invoke(app, ["try", "-"], input=NATIVE)
    assert (result.exit_code, result.stdout) == (
        0,
        '1: to people, UPSERT, OVERWRITE: {"id":"r1","fields":{"name":"Ada"}}\n',
    )


def test_the_readme_s_example_is_true() -> None:
    """What a reader is shown is what the command says."""
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    _, event, told = next(re.finditer(r"\$ echo '(.*)' \| cxone-stream try -\n(.*)\n", readme)).group(0, 1, 2)
    assert CliRunner().invoke(app, ["try", "-"], input=event).stdout == f"{told}\n"


# Fixtures


def test_what_was_printed_is_what_is_expected(tmp_path: Path) -> None:
    """The output of `--json` is a file for `--expect`."""
    lines = NATIVE + b'\n{"ts_ms":1}\nbroken'
    expected = tmp_path / "expected.jsonl"
    expected.write_text("\n".join(run(tmp_path, "--json", lines=lines)[1]), encoding="utf-8")
    assert run(tmp_path, "--expect", str(expected), lines=lines) == (0, ["messages: 3, differences: 0"])


def test_a_difference_is_told_and_ends_with_1(tmp_path: Path) -> None:
    """For somebody's own CI."""
    expected = tmp_path / "expected.jsonl"
    expected.write_text('{"record":{"id":"r1","fields":{"name":"Eve"}}}\n{}\n', encoding="utf-8")
    code, said = run(tmp_path, "--expect", str(expected), lines=NATIVE)
    assert code == 1
    assert said == [
        (
            'message 1 (line 1), record: expected {"id":"r1","fields":{"name":"Eve"}}, '
            'found {"id":"r1","fields":{"name":"Ada"}}'
        ),
        "message 2: expected, but there is none",
        "messages: 1, differences: 2",
    ]


FOUND = {
    "line": 3,
    "result": "INVALID",
    "error": {"code": "x", "message": "y", "path": None},
    "record": {"a": 1, "b": 2},
}


@pytest.mark.parametrize(
    ("expected", "told"),
    [
        (b"{}", []),
        (b'{"error":{"code":"x"}}', []),
        (b'{"error":{"path":null}}', []),
        (b'{"record":{"b":2,"a":1}}', []),
        (b'{"error":{"code":"z"}}', ['error.code: expected "z", found "x"']),
        (b'{"error":null}', ['error: expected null, found {"code":"x","message":"y","path":null}']),
        (b'{"record":{"a":1}}', ['record: expected {"a":1}, found {"a":1,"b":2}']),
        (b'{"record":{"a":1.0,"b":2}}', ['record: expected {"a":1.0,"b":2}, found {"a":1,"b":2}']),
        (b'{"line":true}', ["line: expected true, found 3"]),
        (b'{"dataStoreId":null}', ["dataStoreId: expected null, found nothing"]),
    ],
)
def test_only_what_an_expectation_names_is_compared(expected: bytes, told: list[str]) -> None:
    """Objects member by member, the record as a whole: a field too many is a difference."""
    assert list(compare([FOUND], [b"\n", expected])) == [f"message 1 (line 3), {each}" for each in told]


def test_an_event_without_an_expectation_is_a_difference() -> None:
    """Nothing is passed over."""
    assert list(compare([FOUND], [])) == ["message 1 (line 3): there is no expectation for it"]


@pytest.mark.parametrize(("line", "told"), [(b"{", "line 1 of the expectations is not JSON"), (b"[]", "is no object")])
def test_an_expectation_that_cannot_be_read_is_told(line: bytes, told: str) -> None:
    """With its line and what to do."""
    with pytest.raises(StreamError, match=told):
        list(compare([FOUND], [line]))
