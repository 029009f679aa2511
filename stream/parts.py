"""All that a loop is put together from, and its bounds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .holds import HoldLimits
from .observer import NO_TRACING, SILENT
from .undecided import Limits

if TYPE_CHECKING:
    import random

    from .audit import AuditLog
    from .clock import Clock
    from .flights import InFlightLimits
    from .intake import Intake
    from .lanes import BatchLimits
    from .lease import Lease
    from .observer import Observer, Tracing
    from .outcome import OutcomeWriter
    from .ports import Pool, Sink, Source
    from .start import Start
    from .steps import Policy


@dataclass(frozen=True, slots=True)
class Parts:
    """All that a loop is put together from: the ports, the pure rooms with settings, and the process's own.

    `observer` is told what happens; `tracing` gives the trace context of outcomes.
    """

    source: Source
    pool: Pool
    sink: Sink
    clock: Clock
    rng: random.Random
    intake: Intake
    start: Start
    writer: OutcomeWriter
    audit: AuditLog
    lease: Lease
    observer: Observer = SILENT
    tracing: Tracing = NO_TRACING


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the configuration says.

    `STREAM_BATCH_*`, `CXONE_MAX_*`, `STREAM_BUFFER_BYTES`, `STREAM_DRAIN_S`, what governs a dialogue, and
    `STREAM_STOP_AFTER_REFUSED` with `STREAM_GIVE_UP_AFTER_S`.
    """

    batch: BatchLimits
    in_flight: InFlightLimits
    buffer_bytes: int
    drain_s: float
    policy: Policy
    hold: HoldLimits = field(default_factory=HoldLimits)

    @property
    def limits(self) -> Limits:
        """The limits of what is undecided."""
        return Limits(self.batch, self.in_flight, self.hold)
