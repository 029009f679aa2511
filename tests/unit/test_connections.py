"""What the log of a producer tells of its connections."""

from __future__ import annotations

import logging

import pytest

from stream.connections import Connections

NAME = "kafka.connections.test"


HEAD = "FAIL [c#producer-4] [thrd:h:1/1]: h:1/1:"


@pytest.mark.parametrize(
    ("line", "is_broken"),
    [
        (f"{HEAD} Disconnected: connection reset by peer (after 26ms in state UP)", True),
        (f"{HEAD} 2 request(s) timed out: disconnect (after 9ms in state UP, 1 identical error(s) suppressed)", True),
        (f"{HEAD} Connect to ipv4#h:1 failed: Connection refused (after 0ms in state CONNECT)", False),
        ("GETPID [c#producer-4] [thrd:main]: Failed to acquire a PID (after 1ms in state UP)", False),
    ],
)
def test_a_connection_that_was_up_and_broke_is_heard_of(line: str, is_broken: bool) -> None:  # noqa: FBT001 - a case
    """One that was never up has carried no request, so nothing of it can arrive late."""
    connections = Connections(logging.getLogger(NAME))
    assert not connections.have_broken
    connections.logger.log(logging.INFO, "%s", line)
    assert connections.have_broken is is_broken
    connections.logger.log(logging.INFO, "%s", "anything else")
    assert connections.have_broken is is_broken


def test_what_is_worth_a_line_is_passed_on(caplog: pytest.LogCaptureFixture) -> None:
    """Warnings and errors go where all of the library's go; what is below is heard and no more."""
    connections = Connections(logging.getLogger(NAME))
    with caplog.at_level(logging.DEBUG):
        connections.logger.log(logging.INFO, "%s", "FAIL a (after 1ms in state UP)")
        connections.logger.log(logging.ERROR, "%s", "TXNERR a transaction failed")
    assert [record.getMessage() for record in caplog.records] == ["TXNERR a transaction failed"]
