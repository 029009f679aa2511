"""How a case becomes another one: changes that know what JSON and hostile input are made of. Pure, by its own dice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .seeds import WORDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

MAX_CASE_BYTES: Final = 8_192
_HOW_MANY_CHANGES: Final = (1, 1, 1, 2, 3, 6)
_MOST_REPEATS: Final = 300
_NESTS: Final = ((b"[", b"]"), (b'{"a":', b"}"), (b'{"a": [', b"]}"))


def mutate(case: bytes, other: bytes, rng: Random) -> bytes:
    """Change a case in a few places.

    Args:
        case: to change.
        other: lends pieces.
        rng: decides everything.

    Returns:
        Another case, of at most `MAX_CASE_BYTES`.
    """
    for _ in range(rng.choice(_HOW_MANY_CHANGES)):
        case = rng.choice(_CHANGES)(case, other, rng)[:MAX_CASE_BYTES]
    return case


def _span(case: bytes, rng: Random) -> tuple[int, int]:
    begin = rng.randint(0, len(case))
    return begin, min(len(case), begin + int(rng.expovariate(0.2)))


def _byte(case: bytes, _other: bytes, rng: Random) -> bytes:
    at = rng.randint(0, len(case))
    return case[:at] + bytes([rng.randrange(256)]) + case[at + 1 :]


def _word(case: bytes, _other: bytes, rng: Random) -> bytes:
    begin, end = _span(case, rng)
    return case[:begin] + rng.choice(WORDS) + case[rng.choice((begin, end)) :]


def _cut(case: bytes, _other: bytes, rng: Random) -> bytes:
    begin, end = _span(case, rng)
    return case[:begin] + case[end:]


def _repeat(case: bytes, _other: bytes, rng: Random) -> bytes:
    begin, end = _span(case, rng)
    return case[:begin] + case[begin:end] * rng.choice((2, 2, 2, 20, _MOST_REPEATS)) + case[end:]


def _nest(case: bytes, _other: bytes, rng: Random) -> bytes:
    begin, end = _span(case, rng)
    left, right = rng.choice(_NESTS)
    depth = rng.choice((1, 2, 20, 120, 253, 254, 255, 1_024))
    return case[:begin] + left * depth + case[begin:end] + right * depth + case[end:]


def _lend(case: bytes, other: bytes, rng: Random) -> bytes:
    begin, end = _span(case, rng)
    first, last = _span(other, rng)
    return case[:begin] + other[first:last] + case[end:]


_CHANGES: Final[tuple[Callable[[bytes, bytes, Random], bytes], ...]] = (
    _byte,
    _word,
    _word,
    _cut,
    _repeat,
    _nest,
    _lend,
)
