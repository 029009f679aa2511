"""A process that never outlives us, whichever way we end."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import signal
    from collections.abc import Mapping, Sequence
    from pathlib import Path

# Ends the process when the pipe from us breaks, which the kernel sees to however we die. A parent-death signal would
# not do: it fires already when the *thread* ends that started the child.
_WATCHDOG = """
read -r pid || exit 0
read -r _
kill -9 "$pid" 2>/dev/null
[ -n "$1" ] || exit 0
n=0; while kill -0 "$pid" 2>/dev/null && [ $n -lt 50 ]; do sleep 0.1; n=$((n + 1)); done
rm -rf -- "$1"
"""


class BoundProcess:
    """A running child process whose end a watchdog brings about when this process is gone, `kill -9` included.

    Both are in sessions of their own: Ctrl-C in a terminal is for the service, which still needs its broker to drain.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        environ: Mapping[str, str],
        log_file: Path,
        removed_with_us: Path | None,
        user: str | None = None,
    ) -> None:
        """Start it.

        Args:
            command: the program by its absolute path, and its arguments.
            cwd: the directory that it runs in.
            environ: its environment.
            log_file: what it writes to stdout and stderr is appended here.
            removed_with_us: a directory that the watchdog removes after it had to end the process.
            user: whose process it is, and whose group it is in; None: ours. Only root may say so.
        """
        # First the watchdog: from then on there is no moment at which our end would leave the process behind.
        self._watchdog = _start_watchdog(removed_with_us)
        with log_file.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=cwd,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=user,
                group=user,
                extra_groups=None if user is None else (),
            )
        self._tell_watchdog(b"%d\n" % self._process.pid)

    @property
    def pid(self) -> int:
        """The process id; another process may have it once this one has ended."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """What it ended with, negative by a signal; None while it runs."""
        return self._process.returncode if self._ended(0) else None

    def is_running(self) -> bool:
        """Whether it has not ended yet; a frozen process runs."""
        return not self._ended(0)

    def send(self, number: signal.Signals) -> None:
        """Send a signal; does nothing when the process has ended."""
        if self.is_running():
            self._process.send_signal(number)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Return whether it ended within `timeout_s`; None waits for ever."""
        return self._ended(timeout_s)

    def _ended(self, timeout_s: float | None) -> bool:
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        # The kernel may give its process id to another process now.
        self._dismiss_watchdog()
        return True

    def _tell_watchdog(self, line: bytes) -> None:
        if self._watchdog.stdin is not None:
            self._watchdog.stdin.write(line)
            self._watchdog.stdin.flush()

    def _dismiss_watchdog(self) -> None:
        self._watchdog.kill()
        self._watchdog.wait()
        if self._watchdog.stdin is not None:
            self._watchdog.stdin.close()


def _start_watchdog(removed_with_us: Path | None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["/bin/sh", "-c", _WATCHDOG, "watchdog", str(removed_with_us or "")],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
