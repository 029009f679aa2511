"""The usual way of an experienced reader: what it must not be misled by, each case by itself."""

from __future__ import annotations

import pytest

from stream.cdc import Delta, Mapper, NotSent
from stream.codes import ErrorCode

from ..cdc_builders import PLAIN, TOPIC, column, envelope, mapper, text, wrapped

KEY = b'{"id":1}'
COLUMNS = (column("id", "int32"), column("email"), column("tier"))
TABLES = tuple(f'table = "postgres.public.{name}"\ndatastore = "{name}"' for name in ("t1", "t2", "Ab", "Bb"))


def experienced(*rules: str, table: str = "contacts") -> Mapper:
    """Build a mapper that has met a change of a table, with and without a schema."""
    reader = mapper(*(rules or (PLAIN,)))
    for value in (envelope("c", table=table), wrapped(envelope("c", table=table), *COLUMNS)):
        assert isinstance(reader.read(TOPIC, KEY, text(value)), Delta)
        assert reader.topic(TOPIC).usual.read(KEY, text(value)) is not None
    return reader


def datastore(reader: Mapper, value: bytes) -> str:
    """Return where a change goes."""
    found = reader.read(TOPIC, KEY, value)
    assert isinstance(found, Delta)
    return found.lane.datastore_id


def code(reader: Mapper, value: bytes, key: bytes = KEY) -> ErrorCode:
    """Return why a change is refused."""
    found = reader.read(TOPIC, key, value)
    assert isinstance(found, NotSent)
    assert found.defect is not None
    return found.defect.code


def test_a_digit_in_a_table_s_name_chooses_the_rule() -> None:
    """Two tables that differ in a digit alone are two sources, whichever came first."""
    reader = experienced(*TABLES, table="t1")
    for table in ("t2", "t1", "t2"):
        assert datastore(reader, text(envelope("c", table=table))) == table
        assert datastore(reader, text(wrapped(envelope("c", table=table), *COLUMNS))) == table
    assert code(reader, text(envelope("c", table="t3"))) is ErrorCode.NO_RULE


def test_a_digit_of_an_escape_chooses_the_rule() -> None:
    """A table's name may be written with escapes, whose digits are characters."""
    reader = mapper(*TABLES)
    ab, bb = (text(envelope("c", table="T")).replace(b'"table":"T"', b'"table":"\\u004%db"' % n) for n in (1, 2))
    assert [datastore(reader, value) for value in (ab, bb, ab)] == ["Ab", "Bb", "Ab"]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (b'{"id":1,"email":"x","email":"a@b.io","tier":"gold"}', ErrorCode.DUPLICATE_KEY),
        (b'{"id":1.00000000000000000001,"email":"a","tier":"gold"}', ErrorCode.NUMBER_TOO_PRECISE),
        (b'{"id":18446744073709551616,"email":"a","tier":"gold"}', ErrorCode.NUMBER_OUT_OF_RANGE),
        (b'{"id":01,"email":"a","tier":"gold"}', ErrorCode.NOT_JSON),
        (b'{"id":1,"email":"a","tier":"\xff"}', ErrorCode.NOT_UTF8),
        (b'{"id":1,"email":"a","tier":"\\ud800"}', ErrorCode.NOT_UTF8),
    ],
)
def test_a_row_that_hides_something_is_seen(row: bytes, expected: ErrorCode) -> None:
    """A key that stands twice, a number that would be changed, and what is no JSON."""
    reader = experienced()
    for value in (text(envelope("c")), text(wrapped(envelope("c"), *COLUMNS))):
        assert code(reader, value.replace(b'{"id":1,"email":"a@b.io","tier":"gold"}', row)) is expected


@pytest.mark.parametrize(
    ("there", "instead"),
    [(b'"lsn":22189328', b'"lsn":02189328'), (b'"ts_ms":1795399797727,', b'"ts_ms":0795399797727,')],
)
def test_a_number_that_json_does_not_have_is_seen(there: bytes, instead: bytes) -> None:
    """Behind the row, where only digits may differ, a number still begins like one."""
    reader = experienced()
    for value in (text(envelope("c")), text(wrapped(envelope("c"), *COLUMNS))):
        assert value.count(there) == 1
        assert code(reader, value.replace(there, instead)) is ErrorCode.NOT_JSON


def test_a_former_row_that_is_broken_is_seen() -> None:
    """`before` is not sent, but the value must be JSON as a whole."""
    reader = mapper(PLAIN)
    value = text(envelope("u", before={"id": 1, "email": "x"}))
    assert isinstance(reader.read(TOPIC, KEY, value), Delta)
    assert code(reader, value.replace(b'"email":"x"', b'"email":x')) is ErrorCode.NOT_JSON
    assert code(reader, value.replace(b'"email":"x"', b'"id":1')) is ErrorCode.DUPLICATE_KEY


@pytest.mark.parametrize("end", [b"", b"]", b"}}", b"} ", b",1}"])
def test_a_value_that_does_not_end_as_it_should_is_seen(end: bytes) -> None:
    """The prefix with the schema proves nothing of the end."""
    reader = experienced()
    for value in (text(envelope("c")), text(wrapped(envelope("c"), *COLUMNS))):
        found, fresh = reader.read(TOPIC, KEY, value[:-1] + end), mapper().read(TOPIC, KEY, value[:-1] + end)
        assert found == fresh
        assert isinstance(found, Delta) == (end == b"} ")


@pytest.mark.parametrize("key", [b'{"id":"AJY="}', b'{"id":"a","id":"b"}', b'{"id":"\xff"}', b'{"id":""}'])
def test_a_key_that_makes_no_id_is_seen(key: bytes) -> None:
    """Also after keys of the same form that made one."""
    reader = mapper()
    for good in (b'{"id":"abc"}', b'{"id":7}'):
        for _ in range(2):
            assert isinstance(reader.read(TOPIC, good, text(envelope("c"))), Delta)
    assert code(reader, text(envelope("c")), key) is ErrorCode.ID_UNUSABLE
    escaped = reader.read(TOPIC, b'{"id":"a\\u0041"}', text(envelope("c")))
    assert isinstance(escaped, Delta)
    assert escaped.record_id == "aA"


@pytest.mark.parametrize(("kind", "good", "bad"), [("decimal", "150", "abc"), ("json", "7", "07")])
def test_a_key_that_the_rule_says_more_of_is_always_read(kind: str, good: str, bad: str) -> None:
    """What its column holds is judged for every value."""
    reader = mapper(f'{PLAIN}columns.types = {{ id = "{kind}" }}')
    found = reader.read(TOPIC, text({"id": good}), text(envelope("c")))
    assert isinstance(found, Delta)
    assert found.record_id == good
    assert code(reader, text(envelope("c")), text({"id": bad})) is ErrorCode.ID_UNUSABLE


def test_a_key_of_digits_is_the_number_that_it_is() -> None:
    """No leading zero, no sign that is none, nothing beyond 64 bits."""
    reader = experienced()
    for digits in (b"01", b"00", b"18446744073709551616", b"1.0", b"--1"):
        assert code(reader, text(envelope("c")), b'{"id":%b}' % digits) is ErrorCode.ID_UNUSABLE
    for digits in (b"0", b"-1", b"18446744073709551615", b"999999999999999999"):
        found = reader.read(TOPIC, b'{"id":%b}' % digits, text(envelope("c")))
        assert isinstance(found, Delta)
        assert found.record_id == digits.decode()


def test_only_so_many_forms_are_kept() -> None:
    """A topic of many tables: forms that were forgotten are learned again, with the same results."""
    reader = mapper('topic = "*"\ndatastore = "all"')
    for number in range(1_100):
        table = "t" + "x" * (number % 550) + "y" * (number // 550)
        assert datastore(reader, text(envelope("c", table=table))) == "all"
    assert datastore(reader, text(envelope("c", table="t"))) == "all"
