"""Values of columns: what each encoding of a connector becomes, and what is refused rather than guessed."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from stream.cdc.converters import UnreadableError, from_kind, from_schema, undeclared
from stream.cdc.decimals import MAX_OCTETS, MAX_SCALE, decimal_text
from stream.cdc.rules import Decimals, Kind
from stream.cdc.temporal import date_text, duration_text, time_text, timestamp_text

from ..cdc_builders import column

DECIMAL = "org.apache.kafka.connect.data.Decimal"
MARKER = "zq7x9j"


def convert(value: Any, schema: dict[str, Any], decimals: Decimals = Decimals.TEXT) -> Any:  # noqa: ANN401 - any JSON
    """Convert a value by its column's schema."""
    converter = from_schema(schema, decimals)
    return value if converter is None else converter(value)


def why(value: object, schema: dict[str, Any], decimals: Decimals = Decimals.TEXT) -> str:
    """Return why a value is refused."""
    with pytest.raises(UnreadableError) as refused:
        convert(value, schema, decimals)
    return str(refused.value)


@pytest.mark.parametrize(
    ("encoded", "scale", "text"),
    [
        ("AJY=", 2, "1.50"),
        ("AOE=", 2, "2.25"),
        ("AA==", 2, "0.00"),
        ("AA==", 0, "0"),
        ("/w==", 2, "-0.01"),
        ("gA==", 0, "-128"),
        ("AQ==", -3, "1000"),
        ("AA==", -3, "0"),
        ("AQ==", 20, "0.00000000000000000001"),
        ("Eg==", 1, "1.8"),
        ("AKtUqYzrHwrS", 10, "1234567890.1234567890"),
    ],
)
def test_a_decimal_is_decoded_digit_by_digit(encoded: str, scale: int, text: str) -> None:
    """Base64 of the unscaled integer and the scale make plain digits, trailing zeros kept."""
    assert decimal_text(encoded, scale) == text
    schema = column("price", "bytes", name=DECIMAL, parameters={"scale": str(scale)})
    assert convert(encoded, schema) == text


@pytest.mark.parametrize(
    "encoded", ["", "AJY", "AJ Y=", "A=Y=", "é", base64.b64encode(b"\1" * (MAX_OCTETS + 1)).decode()]
)
def test_what_is_no_decimal_is_refused(encoded: str) -> None:
    """Broken base64, nothing at all, and more digits than the bound."""
    schema = column("price", "bytes", name=DECIMAL, parameters={"scale": "2"})
    assert why(encoded, schema) == "is no decimal of the form that its schema says"


def test_a_scale_beyond_the_bound_is_refused() -> None:
    """A schema cannot ask for gigabytes of zeros."""
    assert len(decimal_text("AQ==", MAX_SCALE)) == MAX_SCALE + 2
    for scale in (MAX_SCALE + 1, -MAX_SCALE - 1):
        assert why("AQ==", column("p", "bytes", name=DECIMAL, parameters={"scale": str(scale)})).startswith(
            "is no decimal"
        )


@pytest.mark.parametrize("parameters", [None, {}, {"scale": 2}, {"scale": "x"}, {"scale": "1e9"}, {"scale": "9" * 20}])
def test_a_decimal_without_a_scale_is_refused_with_the_setting(parameters: object) -> None:
    """The connector's setting is named, because only it can help."""
    schema = column("price", "bytes", name=DECIMAL, parameters=parameters)
    assert "set decimal.handling.mode=string in the connector" in why("AJY=", schema)


def test_a_decimal_that_the_converter_wrote_as_a_number_stays_one() -> None:
    """`decimal.format=NUMERIC` of the JSON converter."""
    assert convert(1.5, column("price", "bytes", name=DECIMAL, parameters={"scale": "2"})) == 1.5


def test_a_decimal_is_a_number_where_the_rule_says_so() -> None:
    """Up to 17 digits; beyond, it is refused and never rounded."""
    schema = column("price", "bytes", name=DECIMAL, parameters={"scale": "2"})
    assert convert("AJY=", schema, Decimals.NUMBER) == 1.5
    long = base64.b64encode((12345678901234567891).to_bytes(9, "big", signed=True)).decode()
    assert convert(long, schema) == "123456789012345678.91"
    assert "more digits than a number can carry" in why(long, schema, Decimals.NUMBER)


def test_a_decimal_with_its_own_scale_is_decoded() -> None:
    """`VariableScaleDecimal`, of a column without a scale: with its schema, and by its form without one."""
    schema = column("n", "struct", name="io.debezium.data.VariableScaleDecimal", fields=[])
    value = {"scale": 3, "value": "AJY="}
    assert convert(value, schema) == "0.150"
    assert undeclared(value, Decimals.TEXT) == "0.150"
    assert why({"scale": "3", "value": "AJY="}, schema) == "is no decimal with its own scale, as its schema says"
    assert why({"scale": 3, "value": 7}, schema) == "is no decimal with its own scale, as its schema says"
    assert undeclared({"scale": "3", "value": MARKER}, Decimals.TEXT) == {"scale": "3", "value": MARKER}


TIMES = {
    "io.debezium.time.Date": (20_780, "2026-11-23"),
    "io.debezium.time.Time": (7_785_454, "02:09:45.454Z"),
    "io.debezium.time.MicroTime": (7_785_454_639, "02:09:45.454639Z"),
    "io.debezium.time.NanoTime": (7_785_000_000_001, "02:09:45.000000001Z"),
    "io.debezium.time.Timestamp": (1_795_399_785_454, "2026-11-23T02:09:45.454Z"),
    "io.debezium.time.MicroTimestamp": (-1, "1969-12-31T23:59:59.999999Z"),
    "io.debezium.time.NanoTimestamp": (1_795_399_785_000_000_000, "2026-11-23T02:09:45Z"),
    "io.debezium.time.MicroDuration": (-90_500_000, "-PT90.5S"),
    "io.debezium.time.NanoDuration": (1, "PT0.000000001S"),
    "org.apache.kafka.connect.data.Date": (0, "1970-01-01"),
    "org.apache.kafka.connect.data.Time": (0, "00:00:00Z"),
    "org.apache.kafka.connect.data.Timestamp": (86_400_000, "1970-01-02T00:00:00Z"),
}


@pytest.mark.parametrize("name", TIMES)
def test_a_time_becomes_a_text_of_rfc_3339(name: str) -> None:
    """Whole numbers of every unit that a schema can name."""
    number, text = TIMES[name]
    assert convert(number, column("at", "int64", name=name)) == text


@pytest.mark.parametrize(
    "name", ["io.debezium.time.ZonedTimestamp", "io.debezium.time.IsoTimestamp", "io.debezium.time.Year"]
)
def test_a_time_that_needs_no_converter_is_sent_as_it_came(name: str) -> None:
    """Texts are texts already, and a year is a number."""
    for value in ("2026-11-23T02:09:45Z", 2026):
        assert convert(value, column("at", name=name)) == value


def test_a_date_of_the_connector_s_own_text_loses_its_zone() -> None:
    """`isostring` writes `2026-11-23Z`, which RFC 3339 does not have; other texts stay as they are."""
    schema = column("on", name="io.debezium.time.IsoDate")
    declared = from_kind(Kind.TEMPORAL, Decimals.TEXT)
    assert declared is not None
    for text, expected in (("2026-11-23Z", "2026-11-23"), ("2026-11-23", "2026-11-23"), ("x2026-11-23Z",) * 2):
        assert (convert(text, schema), declared(text)) == (expected, expected)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("io.debezium.time.MicroTimestamp", 9_223_372_036_825_200_000),
        ("io.debezium.time.MicroTimestamp", -9_223_372_036_832_400_000),
        ("io.debezium.time.Date", 2_932_897),
        ("io.debezium.time.Date", -719_163),
        ("io.debezium.time.MicroTime", 86_400_000_000),
        ("io.debezium.time.MicroTime", -1),
    ],
)
def test_a_time_without_a_text_is_refused(name: str, number: int) -> None:
    """PostgreSQL's infinity, years of five digits, and MySQL's spans."""
    assert "has no text in RFC 3339" in why(number, column("at", "int64", name=name))


@pytest.mark.parametrize("value", ["2026-11-23", 1.5, True, [1]])
def test_a_time_that_is_no_whole_number_is_refused(value: object) -> None:
    """The schema speaks of another value than the event has."""
    assert (
        why(value, column("at", "int64", name="io.debezium.time.Timestamp"))
        == "is not the whole number that its schema says"
    )


def test_the_ends_of_time_have_texts() -> None:
    """The first and the last day that RFC 3339 can write, and the last nanosecond of a day."""
    assert (date_text(-719_162), date_text(2_932_896)) == ("0001-01-01", "9999-12-31")
    assert time_text(86_400 * 10**9 - 1) == "23:59:59.999999999Z"
    assert timestamp_text(-719_162 * 86_400 * 10**9) == "0001-01-01T00:00:00Z"
    assert duration_text(0) == "PT0S"


def test_what_stands_inside_of_arrays_maps_and_structs_is_converted() -> None:
    """A schema is followed down; nulls inside stay nulls."""
    date = {"type": "int32", "name": "io.debezium.time.Date"}
    assert convert([0, None], column("days", "array", items=date)) == ["1970-01-01", None]
    assert convert({"a": 0}, column("days", "map", values=date)) == {"a": "1970-01-01"}
    struct = column("day", "struct", fields=[{**date, "field": "on"}, column("note")])
    assert convert({"on": 0, "note": "x", "more": 1}, struct) == {"on": "1970-01-01", "note": "x", "more": 1}
    assert convert([["x"]], column("words", "array", items={"type": "string"})) == [["x"]]
    assert why("x", column("days", "array", items=date)) == "is not of the type that its schema says"


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": 7},
        {"name": 7},
        {"type": "array"},
        {"type": "struct", "fields": "x"},
        {"type": "struct", "fields": [7, {}]},
    ],
)
def test_a_schema_that_is_none_converts_nothing(schema: dict[str, Any]) -> None:
    """What a hostile message calls a schema cannot break anything."""
    assert convert("x", schema) == "x"


@pytest.mark.parametrize("text", ["AJY=", "Lg==", "AA==", "/w==", "AQAAAA=="])
def test_what_may_be_an_encoded_decimal_is_not_sent_as_text(text: str) -> None:
    """Without a schema or a word of the rule, padded base64 of a shortest integer is refused with both ways out."""
    with pytest.raises(UnreadableError, match=r"decimal\.handling\.mode=string .* columns\.types") as refused:
        undeclared(text, Decimals.TEXT)
    assert text not in str(refused.value)
    with pytest.raises(UnreadableError):
        undeclared(["x", text], Decimals.TEXT)


@pytest.mark.parametrize(
    "text", ["", "=", "a=", "ab=", "a b=", "gold", "AQAA", "AAE=", "//8=", "AJZ=", "x" * 40 + "=", "é==="]
)
def test_other_texts_are_texts(text: str) -> None:
    """Not base64, not canonical, not the shortest form, or too long for a decimal."""
    assert undeclared(text, Decimals.TEXT) == text


def test_a_declared_decimal_is_read_or_refused() -> None:
    """`decimal.handling.mode` string and double are good; the default's base64 is refused with the setting."""
    text, number = from_kind(Kind.DECIMAL, Decimals.TEXT), from_kind(Kind.DECIMAL, Decimals.NUMBER)
    assert text is not None
    assert number is not None
    assert (text("1.50"), text(1.5), text({"scale": 2, "value": "AJY="}), text(["1.5", None])) == (
        "1.50",
        1.5,
        "1.50",
        ["1.5", None],
    )
    assert (number("1.50"), number("-7"), number("1e3")) == (1.5, -7, 1000.0)
    for value in ("AJY=", "NaN", "", "1.", "+1", "01", True, {"a": 1}):
        with pytest.raises(UnreadableError, match=r"set decimal\.handling\.mode=string in the connector"):
            text(value)


def test_a_declared_time_is_a_text_or_refused() -> None:
    """A number whose unit nothing tells is refused with the connector's setting."""
    read = from_kind(Kind.TEMPORAL, Decimals.TEXT)
    assert read is not None
    assert (read("2026-11-23"), read(["x", None])) == ("2026-11-23", ["x", None])
    for value in (1_795_399_785_454, [1]):
        with pytest.raises(UnreadableError, match=r"set time\.precision\.mode=isostring in the connector"):
            read(value)


@pytest.mark.parametrize(
    ("text", "value"), [('{"a":[1,2]}', {"a": [1, 2]}), ("null", None), (" 7 ", 7), ('"x"', "x"), ("[]", [])]
)
def test_a_text_that_holds_json_is_sent_as_json(text: str, value: object) -> None:
    """Any JSON value; the numbers in it are judged like those of a native event."""
    read = from_kind(Kind.JSON, Decimals.TEXT)
    assert read is not None
    assert read(text) == value


@pytest.mark.parametrize(
    "text", ["", "{", "1,2", '1,"v":2', '1},"x":{', '{"a":1,"a":2}', "1e999", "0.123456789012345678", "NaN"]
)
def test_a_text_that_holds_no_json_is_refused(text: str) -> None:
    """Broken, more than one value, a key twice, or a number that would be changed."""
    read = from_kind(Kind.JSON, Decimals.TEXT)
    assert read is not None
    with pytest.raises(UnreadableError, match="is no JSON that can be sent on") as refused:
        read(text)
    assert text in {"", "{"} or text not in str(refused.value)
