"""Decoding and intake, whatever the bytes are: one value, never an exception, nothing changed, nothing told."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from stream.codes import ErrorCode
from stream.decode import decode
from stream.intake import Unfit
from stream.model import ConflictResolution, Defect, Event, LaneKey, UpdateType

from ..builders import ASSIGNMENT, intake, message
from ..exact_json import Reading, is_same

MARKER = "zq7x9j"
MARKER_NUMBER = "9182736455"

blanks = st.sampled_from(["", "", "", " ", "\n", "\t ", "\r\n"])
integers = st.one_of(
    st.integers(-(2**70), 2**70),
    st.sampled_from([-(2**63) - 1, -(2**63), 2**63 - 1, 2**63, 2**64 - 1, 2**64, 10**17, 10**18]),
).map(str)
decimals = st.from_regex(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,22})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)
strings = st.one_of(
    st.text(max_size=8).map(json.dumps),
    st.text(max_size=8).map(lambda text: json.dumps(text, ensure_ascii=False)),
    st.sampled_from([r'"\":"', r'"a\\"', r'"\",\"a\":1"', '"{"', '"0.12345678901234567890"', r'"\u0061"']),
)
keys = st.one_of(st.sampled_from(['"a"', '"b"', r'"\u0061"', r'"\""', '""']), strings)


@st.composite
def objects(draw: st.DrawFn, values: st.SearchStrategy[str]) -> str:
    """Write an object with keys that repeat, and blanks where they may stand."""
    pairs = draw(st.lists(st.tuples(blanks, keys, blanks, blanks, values, blanks), max_size=5))
    return "{" + draw(blanks) + ",".join(f"{a}{k}{b}:{c}{v}{d}" for a, k, b, c, v, d in pairs) + "}"


@st.composite
def arrays(draw: st.DrawFn, values: st.SearchStrategy[str]) -> str:
    """Write an array."""
    return "[" + draw(blanks).join([",".join(draw(st.lists(values, max_size=4))), ""]) + "]"


texts = st.recursive(
    st.one_of(integers, decimals, strings, st.sampled_from(["true", "false", "null"])),
    lambda values: st.one_of(objects(values), arrays(values)),
    max_leaves=12,
)
documents = objects(texts)


@settings(max_examples=200)
@given(documents)
@example('{"a":0.1000000000000000055511151231257827}')
@example('{"t":"\\":", "a":1, "a":2}')
@example('{"a":{"b":1}, "a":{"c":2}}')
@example('{"a":123456789012345678901e5}')
def test_a_document_is_read_exactly_or_refused_for_a_reason(text: str) -> None:
    """What comes out equals an independent exact reading; whatever that one finds wrong is refused with its code."""
    exact = Reading(text)
    read = decode(text.encode())
    if isinstance(read, Defect):
        assert read.code in exact.reasons or (exact.is_subnormal and read.code is ErrorCode.NUMBER_OUT_OF_RANGE)
    else:
        assert not exact.reasons
        assert is_same(read, exact.document)


broken_documents = st.builds(
    lambda text, at, noise, length: text[: at % (len(text) + 1)] + noise + text[at % (len(text) + 1) + length :],
    documents.map(str.encode),
    st.integers(0, 500),
    st.one_of(st.binary(max_size=4), st.sampled_from([b"\xed\xa0\x80", b"\\ud800", b"NaN", b"\x00", b"\xef\xbb\xbf"])),
    st.integers(0, 4),
)
any_bytes = st.one_of(st.binary(max_size=40), broken_documents, documents.map(lambda t: t.encode("utf-16-le")))


@settings(max_examples=200)
@given(any_bytes)
@example(b'{\x00"\x00a')
@example(b"[" * 100_000)
@example(b'{"a":' * 990 + b"1" + b"}" * 990)
@example(b'{"a": ' * 990 + b"1e-300" + b"}" * 990)
def test_any_bytes_give_a_document_or_a_defect(value: bytes) -> None:
    """No bytes raise; a defect has a code of the closed list and a message."""
    read = decode(value)
    if isinstance(read, Defect):
        assert read.code in ErrorCode
        assert read.message
    else:
        assert type(read) is dict


marked = st.sampled_from([json.dumps(MARKER), MARKER_NUMBER, f'"{MARKER}\\ud800"', f"{MARKER_NUMBER}.{MARKER_NUMBER}"])
faults = st.sampled_from(["", "}", "NaN", ",", "1e999", "\x01", '"a":1,"a":1', "[" * 3_000])


@given(objects(marked), faults, st.integers(0, 200))
def test_a_defect_tells_nothing_of_the_value(text: str, fault: str, at: int) -> None:
    """A marker that stands in each value never stands in a message or path."""
    at %= len(text) + 1
    read = decode((text[:at] + fault + text[at:]).encode())
    if isinstance(read, Defect):
        assert MARKER not in str(read)
        assert MARKER_NUMBER not in str(read)


members = st.fixed_dictionaries(
    {},
    optional={
        "dataStoreId": st.one_of(st.just('"people"'), st.just('"example"'), strings),
        "id": st.one_of(st.just('"r1"'), strings, texts),
        "version": st.one_of(integers, decimals, texts),
        "fields": st.one_of(documents, texts),
        "updateType": st.one_of(st.sampled_from(['"UPSERT"', '"UPDATE"', '"upsert"']), texts),
        "conflictResolution": st.one_of(st.sampled_from(['"FAIL"', '"IGNORE"', '"OVERWRITE"', '""']), texts),
        "checksum": strings,
        "more": texts,
    },
)
events = members.map(lambda found: ("{" + ",".join(f'"{name}":{text}' for name, text in found.items()) + "}").encode())
READER = intake(datastore_id="people")


@settings(max_examples=200)
@given(st.one_of(any_bytes, events))
def test_any_message_becomes_exactly_one_event_or_its_refusal(value: bytes) -> None:
    """Whatever the bytes are, the intake gives one value, and never an exception."""
    read = READER.read(message(value), ASSIGNMENT, 1.0, suspect=True)
    if isinstance(read, Unfit):
        assert read.defect is not None
        assert read.defect.code in ErrorCode
        assert not read.result.succeeded
    else:
        assert isinstance(read, Event)


sound_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**64 - 1),
        st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False),
        st.text(max_size=6),
    ),
    lambda values: st.one_of(st.lists(values, max_size=3), st.dictionaries(st.text(max_size=4), values, max_size=3)),
    max_leaves=8,
)
sound_events = st.fixed_dictionaries(
    {
        "id": st.text(min_size=1, max_size=256),
        "fields": st.dictionaries(st.text(max_size=4), sound_values, min_size=1, max_size=4),
    },
    optional={
        "dataStoreId": st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}", fullmatch=True).filter(
            lambda datastore_id: datastore_id != "example"
        ),
        "version": st.integers(0, 2**63 - 1),
        "updateType": st.sampled_from(list(UpdateType)),
        "conflictResolution": st.sampled_from(list(ConflictResolution)),
        "checksum": st.text(min_size=1, max_size=256),
    },
)


spellings = st.fixed_dictionaries(
    {
        "ensure_ascii": st.booleans(),
        "separators": st.sampled_from([None, (",", ":"), (" , ", " : ")]),
        "indent": st.sampled_from([None, 2]),
    }
)


@settings(max_examples=200)
@given(sound_events, spellings)
def test_any_sound_event_is_executed_as_it_was_sent(sent: dict[str, Any], spelling: dict[str, Any]) -> None:
    """However it is spelt, its record holds the exact values and no more, for the lane that it names."""
    text = json.dumps(sent, **spelling)
    read = READER.read(message(text.encode()), ASSIGNMENT, 1.0, suspect=True)
    assert isinstance(read, Event)
    record = json.loads(read.record)
    exact = Reading(text).document
    assert is_same(record["fields"], exact["fields"])
    assert list(record) == [name for name in ("id", "version", "fields", "checksum") if name in sent]
    assert all(record[name] == sent[name] for name in record if name != "fields")
    assert read.lane == LaneKey(
        sent.get("dataStoreId", "people"),
        sent.get("updateType", UpdateType.UPSERT),
        sent.get("conflictResolution", ConflictResolution.OVERWRITE),
    )
    assert (read.record_id, read.suspect) == (sent["id"], True)
