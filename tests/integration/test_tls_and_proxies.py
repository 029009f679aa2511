"""Where the API's address leads: certificates are verified, and proxies of the environment see nothing but TLS."""

from __future__ import annotations

import ssl
import time
from pathlib import Path

import pytest

from stream.clock import SystemClock
from stream.cxone import Api, CxoneClient
from stream.errors import FatalError
from stream.steps import Answer, NoAnswer

from .raw_api import JSON, Connection, RawApi, answer, client_of, execute, says
from .raw_proxy import RawProxy

CERTIFICATES = Path(__file__).parent / "certificates"
PROXY_NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
DEADLINE_S = 1.0
LARGE = 8 * 1024 * 1024
SERVED = says(answer(b'{"n":1}'), then_closes=False)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the machine's own proxies and certificates out of it."""
    for name in (*PROXY_NAMES, "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def _own_authority(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust the tests' authority, as an operator says it."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATES / "authority.pem"))


def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATES / "localhost.pem")
    return context


def _by_name(api: RawApi) -> str:
    return f"https://localhost:{api.port}"


def _status(reply: object) -> int | None:
    return reply.status if isinstance(reply, Answer) else None


def test_a_certificate_of_an_unknown_authority_is_refused() -> None:
    """By default nothing is sent to it, and the reason says what is wrong with it."""
    with RawApi(SERVED, tls=_tls()) as api, client_of(_by_name(api)) as client:
        reply = execute(client)
        assert api.heads == []
    assert isinstance(reply, NoAnswer)
    assert not reply.doubtful
    assert "its certificate is not trusted (unable to get local issuer certificate)" in reply.reason


@pytest.mark.usefixtures("_own_authority")
def test_an_authority_of_ones_own_is_named_in_the_environment() -> None:
    """`SSL_CERT_FILE` names it, as for every other program."""
    with RawApi(SERVED, tls=_tls()) as api, client_of(_by_name(api)) as client:
        assert _status(execute(client)) == 200
        assert api.calls("PATCH") == 1


@pytest.mark.usefixtures("_own_authority")
def test_a_certificate_for_another_name_is_refused() -> None:
    """A trusted authority does not make it the API's."""
    with RawApi(SERVED, tls=_tls()) as api, client_of(api.base_url) as client:
        reply = execute(client)
        assert api.heads == []
    assert isinstance(reply, NoAnswer)
    assert "127.0.0.1" in reply.reason


@pytest.mark.usefixtures("_own_authority")
@pytest.mark.parametrize("status", [b"413 Large", b"200 OK"])
def test_an_early_answer_is_heard_through_tls(status: bytes) -> None:
    """A large request that is refused while it is sent is known to be; an early 200 is not believed."""

    def early(connection: Connection, _head: str) -> None:
        connection.send(answer(status=status))
        time.sleep(DEADLINE_S)

    with RawApi(early, tls=_tls()) as api, client_of(_by_name(api), execute_deadline_s=DEADLINE_S) as client:
        reply = execute(client, LARGE)
    if status.startswith(b"413"):
        assert _status(reply) == 413
    else:
        assert isinstance(reply, NoAnswer)
        assert not reply.doubtful


@pytest.mark.usefixtures("_own_authority")
def test_a_large_request_arrives_whole_through_tls() -> None:
    """One that the other side takes slowly, too."""
    bodies: list[bytes] = []

    def slow(connection: Connection, head: str) -> None:
        time.sleep(0.2)
        bodies.append(connection.body(head))
        connection.send(answer())

    with RawApi(slow, tls=_tls()) as api, client_of(_by_name(api)) as client:
        assert _status(execute(client, LARGE)) == 200
    assert len(bodies[0]) > LARGE
    assert bodies[0].count(b"n" * 1000) > 0


@pytest.mark.usefixtures("_own_authority")
@pytest.mark.parametrize("is_encrypted", [False, True], ids=["http-proxy", "https-proxy"])
def test_a_proxy_of_the_environment_sees_nothing(monkeypatch: pytest.MonkeyPatch, is_encrypted: bool) -> None:  # noqa: FBT001 - a case
    """`HTTPS_PROXY` is honoured: it is asked for a way to the API, and all that goes through is TLS with the API."""
    with RawApi(SERVED, tls=_tls()) as api, RawProxy(tls=_tls() if is_encrypted else None) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with client_of(_by_name(api)) as client:
            assert [_status(execute(client, size)) for size in (3, LARGE)] == [200, 200]
        assert api.calls("PATCH") == 2
        assert [head.split("\r\n")[0] for head in proxy.seen] == [f"CONNECT localhost:{api.port} HTTP/1.1"]
        assert "authorization" not in proxy.seen[0].lower()
        assert len(proxy.passed) > LARGE
        for secret in (b"Bearer", b"client_secret", b"PATCH"):
            assert secret not in proxy.passed


@pytest.mark.usefixtures("_own_authority")
def test_an_address_can_be_kept_from_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """`NO_PROXY` is honoured as well."""
    with RawApi(SERVED, tls=_tls()) as api, RawProxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "localhost")
        with client_of(_by_name(api)) as client:
            assert _status(execute(client)) == 200
        assert proxy.seen == []


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_plain_http_goes_to_no_proxy(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Plain http is for this machine alone: a proxy would be handed secret and token in clear."""
    with RawApi(SERVED) as api, RawProxy() as proxy:
        monkeypatch.setenv(name, proxy.url)
        with client_of(api.base_url) as client:
            assert _status(execute(client)) == 200
        assert proxy.seen == []


@pytest.mark.usefixtures("_own_authority")
@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", "HTTPS_PROXY"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 300_000, "no HTTP answer"),
        (None, "did not answer within 1 s"),
    ],
    ids=["refuses", "floods", "silent"],
)
def test_a_proxy_that_gives_no_way(monkeypatch: pytest.MonkeyPatch, reply: bytes | None, told: str) -> None:
    """Nothing of the request has left, so nothing is in doubt; the deadline holds through the proxy."""
    with RawApi(SERVED, tls=_tls()) as api, RawProxy(reply) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with client_of(_by_name(api), token_deadline_s=DEADLINE_S) as client:
            started_s = time.monotonic()
            reply_of_it = execute(client)
            assert time.monotonic() - started_s < 2.5 * DEADLINE_S
        assert api.heads == []
    assert isinstance(reply_of_it, NoAnswer)
    assert not reply_of_it.doubtful
    assert told in reply_of_it.reason


@pytest.mark.usefixtures("_own_authority")
def test_the_last_question_is_asked_behind_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a request may leave is asked when the way through the proxy is open, not when it is asked for."""
    ways: list[int] = []
    last = says(answer(headers=JSON + b"Connection: close\r\n"))
    with RawApi(last, tls=_tls()) as api, RawProxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)

        def may_send() -> bool:
            ways.append(len(proxy.seen))
            return False

        with client_of(_by_name(api)) as client:
            assert _status(execute(client)) == 200
            reply = execute(client, may_send=may_send)
        assert api.calls("PATCH") == 1
    assert isinstance(reply, NoAnswer)
    assert ways == [2]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTPS_PROXY", "gopher://user:pass-word@proxy.example"),
        ("ALL_PROXY", "socks5://user:pass-word@proxy.example"),
        ("SSL_CERT_FILE", "/nowhere/pass-word.pem"),
        ("SSL_CERT_FILE", __file__),
    ],
)
def test_an_environment_that_cannot_be_used_ends_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """It is told in a sentence that names the variables, without what stands in them."""
    monkeypatch.setenv(name, value)
    api = Api("https://api.example", "/token", "/execute", None, 1, lambda: ("id", "secret"))
    with pytest.raises(FatalError, match=name) as refused:
        CxoneClient(api, SystemClock())
    assert "pass-word" not in str(refused.value)
    assert refused.value.__cause__ is None
