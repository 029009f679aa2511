"""The fast way of reading events finds what the full way finds, for whatever bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.intake import Unfit

from ..builders import ASSIGNMENT, intake, message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stream.intake import Intake
    from stream.model import Event, Message

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False), st.text(max_size=5)
)
fields = st.dictionaries(st.text(max_size=3), st.one_of(scalars, st.lists(scalars, max_size=2)), min_size=1, max_size=3)
fit = {
    "dataStoreId": st.sampled_from(["people", "a", "b", "example"]),
    "id": st.sampled_from(["r1", "r2", "\u00fc\U0001f600"]),
    "fields": fields,
    "version": st.sampled_from([0, 1, 2.0, 7]),
    "checksum": st.just("abc"),
    "updateType": st.sampled_from(["UPSERT", "UPDATE"]),
    "conflictResolution": st.sampled_from(["FAIL", "IGNORE"]),
}
unfit = {
    "dataStoreId": st.sampled_from(["", "no/name"]),
    "id": scalars,
    "fields": st.just({}),
    "version": st.sampled_from([1.5, -1, "1"]),
    "checksum": st.just(1),
    "updateType": st.just("upsert"),
    "conflictResolution": st.just(""),
    "more": st.just(1),
}
REQUIRED = ["dataStoreId", "id", "fields"]


@st.composite
def values(draw: st.DrawFn) -> bytes:
    """Write a value that is nearly always nearly an event: its members in any order, compact or not, or damaged."""
    names = [*REQUIRED, *draw(st.sampled_from([[], ["version"], ["checksum", "version"], ["updateType"], [*fit][3:]]))]
    if draw(st.booleans()):
        names = draw(st.permutations(names))[draw(st.sampled_from([0, 0, 0, 1])) :]
    document = {name: draw(fit[name]) for name in names}
    if draw(st.integers(0, 5)) == 0:
        name = draw(st.sampled_from([*unfit]))
        document[name] = draw(unfit[name])
    value = orjson.dumps(document, option=draw(st.sampled_from([0, 0, 0, orjson.OPT_INDENT_2])))
    damage = draw(st.sampled_from([*["none"] * 12, "cut", "twice", "digits"]))
    if damage == "cut":
        return value[: draw(st.integers(0, len(value)))]
    if damage == "twice":
        return value.replace(b'"id":', b'"id":"x","id":', 1)
    if damage == "digits":
        return value.replace(b":1", b":1.00000000000000000001", 1)
    return value


def in_full(reader: Intake, messages: Sequence[Message], *, suspect: bool) -> list[Event | Unfit]:
    """Read each message by itself, in the full way."""
    return [reader.read(each, ASSIGNMENT, 1.0, suspect=suspect) for each in messages]


def comparable(found: Event | Unfit) -> object:
    """Take an event apart: a record counts by its content, for the fast way keeps the members' order of the value."""
    if isinstance(found, Unfit):
        return found
    record = orjson.dumps(orjson.loads(found.record), option=orjson.OPT_SORT_KEYS)
    return found._replace(record=record, size_bytes=0)


@settings(max_examples=300)
@given(
    written=st.lists(st.one_of(values(), st.none(), st.binary(max_size=10)), max_size=12),
    key=st.one_of(st.none(), st.binary(max_size=5)),
    headers=st.sampled_from([None, [], [("traceparent", b"x"), ("a", None)]]),
    default=st.sampled_from([None, "people"]),
    suspect=st.booleans(),
)
def test_read_all_is_read(
    written: list[bytes | None],
    key: bytes | None,
    headers: list[tuple[str, bytes | None]] | None,
    default: str | None,
    *,
    suspect: bool,
) -> None:
    """Each message gives the same event or the same defect, also when its form was learned just before."""
    messages = [message(value, offset=n)._replace(key=key, headers=headers) for n, value in enumerate(written)]
    reader, other = intake(datastore_id=default), intake(datastore_id=default)
    expected = in_full(other, messages, suspect=suspect)
    for _ in range(2):
        found = reader.read_all(messages, ASSIGNMENT, 1.0, suspect=suspect)
        assert [comparable(each) for each in found] == [comparable(each) for each in expected]
        for fast, full in zip(found, expected, strict=True):
            if not isinstance(fast, Unfit) and not isinstance(full, Unfit):
                assert abs(fast.size_bytes - full.size_bytes) == abs(len(fast.record) - len(full.record))


def test_most_events_are_read_in_the_fast_way() -> None:
    """Once its form is known, a compact event is found without the full way."""
    reader = intake()
    value = b'{"dataStoreId":"people","id":"r1","fields":{"a":1}}'
    reader.read(message(value), ASSIGNMENT, 1.0, suspect=False)
    (found,) = reader.usual.read([message(value)], ASSIGNMENT, 1.0, suspect=False)
    assert found is not None
    assert found.record == b'{"id":"r1","fields":{"a":1}}'
