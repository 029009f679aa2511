"""One instance's publisher: the port `Sink`, as `stream/publisher.py` keeps it, with all that befalls a producer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from stream.ports import Aborted, Broken, Committed, Ready

from .faults import Mishap, Point
from .group import Membership
from .kafka import FencedError, NotReachedError, StaleMemberError
from .world import Trip

if TYPE_CHECKING:
    import random
    from collections.abc import Generator, Mapping, Sequence

    from stream.outbox import Transaction
    from stream.ports import Report

    from .kafka import Broker
    from .service import Process

INIT_AGAIN_S = 0.5


MISHAPS = tuple(Mishap)
STAGES = 4
POINTS = (Point.PRODUCED, Point.OFFSETS_SENT, Point.ENDED)


class FakeSink:
    """The publisher of one life of an instance."""

    def __init__(self, process: Process, broker: Broker, weights: Mapping[Mishap, float]) -> None:
        self._process = process
        self._world = process.world
        self._broker = broker
        self._weights = [weights.get(each, 0.0) for each in MISHAPS]
        self._id = process.transactional_id
        self._producer = 0
        self._epoch: int | None = None
        self._inbox: list[Transaction] = []
        self._is_open = False
        self._reports: list[Report] = []
        self.replace()

    # The port.

    def publish(self, transaction: Transaction) -> None:
        """Hand over one transaction; its end comes as a report."""
        self._process.at_port()
        self._is_open = True
        self._broker.model.published(self._process.name, transaction.settled)
        self._world.note(
            "publish", self._process.name, transaction.nonce, *sorted(s.offset for s in transaction.settled)
        )
        if self._epoch is None:
            self._inbox.append(transaction)
        else:
            self._world.play(self._write(transaction, self._producer, self._epoch), self._process)

    def reports(self) -> Sequence[Report]:
        """Take the reports since the last call."""
        self._process.at_port()
        reports, self._reports = self._reports, []
        return reports

    def replace(self) -> None:
        """Abandon the producer and make another with the same id."""
        self._producer += 1
        self._epoch = None
        self._reports, self._inbox = [], []
        self._world.count("producers")
        self._world.play(self._start(self._producer), self._process)

    def close(self) -> None:
        """End the thread, if it is not stuck."""
        self._process.at_port()

    # Its state, for the world.

    def has_reports(self) -> bool:
        """Whether something waits for the loop."""
        return bool(self._reports)

    @property
    def is_open(self) -> bool:
        """Whether a transaction was handed over and has not ended."""
        return self._is_open

    # The producer's thread.

    def _start(self, producer: int) -> Generator[Trip, None, None]:
        mishap = self._draw()
        if mishap is Mishap.HANG:
            self._world.count("hanging_starts")
            yield Trip(_hang_s(self._world.rng), to_client=True)
        yield Trip(self._world.rng.choice((0.01, 1.0)) * self._world.rng.random(), to_client=True)
        while not self._is_reached():
            yield Trip(INIT_AGAIN_S, to_client=True)
        if mishap is Mishap.UNKNOWN_DROPPED:
            yield from self._tell(producer, Broken("the producer cannot start", fenced=False))
            return
        if producer != self._producer and self._world.chance(0.5):
            return  # abandoned, and its thread has noticed; else it fences its own successor
        epoch = self._broker.init_producer(self._id)
        yield self._trip(to_client=True)
        yield from self._tell(producer, Ready())
        if producer == self._producer:
            self._epoch = epoch
            for transaction in self._inbox:
                self._world.play(self._write(transaction, producer, epoch), self._process)
            self._inbox.clear()

    def _write(self, transaction: Transaction, producer: int, epoch: int) -> Generator[Trip, None, None]:
        mishap = self._draw()
        if mishap is not Mishap.NONE:
            self._world.count(f"transaction_{mishap}")
        stages = [self._begin, self._send_offsets, self._commit]
        unhappy = self._world.rng.randrange(STAGES)
        try:
            for number, stage in enumerate(stages):
                if number == unhappy:
                    yield from self._suffer(mishap)
                yield self._trip()
                yield from stage(transaction, epoch, mishap)
                self._process.at_point(POINTS[number])
                yield self._trip(to_client=True)
            if unhappy == len(stages) and mishap is not Mishap.ABORT:
                yield from self._suffer(mishap)
            yield from self._tell(producer, Committed(transaction.nonce))
        except StaleMemberError:
            yield from self._abort(transaction, producer, epoch)
        except FencedError:
            yield from self._tell(producer, Broken("PRODUCER_FENCED", fenced=True))
        except NotReachedError:
            yield from self._tell(producer, Broken("_TRANSPORT", fenced=False))

    def _suffer(self, mishap: Mishap) -> Generator[Trip, None, None]:
        rng = self._world.rng
        if mishap is Mishap.ABORT:
            raise StaleMemberError
        if mishap is Mishap.SLOW:
            yield Trip(rng.uniform(0.5, 12.0), to_client=True)
        elif mishap is Mishap.HANG:
            yield Trip(_hang_s(rng), to_client=True)

    def _begin(self, transaction: Transaction, epoch: int, _mishap: Mishap) -> Generator[Trip, None, None]:
        self._reach()
        self._broker.produce(self._id, epoch, transaction)
        yield from ()

    def _send_offsets(self, transaction: Transaction, epoch: int, _mishap: Mishap) -> Generator[Trip, None, None]:
        self._reach()
        membership = transaction.group
        if not isinstance(membership, Membership):
            message = f"a transaction without group metadata: {membership!r}"
            raise TypeError(message)
        self._broker.send_offsets(self._id, epoch, transaction, membership)
        yield from ()

    def _commit(self, _transaction: Transaction, epoch: int, mishap: Mishap) -> Generator[Trip, None, None]:
        """Send the request to commit; in each unknown end the client sees the same error."""
        self._reach()
        if mishap is Mishap.UNKNOWN_LATE:
            self._world.after(self._world.rng.uniform(0.0, 3.0), lambda: self._commit_late(epoch))
        elif mishap is not Mishap.UNKNOWN_DROPPED:
            self._broker.end(self._id, epoch, commit=True)
        if mishap in (Mishap.UNKNOWN_APPLIED, Mishap.UNKNOWN_LATE, Mishap.UNKNOWN_DROPPED):
            self._world.count("unknown_ends")
            yield self._trip(to_client=True)
            raise NotReachedError

    def _commit_late(self, epoch: int) -> None:
        try:
            self._broker.end(self._id, epoch, commit=True)
        except FencedError:
            self._world.count("late_commits_fenced")
        else:
            self._world.count("late_commits")

    def _abort(self, transaction: Transaction, producer: int, epoch: int) -> Generator[Trip, None, None]:
        try:
            yield self._trip()
            self._reach()
            self._broker.end(self._id, epoch, commit=False)
            yield from self._tell(producer, Aborted(transaction.nonce, "an abortable error"))
        except FencedError:
            yield from self._tell(producer, Broken("PRODUCER_FENCED", fenced=True))
        except NotReachedError:
            yield from self._tell(producer, Broken("_TRANSPORT", fenced=False))

    def _tell(self, producer: int, report: Report) -> Generator[Trip, None, None]:
        yield self._trip(to_client=True)
        if producer == self._producer:
            self._is_open = False
            self._world.note("report", self._process.name, type(report).__name__)
            self._reports.append(report)
            self._process.stir()

    def _draw(self) -> Mishap:
        if self._process.is_calm():
            return Mishap.NONE
        return self._world.rng.choices(MISHAPS, self._weights)[0]

    def _reach(self) -> None:
        if not self._is_reached():
            raise NotReachedError

    def _is_reached(self) -> bool:
        return self._process.is_connected and self._broker.is_up

    def _trip(self, *, to_client: bool = False) -> Trip:
        return Trip(self._world.rng.uniform(0.0002, 0.01), to_client=to_client)


def _hang_s(rng: random.Random) -> float:
    """Draw how long a call hangs: around the patience of the watchdog, or anyhow, or for ever."""
    return rng.choice((rng.uniform(20.0, 20.8), rng.uniform(20.0, 25.0), rng.uniform(1.0, 70.0), math.inf))
