"""Which records a refusing answer names: the shapes that are understood, and those that are not believed."""

from __future__ import annotations

import orjson
import pytest

from stream.naming import named_records
from stream.steps import NAMING_POINTERS

RECORDS = ["a", "b", "1", "d/e"]
SHAPES: dict[str, object] = {
    "the contract's": {"errors": [{"index": 1, "id": "b", "message": "no"}]},
    "id only": {"errors": [{"id": "b"}]},
    "index only": {"errors": [{"index": 1}]},
    "null is not said": {"errors": [{"index": 1, "id": None}]},
    "recordId": {"errors": [{"recordId": "b"}]},
    "recordIndex": {"details": [{"recordIndex": 1}]},
    "the record": {"errors": [{"record": {"id": "b", "fields": {}}, "message": "no"}]},
    "a pointer": {"errors": [{"path": "/records/1/fields/name"}]},
    "a path": {"errors": [{"path": "$.records[1].fields", "message": "no"}]},
    "a dotted path": {"errors": [{"pointer": "records.1"}]},
    "a list of ids": {"failedRecords": ["b"]},
    "a list of indices": {"invalidRecords": [1]},
    "a list in the error": {"error": {"code": 7, "details": [{"index": 1}]}},
    "one error": {"error": {"recordId": "b", "message": "no"}},
    "the whole": {"message": "no", "recordId": "b"},
    "a list and nothing else": [{"id": "b"}],
    "said twice": {"errors": [{"id": "b", "message": "too long"}, {"index": 1, "message": "too late"}]},
    "beside others that say nothing": {"errors": ["no", None, {"message": "no"}, {"id": "b"}, 1.0, True]},
}
NOT_BELIEVED: dict[str, object] = {
    "index and id of two records": {"errors": [{"index": 0, "id": "b"}]},
    "a known index and an unknown id": {"errors": [{"index": 1, "id": "x"}]},
    "a known id and no such index": {"errors": [{"index": 4, "id": "b"}]},
    "path and id of two records": {"errors": [{"path": "/records/0", "id": "b"}]},
    "two ids": {"errors": [{"id": "a", "recordId": "b"}]},
    "an index past the end": {"errors": [{"index": 4}]},
    "a negative index": {"errors": [{"index": -1}]},
    "a truth for an index": {"errors": [{"index": True}]},
    "a float for an index": {"errors": [{"index": 1.0}]},
    "a text for an index": {"errors": [{"index": "1"}]},
    "a number for an id": {"errors": [{"id": 1}]},
    "an unknown id": {"errors": [{"id": "x"}]},
    "a list for an id": {"errors": [{"id": ["b"]}]},
    "only a message": {"errors": [{"message": "b"}]},
    "only an error": {"error": "b"},
    "records that are no errors": {"records": [{"id": "b"}]},
    "a path to no record": {"errors": [{"path": "/fields/1"}, {"path": "/records/"}, {"path": "/records/-1"}]},
    "nothing": {},
    "a number": 1,
    "empty": {"errors": []},
}


def names(document: object, *pointers: str) -> dict[str, int | None]:
    """Read an answer of this document."""
    return named_records(orjson.dumps(document), RECORDS, pointers or NAMING_POINTERS)


@pytest.mark.parametrize("document", SHAPES.values(), ids=SHAPES)
def test_plausible_shapes_name_the_record(document: object) -> None:
    """By index, by id, by a path into the request, alone or in a list; all that is said means `b`."""
    assert names(document) == {"b": None}


@pytest.mark.parametrize("document", NOT_BELIEVED.values(), ids=NOT_BELIEVED)
def test_what_does_not_mean_one_record_of_the_request_names_none(document: object) -> None:
    """A contradiction names neither: believing one of them could reject a good record."""
    assert names(document) == {}


@pytest.mark.parametrize("body", [None, b"", b"{", b"<html>", b"\xff", b"[" * 5_000])
def test_a_body_that_cannot_be_read_names_nobody(body: bytes | None) -> None:
    """It is as if there were none."""
    assert named_records(body, RECORDS, NAMING_POINTERS) == {}


def test_several_records_may_be_named_and_the_unbelievable_left_out() -> None:
    """Each entry is judged by itself."""
    found = names({"errors": [{"index": 3}, {"index": 0, "id": "b"}, {"id": "1"}, {"index": 9}]})
    assert found == {"d/e": None, "1": None}


def test_a_text_is_an_id_and_never_an_index() -> None:
    """The record with the id `1` stands at index 2."""
    assert names({"failedRecords": ["1"]}) == {"1": None}
    assert names({"failedRecords": [1]}) == {"b": None}


@pytest.mark.parametrize(
    ("told", "version"), [(0, 0), (7, 7), (None, None), (-1, None), (True, None), ("7", None), (7.0, None)]
)
def test_the_current_version_is_a_whole_number(told: object, version: int | None) -> None:
    """Anything else is not known; the record is named all the same."""
    assert names({"errors": [{"index": 1, "id": "b", "currentVersion": told}]}) == {"b": version}


def test_the_version_is_taken_from_whichever_entry_tells_it() -> None:
    """A record may be named twice, once without."""
    assert names({"errors": [{"id": "b"}, {"id": "b", "currentVersion": 4}, {"id": "b"}]}) == {"b": 4}


def test_the_first_place_that_names_somebody_counts() -> None:
    """Places are looked at in their order; one that says nothing is passed over."""
    document = {"errors": ["no"], "details": [{"id": "a"}], "failedRecords": [{"id": "b"}]}
    assert names(document) == {"a": None}


def test_the_places_are_json_pointers() -> None:
    """Members with a slash or a tilde can be reached; a place that is not there names nobody."""
    document = {"x": {"bad/records": {"~": [{"id": "b"}]}}}
    assert names(document, "/x/bad~1records/~0") == {"b": None}
    assert names(document, "/x/y/z", "/x/0") == {}
    assert names({"rejected": [{"id": "b"}]}) == {}
    assert names({"rejected": [{"id": "b"}]}, "/rejected") == {"b": None}
