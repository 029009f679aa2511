"""What stands around an outcome: its key and headers, and the dead letter beside it (contract section 3)."""

from __future__ import annotations

import orjson
import pytest

from stream.codes import ErrorCode
from stream.dead_letter import without_value
from stream.intake import Unfit
from stream.model import (
    Assignment,
    DeadLetter,
    Decided,
    Defect,
    Headers,
    Result,
    Settled,
    TopicPartition,
    Verdict,
    headers_bytes,
    message_bytes,
    position,
)
from stream.outcome import Form, OutcomeWriter
from stream.publisher import MAX_OUTCOME_HEADERS_BYTES
from stream.replayed import ATTEMPT, SOURCE

from ..builders import ASSIGNMENT, TIMESTAMP, batch, event, message
from ..outcome_schema import assert_outcomes_valid

PLAIN = Form("a-group", cloudevents=False, dead_letters=False)
WITH_LETTERS = Form("a-group", cloudevents=False, dead_letters=True)
DEFECT = Defect(ErrorCode.ENVELOPE_INVALID, "the value is wrong", "/id")
TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def of_batch(verdict: Verdict, form: Form = PLAIN) -> Settled:
    """Write the outcome of a request with one record."""
    request = batch()
    (settled,) = OutcomeWriter(form).of_batch(Decided(request, verdict, request.events), TIMESTAMP)
    assert_outcomes_valid([orjson.loads(settled.value)])
    return settled


def of_unfit(*, headers: Headers | None = None, form: Form = PLAIN, key: bytes | None = b"k") -> Settled:
    """Write the outcome of a message that is no event."""
    came = message(b"{", offset=7, key=key, headers=headers)
    settled = OutcomeWriter(form).of_unfit(came, ASSIGNMENT, Unfit(Result.INVALID, DEFECT), TIMESTAMP)
    assert_outcomes_valid([orjson.loads(settled.value)])
    return settled


POSITION = b"deltas/0/7"


@pytest.mark.parametrize(
    ("key", "kept"),
    [
        (b"k", b"k"),
        (b"", b""),
        (b"\x00\xff\xfe", b"\x00\xff\xfe"),
        (None, POSITION),
        (b"x" * 65_536, b"x" * 65_536),
        (b"x" * 65_537, POSITION),
    ],
    ids=["text", "empty", "binary", "null", "64 KiB", "more"],
)
def test_the_key_is_the_inputs_or_its_position(key: bytes | None, kept: bytes) -> None:
    """Byte for byte, but null and huge keys become `{topic}/{partition}/{offset}`."""
    settled = of_unfit(key=key)
    assert settled.key == kept
    assert settled.position == POSITION
    fit = batch(event("a")._replace(message=message(key=key, offset=7)))
    applied = Decided(fit, Verdict(Result.APPLIED, 200, 1.0, 1), fit.events)
    assert [each.key for each in OutcomeWriter(PLAIN).of_batch(applied, TIMESTAMP)] == [kept]


CONTEXT: dict[str, tuple[Headers, Headers]] = {
    "none": ([], []),
    "parent": ([("traceparent", TRACE)], [("traceparent", TRACE)]),
    "parent and state": (
        [("tracestate", b"a=1"), ("traceparent", TRACE)],
        [("traceparent", TRACE), ("tracestate", b"a=1")],
    ),
    "state alone": ([("tracestate", b"a=1")], []),
    "null": ([("traceparent", None)], []),
    "capitals": ([("traceparent", TRACE.upper())], []),
    "version ff": ([("traceparent", b"ff" + TRACE[2:])], []),
    "no trace": ([("traceparent", b"00-" + b"0" * 32 + TRACE[35:])], []),
    "no span": ([("traceparent", TRACE[:36] + b"0" * 16 + TRACE[52:])], []),
    "short": ([("traceparent", TRACE[:-1])], []),
    "long": ([("traceparent", TRACE + b"-00")], []),
    "line feed at the end": ([("traceparent", TRACE + b"\n")], []),
    "injection": ([("traceparent", TRACE + b"\r\nevil: 1")], []),
    "megabytes": ([("traceparent", b"0" * 2_000_000)], []),
    "state with line feed": ([("traceparent", TRACE), ("tracestate", b"a=1\r\nb: 2")], [("traceparent", TRACE)]),
    "state of 512 bytes": (
        [("traceparent", TRACE), ("tracestate", b"a" * 512)],
        [("traceparent", TRACE), ("tracestate", b"a" * 512)],
    ),
    "state too long": ([("traceparent", TRACE), ("tracestate", b"a" * 513)], [("traceparent", TRACE)]),
    "state empty": ([("traceparent", TRACE), ("tracestate", b"")], [("traceparent", TRACE)]),
    "state null": ([("traceparent", TRACE), ("tracestate", None)], [("traceparent", TRACE)]),
    "others": ([("x", b"1"), ("content-type", b"text/plain")], []),
}


@pytest.mark.parametrize(("headers", "kept"), CONTEXT.values(), ids=CONTEXT)
def test_only_a_well_formed_trace_context_goes_on(headers: Headers, kept: Headers) -> None:
    """W3C trace context as it came; whatever is malformed stops here, and no other header is copied."""
    assert of_unfit(headers=headers).headers == [("content-type", b"application/json"), *kept]


def test_cloudevents_adds_its_attributes() -> None:
    """CloudEvents 1.0, Kafka binding, binary mode."""
    settled = of_unfit(headers=[("traceparent", TRACE)], form=Form("a-group", cloudevents=True, dead_letters=False))
    assert settled.headers == [
        ("content-type", b"application/json"),
        ("traceparent", TRACE),
        ("ce_specversion", b"1.0"),
        ("ce_id", POSITION),
        ("ce_type", b"cxone.delta.executed"),
        ("ce_source", b"/kafka/a-group"),
        ("ce_time", TIMESTAMP.encode()),
    ]


COPYING = Form("a-group", cloudevents=False, dead_letters=False, copied=frozenset({"correlation-id", "tenant"}))
HALF: tuple[str, bytes | None] = ("tenant", b"x" * 2_100)
BINARY_ID = b"\x00\xff\x10\r\n" * 3
COPIED: dict[str, tuple[Headers, Headers]] = {
    "named": ([("tenant", b"a"), ("x", b"1"), ("correlation-id", b"b")], [("tenant", b"a"), ("correlation-id", b"b")]),
    "none of them": ([("x", b"1")], []),
    "another case": ([("Tenant", b"a")], []),
    "again and again": (
        [("tenant", b"a"), ("tenant", b"a"), ("tenant", b"b")],
        [("tenant", each) for each in (b"a", b"a", b"b")],
    ),
    "bytes": ([("correlation-id", BINARY_ID)], [("correlation-id", BINARY_ID)]),
    "null and empty": ([("tenant", None), ("tenant", b"")], [("tenant", None), ("tenant", b"")]),
    "as long as can be": ([("tenant", b"x" * 4_056)], [("tenant", b"x" * 4_056)]),
    "too long": ([("tenant", b"x" * 4_057), ("tenant", b"y")], [("tenant", b"y")]),
    "megabytes": ([("tenant", b"x" * 1_000_000), ("correlation-id", b"y")], [("correlation-id", b"y")]),
    "too long together": (
        [HALF, HALF, ("tenant", b"y")],
        [HALF, ("tenant", b"y")],
    ),
    "too many": ([("tenant", b"%d" % n) for n in range(1_000)], [("tenant", b"%d" % n) for n in range(16)]),
}


@pytest.mark.parametrize(("headers", "kept"), COPIED.values(), ids=COPIED)
def test_headers_that_are_named_are_copied(headers: Headers, kept: Headers) -> None:
    """Byte for byte and in their order, up to a bound; what does not fit is left out whole."""
    assert of_unfit(headers=headers, form=COPYING).headers == [("content-type", b"application/json"), *kept]
    request = batch(event("a")._replace(message=message(headers=headers)))
    verdict = Decided(request, Verdict(Result.APPLIED, 200, 1.0, 1), request.events)
    (settled,) = OutcomeWriter(COPYING).of_batch(verdict, TIMESTAMP)
    assert settled.headers == [("content-type", b"application/json"), *kept]
    assert of_unfit(headers=headers).headers == [("content-type", b"application/json")], "none is named"


def test_copied_headers_stand_beside_all_others_within_the_publishers_allowance() -> None:
    """With the largest of everything the headers stay below what the publisher reserves for them."""
    state = b"a" * 512
    huge: Headers = [("traceparent", TRACE), ("tracestate", state), ("tenant", b"x" * 4_056)]
    huge += [(SOURCE, POSITION), (ATTEMPT, b"9" * 18)]
    partition = TopicPartition("t" * 249, 2**31 - 1)
    came = message(b"{", offset=2**63 - 1, partition=partition, headers=huge)
    form = Form("ä" * 200, cloudevents=True, dead_letters=False, copied=frozenset({"tenant"}))
    unfit = Unfit(Result.INVALID, DEFECT)
    settled = OutcomeWriter(form).of_unfit(came, Assignment(partition, 1), unfit, TIMESTAMP, TRACE)
    assert [name for name, _ in settled.headers] == [
        *("content-type", "traceparent", "ce_traceparent", "ce_tracestate", "tenant"),
        *("ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time"),
    ]
    assert message_bytes(b"", b"", settled.headers) + headers_bytes(LINEAGE) < MAX_OUTCOME_HEADERS_BYTES


LINEAGE: Headers = [(SOURCE, position(TopicPartition("t" * 249, 2**31 - 1), 2**63 - 1)), (ATTEMPT, b"9" * 19)]
"""The largest headers of an event that was replayed."""


REASONS: Headers = [
    ("__connect.errors.topic", b"deltas"),
    ("__connect.errors.partition", b"0"),
    ("__connect.errors.offset", b"7"),
    ("__connect.errors.stage", b"VALUE_CONVERTER"),
    ("__connect.errors.class.name", b"cxone-delta-stream"),
    ("__connect.errors.exception.class.name", b"INVALID"),
    ("__connect.errors.exception.message", b"the value is wrong"),
    ("__cxone.result", b"INVALID"),
    ("__cxone.code", b"envelope_invalid"),
]


@pytest.mark.parametrize("key", [b"\x00k", None, b"x" * 65_537], ids=["binary", "null", "huge"])
@pytest.mark.parametrize("value", [b"{\xff", b"", None], ids=["bytes", "empty", "null"])
def test_a_dead_letter_is_the_input_byte_for_byte(key: bytes | None, value: bytes | None) -> None:
    """Key, value and headers as they came, and then the reasons where Kafka Connect's tools look for them."""
    headers: Headers = [("a", b"1"), ("a", None), ("traceparent", b"junk\r\n")]
    came = message(value, key=key, offset=7, headers=headers)
    settled = OutcomeWriter(WITH_LETTERS).of_unfit(came, ASSIGNMENT, Unfit(Result.INVALID, DEFECT), TIMESTAMP)
    assert settled.dead_letter == DeadLetter(key, value, headers, REASONS)


def test_a_letter_that_is_too_large_keeps_its_reasons() -> None:
    """Key, value and all of the input's headers are left out, those named like ours too, and that is said."""
    huge: Headers = [("mine", b"1"), ("__connect.errors.exception.stacktrace", b"x" * 1000)]
    letter = OutcomeWriter(WITH_LETTERS).of_unfit(
        message(b"x" * 100, offset=7, headers=huge), ASSIGNMENT, Unfit(Result.INVALID, DEFECT), TIMESTAMP
    )
    assert letter.dead_letter is not None
    assert without_value(letter.dead_letter) == DeadLetter(
        None, None, [], [*REASONS, ("__cxone.value.omitted", b"size")]
    )


@pytest.mark.parametrize(
    ("result", "has_letter"),
    [(Result.REJECTED, True), (Result.CONFLICT, True), (Result.INTEGRITY, False), (Result.APPLIED, False)],
)
def test_what_failed_and_was_not_executed_has_a_dead_letter(result: Result, has_letter: bool) -> None:  # noqa: FBT001
    """An executed event is no dead letter: somebody would send it again."""
    defect = None if result.succeeded else Defect(ErrorCode.RECORD_REFUSED, "no", None, 400)
    settled = of_batch(Verdict(result, 400, 1.0, 1, defect), WITH_LETTERS)
    assert (settled.dead_letter is not None) == has_letter
    assert of_batch(Verdict(result, 400, 1.0, 1, defect)).dead_letter is None, "no topic is configured"
    if settled.dead_letter is not None:
        headers = dict(settled.dead_letter.reasons)
        assert headers["__connect.errors.stage"] == b"TASK_PUT"
        assert headers["__cxone.result"] == result.encode()
