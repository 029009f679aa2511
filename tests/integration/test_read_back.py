"""A record is read back over real HTTP: the right one, under the token, and never what must not be asked for."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import orjson
import pytest

from stream.answer_body import MAX_ANSWER_BYTES
from stream.sandbox.cxone import Sandbox
from stream.steps import Answer, NoAnswer

from .raw_api import RawApi, answer, client_of, execute, read, says

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stream.cxone import CxoneClient

RECORD_PATH = "/api/v2/datastores/{dataStoreId}/records/{recordId}"
STRANGE_IDS = [
    "a/b",
    "../x",
    "...",
    "%2E%2E",
    "a b+c",
    "?q=1#f",
    "ü/日本",
    "{dataStoreId}",
    "x" * 256,
    "\U0001f600" * 200,
]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """The CXone stand-in, with a record under each strange id."""
    with Sandbox() as one:
        for record_id in STRANGE_IDS:
            one.records.write("people", record_id, {"name": record_id})
        yield one
        assert one.violations == []


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[CxoneClient]:
    """The service's client of it."""
    credentials = ("sandbox-client", "sandbox-secret")
    with client_of(sandbox.base_url, record_path=RECORD_PATH, credentials=lambda: credentials) as one:
        yield one


@pytest.mark.parametrize("record_id", STRANGE_IDS)
def test_a_record_is_read_whatever_its_id(client: CxoneClient, record_id: str) -> None:
    """The record that is asked for is the one that comes, for ids that need encoding too."""
    reply = read(client, record_id)
    assert isinstance(reply, Answer)
    assert (reply.status, orjson.loads(reply.body or b"")) == (
        200,
        {"id": record_id, "version": 1, "fields": {"name": record_id}},
    )


def test_a_record_that_is_not_there_is_an_answer(client: CxoneClient) -> None:
    """404 is told as it came."""
    reply = read(client, "nobody")
    assert isinstance(reply, Answer)
    assert reply.status == 404


def test_what_a_read_looks_like() -> None:
    """The request carries the token and asks for plain JSON; no body, nothing of an execute."""
    with RawApi(says(answer())) as api, client_of(api.base_url) as client:
        read(client, "r/1")
        line, *headers = api.heads[-1].split("\r\n")
    assert line == "GET /stores/people/records/r%2F1 HTTP/1.1"
    assert {header.lower() for header in headers if not header.lower().startswith(("host:", "user-agent:"))} == {
        "accept: application/json",
        "accept-encoding: identity",
        "authorization: bearer abc",
    }


@pytest.mark.parametrize("record_id", [".", ".."])
def test_a_path_that_is_folded_is_not_asked_for(record_id: str) -> None:
    """Ids of dots are never read back, whoever asks: the reply says so, and nothing leaves."""
    with RawApi(says(answer())) as api, client_of(api.base_url) as client:
        reply = read(client, record_id)
        assert api.heads == []
    assert isinstance(reply, NoAnswer)
    assert not reply.doubtful


def test_without_a_read_call_nothing_is_asked_for() -> None:
    """With `CXONE_RECORD_PATH=off` there is no such request."""
    with RawApi(says(answer())) as api, client_of(api.base_url, record_path=None) as client:
        reply = read(client, "r0")
        assert api.heads == []
    assert isinstance(reply, NoAnswer)


def test_a_read_has_the_same_bounds_as_an_execute() -> None:
    """A redirect is not followed, a body beyond 4 MiB is dropped, silence ends at the deadline; none is in doubt."""
    redirect = b"HTTP/1.1 302 Found\r\nLocation: /else\r\nContent-Length: 0\r\n\r\n"
    for text, status, body in ((redirect, 302, b""), (answer(b" " * (MAX_ANSWER_BYTES + 1)), 200, None)):
        with RawApi(says(text)) as api, client_of(api.base_url) as client:
            reply = read(client, "r0")
        assert isinstance(reply, Answer)
        assert (reply.status, reply.body, api.calls("GET")) == (status, body, 1)
    over = threading.Event()
    with RawApi(lambda *_: over.wait(10.0)) as api, client_of(api.base_url, execute_deadline_s=0.3) as client:
        silent = read(client, "r0")
        over.set()
    assert isinstance(silent, NoAnswer)
    assert not silent.doubtful


def test_reads_and_executes_share_a_token() -> None:
    """One call for a token serves both."""
    with RawApi(says(answer(), then_closes=False)) as api, client_of(api.base_url) as client:
        assert isinstance(execute(client), Answer)
        assert isinstance(read(client, "r0"), Answer)
        assert api.calls("POST") == 1
