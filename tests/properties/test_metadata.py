"""The metadata codec, for any set and any text."""

from __future__ import annotations

import base64
import binascii

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from stream.metadata import (
    MAX_BITMAP_SPAN,
    MAX_IN_RUNS,
    MAX_SETTLED_CHARACTERS,
    MAX_SPARSE_EVENTS,
    OffsetMetadata,
    UnreadableMetadataError,
    decode,
    encode,
)

NONCE_CHARACTERS = 16
BROKER_LIMIT = 4_095

runs = st.lists(st.tuples(st.integers(0, 400), st.integers(1, 400)), max_size=120)
far = st.lists(st.tuples(st.integers(0, 2**34), st.just(1)), max_size=MAX_SPARSE_EVENTS)


def spread(gaps_and_lengths: list[tuple[int, int]], committed: int) -> tuple[int, ...]:
    """List the offsets of runs: each a gap, then so many."""
    offsets: list[int] = []
    position = committed
    for gap, length in gaps_and_lengths:
        offsets += range(position + gap, position + gap + length)
        position += gap + length
    return tuple(offsets)


def within_the_window(settled: tuple[int, ...], committed: int) -> bool:
    """Whether the ledger's bounds allow this set."""
    return len(settled) <= MAX_SPARSE_EVENTS or settled[-1] - committed < MAX_BITMAP_SPAN


committed_offsets = st.one_of(st.just(0), st.integers(0, 2**62))
written = st.builds(
    OffsetMetadata,
    clean=st.booleans(),
    nonce=st.text("0123456789abcdef", min_size=NONCE_CHARACTERS, max_size=NONCE_CHARACTERS),
    since_ms=st.integers(0, 2**42),
)


@given(written, committed_offsets, st.one_of(runs, far))
def test_any_set_comes_back_and_an_admitted_one_fits(
    plain: OffsetMetadata, committed: int, shape: list[tuple[int, int]]
) -> None:
    """Whatever the ledger may hold is read again as it was written, within the broker's limit."""
    settled = spread(shape, committed)
    what = OffsetMetadata(plain.clean, plain.nonce, plain.since_ms, settled)
    text = encode(what, committed)
    assert decode(text, committed) == what
    assert text.isascii()
    if within_the_window(settled, committed):
        assert len(text.split(";")[4]) <= MAX_SETTLED_CHARACTERS
        assert len(text) <= BROKER_LIMIT


@given(written, st.one_of(runs, far), st.data())
def test_a_changed_text_is_not_believed(
    plain: OffsetMetadata, shape: list[tuple[int, int]], data: st.DataObject
) -> None:
    """One character changed, put in or lost, or the end cut off: each is noticed."""
    text = encode(OffsetMetadata(plain.clean, plain.nonce, plain.since_ms, spread(shape, 7)), 7)
    at = data.draw(st.integers(0, len(text) - 1), label="at")
    other = data.draw(st.characters(exclude_categories=()), label="other")
    changed = data.draw(
        st.sampled_from(
            [
                text[:at],
                text[:at] + text[at + 1 :],
                text[:at] + other + text[at:],
                other.join((text[:at], text[at + 1 :])),
            ]
        ),
        label="changed",
    )
    assume(changed != text)
    with pytest.raises(UnreadableMetadataError):
        decode(changed, 7)


@given(
    st.one_of(st.text(), st.text(st.characters(exclude_categories=())), st.text(";1rc0123456789abcdef=/+", max_size=80))
)
def test_any_text_is_refused_with_the_one_error(text: str) -> None:
    """Nothing that somebody else may have written raises anything else."""
    with pytest.raises(UnreadableMetadataError):
        decode(text, 7)


hostile_gaps = st.sampled_from([0, 1, 127, 128, 16_384, 2**20, 2**40, 2**70])
hostile_lengths = st.sampled_from([0, 1, 127, 128, 16_384, 2**18, 2**20, 2**21])
hostile_runs = st.lists(st.tuples(hostile_gaps, hostile_lengths), max_size=20)


def leb128(number: int) -> bytes:
    """Write a number as the runs hold it."""
    groups = [number >> shift & 0x7F for shift in range(0, max(number.bit_length(), 1), 7)]
    return bytes([*(group | 0x80 for group in groups[:-1]), groups[-1]])


hostile_data = st.one_of(
    st.binary(max_size=4), hostile_runs.map(lambda runs: b"".join(leb128(gap) + leb128(length) for gap, length in runs))
)
hostile_parts = st.builds(
    lambda form, data: form + base64.b64encode(data).decode(), st.sampled_from(["b", "r"]), hostile_data
)


@settings(max_examples=150)
@given(
    st.tuples(
        st.sampled_from(["1", "0", ""]),
        st.sampled_from(["r", "c", "", "rc"]),
        st.text("0123456789abcdef \x00", max_size=20),
        st.one_of(st.integers(-5, 2**80).map(str), st.text(st.characters(codec="ascii"), max_size=5)),
        st.one_of(st.just(""), hostile_parts, st.text(st.characters(codec="ascii"), max_size=20)),
    )
)
def test_a_hostile_text_with_a_right_checksum_is_bounded(parts: tuple[str, ...]) -> None:
    """Even a text that was made to deceive gives bounded metadata or the one error."""
    body = ";".join(parts)
    try:
        read = decode(f"{body};{binascii.crc32(body.encode()):08x}", 7)
    except UnreadableMetadataError:
        return
    assert len(read.settled) <= MAX_IN_RUNS
    assert all(offset >= 7 for offset in read.settled)
    assert list(read.settled) == sorted(set(read.settled))
