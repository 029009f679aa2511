"""Decoding by examples: what is refused, with which code, and that nothing is changed on the way."""

from __future__ import annotations

import pytest

from stream.codes import ErrorCode
from stream.decode import decode
from stream.model import Defect


def code_of(value: bytes) -> ErrorCode | None:
    """Return the code of a value's defect; None for a value that is read."""
    read = decode(value)
    return read.code if isinstance(read, Defect) else None


REFUSED = {
    "empty": (b"", ErrorCode.EMPTY_VALUE),
    "only blanks": (b"  \n", ErrorCode.NOT_JSON),
    "byte order mark": (b'\xef\xbb\xbf{"a":1}', ErrorCode.NOT_UTF8),
    "invalid utf-8": (b'{"a":"\xff"}', ErrorCode.NOT_UTF8),
    "utf-8 of a surrogate": (b'{"a":"\xed\xa0\x80"}', ErrorCode.NOT_UTF8),
    "over-long utf-8": (b'{"a":"\xc0\xaf"}', ErrorCode.NOT_UTF8),
    "utf-16": ('{"a":1}'.encode("utf-16-le"), ErrorCode.NOT_JSON),
    "utf-16 of odd length": (b'{\x00"\x00a', ErrorCode.NOT_JSON),
    "utf-32": ('{"a":1}'.encode("utf-32-le"), ErrorCode.NOT_JSON),
    "a zero byte at the end": (b'{"a":1}\x00', ErrorCode.NOT_JSON),
    "truncated": (b'{"a":', ErrorCode.NOT_JSON),
    "two documents": (b"{}{}", ErrorCode.NOT_JSON),
    "single quotes": (b"{'a':1}", ErrorCode.NOT_JSON),
    "trailing comma": (b'{"a":1,}', ErrorCode.NOT_JSON),
    "control character": (b'{"a":"\n"}', ErrorCode.NOT_JSON),
    "leading zero": (b'{"a":01}', ErrorCode.NOT_JSON),
    "NaN": (b'{"a":NaN}', ErrorCode.NOT_JSON),
    "minus infinity": (b'{"a":-Infinity}', ErrorCode.NOT_JSON),
    "an array": (b"[]", ErrorCode.NOT_AN_OBJECT),
    "a string": (b'"a"', ErrorCode.NOT_AN_OBJECT),
    "a number": (b"1", ErrorCode.NOT_AN_OBJECT),
    "true": (b"true", ErrorCode.NOT_AN_OBJECT),
    "null": (b"null", ErrorCode.NOT_AN_OBJECT),
    "lone high surrogate": (b'{"a":"\\ud83d"}', ErrorCode.NOT_UTF8),
    "lone low surrogate in a key": (b'{"\\udc00":1}', ErrorCode.NOT_UTF8),
    "a key twice": (b'{"a":1,"a":1}', ErrorCode.DUPLICATE_KEY),
    "a key twice, once escaped": (b'{"a":1,"\\u0061":2}', ErrorCode.DUPLICATE_KEY),
    "a key twice, blanks before the colons": (b'{"a" :1,"a" :2}', ErrorCode.DUPLICATE_KEY),
    "a key twice, deep": (b'{"a":[{"b":{"c":1,"c":2}}]}', ErrorCode.DUPLICATE_KEY),
    "a key twice, beside text that looks like a member": (b'{"t":"\\":","a":1,"a":2}', ErrorCode.DUPLICATE_KEY),
    "integer of 65 bits": (b'{"a":18446744073709551616}', ErrorCode.NUMBER_OUT_OF_RANGE),
    "negative integer of 65 bits": (b'{"a":-9223372036854775809}', ErrorCode.NUMBER_OUT_OF_RANGE),
    "integer of 400 digits": (b'{"a":' + b"7" * 400 + b"}", ErrorCode.NUMBER_OUT_OF_RANGE),
    "integer of 5000 digits": (b'{"a":' + b"7" * 5_000 + b"}", ErrorCode.NUMBER_OUT_OF_RANGE),
    "1e999": (b'{"a":1e999}', ErrorCode.NUMBER_OUT_OF_RANGE),
    "1e-999": (b'{"a":1e-999}', ErrorCode.NUMBER_OUT_OF_RANGE),
    "too small without an exponent": (b'{"a":0.' + b"0" * 400 + b"1}", ErrorCode.NUMBER_OUT_OF_RANGE),
    "18 digits": (b'{"a":0.123456789012345678}', ErrorCode.NUMBER_TOO_PRECISE),
    "18 digits, deep": (b'{"a":[[{"b":[1.23456789012345678]}]]}', ErrorCode.NUMBER_TOO_PRECISE),
    "18 digits before an exponent": (b'{"a":123456789012345678e3}', ErrorCode.NUMBER_TOO_PRECISE),
    "deeper than any parser goes": (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, ErrorCode.NESTED_TOO_DEEP),
    "deep and unclosed": (b"[" * 100_000, ErrorCode.NESTED_TOO_DEEP),
    "deep, with a pair of surrogates": (
        b'{"a":' * 3_000 + b'"\xf0\x9f\x98\x80"' + b"}" * 3_000,
        ErrorCode.NESTED_TOO_DEEP,
    ),
}


@pytest.mark.parametrize(("value", "code"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_exactly_one_json_object_is_refused(value: bytes, code: ErrorCode) -> None:
    """Each way of not being one exact JSON object has its code."""
    assert code_of(value) is code


READ = {
    "largest unsigned integer": (b'{"a":18446744073709551615}', {"a": 18446744073709551615}),
    "smallest integer": (b'{"a": -9223372036854775808}', {"a": -9223372036854775808}),
    "17 digits": (b'{"a":12345678.901234567}', {"a": 12345678.901234567}),
    "zeros do not make a number precise": (b'{"a":1.00000000000000000000}', {"a": 1.0}),
    "a whole decimal": (b'{"a":100000000000000000000.0}', {"a": 1e20}),
    "minus zero": (b'{"a":-0.0}', {"a": -0.0}),
    "largest decimal": (b'{"a":1.7976931348623157e308}', {"a": 1.7976931348623157e308}),
    "a large exponent": (b'{"a":1E+300}', {"a": 1e300}),
    "a small exponent": (b'{"a":1e-300}', {"a": 1e-300}),
    "a pair of surrogates": (b'{"a":"\\ud83d\\ude00"}', {"a": "\U0001f600"}),
    "digits in text": (b'{"a":"0.12345678901234567890123"}', {"a": "0.12345678901234567890123"}),
    "text that looks like members": (b'{"a":"{\\"b\\":1,\\"b\\":2}"}', {"a": '{"b":1,"b":2}'}),
    "blanks everywhere": (b' {\n"a" : [ 1 , {"b"\t: null } ] }\r\n', {"a": [1, {"b": None}]}),
    "equal keys in different objects": (b'{"a":{"k":1},"b":{"k":1}, "k":1}', {"a": {"k": 1}, "b": {"k": 1}, "k": 1}),
    "an empty object": (b"{}", {}),
}


@pytest.mark.parametrize(("value", "document"), READ.values(), ids=READ)
def test_what_is_exact_is_read(value: bytes, document: dict[str, object]) -> None:
    """Whatever fits into 64 bits and has each key once is read as it stands."""
    assert decode(value) == document


def test_a_defect_says_where_the_text_breaks() -> None:
    """The position helps to find the place, without the value."""
    assert decode(b'{"a":tru}') == Defect(ErrorCode.NOT_JSON, "The value is not JSON at character 5.")
    assert decode(b'{"a":"\xff"}') == Defect(ErrorCode.NOT_UTF8, "The value is not UTF-8 at byte 6.")


def test_a_large_value_keeps_its_duplicate_from_nobody() -> None:
    """The quick proofs hold for a megabyte as for ten bytes: one key twice among 50,000 is found."""
    members = [b'"k%d":%d' % (n, n) for n in range(50_000)]
    whole, doubled = b"{%b}" % b", ".join(members), b"{%b}" % b", ".join([*members, b'"k7":7'])
    assert decode(whole) == {f"k{n}": n for n in range(50_000)}
    assert code_of(doubled) is ErrorCode.DUPLICATE_KEY
