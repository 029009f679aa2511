"""What a running service tells of itself, on a real Kafka: probes through an outage, a stuck loop, and the end."""

from __future__ import annotations

import fcntl
import os
import socket
from typing import TYPE_CHECKING

import orjson

from stream.sandbox.faults import Fault

from ..harness.asking import ANY_PORT, Asking
from ..harness.stage import CREDENTIALS
from ..harness.waiting import comes_true, eventually

if TYPE_CHECKING:
    from pathlib import Path

    from ..harness.stage import Stage

WITHIN_S = 60.0
PLANTED = "planted-value-of-a-field"
PIPE_BYTES = 4_096
WATCHED = ("-m", "tests.harness.watched_service")


def test_an_outage_is_told_and_ends_with_the_outage(stage: Stage) -> None:
    """Live and in the group all the time, not ready while everything is held, ready again by itself, then drained."""
    service = stage.start(STREAM_HTTP_ADDRESS=ANY_PORT)
    asking = Asking(service)
    assert asking.is_live
    eventually(lambda: asking.is_ready, WITHIN_S, "the service to be ready")
    outage = stage.sandbox.faults.add(Fault("answer", status=503))
    for number in range(20):
        stage.feed.send_event("store", f"record-{number}")
    eventually(lambda: "Outage: everything is held" in asking.findings(), WITHIN_S, "the outage to be told")
    assert (asking.is_live, asking.is_ready, asking.is_kafka_ready) == (True, False, True)
    assert asking.get("/readyz").text.startswith("outage: every datastore that has work is held: ")
    told = asking.status()["current"]
    assert [each["datastoreId"] for each in told["status"]["held"]] == ["store"]
    assert sum(each["lag"] for each in told["partitions"]) == 20
    assert [each["dataStoreId"] for each in told["setbacks"]] == ["store"]
    stage.sandbox.faults.remove(outage)
    eventually(lambda: asking.is_ready, WITHIN_S, "the service to be ready again")
    eventually(lambda: asking.status()["current"]["flow"]["results"] == {"APPLIED": 20}, WITHIN_S, "the results")
    assert asking.findings() == {}

    silence = stage.sandbox.faults.add(Fault("lose"))
    stage.feed.send_event("store", "record")
    eventually(lambda: stage.sandbox.in_flight, WITHIN_S, "a request on the wire")
    service.terminate()
    eventually(lambda: "draining" in asking.get("/readyz").text, WITHIN_S, "the drain to be told")
    assert (asking.is_live, asking.is_kafka_ready) == (True, False)
    stage.sandbox.faults.remove(silence)
    assert service.exit_code(30.0) == 0


def test_what_is_told_holds_no_secret_and_no_value(stage: Stage) -> None:
    """Wherever an event fails, its fields' values and the credentials are in no page, status, event or probe."""
    stage.sandbox.faults.add(Fault("answer", status=400, data_store_id="refused", body=f'{{"error": "no {PLANTED}"}}'))
    asking = Asking(stage.start(STREAM_HTTP_ADDRESS=ANY_PORT))
    stage.feed.send_event("refused", "r1", fields={"number": PLANTED})
    stage.feed.send_event("example", "acc-1", fields={"tier": PLANTED})
    stage.feed.send(orjson.dumps({"dataStoreId": "people", "id": "r2", "fields": PLANTED}), "r2")
    stage.feed.send(orjson.dumps({"dataStoreId": "people", "id": "r3", "fields": {"a": 1}, "x": PLANTED}), "r3")
    stage.feed.send(PLANTED.encode(), "r4")
    stage.await_all_committed()
    eventually(lambda: len(asking.status()["current"]["failures"]) == 4, WITHIN_S, "four kinds of failure")
    address = asking.base_url.removeprefix("http://").split(":")
    with socket.create_connection((address[0], int(address[1])), timeout=WITHIN_S) as connection:
        connection.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
        with connection.makefile("r", encoding="utf-8") as followed:
            events = "".join(next(followed) for _ in range(16))
    told = [asking.get(path).text for path in ("/", "/status", "/livez", "/readyz")]
    assert "fields_invalid" not in told[0]
    for text in (*told, events):
        for secret in (PLANTED, CREDENTIALS.client_id, CREDENTIALS.client_secret):
            assert secret not in text
            assert orjson.dumps(secret).decode()[1:-1] not in text
    assert "(set, hidden)" in told[1]


def test_a_stuck_loop_is_not_live_and_tells_where_it_is(stage: Stage, tmp_path: Path) -> None:
    """A reader of the audit log that stops reading stops the loop: seen, told with its stack, over when it reads."""
    pipe = tmp_path / "audit.pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    service = stage.start(arguments=WATCHED, STREAM_AUDIT_LOG=str(pipe), STREAM_BATCH_SIZE="1")
    asking = Asking(service)
    eventually(lambda: asking.is_ready, WITHIN_S, "the service to be ready")
    assert asking.is_live
    for number in range(200):
        stage.feed.send_event("store", f"record-{number}")
    eventually(lambda: not asking.is_live, WITHIN_S, "the loop to be stuck")
    assert not asking.is_kafka_ready
    assert "The loop is stuck" in asking.findings()
    eventually(lambda: service.lines("loop_stuck"), WITHIN_S, "the stacks in the log")
    (line,) = service.lines("loop_stuck")
    (loop,) = (each for each in line["stacks"] if each["thread"].startswith("MainThread "))
    assert any("audit.py" in frame for frame in loop["frames"])
    eventually(lambda: _drained(reader) and asking.is_live, WITHIN_S, "the loop to turn again")
    assert comes_true(lambda: _drained(reader) and len(stage.reader) == 200, WITHIN_S)
    os.close(reader)
    assert len(service.lines("loop_stuck")) == 1


def test_a_port_that_is_taken_ends_the_process_at_once(stage: Stage) -> None:
    """Exit 1 with one line that names the setting and the way out, before the group is joined."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        service = stage.start(STREAM_HTTP_ADDRESS=address)
        assert service.exit_code(WITHIN_S) == 1
    (line,) = service.lines("service_failed")
    assert f"the address {address} of STREAM_HTTP_ADDRESS cannot be listened on" in line["reason"]
    assert service.lines("service_started") == []


def _drained(reader: int) -> bool:
    """Read what there is; always true, for use in a condition."""
    try:
        while os.read(reader, 65_536):
            pass
    except BlockingIOError:
        pass
    return True
