"""The service with a point at which it dies or fails: `python -m tests.harness.failing_service POINT[:TIMES]`.

It is put together as the real one is; only what the loop sees of the world is wrapped, so that nothing of this stands
in what is shipped. The point takes effect when it is met for the so-manieth time (1 where nothing is said). Points
inside of a transaction need no wrapping: tests hold its requests on the wire (`kafka_wire.Stop`) and kill then.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from stream.loop import Loop

from .sabotage import SabotagedSink, configured

if TYPE_CHECKING:
    from collections.abc import Collection

    from stream.model import TopicPartition
    from stream.outbox import Transaction
    from stream.parts import Bounds, Parts

BEFORE_BEGIN = "before-begin"
"""Answers have come, the transaction with their outcomes has not begun: killed."""
REVOKING = "revoking"
"""In the callback in which partitions are given away: killed."""
RAISING = "raising"
"""The callback in which partitions are given fails."""
STALLING = "stalling"
"""The loop's thread stands still for longer than a poll may be away, while heartbeats go on."""
STALL_S = 15.0


class Point:
    """Counts how often a point is met."""

    def __init__(self, name: str, times: int) -> None:
        self.name = name
        self._left = times

    def is_met(self, name: str) -> bool:
        """Tell whether it takes effect now."""
        if name != self.name:
            return False
        self._left -= 1
        return self._left == 0


class FailingLoop(Loop):
    """The loop, with points in the callbacks of the group and between two turns."""

    def __init__(self, parts: Parts, bounds: Bounds, point: Point) -> None:
        super().__init__(parts, bounds)
        self._point = point

    def turn(self) -> None:
        """Turn, after a long standstill where that is the point."""
        if self.execution.flights.on_wire and self._point.is_met(STALLING):
            time.sleep(STALL_S)
        super().turn()

    def assigned(self, partitions: Collection[TopicPartition]) -> None:
        """Take partitions, or fail."""
        if partitions and self._point.is_met(RAISING):
            raise RuntimeError(f"planted: {RAISING}")
        super().assigned(partitions)

    def revoked(self, partitions: Collection[TopicPartition]) -> None:
        """Give partitions away, or die."""
        if partitions and self._point.is_met(REVOKING):
            die()
        super().revoked(partitions)


def die() -> None:
    """End as a crash does."""
    os.kill(os.getpid(), signal.SIGKILL)


def main(argument: str) -> None:
    """Run until killed, by itself or by others."""
    name, _, times = argument.partition(":")
    point = Point(name, int(times or 1))

    def before_begin(transaction: Transaction) -> Transaction:
        if transaction.settled and point.is_met(BEFORE_BEGIN):
            die()
        return transaction

    parts, limits = configured()
    FailingLoop(replace(parts, sink=SabotagedSink(parts.sink, before_begin)), limits, point).run(lambda: None)


if __name__ == "__main__":
    main(sys.argv[1])
