"""A real Chromium, driven by its own protocol through a pipe: no driver program, no package, no port.

The program is `CHROMIUM`, or `/usr/bin/chromium`. It gets a new, empty profile and asks nothing of the world by itself.
"""

from __future__ import annotations

import base64
import itertools
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import orjson

from ..harness.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

PROGRAM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
SWITCHES = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
HAND_OVER = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(each), fcntl.F_DUPFD, 10) for each in sys.argv[1:3]]
for end, wanted in zip(ends, (3, 4)):
    os.dup2(end, wanted)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Chromium reads its orders from file descriptor 3 and answers on 4."""
WITHIN_S = 60.0


class Screen(NamedTuple):
    """How large the window is, and what the user prefers."""

    width: int
    height: int
    scheme: str = "light"
    is_phone: bool = False


DESKTOP = Screen(1280, 900)
DARK = Screen(1280, 800, "dark")
PHONE = Screen(390, 1_200, is_phone=True)


class Chromium:
    """The browser with one page; as a context manager it ends it."""

    def __init__(self, profile: Path) -> None:
        """Start it."""
        read_end, self._tell = os.pipe()
        self._hear, write_end = os.pipe()
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-c", HAND_OVER, str(read_end), str(write_end)),
                *(PROGRAM, *SWITCHES, f"--user-data-dir={profile}", "about:blank"),
            ],
            pass_fds=(read_end, write_end),
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        os.close(read_end)
        os.close(write_end)
        self._numbers = itertools.count(1)
        self._rest = b""
        self.happenings: list[dict[str, Any]] = []
        """What the browser has told by itself so far."""
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **arguments: object) -> dict[str, Any]:
        """Call a method of the protocol on the page."""
        return self._call(method, self._session, **arguments)

    def show(self, screen: Screen) -> None:
        """Choose the window and the scheme."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=screen.width,
            height=screen.height,
            deviceScaleFactor=2 if screen.is_phone else 1,
            mobile=screen.is_phone,
        )
        features = [{"name": "prefers-color-scheme", "value": screen.scheme}]
        self.call("Emulation.setEmulatedMedia", features=features)

    def go(self, url: str) -> None:
        """Go to a page."""
        self.call("Page.navigate", url=url)

    def evaluate(self, expression: str) -> Any:  # noqa: ANN401 - whatever the page says
        """Evaluate an expression in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def text(self, selector: str) -> str:
        """Read what an element shows."""
        return str(self.evaluate(f"document.querySelector({selector!r})?.innerText ?? ''"))

    def await_text(self, selector: str, part: str) -> None:
        """Wait until an element shows a text."""
        eventually(lambda: part in self.text(selector), WITHIN_S, f"{part!r} in {selector}")

    def press(self, key: str) -> None:
        """Press a key."""
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, text="\r" if key == "Enter" else "")

    def picture(self, *, whole: bool = True) -> bytes:
        """Take a picture, of the whole page or of the window."""
        answer = self.call(
            "Page.captureScreenshot", format="png", captureBeyondViewport=whole, **self._clip(whole=whole)
        )
        return base64.b64decode(answer["data"])

    def heard(self, *methods: str) -> list[dict[str, Any]]:
        """List what the browser has told under some names."""
        self.evaluate("0")  # what happened before this answer has been told
        return [each["params"] for each in self.happenings if each["method"] in methods]

    def close(self) -> None:
        """End it."""
        for end in (self._tell, self._hear):
            os.close(end)
        self._process.terminate()
        self._process.wait(WITHIN_S)

    def __enter__(self) -> Self:
        """Use it in a `with` block."""
        return self

    def __exit__(self, *_error: object) -> None:
        """End it."""
        self.close()

    def _clip(self, *, whole: bool) -> dict[str, object]:
        if not whole:
            return {}
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        return {"clip": {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}}

    def _call(self, method: str, session: str | None = None, **arguments: object) -> dict[str, Any]:
        number = next(self._numbers)
        message: dict[str, object] = {"id": number, "method": method, "params": arguments}
        if session is not None:
            message["sessionId"] = session
        os.write(self._tell, orjson.dumps(message) + b"\0")
        for told in self._messages():
            if told.get("id") == number:
                assert "error" not in told, told
                result: dict[str, Any] = told["result"]
                return result
            self.happenings.append(told)
        raise AssertionError(f"Chromium has ended before it answered {method}")

    def _messages(self) -> Iterable[dict[str, Any]]:
        while True:
            line, end, rest = self._rest.partition(b"\0")
            if end:
                self._rest = rest
                yield orjson.loads(line)
                continue
            more = os.read(self._hear, 1 << 20)
            if not more:
                return
            self._rest += more
