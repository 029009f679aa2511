r"""Envelopes of the usual form, read without reading all of them: most of an envelope says where the change came from.

An envelope in the order of Debezium's converters is `{"before":…,"after":ROW,"source":…}`, and behind the row hardly
anything but digits differs from one event of a table to the next. So the bytes behind the row, with every digit made a
0, are looked up among those of events that were read in full. It proves as much as reading them does:

- A row is a JSON object by itself, so it ends where it is said to end.
- Equal up to digits is equal in structure, in names and in all texts without digits; texts with digits that choose the
  rule are compared as they stand; no number begins with a 0 where it could not; there are no `\u` escapes.
- The row serialises back to its own bytes, so that it hides nothing (see `decode`).

What is not certain here is left to the full way.
"""

from __future__ import annotations

import re
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from .compiled import CREATES
from .wrapper import HEAD

if TYPE_CHECKING:
    from collections.abc import Callable

    from .compiled import CompiledRule
    from .result import Delta
    from .wrapper import Wrappers

MAX_FORMS = 1_024
"""For each topic: tables, operations, and how many digits their numbers have."""
MAX_TAIL_BYTES = 4_096

_NO_BEFORE = b'{"before":null,"after":{'
_WITHOUT_BEFORE = len(_NO_BEFORE) - 1
_BEFORE = b'{"before":{'
_AFTER = b',"after":{'
_BEHIND = b'},"source":{'
_DIGITS_TO_ZERO = bytes.maketrans(b"123456789", b"000000000")
_ZERO = ord("0")
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|-?(\d\d+)')
_CHOOSING = ("connector", "db", "schema", "table")
_UNSTEADY = (b"\\u", b'"query":"')
"""An escape whose digits make another character; a text that is another one in each event."""


class Form(NamedTuple):
    """What lies behind the rows of one table and operation.

    `firsts` takes the first digits of the numbers with several; `texts` are the ones with digits that choose the rule,
    and where they stand.
    """

    rule: CompiledRule
    creates: bool
    firsts: Callable[[bytes], Any]
    texts: tuple[tuple[int, bytes], ...]


class UsualForms:
    """The forms that one topic's envelopes have."""

    def __init__(self, values: Wrappers) -> None:
        """Begin with none.

        Args:
            values: the schemas that the topic's values have brought.
        """
        self._values = values
        self._forms: dict[bytes, Form] = {}

    def read(self, key: bytes | None, value: bytes) -> Delta | None:
        """Read an envelope of a known form; None where it must be read in full."""
        schema = None
        if value.startswith(HEAD):
            stripped = self._values.strip(value)
            if stripped is None:
                return None
            value, schema = stripped
        begin = _WITHOUT_BEFORE if value.startswith(_NO_BEFORE) else _row_begin(value)
        end = value.find(_BEHIND, begin) + 1
        if not 0 < begin < end:
            return None
        tail = value[end:]
        form = self._forms.get(tail.translate(_DIGITS_TO_ZERO))
        if form is None or _ZERO in form.firsts(tail):
            return None
        for at, text in form.texts:
            if not tail.startswith(text, at):
                return None
        row_text = value[begin:end]
        row = _object(row_text)
        return None if row is None else form.rule.row_change(row, row_text, schema, key, creates=form.creates)

    def learn(self, value: bytes, change: dict[str, Any], rule: CompiledRule) -> None:
        """Take note of the form of an envelope that was read in full.

        Args:
            value: as it came.
            change: the envelope, decoded.
            rule: that is for it.
        """
        stripped = self._values.strip(value)
        if stripped is None:
            return
        envelope = stripped[0]
        begin = _row_begin(envelope)
        end = envelope.find(_BEHIND, begin) + 1
        tail = envelope[end:]
        if not 0 < begin < end or len(tail) > MAX_TAIL_BYTES or any(each in tail for each in _UNSTEADY):
            return
        if _object(envelope[begin:end]) != change["after"]:
            return
        texts = _choosing_texts(tail, change["source"])
        if texts is None:
            return
        if len(self._forms) >= MAX_FORMS:
            self._forms.clear()
        creates = change["op"] in CREATES
        self._forms[tail.translate(_DIGITS_TO_ZERO)] = Form(rule, creates, _firsts(tail), texts)


def _row_begin(envelope: bytes) -> int:
    """Find where the row begins; 0 where the envelope is not of the usual order, or `before` is no object by itself."""
    if envelope.startswith(_NO_BEFORE):
        return _WITHOUT_BEFORE
    if not envelope.startswith(_BEFORE):
        return 0
    end = envelope.find(_AFTER)
    before = envelope[len(_BEFORE) - 1 : max(end, 0)]
    return end + len(_AFTER) - 1 if _object(before) is not None else 0


def _object(text: bytes) -> dict[str, Any] | None:
    """Read an object that is written as orjson would write it: then it hides nothing."""
    try:
        found = orjson.loads(text)
        return found if type(found) is dict and orjson.dumps(found) == text else None
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return None


def _firsts(tail: bytes) -> Callable[[bytes], Any]:
    places = [token.start(1) for token in _TOKEN.finditer(tail) if token[1]]
    return itemgetter(*places) if len(places) > 1 else (lambda text: [text[at] for at in places])


def _choosing_texts(tail: bytes, source: dict[str, Any]) -> tuple[tuple[int, bytes], ...] | None:
    """Find the texts that choose the rule, where they hold digits; None where one cannot be found for certain."""
    found: list[tuple[int, bytes]] = []
    for name in _CHOOSING:
        member = orjson.dumps({name: source.get(name)})[1:-1]
        if not any(map(str.isdecimal, member.decode())):
            continue
        if tail.count(member) != 1:
            return None
        found.append((tail.index(member), member))
    return tuple(found)
