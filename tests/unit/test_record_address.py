"""Where a record is read back: no id can leave its segment of the path."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

import httpx
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from stream.record_address import is_readable, record_address

if TYPE_CHECKING:
    from collections.abc import Iterator

PATH = "/api/v2/datastores/{dataStoreId}/records/{recordId}"
IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=256)


def test_each_id_is_encoded_as_one_segment() -> None:
    """Slashes, dots between them, percent signs, queries, placeholders and letters of any script."""
    address = record_address("/a/{dataStoreId}/r/{recordId}", "a-b.c", "x/../{dataStoreId}?&#%2Fé")
    assert address == "/a/a-b.c/r/x%2F..%2F%7BdataStoreId%7D%3F%26%23%252F%C3%A9"


def test_the_placeholders_may_stand_in_any_order() -> None:
    """A path of one's own is filled wherever it has them, around other text too."""
    assert record_address("/r/{recordId};of={dataStoreId}", "store", "{recordId}") == "/r/%7BrecordId%7D;of=store"


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    """A client whose API lies below a path."""
    with httpx.Client(base_url="https://api.example/prefix") as one:
        yield one


@given(record_id=IDS)
@example(record_id="...")
@example(record_id="%2e%2e")
@example(record_id="a" * 256)
@example(record_id="\U0001f600\x00\r\n")
def test_any_id_arrives_as_it_is(http: httpx.Client, record_id: str) -> None:
    """What the HTTP client puts on the wire has the path's own segments, and the last one is the id."""
    assume(is_readable("store", record_id))
    request = http.build_request("GET", record_address(PATH, "store", record_id))
    segments = request.url.raw_path.decode("ascii").split("/")
    assert segments[:-1] == ["", "prefix", "api", "v2", "datastores", "store", "records"]
    assert unquote(segments[-1], errors="strict") == record_id


@pytest.mark.parametrize(("datastore_id", "record_id"), [("s", "."), ("s", ".."), (".", "r"), ("..", "r")])
def test_an_id_that_clients_fold_has_no_address(datastore_id: str, record_id: str) -> None:
    """One dot or two name another path, and encoding does not help; nobody may ask for such a record."""
    assert not is_readable(datastore_id, record_id)
    with pytest.raises(ValueError, match="dots"):
        record_address(PATH, datastore_id, record_id)
