"""The text beside a committed offset: its form, its size, and that nothing foreign is believed."""

from __future__ import annotations

import base64
import binascii

import pytest

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

NONCE = "9f3c0123456789ab"
BROKER_LIMIT = 4_095


def plain(*settled: int, clean: bool = False) -> OffsetMetadata:
    """Build metadata with these settled offsets."""
    return OffsetMetadata(clean, NONCE, 1_790_000_000_000, settled)


def sealed(body: str) -> str:
    """Add a right checksum to whatever text."""
    return f"{body};{binascii.crc32(body.encode()):08x}"


def with_settled(form: str, data: bytes) -> str:
    """Write metadata whose settled part is this, with a right checksum."""
    return sealed(f"1;r;{NONCE};5;{form}{base64.b64encode(data).decode()}")


def settled_part(text: str) -> str:
    """Return the part whose length the window bounds."""
    return text.split(";")[4]


def test_the_form_is_the_documented_one() -> None:
    """Another version of this service reads exactly this."""
    assert encode(plain(), 7) == sealed(f"1;r;{NONCE};1790000000000;")
    assert encode(plain(8, clean=True), 7) == sealed(f"1;c;{NONCE};1790000000000;bAg==")
    assert encode(plain(100_000, 100_001), 0) == sealed(f"1;r;{NONCE};1790000000000;roI0GAg==")


def test_the_shorter_form_is_taken() -> None:
    """A few runs cost less as runs, every second offset less as bits."""
    assert len(settled_part(encode(plain(*range(10_000, 10_400)), 0))) == 9
    assert len(settled_part(encode(plain(*range(1, 401, 2)), 0))) == 69


@pytest.mark.parametrize(
    "settled",
    [
        (7,),
        tuple(range(8, 16_392)),
        tuple(range(8, 7 + MAX_BITMAP_SPAN, 2)),
        (6 + MAX_BITMAP_SPAN,),
        (7 + MAX_BITMAP_SPAN,),
        tuple(7 + (1 << 35) * n for n in range(1, MAX_SPARSE_EVENTS + 1)),
        (2**62, 2**62 + 1, 2**63 - 2),
    ],
    ids=["first", "a window", "every second", "end of the bitmap", "past the bitmap", "far apart", "huge"],
)
def test_what_is_written_is_read_again(settled: tuple[int, ...]) -> None:
    """Each set comes back as it was, within the characters that the broker takes."""
    written = encode(plain(*settled), 7)
    assert decode(written, 7) == plain(*settled)
    assert len(settled_part(written)) <= MAX_SETTLED_CHARACTERS
    assert len(written) <= BROKER_LIMIT


def test_the_bitmap_of_the_whole_span_fits() -> None:
    """The span is as many offsets as the characters allow, and not one more."""
    assert len(settled_part(encode(plain(*range(1, MAX_BITMAP_SPAN, 2)), 0))) <= MAX_SETTLED_CHARACTERS
    assert len(settled_part(encode(plain(*range(1, MAX_BITMAP_SPAN + 2, 2)), 0))) > MAX_SETTLED_CHARACTERS


GOOD = encode(plain(9, 11, 12), 7)
FOREIGN = {
    "empty": "",
    "another program's": "processed at 12:00",
    "JSON": '{"version":1}',
    "no checksum": GOOD.rpartition(";")[0],
    "another checksum": GOOD[:-1] + ("0" if GOOD[-1] != "0" else "1"),
    "checksum in capitals": GOOD.rpartition(";")[0] + ";" + GOOD.rpartition(";")[2].upper(),
    "one character changed": GOOD.replace("9f3c", "9f3d"),
    "one character lost": GOOD[1:],
    "cut": GOOD[: len(GOOD) // 2],
    "twice": GOOD + GOOD,
    "a blank": GOOD + " ",
    "not ASCII": GOOD + "\u00e9",
    "a lone surrogate": "\ud800;0",
    "version 2": sealed(f"2;r;{NONCE};5;"),
    "no version": sealed(f";r;{NONCE};5;"),
    "a part too many": sealed(f"1;r;{NONCE};5;;"),
    "a part too few": sealed(f"1;r;{NONCE};5"),
    "another mark": sealed(f"1;x;{NONCE};5;"),
    "no time": sealed(f"1;r;{NONCE};;"),
    "a time of 5000 digits": sealed(f"1;r;{NONCE};{'9' * 5_000};"),
    "another form of settled": sealed(f"1;r;{NONCE};5;xAA=="),
    "broken base64": sealed(f"1;r;{NONCE};5;bA"),
    "foreign base64": sealed(f"1;r;{NONCE};5;b-_=="),
    "an unfinished number": with_settled("r", b"\x01\x80"),
}


@pytest.mark.parametrize("text", FOREIGN.values(), ids=FOREIGN)
def test_what_this_service_did_not_write_is_not_believed(text: str) -> None:
    """Corrupt, cut and foreign text ends in the one error that the start knows how to tell."""
    with pytest.raises(UnreadableMetadataError):
        decode(text, 7)


@pytest.mark.parametrize(
    "data",
    [b"\x00\x80\x80\x80\x01", b"\x00\xff\xff\x1f" * 3, b"\x01" + b"\xff" * 3 + b"\x01"],
    ids=["one run of two millions", "runs of half a million", "a run behind a gap"],
)
def test_hostile_runs_cost_no_memory(data: bytes) -> None:
    """Runs that claim more offsets than any window holds are refused before they are listed."""
    with pytest.raises(UnreadableMetadataError):
        decode(with_settled("r", data), 7)


def test_the_bound_of_runs_is_far_above_a_window() -> None:
    """What a window can hold, and what it inherits, is never refused."""
    assert MAX_IN_RUNS > 2 * 16_384
    assert len(decode(encode(plain(*range(8, 8 + 2 * 16_384)), 7), 7).settled) == 2 * 16_384
