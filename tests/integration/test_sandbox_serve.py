"""The CXone stand-in as a process of its own, as the command line runs it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

SERVE = """
from stream.sandbox.cxone import SandboxOptions, serve
serve(SandboxOptions(), "127.0.0.1", 0, lambda url: print(url, flush=True))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_served_until_a_signal(number: signal.Signals) -> None:
    """It announces its address once it serves, and ends with 0 on SIGTERM and SIGINT."""
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", SERVE], cwd=root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert httpx.get(f"{url}/_sandbox/state").json()["violations"] == []
        process.send_signal(number)
        assert process.wait(10) == 0
