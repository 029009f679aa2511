"""The fuzzer that watches which branches a case takes: Atheris, where its package can be had (Linux on x86-64)."""

from __future__ import annotations

import sys
from random import Random
from typing import TYPE_CHECKING, Final

import atheris

from .mutate import MAX_CASE_BYTES, mutate
from .seeds import WORDS, seeds

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_TIMEOUT_S: Final = 10
_MEMORY_MIB: Final = 2_048
_OURS: Final = 0.5
"""Share of changes by `mutate`; the others are libFuzzer's own."""


def guide(make_hold: Callable[[], Callable[[bytes], str]], directory: Path, seed: int, *, for_s: int) -> None:
    """Fuzz until a promise breaks or the time is over; then end the process, with 1 or 0.

    Args:
        make_hold: imports the code under test and gives the target, so that its branches can be watched.
        directory: keeps the cases that took new branches, and the one that broke a promise.
        seed: of the dice.
        for_s: how long, in seconds.
    """
    corpus, first = directory / "corpus", directory / "seeds"
    for folder in (corpus, first):
        folder.mkdir(parents=True, exist_ok=True)
    for number, case in enumerate(seeds()):
        (first / f"{number:03}").write_bytes(case)
    words = directory / "words"
    words.write_text("".join('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n' for word in WORDS))
    with atheris.instrument_imports(include=["stream"]):
        hold = make_hold()

    def one(case: bytes) -> None:
        hold(case)

    options = [
        *(f"-max_total_time={for_s}", f"-seed={seed}", f"-max_len={MAX_CASE_BYTES}", f"-dict={words}"),
        *(f"-timeout={_TIMEOUT_S}", f"-rss_limit_mb={_MEMORY_MIB}", f"-artifact_prefix={directory}/"),
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus), str(first)], one, custom_mutator=_change)
    atheris.Fuzz()


def _change(case: bytes, max_bytes: int, seed: int) -> bytes:
    rng = Random(seed)
    if rng.random() < _OURS:
        return mutate(case, rng.choice(_SEEDS), rng)[:max_bytes]
    changed: bytes = atheris.Mutate(case, max_bytes)
    return changed


_SEEDS: Final = seeds()
