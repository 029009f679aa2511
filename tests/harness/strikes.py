"""kill -9 of service processes in full flow, and how far each of these kills counts."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .service import Service
    from .stage import Stage

WORK_S = 60.0
GONE_S = 10.0


@dataclass(slots=True)
class Strike:
    """One kill: when (seconds since the epoch), and what was under way.

    `requests` of it were in the stand-in's hands at that moment; `lag` counts the offsets that were not committed just
    before, None where the broker did not tell. `in_transaction`: it was held in the middle of one. `back_s` is the time
    until the next process of this name had its first outcome committed, None before that.
    """

    at_s: float
    requests: int
    lag: int | None
    seen: int
    in_transaction: bool = False
    back_s: float | None = None

    @property
    def counts(self) -> bool:
        """Whether work was in flight: a request without its answer and offsets not committed, or a transaction."""
        return self.in_transaction or (self.requests > 0 and bool(self.lag))


@dataclass(slots=True)
class Strikes:
    """All kills of a test."""

    stage: Stage
    all: list[Strike] = field(default_factory=list)

    @property
    def times_s(self) -> list[float]:
        """When they were, in seconds since the epoch."""
        return [strike.at_s for strike in self.all]

    @property
    def counted(self) -> int:
        """How many count."""
        return sum(strike.counts for strike in self.all)

    def kill_one_of(self, services: Sequence[Service]) -> int:
        """Kill the first process that has a request on the wire; return its index."""
        found: list[int] = []

        def has_work() -> bool:
            found[:] = [index for index, each in enumerate(services) if each.is_running and self.stage.on_wire(each)]
            return bool(found)

        eventually(has_work, WORK_S, "a request on the wire")
        self.kill(services[found[0]])
        return found[0]

    def kill(self, service: Service, *, in_transaction: bool = False) -> None:
        """Kill a process now, and find out what it had under way; `in_transaction` says what the caller knows."""
        lag, addresses = self.stage.lag(), service.addresses()
        at_s, seen = time.time(), len(self.stage.reader)
        service.kill()
        eventually(lambda: not self.stage.on_wire_of(addresses), GONE_S, "the end of the killed process's requests")
        self.all.append(Strike(at_s, self.stage.under_way(addresses, at_s), lag, seen, in_transaction))

    def await_return(self, service: Service, within_s: float = WORK_S) -> None:
        """Wait until a process that was started after the last kill has its first outcome committed."""
        strike = self.all[-1]

        def is_back() -> bool:
            fresh = self.stage.reader.after(strike.seen)
            batches = {line["batch_id"] for line in service.lines("execution_completed")}
            strike.seen += len(fresh)
            return any(outcome.json["batchId"] in batches for outcome in fresh)

        eventually(is_back, within_s, f"outcomes of {service.name}")
        strike.back_s = time.time() - strike.at_s
