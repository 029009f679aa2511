"""What a check finds: one line each for people, or a list for programs, never a secret."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

SHORTEST_SECRET = 6
"""Shorter ones would take ordinary words out of a line; no line is made of a credential in the first place."""
REDACTED = "[redacted]"


class State(StrEnum):
    """How a probe ended."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


MARKS = {State.OK: "✓", State.WARNING: "!", State.FAILED: "✗"}
ASCII_MARKS = {State.OK: "ok", State.WARNING: "! ", State.FAILED: "X "}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: `detail` says how it is, `fix` what to do unless it is good."""

    name: str
    state: State
    detail: str
    fix: str = ""


def good(name: str, detail: str) -> Finding:
    """Say that something is as it should be."""
    return Finding(name, State.OK, detail)


def doubtful(name: str, detail: str, fix: str) -> Finding:
    """Say that something works but is probably not meant, or could not be looked at."""
    return Finding(name, State.WARNING, detail, fix)


def bad(name: str, detail: str, fix: str) -> Finding:
    """Say that the service cannot work so."""
    return Finding(name, State.FAILED, detail, fix)


def line(finding: Finding, encoding: str) -> str:
    """Write a finding for people: mark, name, detail, and what to do.

    Args:
        finding: what was found; texts from outside are escaped, so that they make no lines of their own.
        encoding: of the terminal or file; one that has no marks gets words.
    """
    marks = MARKS if _can_write("".join(MARKS.values()), encoding) else ASCII_MARKS
    text = f"{finding.name}: {finding.detail}" + (f"; {finding.fix}" if finding.fix else "")
    printable = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
    return f"{marks[finding.state]} {printable.encode(encoding, 'backslashreplace').decode(encoding)}"


def as_json(findings: Iterable[Finding]) -> str:
    """Write findings for programs: a list of `{name, state, detail, fix}`; `state` is `ok`, `warning` or `failed`."""
    return orjson.dumps(list(findings), option=orjson.OPT_INDENT_2).decode()


def exit_code(findings: Iterable[Finding]) -> int:
    """Return 0 when nothing has failed, else 1 (contract section 6)."""
    return int(any(finding.state is State.FAILED for finding in findings))


def without(finding: Finding, secrets: Collection[str]) -> Finding:
    """Take credentials out of a finding, should a library or a server ever have repeated one."""
    detail, fix = finding.detail, finding.fix
    for secret in secrets:
        if len(secret) >= SHORTEST_SECRET:
            detail, fix = detail.replace(secret, REDACTED), fix.replace(secret, REDACTED)
    return replace(finding, detail=detail, fix=fix)


def _can_write(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
