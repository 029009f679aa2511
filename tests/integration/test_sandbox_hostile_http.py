"""The CXone stand-in refusing in many words or few, answering without end, and changing its one client."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any

import pytest

from stream.sandbox.cxone import Sandbox
from stream.sandbox.faults import Fault

from .sandbox_calls import Caller, record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stream.sandbox.faults import Names

BAD = {"_refuse": True}
"""Fields that the stand-in takes for bad data."""
MESSAGE = "the fields are refused"


@pytest.fixture
def caller() -> Iterator[Caller]:
    """A client, with a token already, of a stand-in of its own."""
    with Sandbox() as sandbox, Caller(sandbox) as one:
        one.headers()
        yield one
        assert sandbox.violations == []


def _refusal(caller: Caller) -> Any:  # noqa: ANN401 - any JSON
    answer = caller.execute(record("a"), {"id": "b", "fields": BAD}, record("c"), {"id": "d", "fields": BAD})
    assert answer.status_code == 400
    return answer.json()


@pytest.mark.parametrize(
    ("names", "first"),
    [
        ("full", {"index": 1, "id": "b", "message": MESSAGE}),
        ("bare", {"index": 1, "id": "b"}),
        ("index", {"index": 1, "message": MESSAGE}),
        ("id", {"id": "b", "message": MESSAGE}),
        ("wrong", {"index": 1001, "id": "no such record", "message": MESSAGE}),
    ],
)
def test_a_refusal_names_its_records_in_many_ways(caller: Caller, names: Names, first: dict[str, Any]) -> None:
    """By index, by id, by both, by neither's truth; the count is that of the bad records."""
    caller.sandbox.faults.add(Fault("names", names=names))
    refusal = _refusal(caller)
    assert (refusal["error"], len(refusal["errors"]), refusal["errors"][0]) == ("bad data", 2, first)


def test_a_refusal_may_name_nobody_or_elsewhere(caller: Caller) -> None:
    """`none` leaves only `error`; a pointer puts the names anywhere; a fault for one request leaves the next alone."""
    caller.sandbox.faults.add(Fault("names", names="none", next_requests=1))
    caller.sandbox.faults.add(Fault("names", names_at="/error/details", next_requests=1))
    nobody, elsewhere, usual = (_refusal(caller) for _ in range(3))
    assert nobody == {"error": "bad data"}
    assert [one["id"] for one in elsewhere["error"]["details"]] == ["b", "d"]
    assert [one["id"] for one in usual["errors"]] == ["b", "d"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [("full", {"index": 0, "id": "a", "currentVersion": 1}), ("bare", {"index": 0, "id": "a"})],
)
def test_a_conflict_is_named_the_same_ways(caller: Caller, names: Names, expected: dict[str, Any]) -> None:
    """A 409 follows the same fault, with the version or without."""
    caller.execute(record("a"))
    caller.sandbox.faults.add(Fault("names", names=names))
    answer = caller.execute(record("a", version=7), conflictResolution="FAIL")
    assert (answer.status_code, answer.json()["errors"]) == (409, [expected])


def test_large_requests_alone_can_fail(caller: Caller) -> None:
    """A fault for requests of three records or more is that of an API that is too slow, or small, for them."""
    caller.sandbox.faults.add(Fault("answer", status=500, min_records=3))
    statuses = [caller.execute(*map(record, "abc"[:size])).status_code for size in (1, 2, 3)]
    assert statuses == [200, 200, 500]


def test_an_answer_of_any_size_comes_without_its_length(caller: Caller) -> None:
    """A body is repeated until it is as long as was asked for; its length is not announced."""
    caller.sandbox.faults.add(Fault("answer", status=200, body="abc", size_bytes=200_000, next_requests=1))
    caller.sandbox.faults.add(Fault("answer", status=400, size_bytes=5))
    large, small = (caller.execute(record("a")) for _ in range(2))
    assert large.content == bytes(itertools.islice(itertools.cycle(b"abc"), 200_000))
    assert "content-length" not in large.headers
    assert (small.status_code, small.content) == (400, b"     ")


def test_an_answer_can_drip(caller: Caller) -> None:
    """A body comes byte by byte, in no less time than that takes, and the stand-in serves others meanwhile."""
    caller.sandbox.faults.add(Fault("answer", status=200, body="abcdefgh", drip_s=0.02))
    began_s = time.monotonic()
    assert caller.execute(record("a")).text == "abcdefgh"
    assert time.monotonic() - began_s >= 7 * 0.02


def test_the_client_is_rotated(caller: Caller) -> None:
    """New credentials are the only good ones from then on, while tokens that were given out stay good."""
    rotated = {"client_id": "next", "client_secret": "p&+ü"}
    assert caller.post_faults({"credentials": rotated}).status_code == 200
    assert [caller.ask_token(**form).status_code for form in ({}, rotated)] == [401, 200]
    assert caller.execute(record("a")).status_code == 200
    for wish in ("x", {"client_id": "a"}, {"client_id": "a", "client_secret": 5}):
        assert caller.post_faults({"credentials": wish}).status_code == 400
