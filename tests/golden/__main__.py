"""Writes the expectations and the guide's generated parts anew."""

from __future__ import annotations

from .cases import HERE, NAMES, results
from .guide import GUIDE, rewrite

for name in NAMES:
    (HERE / f"{name}.expected.jsonl").write_text("".join(f"{line}\n" for line in results(name)), encoding="utf-8")
GUIDE.write_text(rewrite(GUIDE.read_text(encoding="utf-8")), encoding="utf-8")
