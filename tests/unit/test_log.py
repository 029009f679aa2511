"""What the log looks like, and what it never shows."""

from __future__ import annotations

import io
import json
import logging
from typing import TYPE_CHECKING

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from stream.log import REDACTED, configure_log, flush, get_log
from stream.settings.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "p+w & x=1%/2 ü"  # noqa: S105 - made up


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Give the process's log back as it was."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()


class Terminal(io.StringIO):
    """A stream that says that somebody is looking."""

    def isatty(self) -> bool:
        """Say so."""
        return True


class Broken(io.StringIO):
    """A stream whose disk is full."""

    def write(self, text: str) -> int:
        """Fail as a full disk does."""
        raise OSError(28, "No space left on device", text[:0])

    def flush(self) -> None:
        """Fail as a closed pipe does."""
        raise BrokenPipeError


def json_lines(stream: io.StringIO) -> list[dict[str, object]]:
    """Return the lines that were written."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_lines_begin_with_time_level_and_event() -> None:
    """A line of JSON holds the time in UTC, the level, the constant event name and the fields."""
    stream = io.StringIO()
    configure_log("info", "json", stream)
    get_log().info("execution_completed", status=200, latencyMs=1.5, big=2**70, where=("a", 1))
    (line,) = json_lines(stream)
    assert list(line)[:3] == ["timestamp", "level", "event"]
    assert str(line.pop("timestamp")).endswith("Z")
    assert line == {
        "level": "info",
        "event": "execution_completed",
        "status": 200,
        "latencyMs": 1.5,
        "big": 2**70,
        "where": ["a", 1],
    }


def test_auto_is_text_on_a_terminal_and_json_elsewhere() -> None:
    """People get text, machines get JSON; what is asked for by name is given anywhere."""
    written = {}
    for name, stream in (("auto", Terminal()), ("auto", io.StringIO()), ("json", Terminal()), ("text", io.StringIO())):
        configure_log("info", name, stream)  # type: ignore[arg-type]  # one of the formats
        get_log().info("started", partition=3)
        written[name, stream.isatty()] = stream.getvalue()
    assert written["auto", False].startswith("{")
    assert written["json", True].startswith("{")
    assert "partition=3" in written["text", False]
    assert "\x1b[" in written["auto", True]


def test_lines_below_the_level_are_left_out() -> None:
    """The level is the lowest that is written."""
    stream = io.StringIO()
    configure_log("warning", "json", stream)
    get_log().info("unseen")
    get_log().warning("seen")
    assert [line["event"] for line in json_lines(stream)] == ["seen"]


def test_libraries_write_in_the_same_form() -> None:
    """A library's warning becomes a line like ours, redacted; what it says below that level is left out."""
    stream = io.StringIO()
    configure_log("debug", "json", stream)
    logging.getLogger("httpx").info("unseen")
    logging.getLogger("confluent").warning("refused %s", "Bearer abc.def")
    (line,) = json_lines(stream)
    assert (line["event"], line["logger"], line["level"]) == (f"refused Bearer {REDACTED}", "confluent", "warning")


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_what_is_named_like_a_credential_is_hidden(log_format: str) -> None:
    """Whatever a caller does, values under such names, at any depth, are not written; numbers and paths are."""
    stream = io.StringIO()
    configure_log("info", log_format, stream)  # type: ignore[arg-type]  # one of the formats
    names = ("client_secret", "accessToken", "Authorization", "sasl.password", "CXONE_CLIENT_SECRET", "ssl.key.pem")
    get_log().info(
        "x", headers=[{"Authorization": SECRET}], deep={"a": {"token": [SECRET]}}, **dict.fromkeys(names, SECRET)
    )
    get_log().info("x", token_expires_in_s=3600, author="me", token_path="/oauth/token")  # noqa: S106 - a path
    assert "p+w" not in stream.getvalue()
    assert stream.getvalue().count(REDACTED) == len(names) + 2
    assert all(text in stream.getvalue() for text in ("3600", "/oauth/token", "me"))


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_tracebacks_do_not_show_variables(log_format: str) -> None:
    """A traceback says where, not what the variables there held; wrapped secrets stay wrapped."""
    stream = io.StringIO()
    configure_log("info", log_format, stream)  # type: ignore[arg-type]  # one of the formats
    held = [Secret(SECRET), SecretStr(SECRET), SECRET]
    try:
        held.remove("absent")
    except ValueError:
        get_log().exception("failed", held=held[:2], form="client_secret=p+w&x=1")
    assert "ValueError" in stream.getvalue()
    assert "Traceback" in stream.getvalue()
    assert "p+w" not in stream.getvalue()


def test_text_cannot_move_the_cursor() -> None:
    """Control characters from outside are shown, not obeyed, and make no line of their own."""
    stream = io.StringIO()
    configure_log("info", "text", stream)
    get_log().info("x", recordId="a\x1b[2J\nb\u202e\ud800")
    assert len(stream.getvalue().splitlines()) == 1
    assert r"a\x1b[2J\nb\u202e\ud800" in stream.getvalue()


def test_a_log_that_cannot_be_written_stops_nothing() -> None:
    """A full disk or a closed pipe behind the log raises nowhere."""
    stream = Broken()
    configure_log("info", "json", stream)
    get_log().info("lost")
    logging.getLogger("confluent").error("lost too")
    flush()
    assert stream.getvalue() == ""


LEAVES = st.text() | st.integers() | st.floats() | st.binary() | st.none()


@given(st.dictionaries(st.text(), st.recursive(LEAVES, st.lists, max_leaves=4), max_size=4))
def test_any_fields_make_one_line(fields: dict[str, object]) -> None:
    """Whatever is logged, the log writes exactly one line, and it is JSON."""
    stream = io.StringIO()
    configure_log("info", "json", stream)
    get_log().info("x", fields=fields)
    assert stream.getvalue().count("\n") == 1
    assert json.loads(stream.getvalue())["event"] == "x"


class Hand:
    """A clock that is set by hand."""

    now_s = 0.0

    def monotonic_s(self) -> float:
        """Say what it was set to."""
        return self.now_s

    def wall_ms(self) -> int:
        """Say the same."""
        return int(self.now_s * 1_000)


def test_what_a_client_of_kafka_repeats_is_told_once_and_then_once_a_minute() -> None:
    """Its own lines and ours of the same matter, with the number of those that were left out; all others as ever."""
    stream, clock = io.StringIO(), Hand()
    configure_log("info", "json", stream, clock)
    client = logging.getLogger("kafka.consumer")
    for second in range(180):
        clock.now_s = float(second)
        client.error("FAIL [rdkafka#consumer-1] localhost:9092/1: Connection refused (after %dms in state X)", second)
        get_log().warning("consumer_error", code="_TRANSPORT", reason=f"localhost:9092/1 (after {second}ms in state X)")
        get_log().info("execution_completed")
        logging.getLogger("other").warning("the same")
    lines = json_lines(stream)
    counts = {name: [line for line in lines if line["event"] == name] for name in ("execution_completed", "the same")}
    assert [len(found) for found in counts.values()] == [180, 180]
    complaints = [line for line in lines if line["event"] not in counts]
    assert [line.get("left_out") for line in complaints] == [None, None, 120, 119]
    assert [line["event"] for line in complaints[:2]] == [
        "FAIL [rdkafka#consumer-1] localhost:9092/1: Connection refused (after 0ms in state X)",
        "consumer_error",
    ]
