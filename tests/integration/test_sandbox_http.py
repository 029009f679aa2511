"""The CXone stand-in over real HTTP: the three calls of contract section 1, its table cell by cell, every status."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson
import pytest

from stream.sandbox.api import Rules
from stream.sandbox.cxone import Sandbox, SandboxOptions
from stream.sandbox.tokens import Credentials, TokenRule

from .sandbox_calls import Caller, payload, record

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def caller() -> Iterator[Caller]:
    """A client of a stand-in of its own; what it sent must be sound, unless the test takes the breaches away."""
    with Sandbox() as sandbox, Caller(sandbox) as one:
        yield one


def calling(rules: Rules) -> tuple[Sandbox, Caller]:
    """A started stand-in with these rules, and a client of it."""
    sandbox = Sandbox(SandboxOptions(rules=rules)).start()
    return sandbox, Caller(sandbox)


# The contract's table, written out: (update type, conflict resolution, what is stored, what is sent) to the status and
# the version that is stored afterwards. "present" stands for a record at version 2.
SENT = {"none": None, "0": 0, "1": 1, "2": 2, "3": 3}
CELLS: dict[tuple[str, str, str, str], tuple[int, int]] = {
    # absent: no version, or 0, is created; UPDATE is refused whatever is sent
    ("UPSERT", "OVERWRITE", "absent", "none"): (200, 1),
    ("UPSERT", "OVERWRITE", "absent", "0"): (200, 1),
    ("UPSERT", "FAIL", "absent", "none"): (200, 1),
    ("UPSERT", "FAIL", "absent", "0"): (200, 1),
    ("UPSERT", "IGNORE", "absent", "none"): (200, 1),
    ("UPSERT", "IGNORE", "absent", "0"): (200, 1),
    **{
        ("UPDATE", resolution, "absent", sent): (400, 0)
        for resolution in ("OVERWRITE", "FAIL", "IGNORE")
        for sent in ("none", "0", "1", "3")
    },
    # absent, any other version: a mismatch with 0
    ("UPSERT", "OVERWRITE", "absent", "1"): (200, 1),
    ("UPSERT", "OVERWRITE", "absent", "3"): (200, 1),
    ("UPSERT", "FAIL", "absent", "1"): (409, 0),
    ("UPSERT", "FAIL", "absent", "3"): (409, 0),
    ("UPSERT", "IGNORE", "absent", "1"): (200, 0),
    ("UPSERT", "IGNORE", "absent", "3"): (200, 0),
    # present, none or equal
    **{
        (update, resolution, "present", sent): (200, 3)
        for update in ("UPSERT", "UPDATE")
        for resolution in ("OVERWRITE", "FAIL", "IGNORE")
        for sent in ("none", "2")
    },
    # present, different: below, above, and 0, which is a version like any other
    **{
        (update, resolution, "present", sent): result
        for update in ("UPSERT", "UPDATE")
        for resolution, result in (("OVERWRITE", (200, 3)), ("FAIL", (409, 2)), ("IGNORE", (200, 2)))
        for sent in ("0", "1", "3")
    },
}


@pytest.fixture(scope="module")
def table_caller() -> Iterator[Caller]:
    """One client for the whole table: each cell has a record of its own."""
    with Sandbox() as sandbox, Caller(sandbox) as one:
        yield one
        assert sandbox.violations == []


@pytest.mark.parametrize(
    ("cell", "expected"),
    CELLS.items(),
    ids=[f"{update} {resolution}, {stored}, version {sent}" for update, resolution, stored, sent in CELLS],
)
def test_every_cell_of_the_table(
    table_caller: Caller, cell: tuple[str, str, str, str], expected: tuple[int, int]
) -> None:
    """One record does what its cell of the contract says, and the answer tells so."""
    update, resolution, stored, sent = cell
    status, version_after = expected
    record_id = "/".join(cell)
    if stored == "present":
        assert table_caller.execute(record(record_id)).status_code == 200
        assert table_caller.execute(record(record_id)).status_code == 200
    version_before = 2 if stored == "present" else 0
    stamps = {} if SENT[sent] is None else {"version": SENT[sent]}
    answer = table_caller.execute(record(record_id, "new", **stamps), updateType=update, conflictResolution=resolution)
    assert answer.status_code == status
    if status == 200:
        is_applied = version_after > version_before
        assert answer.json()["records"] == ([{"id": record_id, "version": version_after}] if is_applied else [])
        skipped = [] if is_applied else [{"id": record_id, "currentVersion": version_before}]
        assert answer.json()["skipped"] == skipped
    elif status == 409:
        assert answer.json()["errors"] == [{"index": 0, "id": record_id, "currentVersion": version_before}]
    else:
        assert [(error["index"], error["id"]) for error in answer.json()["errors"]] == [(0, record_id)]
    history = table_caller.sandbox.records.history("people", record_id)
    assert len(history) == version_after
    assert any(entry.fields == {"value": "new"} for entry in history) == (version_after > version_before)


def test_the_table_is_walked_whole() -> None:
    """Every update type, resolution and stored state is met with no version, an equal one, and different ones."""
    cells = {
        (update, resolution, stored, sent)
        for update in ("UPSERT", "UPDATE")
        for resolution in ("OVERWRITE", "FAIL", "IGNORE")
        for stored, versions in (("absent", ("none", "0", "1", "3")), ("present", tuple(SENT)))
        for sent in versions
    }
    assert set(CELLS) == cells


REFUSALS: dict[str, tuple[dict[str, object], dict[str, Any], int]] = {
    "a conflict under FAIL": (record("a", "bad", version=7), {"conflictResolution": "FAIL"}, 409),
    "an absent record under UPDATE": (record("z", "bad"), {"updateType": "UPDATE"}, 400),
    "refused fields": ({"id": "a", "fields": {"_refuse": 1}}, {}, 400),
}


@pytest.mark.parametrize(("bad", "changes", "status"), REFUSALS.values(), ids=REFUSALS)
def test_one_bad_record_keeps_all_from_being_applied(
    caller: Caller, bad: dict[str, object], changes: dict[str, Any], status: int
) -> None:
    """A request is atomic: the good records beside a bad one are not applied, and only the bad one is named."""
    caller.execute(record("a"), record("b"), record("c"))
    answer = caller.execute(record("b", 2), bad, record("c", 2), **changes)
    assert (answer.status_code, [error["index"] for error in answer.json()["errors"]]) == (status, [1])
    assert [entry.version for entry in caller.sandbox.records.applied()] == [1, 1, 1]
    assert (caller.sandbox.requests[-1].applied, caller.sandbox.violations) == (False, [])


@pytest.mark.parametrize(("bad", "changes", "status"), REFUSALS.values(), ids=REFUSALS)
def test_refusals_may_name_nobody(bad: dict[str, object], changes: dict[str, Any], status: int) -> None:
    """By rule, refusals and conflicts say only that there was an error."""
    sandbox, caller = calling(Rules(names_refused=False))
    with sandbox, caller:
        answer = caller.execute(bad, **changes)
        assert (answer.status_code, list(answer.json())) == (status, ["error"])


@pytest.mark.parametrize(
    ("rules", "status"),
    [
        (Rules(max_body_bytes=200), 413),
        (Rules(unknown_data_stores=frozenset({"people"})), 404),
        (Rules(refuse_status=422), 422),
    ],
    ids=["a body too long", "an unknown datastore", "fields that cannot be understood"],
)
def test_rules_of_bad_data(rules: Rules, status: int) -> None:
    """A limit of bytes, a datastore that is not there, and refused fields have the status that the rules say."""
    sandbox, caller = calling(rules)
    with sandbox, caller:
        answer = caller.execute({"id": "a", "fields": {"_refuse": "x" * 200}})
        assert (answer.status_code, sandbox.records.state().applied, sandbox.violations) == (status, 0, [])


def test_good_answer_carries_checksum_and_versions(caller: Caller) -> None:
    """The answer to an applied request holds the SHA-256 of the body as it came, and each record's version."""
    body = orjson.dumps(payload(record("a"), record("b", checksum="own")), option=orjson.OPT_INDENT_2)
    answer = caller.send(body, caller.headers())
    assert answer.json() == {
        "checksum": hashlib.sha256(body).hexdigest(),
        "records": [{"id": "a", "version": 1}, {"id": "b", "version": 1}],
        "skipped": [],
    }


@pytest.mark.parametrize(
    ("rules", "status", "parts"),
    [
        (Rules(evidence="checksum"), 200, ["checksum"]),
        (Rules(evidence="empty"), 204, []),
        (Rules(evidence="accepted"), 202, []),
    ],
    ids=["the checksum alone", "nothing", "accepted"],
)
def test_good_answer_may_carry_less(rules: Rules, status: int, parts: list[str]) -> None:
    """By rule, an applied request is answered with less evidence, or none."""
    sandbox, caller = calling(rules)
    with sandbox, caller:
        answer = caller.execute(record("a"))
        assert (answer.status_code, list(answer.json()) if answer.content else []) == (status, parts)
        assert sandbox.records.state().applied == 1


def test_secret_of_every_kind_of_character_is_understood() -> None:
    """A client secret with reserved characters, a space and a letter beyond ASCII gets a token when form-encoded."""
    secret = "a+b&c=d%e/f ü"  # noqa: S105 -- of this test alone
    with Sandbox(SandboxOptions(Credentials("it's me", secret))) as sandbox, Caller(sandbox) as caller:
        good = caller.ask_token(client_id="it's me", client_secret=secret)
        bad = caller.ask_token(client_id="it's me", client_secret=secret + "x")
        assert (good.status_code, good.json()["token_type"], good.json()["expires_in"]) == (200, "Bearer", 3600)
        assert (bad.status_code, bad.json(), sandbox.violations) == (401, {"error": "invalid_client"}, [])
        assert secret not in repr(SandboxOptions(Credentials("it's me", secret)))


def test_form_that_is_not_the_contracts_is_a_breach(caller: Caller) -> None:
    """A token call with a key too many is refused and noted."""
    assert caller.ask_token(extra="x").status_code == 401
    assert len(caller.sandbox.violations) == 1


def test_tokens_are_checked_by_execute_and_read(caller: Caller) -> None:
    """Without a good token, execute and read are 401: unknown, revoked, expired; no token at all is a breach too."""
    statuses = []
    revoked = caller.ask_token().json()["access_token"]
    caller.sandbox.tokens.revoke_all()
    caller.sandbox.tokens.follow(TokenRule(life_s=0.0))
    expired = caller.ask_token().json()["access_token"]
    for caller.token in ("unknown", revoked, expired):
        statuses += [caller.execute(record("a")).status_code, caller.read("people/records/a").status_code]
    assert (statuses, caller.sandbox.violations) == ([401] * 6, [])
    assert caller.send(orjson.dumps(payload(record("a"))), caller.headers(authorization=None)).status_code == 401
    assert len(caller.sandbox.violations) == 1


@pytest.mark.parametrize("record_id", ["plain", "a/b", "%2F", "a b+c?d#e", "ü/%", "x" * 256])
def test_record_is_read_back_by_its_encoded_id(caller: Caller, record_id: str) -> None:
    """A record is read by its percent-encoded id, whatever characters it holds, with version, fields and checksum."""
    caller.execute(record(record_id, 1))
    caller.execute(record(record_id, 2, checksum="own"))
    answer = caller.read(f"people/records/{quote(record_id, safe='')}")
    assert answer.json() == {"id": record_id, "version": 2, "fields": {"value": 2}, "checksum": "own"}
    assert caller.sandbox.violations == []


def test_reading_what_is_not_there(caller: Caller) -> None:
    """An absent record is 404; a path that was not encoded is 404 and a breach."""
    assert caller.read("people/records/none").status_code == 404
    assert caller.sandbox.violations == []
    assert [caller.read(f"people/records/{rest}").status_code for rest in ("a/b", "", "%FF")] == [404, 404, 404]
    assert len(caller.sandbox.violations) == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"content_type": "application/json; charset=utf-8"},
        {"accept": None},
        {"accept_encoding": "gzip"},
        {"if_match": '"1"'},
        {"x_cxone_version_stamp": None},
        {"content_encoding": "identity"},
    ],
    ids=str,
)
def test_header_that_breaks_the_contract_is_refused_and_noted(caller: Caller, changes: dict[str, Any]) -> None:
    """An execute with a wrong or missing header is 400, noted once, and not applied."""
    answer = caller.send(orjson.dumps(payload(record("a", "secret"))), caller.headers(**changes))
    assert (answer.status_code, len(answer.json()["errors"])) == (400, 1)
    assert len(caller.sandbox.violations) == 1
    assert next(iter(changes)).replace("_", "-") in caller.sandbox.violations[0]
    assert caller.sandbox.records.state().applied == 0


def test_payload_that_breaks_the_contract_is_refused_and_noted(caller: Caller) -> None:
    """An execute with a wrong payload is 400, noted without any value, and not applied."""
    answer = caller.execute(record("a", "secret"), record("a", "secret"), batchSize=2)
    assert (answer.status_code, answer.json()["errors"]) == (
        400,
        [{"message": "payload: an id stands in more than one record"}],
    )
    assert caller.sandbox.violations == ["execute: payload: an id stands in more than one record"]
    assert caller.sandbox.records.state().applied == 0


def test_call_outside_the_contract_is_noted(caller: Caller) -> None:
    """An unknown path and a wrong method are refused and noted."""
    statuses = [caller.client.get("/else").status_code, caller.client.post("/api/v2/dataactions/records").status_code]
    assert (statuses, len(caller.sandbox.violations)) == ([404, 405], 2)
