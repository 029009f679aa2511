"""How an instance is put together from the real rooms and the fake ports; a planted bug takes the place of a piece."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from stream.audit import AuditLog
from stream.intake import Defaults, Intake
from stream.lease import Lease
from stream.loop import Loop
from stream.model import ConflictResolution, UpdateType
from stream.observer import NO_TRACING, SILENT, Observer, Tracing
from stream.outcome import Form, OutcomeWriter
from stream.parts import Parts
from stream.schema_files import load_schemas
from stream.start import Start

from .pool import FakePool
from .sink import FakeSink
from .source import FakeSource
from .watch import FakeWatch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stream.clock import Clock

    from .faults import Point
    from .model import Model
    from .run import Scene
    from .service import Process

_DIRECTORY = Path(__file__).parents[2] / "schemas"
_SCHEMAS = load_schemas(_DIRECTORY, _DIRECTORY, require=False)[0]


class Watching(NamedTuple):
    """Who watches one life of an instance."""

    observer: Observer
    tracing: Tracing


@dataclass(frozen=True, slots=True)
class Wiring:
    """The pieces."""

    source: type[FakeSource] = FakeSource
    pool: type[FakePool] = FakePool
    sink: type[FakeSink] = FakeSink
    watch: type[FakeWatch] = FakeWatch
    lease: type[Lease] = Lease
    loop: type[Loop] = Loop
    observe: Callable[[Clock], Watching] = lambda _clock: Watching(SILENT, NO_TRACING)


@dataclass(slots=True)
class Ambush:
    """A misfortune that waits for a process: at a point, when it is met for so many times more."""

    point: Point
    times: int
    act: Callable[[], None]


class JudgedAudit(AuditLog):
    """The audit log, read by the judge."""

    def __init__(self, process: Process, model: Model) -> None:
        super().__init__("off")
        self._process = process
        self._model = model

    def write(self, text: bytes) -> None:
        """Take a line."""
        self._process.at_port()
        self._model.audited(text)


def _defaults(directives: Mapping[str, str]) -> Defaults:
    return Defaults(None, UpdateType(directives["updateType"]), ConflictResolution(directives["conflictResolution"]))


def parts_of(process: Process, lease: Lease, scene: Scene) -> Parts:
    """Put the parts of a loop together."""
    watching = scene.wiring.observe(scene.world)
    return Parts(
        source=process.source,
        pool=process.pool,
        sink=process.sink,
        clock=scene.world,
        rng=scene.world.rng,
        intake=Intake(_SCHEMAS, _defaults(scene.plan.directives)),
        start=Start(scene.plan.start, ignore_metadata=False),
        writer=OutcomeWriter(Form("group", cloudevents=False, dead_letters=True)),
        audit=JudgedAudit(process, scene.model),
        lease=lease,
        observer=watching.observer,
        tracing=watching.tracing,
    )
