"""The status page, put together from its files: one self-contained document, and the policy that it obeys."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parent
_SCRIPTS = ("words.js", "page.js", "connection.js")
"""One script, in this order: how it words and writes, what it shows, where that comes from."""


@dataclass(frozen=True, slots=True)
class Page:
    """The document, and its Content-Security-Policy: these very styles and scripts, and this server to be asked."""

    html: bytes
    policy: str


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def load_page() -> Page:
    """Put the page together."""
    style, script = _read("page.css"), "\n".join(map(_read, _SCRIPTS))
    html = _read("page.html").replace("/* page.css */", style).replace("/* scripts */", script)
    rules = {
        "default-src": "'none'",
        "style-src": _hash(style),
        "script-src": _hash(script),
        "connect-src": "'self'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return Page(html.encode(), "; ".join(f"{name} {value}" for name, value in rules.items()))


PAGE = load_page()
