"""Properties of the mapping: the usual way says what the full way says, ids do not collide, nothing raises."""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stream.cdc import Delta, Mapper, NotSent
from stream.cdc.decimals import decimal_text, looks_encoded
from stream.cdc.temporal import timestamp_text
from stream.mapping.toml_lines import line_of, lines_of

from ..cdc_builders import PLACEHOLDER, PLAIN, SOURCE, TOPIC, column, delta, envelope, mapper, text, wrapped

COLUMNS = (
    column("id", "int32"),
    column("price", "bytes", name="org.apache.kafka.connect.data.Decimal", parameters={"scale": "2"}),
    column("at", "int64", name="io.debezium.time.MicroTimestamp"),
)
RULES = {
    "plain": PLAIN,
    "chosen": f'{PLAIN}columns.exclude = ["price"]\ncolumns.rename = {{ at = "updated" }}\nconstants = {{ c = 1 }}',
    "nulls omitted": f'{PLAIN}nulls = "omit"\nnested = "text"',
    "typed": f'{PLAIN}columns.types = {{ price = "decimal", at = "temporal", name = "text" }}',
    "table": 'table = "postgres.*.t1"\ndatastore = "t1"',
    "version": f'{PLAIN}version = "after.id - 1"\ndelete = {{ fields = {{ gone = true }} }}',
    "changed": f'{PLAIN}before = "full"\nupdate = "changed"',
    "columns": f'{PLAIN}id = ["id"]',
}
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6)
    | st.sampled_from([PLACEHOLDER, "AJY=", "gold", "x=", '"},"source":{', "\\", "é", "\u2028"])
)
VALUES = SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(st.text(max_size=3), SCALARS, max_size=2)
ROWS = st.dictionaries(
    st.sampled_from(["id", "price", "at", "name", "note", "source", "op"]) | st.text(max_size=3), VALUES, max_size=5
)
SOURCES = st.fixed_dictionaries(
    {},
    optional={
        "lsn": st.integers(0, 10**12) | st.none(),
        "txId": st.integers(0, 10**6),
        "table": st.sampled_from(["contacts", "t1", "t2", "t10"]),
        "sequence": st.sampled_from(['[null,"1"]', '["12","3"]', "\u00e9", None, "\\u0041"]),
        "snapshot": st.sampled_from([True, "true", "false", "last"]),
        "query": st.text(max_size=3),
        "ts1": st.integers(0, 9),
    },
)


@st.composite
def messages(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """Draw a key and a value as connectors write them, and now and then as nobody would."""
    op = draw(st.sampled_from("ccuuurd"))
    after = None if op == "d" else draw(ROWS)
    before = draw(st.none() | ROWS)
    change = {**envelope(op), "before": before, "after": after, "source": {**SOURCE, **draw(SOURCES)}}
    value = text(wrapped(change, *COLUMNS) if draw(st.booleans()) else change)
    if draw(st.integers(0, 9)) == 0:
        at = draw(st.integers(0, len(value)))
        value = (
            value[:at]
            + draw(st.sampled_from([b"", b" ", b"0", b"1", b'"', b"}", b"\\u0041", b"\xff"]))
            + value[at + 1 :]
        )
    key = draw(
        st.sampled_from(
            [
                {"id": 1},
                {"id": 22},
                {"id": "a"},
                {"id": "b=="},
                {"id": "AJY="},
                {"a": 1, "b": "x"},
                {"schema": {"type": "struct", "fields": [column("id", "int32")]}, "payload": {"id": 7}},
            ]
        )
    )
    return text(key), value


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@given(st.data())
def test_the_usual_way_says_what_the_full_way_says(rule: str, data: st.DataObject) -> None:
    """A reader that has met other messages before gives each the result that a new one gives."""
    experienced = mapper(rule)
    for key, value in data.draw(st.lists(messages(), min_size=1, max_size=6)):
        again = data.draw(st.integers(1, 2))
        fresh = mapper(rule).read(TOPIC, key, value)
        for _ in range(again):
            found = experienced.read(TOPIC, key, value)
            assert found == fresh
            assert list(getattr(found, "fields", ())) == list(getattr(fresh, "fields", ()))


DIGIT = re.compile(rb"\d")


@given(st.data())
def test_a_change_of_digits_alone_never_misleads_the_usual_way(data: st.DataObject) -> None:
    """The forms are found by their bytes without digits: whatever digit another event has, the result is its own."""
    rule = 'table = "postgres.public.t1"\ndatastore = "t1"'
    change = envelope("c", {"id": 10, "name": "a1"}, table="t1", sequence='[null,"10"]', db="postgres")
    value = text(wrapped(change, *COLUMNS) if data.draw(st.booleans()) else change)
    experienced = mapper(rule)
    experienced.read(TOPIC, b'{"id":1}', value)
    places = [match.start() for match in DIGIT.finditer(value)]
    for at in data.draw(st.lists(st.sampled_from(places), min_size=1, max_size=3)):
        value = value[:at] + data.draw(st.sampled_from("0123456789")).encode() + value[at + 1 :]
    assert experienced.read(TOPIC, b'{"id":1}', value) == mapper(rule).read(TOPIC, b'{"id":1}', value)


def test_the_usual_way_is_taken() -> None:
    """The properties above would hold of a reader that never took it: here it must be, for each kind of row."""
    for value in (envelope("c"), envelope("u", before={"id": 1}), wrapped(envelope("u"), *COLUMNS)):
        for rule in (PLAIN, f'{PLAIN}columns.exclude = ["tier"]', f'{PLAIN}nulls = "omit"'):
            reader = mapper(rule).topic(TOPIC)
            key = text({"id": 1})
            expected = reader.read(key, text(value))
            assert reader.usual.read(key, text(value)) == expected
            other = text(value).replace(b"22189328", b"99999999")
            assert reader.usual.read(text({"id": 2}), other) is not None


@given(st.none() | st.binary(max_size=60), st.none() | st.binary(max_size=200), st.sampled_from(list(RULES.values())))
@example(b'{"id":1}', b'{"schema":{"type":"struct"},"payload":{}}', PLAIN)
@example(b'{"id":1}', b'{"op":"c","source":{"db":[1],"table":{}},"after":{"a":1}}', RULES["table"])
def test_every_message_has_a_result(key: bytes | None, value: bytes | None, rule: str) -> None:
    """Whatever its bytes are, and never an exception."""
    found = mapper(rule).read(TOPIC, key, value)
    assert isinstance(found, Delta | NotSent | dict)


JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, JSON, JSON, st.sampled_from(["op", "after", "source", "before", "schema", "payload"]))
def test_every_json_value_in_every_place_has_a_result(schema: Any, part: Any, key: Any, place: str) -> None:  # noqa: ANN401
    """Schemas, rows, sources and keys of any form: hostile ones break nothing."""
    for value in (
        {**envelope("u"), place: part},
        {"schema": schema, "payload": part},
        {"schema": {"type": "struct", "fields": [schema, part]}, "payload": envelope("u", {"id": part})},
        wrapped(envelope("c", {"id": part}), {"field": "id", "type": "struct", "fields": [schema]}),
    ):
        for rule in (PLAIN, RULES["changed"], f'{PLAIN}format = "unwrapped"'):
            found = mapper(rule).read(TOPIC, text(key), text(value))
            assert isinstance(found, Delta | NotSent | dict)


PARTS = st.tuples(st.text(":%3A25ab", min_size=1, max_size=5), st.text(":%3A25ab", min_size=1, max_size=5))


@given(PARTS, PARTS)
@example(("a:", "b"), ("a", ":b"))
@example(("a%3A", "b"), ("a:", "b"))
def test_different_keys_have_different_ids(one: tuple[str, str], other: tuple[str, str]) -> None:
    """Joined columns can be taken apart again, whatever stands in them."""

    def record_id(parts: tuple[str, str]) -> str:
        return delta(envelope("c"), key=dict(zip("ab", parts, strict=True))).record_id

    assert (record_id(one) == record_id(other)) == (one == other)


@given(st.integers(-(10**40), 10**40), st.integers(-20, 40))
def test_a_decimal_means_what_the_number_is(unscaled: int, scale: int) -> None:
    """Compared with exact fractions, and in the plain form of Python's own decimals."""
    octets = unscaled.to_bytes((unscaled + (unscaled < 0)).bit_length() // 8 + 1, "big", signed=True)
    encoded = base64.b64encode(octets).decode()
    found = decimal_text(encoded, scale)
    assert Fraction(found) == Fraction(unscaled) / Fraction(10) ** scale
    assert found == f"{Decimal(found):f}"
    assert looks_encoded(encoded) == (encoded.endswith("=") and len(encoded) <= 24)


@given(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59)))  # noqa: DTZ001 - hypothesis wants them so
def test_a_time_is_the_one_that_was_meant(moment: datetime) -> None:
    """Compared with Python's own clock arithmetic."""
    since = moment.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    found = timestamp_text(since // timedelta(microseconds=1) * 1_000)
    assert datetime.fromisoformat(found) == moment.replace(tzinfo=UTC)


NAMES = st.from_regex(r"[a-z]{1,3}", fullmatch=True)


@given(
    st.lists(
        st.dictionaries(NAMES, st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=3), max_size=4)
    )
)
def test_every_member_of_a_toml_file_is_found_on_its_line(tables: list[dict[str, Any]]) -> None:
    """Written one member a line, arrays over several, with comments between."""
    lines: list[str] = []
    expected: dict[tuple[str | int, ...], int] = {}
    for index, table in enumerate(tables):
        lines += ["", "# [[rule]]", "[[rule]]"]
        expected["rule", index] = len(lines)
        for name, value in table.items():
            expected["rule", index, name] = len(lines) + 1
            written = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
            lines += (
                f"{name} = {written}".replace(", ", ",\n  ").split("\n")
                if type(value) is list
                else [f"{name} = {written}"]
            )
    found = lines_of("\n".join(lines))
    assert {path: line_of(path, found) for path in expected} == expected


def test_a_reader_holds_only_so_many_topics() -> None:
    """A topic that was forgotten is read again from nothing, with the same result."""
    rules_of_all: Mapper = mapper(PLAIN)
    first = rules_of_all.topic("t0")
    assert rules_of_all.topic("t0") is first
    for number in range(10_001):
        rules_of_all.topic(f"t{number}")
    assert rules_of_all.topic("t0") is not first
