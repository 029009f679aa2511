"""The CXone stand-in misbehaving over real HTTP, what it remembers meanwhile, and its own endpoints."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from stream.sandbox.api import Rules
from stream.sandbox.cxone import Sandbox, SandboxOptions
from stream.sandbox.faults import Fault
from stream.sandbox.tokens import TokenRule

from .sandbox_calls import Caller, eventually, record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def caller() -> Iterator[Caller]:
    """A client, with a token already, of a stand-in of its own."""
    with Sandbox() as sandbox, Caller(sandbox) as one:
        one.headers()
        yield one
        assert sandbox.violations == []


def test_rate_limit_for_the_next_requests(caller: Caller) -> None:
    """429 with the Retry-After that was asked for, for exactly the next two requests, without applying them."""
    caller.sandbox.faults.add(Fault("answer", status=429, retry_after="Fri, 31 Dec 1999 23:59:59 GMT", next_requests=2))
    answers = [caller.execute(record("a")) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert answers[0].headers["retry-after"] == "Fri, 31 Dec 1999 23:59:59 GMT"
    assert [entry.version for entry in caller.sandbox.records.applied()] == [1]


@pytest.mark.parametrize("status", [302, 400, 403, 408, 409, 425, 500, 502, 503, 504, 599])
def test_any_status_can_be_asked_for(caller: Caller, status: int) -> None:
    """A general fault answers any status, without applying the request."""
    caller.sandbox.faults.add(Fault("answer", status=status, headers={"location": "/else"}))
    assert caller.execute(record("a")).status_code == status
    assert caller.sandbox.records.state().applied == 0


def test_fault_of_one_datastore_leaves_others(caller: Caller) -> None:
    """A failing datastore fails alone."""
    caller.sandbox.faults.add(Fault("answer", status=500, data_store_id="people"))
    statuses = [caller.execute(record("a"), dataStoreId=name).status_code for name in ("people", "places")]
    assert statuses == [500, 200]


def test_answer_after_applying_can_be_anything(caller: Caller) -> None:
    """A request can be applied and answered 500, 201 with the true body, or 200 with one that is no JSON."""
    caller.sandbox.faults.add(Fault("answer", status=500, body="oops", applied=True, next_requests=1))
    caller.sandbox.faults.add(Fault("answer", status=201, applied=True, next_requests=1))
    caller.sandbox.faults.add(Fault("answer", status=200, headers={"content-encoding": "x"}, body="<", applied=True))
    answers = [caller.execute(record("a")) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [500, 201, 200]
    assert (answers[0].text, answers[1].json()["records"], answers[2].text) == (
        "oops",
        [{"id": "a", "version": 2}],
        "<",
    )
    assert caller.sandbox.records.state().applied == 3


@pytest.mark.parametrize("applied", [False, True], ids=["before applying", "after applying"])
def test_reset_is_seen_as_a_reset(caller: Caller, applied: bool) -> None:  # noqa: FBT001 -- what the fault calls it
    """A reset cuts the connection without an answer; whether the request was applied is as asked for."""
    caller.execute(record("a"))
    caller.sandbox.faults.add(Fault("reset", applied=applied, next_requests=1))
    with pytest.raises(httpx.ReadError, match="reset by peer"):
        caller.execute(record("a"))
    assert caller.sandbox.records.state().applied == 1 + applied
    eventually(lambda: not caller.sandbox.in_flight)
    last = caller.sandbox.requests[-1]
    assert (last.ending, last.status, last.answered_s, last.applied) == ("reset", None, None, applied)
    assert caller.execute(record("a")).status_code == 200


def test_lost_answer_stays_on_the_wire_until_the_client_gives_up(caller: Caller) -> None:
    """A lost answer: applied, never answered, on the wire until the client's time-out."""
    caller.sandbox.faults.add(Fault("lose", applied=True, next_requests=1))
    with pytest.raises(httpx.ReadTimeout):
        caller.execute(record("a"), timeout_s=0.1)
    eventually(lambda: not caller.sandbox.in_flight)
    last = caller.sandbox.requests[-1]
    assert (last.ending, last.status, last.applied) == ("lost", None, True)
    assert caller.sandbox.records.state().applied == 1


@pytest.mark.parametrize("applied", [False, True], ids=["before applying", "after applying"])
def test_delay_keeps_the_answer_back(caller: Caller, applied: bool) -> None:  # noqa: FBT001 -- what the fault calls it
    """A delayed request is answered no sooner than its least delay, and is on the wire meanwhile, by name."""
    caller.sandbox.faults.add(Fault("delay", min_s=0.1, max_s=0.15, applied=applied))
    expected = [("people", 2, applied)]
    began_s = time.monotonic()
    thread = threading.Thread(target=caller.execute, args=(record("a"), record("b")))
    thread.start()
    eventually(lambda: [(one.data_store_id, one.records, one.applied) for one in caller.sandbox.in_flight] == expected)
    thread.join()
    assert time.monotonic() - began_s >= 0.1
    assert (caller.sandbox.in_flight, caller.sandbox.requests[-1].status) == ([], 200)


@pytest.mark.parametrize("applies", [False, True], ids=["dropped", "applied nevertheless"])
def test_client_that_leaves_during_a_delay(applies: bool) -> None:  # noqa: FBT001 -- what the rule calls it
    """What was delayed before applying is dropped when its client has gone, or, by rule, applied nevertheless."""
    rules = Rules(applies_when_gone=applies)
    with Sandbox(SandboxOptions(rules=rules)) as sandbox, Caller(sandbox) as caller:
        sandbox.faults.add(Fault("delay", min_s=0.1, max_s=0.1))
        with pytest.raises(httpx.ReadTimeout):
            caller.execute(record("a"), timeout_s=0.03)
        eventually(lambda: not sandbox.in_flight)
        last = sandbox.requests[-1]
        assert (last.ending, last.status, last.answered_s, last.applied) == ("gone", None, None, applies)


def test_requests_that_share_a_record_on_the_wire_are_told(caller: Caller) -> None:
    """A request that comes while another holds one of its records names that one; others do not."""
    caller.sandbox.faults.add(Fault("lose", next_requests=1))
    thread = threading.Thread(target=_failing_call, args=(caller, []))
    thread.start()
    eventually(lambda: caller.sandbox.in_flight and caller.sandbox.in_flight[0].records)
    with Caller(caller.sandbox) as other:
        other.execute(record("a"), record("b"))
        other.execute(record("a"), dataStoreId="places")
        other.execute(record("b"))
    caller.sandbox.stop()
    thread.join()
    first, same, elsewhere, beside = (one for one in caller.sandbox.requests if one.call == "execute")
    assert [request.overlaps for request in (same, elsewhere, beside)] == [(first.sequence,), (), ()]


@pytest.mark.parametrize("mode", ["reset", "503"])
def test_outage_strikes_every_call(caller: Caller, mode: str) -> None:
    """In an outage token, execute and read all fail on arrival, until it is over."""
    caller.post_faults({"outage": {"mode": mode}})
    calls: list[Callable[[], httpx.Response]] = [
        caller.ask_token,
        lambda: caller.execute(record("a")),
        lambda: caller.read("people/records/a"),
    ]
    for call in calls:
        if mode == "503":
            assert call().status_code == 503
        else:
            with pytest.raises(httpx.TransportError):
                call()
    assert caller.post_faults({"outage": None}).json() == {"faults": [], "outage": None}
    assert caller.execute(record("a")).status_code == 200


def test_outage_of_a_given_time_ends_by_itself(caller: Caller) -> None:
    """An outage for a time is over when that time is."""
    caller.sandbox.faults.begin_outage("503", for_s=0.1)
    assert caller.execute(record("a")).status_code == 503
    eventually(lambda: caller.execute(record("a")).status_code == 200)


def test_wrong_checksum_and_missing_evidence_on_request(caller: Caller) -> None:
    """An applied request can be answered with a checksum of something else, or without evidence."""
    caller.sandbox.faults.add(Fault("checksum", next_requests=1))
    wrong, right = (caller.execute(record("a")) for _ in range(2))
    checksums = [request.checksum for request in caller.sandbox.requests[-2:]]
    assert (checksums[0], right.json()["checksum"]) == (checksums[1], checksums[1])
    assert wrong.json()["checksum"] != checksums[0]
    caller.sandbox.faults.add(Fault("evidence", evidence="accepted"))
    assert caller.execute(record("a")).status_code == 202
    assert caller.sandbox.records.state().applied == 3


def test_tokens_run_out_and_are_revoked_at_run_time(caller: Caller) -> None:
    """Tokens can be revoked, shortened and misreported at run time."""
    caller.post_faults({"revoke_tokens": True})
    assert caller.execute(record("a")).status_code == 401
    caller.post_faults({"token": {"life_s": 0.1, "announces_life": False, "expires_in": "soon"}})
    answer = caller.ask_token().json()
    caller.token = answer["access_token"]
    assert (answer["expires_in"], caller.execute(record("a")).status_code) == ("soon", 200)
    eventually(lambda: caller.execute(record("a")).status_code == 401)
    caller.sandbox.tokens.follow(TokenRule())
    caller.token = None
    assert caller.execute(record("a")).status_code == 200


def test_faults_from_the_start_and_on_token_and_read() -> None:
    """Faults may be armed from the start, and strike token and read calls as well."""
    faults = (Fault("answer", call="token", status=500, next_requests=1), Fault("answer", call="read", status=502))
    with Sandbox(SandboxOptions(faults=faults)) as sandbox, Caller(sandbox) as caller:
        assert [caller.ask_token().status_code for _ in range(2)] == [500, 200]
        assert [caller.execute(record("a")).status_code, caller.read("people/records/a").status_code] == [200, 502]


def test_memory_and_port_outlive_a_stop(caller: Caller) -> None:
    """Stopped, it refuses connections and has reset the open ones; started again, same port, it knows everything."""
    caller.execute(record("a", 1))
    caller.sandbox.faults.add(Fault("lose", next_requests=1))
    failures: list[Exception] = []
    thread = threading.Thread(target=_failing_call, args=(caller, failures))
    thread.start()
    eventually(lambda: caller.sandbox.in_flight and caller.sandbox.in_flight[0].records)
    address = caller.sandbox.base_url
    caller.sandbox.stop()
    thread.join()
    assert isinstance(failures[0], httpx.TransportError)
    assert caller.sandbox.in_flight == []
    with pytest.raises(httpx.ConnectError):
        caller.execute(record("a", 2))
    caller.sandbox.start()
    assert (caller.sandbox.base_url, caller.execute(record("a", 3)).status_code) == (address, 200)
    assert [entry.fields["value"] for entry in caller.sandbox.records.history("people", "a")] == [1, 3]


def _failing_call(caller: Caller, failures: list[Exception]) -> None:
    try:
        caller.execute(record("a", 9))
    except httpx.HTTPError as error:
        failures.append(error)


def test_own_endpoints_tell_what_it_saw(caller: Caller) -> None:
    """State, history and requests are told over HTTP as they are in Python."""
    caller.execute(record("a/b", 1))
    caller.sandbox.faults.add(Fault("answer", status=503, next_requests=1))
    caller.execute(record("a/b", 2))
    number = caller.sandbox.faults.add(Fault("answer", data_store_id="places"))
    state = caller.client.get("/_sandbox/state").json()
    assert state["store"] == {"data_stores": {"people": 1}, "records": 1, "applied": 1}
    assert state["requests"] == {"token": {"200": 1}, "execute": {"200": 1, "503": 1}}
    assert (state["in_flight"], state["violations"], state["outage"]) == ([], [], None)
    assert [fault["number"] for fault in state["faults"]] == [number]
    query = {"dataStoreId": "people", "id": "a/b"}
    (entry,) = caller.client.get("/_sandbox/history", params=query).json()
    assert (entry["version"], entry["fields"], entry["sequence"]) == (1, {"value": 1}, 1)
    requests = caller.client.get("/_sandbox/requests").json()
    assert [(request["call"], request["status"], request["applied"]) for request in requests] == [
        ("token", 200, True),
        ("execute", 200, True),
        ("execute", 503, False),
    ]
    assert caller.client.get("/_sandbox/history").status_code == 400


def test_faults_are_changed_over_http(caller: Caller) -> None:
    """The control endpoint adds, removes and clears faults, and says what is armed then."""
    added = caller.post_faults({"add": [{"kind": "answer", "status": 500}, {"kind": "answer", "status": 502}]}).json()
    statuses = [caller.execute(record("a")).status_code]
    caller.post_faults({"remove": [added["faults"][0]["number"]]})
    statuses.append(caller.execute(record("a")).status_code)
    assert caller.post_faults({"clear": True}).json()["faults"] == []
    assert [*statuses, caller.execute(record("a")).status_code] == [500, 502, 200]


@pytest.mark.parametrize(
    "wish",
    [
        [],
        {"explode": True},
        {"clear": False},
        {"add": {"kind": "answer"}},
        {"revoke_tokens": True, "add": [{"kind": "none"}]},
        {"remove": 1},
        {"outage": "long"},
        {"outage": {"mode": "404"}},
        {"outage": {"for_s": "5"}},
        {"token": {"life_s": "5"}},
        {"token": {"life": 5}},
    ],
    ids=str,
)
def test_wish_that_makes_no_sense_changes_nothing(caller: Caller, wish: object) -> None:
    """A wish of which any part makes no sense is refused whole, with a sentence."""
    answer = caller.post_faults(wish)
    assert (answer.status_code, len(answer.json()["error"]) > 10) == (400, True)
    assert caller.execute(record("a")).status_code == 200


def test_own_endpoints_are_for_this_machine_only() -> None:
    """A caller from another machine is refused, whatever it asks for."""
    sandbox = Sandbox()

    async def ask() -> list[int]:
        transport = httpx.ASGITransport(app=sandbox.app, client=("192.0.2.1", 1234))
        async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as client:
            seen = [await client.get(f"/_sandbox/{name}") for name in ("state", "history", "requests")]
            return [
                answer.status_code for answer in (*seen, await client.post("/_sandbox/faults", json={"clear": True}))
            ]

    assert asyncio.run(ask()) == [403] * 4
