"""Where fuzzing begins: the messages that the integration tests send, and the words that bad input is made of."""

from __future__ import annotations

from typing import Final

from ..integration.message_cases import BAD, GOOD
from .case import NULL, SEPARATOR, case_of

MAX_SEED_BYTES: Final = 2_048

WORDS: Final = (
    *(b'"dataStoreId":', b'"id":', b'"version":', b'"fields":', b'"updateType":', b'"conflictResolution":'),
    *(b'"checksum":', b'"example"', b'"people"', b'"UPSERT"', b'"UPDATE"', b'"OVERWRITE"', b'"FAIL"', b'"IGNORE"'),
    *(b'"tier":"gold"', b'"balance":', b'"email":"a@b.ch"', b'"updatedAt":"2031-01-01T00:00:00Z"', b'"../"', b'"."'),
    *(b"true", b"false", b"null", b"NaN", b"-Infinity", b"0", b"-0", b"-1", b"1.0", b"1e999", b"1e-999", b"5e-324"),
    *(b"18446744073709551615", b"18446744073709551616", b"-9223372036854775808", b"-9223372036854775809"),
    *(b"9223372036854775807", b"9223372036854775808", b"0.12345678901234567", b"0.123456789012345678"),
    *(b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b'":', b'\\":', b"\\u0061", b"\\ud83d\\ude00", b"\\ud800"),
    *(
        b"\\u0000",
        b"\x00",
        b"\x7f",
        b" ",
        b"\t",
        b"\r\n",
        b"\xef\xbb\xbf",
        b"\xed\xa0\x80",
        b"\xc0\xaf",
        b"\xf0\x9f\x98\x80",
    ),
    *(SEPARATOR, SEPARATOR + NULL, b"traceparent", b"tracestate", b"00-", b"ff-", b"content-type", b"ce_id"),
)


def seeds() -> list[bytes]:
    """Return the cases that a fuzzer starts from, the large ones left out."""
    cases = [
        case_of(case.value, case.key, [(name.encode(), content) for name, content in case.headers])
        for case in {**BAD, **GOOD}.values()
    ]
    return [case for case in cases if len(case) <= MAX_SEED_BYTES]
