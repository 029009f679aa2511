"""The HTTP server by itself, on a real socket: what it answers, and what no client can use up."""

from __future__ import annotations

import base64
import hashlib
import http.client
import re
import socket
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson
import pytest

from stream.board import Board
from stream.clock import SystemClock
from stream.errors import FatalError
from stream.settings import HostPort
from stream.watchdog import Watchdog
from stream.web import Facts, Routes, StatusServer, Told
from stream.web.server import MAX_CONNECTIONS, MAX_REQUEST_BYTES, MAX_STREAMS

from ..harness.waiting import eventually
from ..standings import NOW_MS, snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOOPBACK = HostPort("127.0.0.1", 0)
FACTS = Facts("1.2.3", {"Python": "3"}, NOW_MS, "group", None, {"STREAM_BATCH_SIZE": "1000"}, {"a.json": "ab"}, None)
WITHIN_S = 30.0
FAR_TOO_MUCH_BYTES = 1_000 * MAX_REQUEST_BYTES
HEAD = b"GET /livez HTTP/1.1\r\nHost: x\r\n"


@dataclass(frozen=True)
class MadeUp:
    """Metrics of nothing."""

    content_type: str
    text: Callable[[], bytes]


class QuickClock(SystemClock):
    """A clock whose seconds are short, so that no test waits out the time of a slow client."""

    def monotonic_s(self) -> float:
        """Go fast."""
        return 10.0 * super().monotonic_s()


class Served:
    """A server with a board that a test writes on, and a watchdog that a test lets look."""

    def __init__(self) -> None:
        clock = QuickClock()
        self.board = Board()
        self.board.snapshot = snapshot()
        self.is_ending = False
        self.watchdog = Watchdog(self.board, lambda: self.is_ending)
        told = Told(FACTS, self.board, self.watchdog, clock, MadeUp("text/plain; version=9", lambda: b"up 1\n"))
        self.server = StatusServer(LOOPBACK, Routes(told), clock)
        self.server.start()

    @property
    def place(self) -> tuple[str, int]:
        """Where it listens."""
        return self.server.address.host, self.server.address.port

    def ask(self, path: str, method: str = "GET") -> tuple[http.client.HTTPResponse, bytes]:
        """Ask once, on a connection of its own."""
        connection = http.client.HTTPConnection(*self.place, timeout=WITHIN_S)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()

    def connect(self) -> socket.socket:
        """Connect, and say nothing."""
        return socket.create_connection(self.place, timeout=WITHIN_S)


@pytest.fixture
def served() -> Iterator[Served]:
    """A server that is well."""
    one = Served()
    yield one
    one.server.close()


def test_every_path_is_answered(served: Served) -> None:
    """Probes in text, the status in JSON, metrics as they are written, the page, and a list of them elsewhere."""
    found = {
        path: served.ask(path) for path in ("/livez", "/readyz", "/readyz?scope=kafka", "/metrics", "/status", "/")
    }
    assert {path: (answer.status, answer.getheader("Content-Type")) for path, (answer, _) in found.items()} == {
        "/livez": (200, "text/plain; charset=utf-8"),
        "/readyz": (200, "text/plain; charset=utf-8"),
        "/readyz?scope=kafka": (200, "text/plain; charset=utf-8"),
        "/metrics": (200, "text/plain; version=9"),
        "/status": (200, "application/json"),
        "/": (200, "text/html; charset=utf-8"),
    }
    assert found["/metrics"][1] == b"up 1\n"
    elsewhere, says = served.ask("/x")
    assert elsewhere.status == 404
    assert b"/status" in says
    assert served.ask("/readyz?scope=api")[0].status == 400


def test_probes_say_why_not(served: Served) -> None:
    """A loop that is stuck is not live, one that stands is not ready, and the reason is there, one a line."""
    for _ in range(12):
        served.watchdog.look()
    assert served.ask("/livez")[0].status == 200
    answer, why = served.ask("/readyz?scope=kafka")
    assert (answer.status, why) == (503, b"the loop has not turned for 12 s\n")
    for _ in range(20):
        served.watchdog.look()
    answer, why = served.ask("/livez")
    assert answer.status == 503
    assert b"32 s" in why
    served.is_ending = True
    assert served.ask("/livez")[0].status == 200
    assert served.ask("/readyz")[1].startswith(b"draining")


def test_status_is_whole_and_has_what_the_contract_names(served: Served) -> None:
    """The two figures of contract section 5 at the top, the build, the configuration, the schemas."""
    told = orjson.loads(served.ask("/status")[1])
    assert (told["successRate"], told["avgLatencyMs"]) == (100.0, 0.0)
    assert (told["live"], told["ready"], told["kafkaReady"], told["reasons"]) == (True, True, True, [])
    assert told["facts"]["schemas"] == {"a.json": "ab"}
    assert told["facts"]["configuration"] == {"STREAM_BATCH_SIZE": "1000"}
    assert told["current"]["partitions"][0]["topic"] == "deltas"


def test_before_the_first_turn_there_is_an_answer(served: Served) -> None:
    """Live, not ready, and a status without figures."""
    served.board.snapshot = None
    assert served.ask("/livez")[0].status == 200
    assert served.ask("/readyz")[1] == b"starting: the loop has not turned yet\n"
    told = orjson.loads(served.ask("/status")[1])
    assert (told["current"], told["successRate"]) == (None, None)


def test_the_page_refers_to_nothing_outside_and_its_policy_allows_only_itself(served: Served) -> None:
    """No address of another place in it, and each of its scripts and styles has its hash in the policy."""
    answer, html = served.ask("/")
    text = html.decode()
    named = re.findall(r"""(?:https?:)?//[^\s"'<>`]+""", text)
    assert [each for each in named if each.startswith("http") and "www.w3.org/2000/svg" not in each] == []
    assert re.findall(r"""(?:src|href|action)\s*=\s*["']?(?!data:|#)([^"'>\s]+)""", text) == [
        "status", "status", "livez", "readyz", "readyz?scope=kafka",
    ]  # fmt: skip
    assert " style=" not in text
    assert " on" not in re.sub(r"<script>.*</script>", "", re.sub(r">[^<]*<", "><", text), flags=re.DOTALL)
    policy = answer.getheader("Content-Security-Policy") or ""
    for kind in ("script", "style"):
        (inner,) = re.findall(rf"<{kind}>(.*?)</{kind}>", text, flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inner.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy


def test_every_answer_has_the_headers_that_protect(served: Served) -> None:
    """Also a refusal: no sniffing, no frame, no cache, no word of the interpreter."""
    for path in ("/livez", "/", "/status", "/no/such"):
        answer, _ = served.ask(path)
        assert answer.getheader("X-Content-Type-Options") == "nosniff"
        assert answer.getheader("X-Frame-Options") == "DENY"
        assert answer.getheader("Cache-Control") == "no-store"
        assert "default-src 'none'" in (answer.getheader("Content-Security-Policy") or "")
        assert "Python" not in (answer.getheader("Server") or "")


def test_nothing_can_be_changed(served: Served) -> None:
    """Every method but GET and HEAD is refused, whatever the path; HEAD has no body."""
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        answer, _ = served.ask("/", method)
        assert (answer.status, answer.getheader("Allow")) == (405, "GET, HEAD")
    answer, body = served.ask("/status", "HEAD")
    assert (answer.status, body) == (200, b"")
    assert int(answer.getheader("Content-Length") or 0) > 0


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (b"\r\n", b""),
        (b"GET\r\n\r\n", b"this is no request"),
        (b"\x00\xff\xfe\r\n\r\n", b"this is no request"),
        (b"GET / HTTP/9.9\r\n\r\n", b"this is no request"),
        (b"GET  / /  HTTP/1.1\r\n\r\n", b"HTTP/1.1 400 "),
        (b"BREW / HTTP/1.1\r\n\r\n", b"HTTP/1.1 501 "),
        (b"GET /\xff%zz?%zz=&&& HTTP/1.1\r\n\r\n", b"HTTP/1.1 404 "),
        (b"GET //[ HTTP/1.1\r\n\r\n", b"HTTP/1.1 404 "),
        (b"GET /livez HTTP/1.1\r\nno colon\r\n\r\n", b"HTTP/1.1 200 "),
    ],
)
def test_nonsense_ends_its_own_connection_alone(served: Served, sent: bytes, says: bytes) -> None:
    """Whatever is sent, it is refused without being repeated, and the next request is answered."""
    with served.connect() as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        said = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert said.startswith(says)
    assert b"\xff" not in said
    assert served.ask("/livez")[0].status == 200


def test_a_head_without_end_is_cut_off(served: Served) -> None:
    """A client can make the server keep a bounded number of bytes, and no more."""
    with served.connect() as connection:
        connection.sendall(HEAD)
        sent = 0
        with suppress(ConnectionError):
            while sent < FAR_TOO_MUCH_BYTES:
                sent += connection.send(b"X-Long: " + b"a" * 8_192 + b"\r\n")
    assert sent < FAR_TOO_MUCH_BYTES
    assert served.ask("/livez")[0].status == 200


def test_a_slow_client_loses_its_connection(served: Served) -> None:
    """One byte now and then keeps no connection alive beyond the time for a whole request."""
    with served.connect() as connection:
        connection.settimeout(0.05)

        def is_cut_off() -> bool:
            try:
                connection.sendall(b"G")
                return connection.recv(1) == b""
            except TimeoutError:
                return False
            except OSError:
                return True

        eventually(is_cut_off, WITHIN_S, "the end of a slow client's connection")


def test_a_crowd_of_silent_clients_keeps_no_probe_from_its_answer(served: Served) -> None:
    """Where all connections are taken, the one that has been silent for longest ends."""
    with ExitStack() as stack:
        silent = [stack.enter_context(served.connect()) for _ in range(2 * MAX_CONNECTIONS)]
        for _ in range(5):
            assert served.ask("/livez")[0].status == 200
        assert silent[0].recv(1) == b""


def test_those_who_follow_are_told_each_second_and_are_bounded(served: Served) -> None:
    """The first event is whole, later ones leave out what does not change; one page too many is sent to /status."""
    with ExitStack() as stack:
        files = []
        for _ in range(MAX_STREAMS):
            connection = stack.enter_context(served.connect())
            connection.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
            files.append(stack.enter_context(connection.makefile("rb")))
        told = [[line for line in (file.readline() for _ in range(20)) if line.startswith(b"data:")] for file in files]
        assert {len(each) for each in told} == {2}
        first, second = (orjson.loads(line[5:]) for line in told[0])
        assert "facts" in first
        assert "facts" not in second
        answer, why = served.ask("/events")
        assert answer.status == 503
        assert b"/status" in why
    eventually(lambda: _is_open(served), WITHIN_S, "a place for another page")


def _is_open(served: Served) -> bool:
    with served.connect() as connection:
        connection.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
        return connection.recv(12) == b"HTTP/1.1 200"


def test_a_port_that_is_taken_is_told_in_one_line(served: Served) -> None:
    """Which setting it is, why, and what to do."""
    with pytest.raises(FatalError) as caught:
        StatusServer(served.server.address, Routes(None), SystemClock())  # type: ignore[arg-type]  # nothing is asked
    line = str(caught.value)
    assert f"127.0.0.1:{served.place[1]} of STREAM_HTTP_ADDRESS" in line
    assert "Address already in use" in line
    assert "off" in line
