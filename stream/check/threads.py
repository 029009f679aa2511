"""Probes in threads that nobody waits for longer than he wants: a library that hangs cannot keep the process."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, TypeVar

from .report import bad

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Mapping

    from ..clock import Clock
    from .report import Finding

K = TypeVar("K", bound="Hashable")
T = TypeVar("T")


class Branch:
    """One side of the check, running; its findings can be taken one by one."""

    def __init__(self, name: str, probe: Callable[[], Iterator[Finding]], clock: Clock) -> None:
        """Start it.

        Args:
            name: for what is said when it does not end.
            probe: gives the findings.
            clock: for the deadline.
        """
        self._name = name
        self._probe = probe
        self._clock = clock
        self._found: queue.SimpleQueue[Finding | None] = queue.SimpleQueue()
        threading.Thread(target=self._run, name=f"check-{name}", daemon=True).start()

    def findings(self, until_s: float) -> Iterator[Finding]:
        """Take the findings as they come; what has not come by `until_s` has failed."""
        while True:
            try:
                found = self._found.get(timeout=max(0.0, until_s - self._clock.monotonic_s()))
            except queue.Empty:
                yield bad(self._name, "not everything was answered in time", "look at the network, and try again")
                return
            if found is None:
                return
            yield found

    def _run(self) -> None:
        try:
            for found in self._probe():
                self._found.put(found)
        except Exception as error:  # noqa: BLE001 - the other side's lines are worth having whatever this one met
            what = f"the check itself failed ({type(error).__name__})"
            self._found.put(bad(self._name, what, "please report it, with the lines above"))
        finally:
            self._found.put(None)


def side_by_side(calls: Mapping[K, Callable[[], T]], deadline_s: float, clock: Clock, *, late: T) -> dict[K, T]:
    """Make calls at once.

    Args:
        calls: by name; none of them may raise.
        deadline_s: for all of them.
        clock: for the deadline.
        late: stands for the result of a call that has not returned by then.

    Returns:
        The results by name, in the order of `calls`.
    """
    results: dict[K, T] = {}
    threads = []
    for name, call in calls.items():
        thread = threading.Thread(target=_keep, args=(results, name, call), name=f"check-{name}", daemon=True)
        thread.start()
        threads.append(thread)
    until_s = clock.monotonic_s() + deadline_s
    for thread in threads:
        thread.join(max(0.0, until_s - clock.monotonic_s()))
    return {name: results.get(name, late) for name in calls}


def _keep(results: dict[K, T], name: K, call: Callable[[], T]) -> None:
    results[name] = call()
