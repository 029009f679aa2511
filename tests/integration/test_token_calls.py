"""The token over real HTTP: refused, rotated, revoked, answered with rubbish; asked for no oftener than needed."""

from __future__ import annotations

import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import pytest

from stream.credentials import Credentials
from stream.sandbox.cxone import Sandbox, SandboxOptions
from stream.sandbox.faults import Fault
from stream.sandbox.tokens import Credentials as Client
from stream.sandbox.tokens import TokenRule
from stream.settings.secret import Secret
from stream.steps import Answer, NoAnswer, Renewed, RenewToken, Scope

from ..harness.waiting import eventually
from .raw_api import JSON, TOKEN, Connection, RawApi, always, answer, client_of, execute, says

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from stream.cxone import CxoneClient

EXECUTE_PATH = "/api/v2/dataactions/records"
OLD, NEW = Client("me", "old"), Client("me", "new p+&ü")
WORKERS = 16
SERVED = says(answer(), then_closes=False)


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    """The file in which the secret stands."""
    path = tmp_path / "secret"
    path.write_text(OLD.client_secret)
    return path


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A CXone stand-in that knows the old credentials."""
    with Sandbox(SandboxOptions(OLD)) as one:
        yield one
        assert one.violations == []


@pytest.fixture
def client(sandbox: Sandbox, secret_file: Path) -> Iterator[CxoneClient]:
    """The service's client of it, with the secret from the file."""
    credentials = Credentials(Secret(OLD.client_id), Secret.from_file(secret_file)).read
    with client_of(sandbox.base_url, workers=WORKERS, execute_path=EXECUTE_PATH, credentials=credentials) as one:
        yield one


def _token_calls(sandbox: Sandbox) -> list[int | None]:
    return [request.status for request in sandbox.requests if request.call == "token"]


def _execute_as_the_dialogue(client: CxoneClient) -> int | None:
    """Send a request; refused, renew the token once and send it again."""
    reply = execute(client)
    if isinstance(reply, Answer) and reply.status == 401:
        assert isinstance(client.perform(RenewToken(reply.token_generation), always), Renewed)
        reply = execute(client)
    return reply.status if isinstance(reply, Answer) else None


def test_a_storm_of_401_renews_once(sandbox: Sandbox, client: CxoneClient) -> None:
    """Sixteen workers whose token was revoked under them make one call for another, and all go on."""
    execute(client)
    sandbox.tokens.revoke_all()
    sandbox.faults.add(Fault("delay", call="token", min_s=0.3, max_s=0.3))
    together = threading.Barrier(WORKERS)

    def send(_: int) -> int | None:
        together.wait()
        return _execute_as_the_dialogue(client)

    with ThreadPoolExecutor(WORKERS) as threads:
        assert set(threads.map(send, range(WORKERS))) == {200}
    assert _token_calls(sandbox) == [200, 200]


def test_a_token_that_expires_under_way_is_replaced(sandbox: Sandbox, client: CxoneClient) -> None:
    """Tokens that live shorter than they say are refused and replaced, as often as it takes."""
    sandbox.tokens.follow(TokenRule(life_s=0.05, announces_life=False, expires_in=3600))
    execute(client)
    eventually(lambda: _execute_as_the_dialogue(client) == 200 and len(_token_calls(sandbox)) >= 4, 20.0, "renewals")


def test_a_rotation_is_taken_up_with_the_next_token(sandbox: Sandbox, client: CxoneClient, secret_file: Path) -> None:
    """The secret changes there and in its file, and the tokens are revoked: one call gets the next token."""
    execute(client)
    sandbox.tokens.credentials = NEW
    sandbox.tokens.revoke_all()
    secret_file.write_text(NEW.client_secret)
    assert _execute_as_the_dialogue(client) == 200
    assert _token_calls(sandbox) == [200, 200]


def test_a_file_that_is_late_is_waited_for(sandbox: Sandbox, client: CxoneClient, secret_file: Path) -> None:
    """Rotated there but not yet in the file: no token, nothing is sent; with the file all goes on, without restart."""
    sandbox.tokens.credentials = NEW
    reply = execute(client)
    assert isinstance(reply, NoAnswer)
    assert (reply.scope, reply.doubtful) == (Scope.EVERYTHING, False)
    assert "CXONE_CLIENT_SECRET" in reply.reason
    secret_file.write_text("")
    assert isinstance(execute(client), NoAnswer)
    secret_file.write_text(NEW.client_secret)
    assert _execute_as_the_dialogue(client) == 200
    assert _token_calls(sandbox) == [401, 401, 200]


@pytest.mark.parametrize(
    "refusal",
    [
        answer(b'{"error":"invalid_client"}', status=b"400 Bad Request"),
        answer(b'{"error":"invalid_client"}', status=b"401 Unauthorized"),
        answer(b"", status=b"403 Forbidden"),
    ],
    ids=["400", "401", "403"],
)
def test_credentials_that_change_under_a_call_are_used_at_once(secret_file: Path, refusal: bytes) -> None:
    """Refused with what was read before the file changed, the call is made again with what stands there now."""
    sent: list[str] = []

    def token(connection: Connection, head: str) -> bool:
        (secret,) = parse_qs(connection.body(head).decode())["client_secret"]
        sent.append(secret)
        secret_file.write_text(NEW.client_secret)
        connection.send(answer(TOKEN) if secret == NEW.client_secret else refusal)
        return True

    credentials = Credentials(Secret("me"), Secret.from_file(secret_file)).read
    with RawApi(SERVED, token) as api, client_of(api.base_url, credentials=credentials) as client:
        assert isinstance(execute(client), Answer)
    assert sent == [OLD.client_secret, NEW.client_secret]


def test_credentials_that_are_refused_are_not_tried_in_a_loop(sandbox: Sandbox, client: CxoneClient) -> None:
    """As long as they stay the same, each need of a token is one call."""
    sandbox.tokens.credentials = NEW
    for _ in range(3):
        assert isinstance(execute(client), NoAnswer)
    assert _token_calls(sandbox) == [401] * 3


RUBBISH = {
    "html": says(answer(b"<html>", b"Content-Type: text/html\r\n")),
    "broken": says(answer(b'{"access_token":"abc"')),
    "empty": says(answer(b"")),
    "list": says(answer(b"[]")),
    "no-token": says(answer(b'{"expires_in":3600}')),
    "token-with-line-feed": says(answer(b'{"access_token":"a\\r\\nX-Evil: 1"}')),
    "encoded": says(answer(TOKEN, JSON + b"Content-Encoding: gzip\r\n")),
    "cut-off": says(answer(TOKEN)[:-2]),
    "accepted": says(answer(TOKEN, status=b"202 Accepted")),
    "redirect": says(answer(TOKEN, b"Location: /token\r\n", b"307 Temporary")),
    "throttled": says(answer(b"", status=b"429 Slow")),
    "failed": says(answer(b"", status=b"500 Oops")),
    "nothing": says(b""),
    "no-http": says(b"220 smtp.example ESMTP\r\n"),
}


@pytest.mark.parametrize("token", RUBBISH.values(), ids=RUBBISH)
def test_rubbish_is_no_token(token: Callable[[Connection, str], object]) -> None:
    """Whatever the token endpoint says that is no token: one call, no request without one, and a reason."""
    with RawApi(SERVED, token) as api, client_of(api.base_url) as client:
        reply = execute(client)
        assert (api.calls("POST"), api.calls("PATCH")) == (1, 0)
    assert isinstance(reply, NoAnswer)
    assert (reply.scope, reply.doubtful) == (Scope.EVERYTHING, False)
    assert reply.reason.startswith("no token: ")
    assert "secret" not in reply.reason


def test_a_token_answer_without_end_is_cut_off() -> None:
    """100 MB from the token endpoint cost no more memory than an answer may."""

    def floods(connection: Connection, head: str) -> None:
        connection.body(head)
        connection.send(b"HTTP/1.1 200 OK\r\n" + JSON + b"\r\n")
        connection.flood(b" " * (1 << 20), 100)

    with RawApi(SERVED, floods) as api, client_of(api.base_url) as client:
        tracemalloc.start()
        try:
            reply = execute(client)
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert isinstance(reply, NoAnswer)
    assert peak_bytes < 24 * 1024 * 1024
