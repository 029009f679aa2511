"""Is it live, is it ready, and if not why: the rules of `/livez` and `/readyz` (contract section 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..snapshot import Snapshot
    from ..watchdog import Turning

STILL_S = 10.0
"""A loop that has not turned for so long takes part in nothing, though it is far from being stuck."""
BEGINS_S = 45.0
"""A partition begins at once, or when a dead member's open transaction has timed out, after 30 s."""
PUBLISHER_S = 10.0
"""A producer is made anew in a second; what takes longer holds outcomes back."""
MAX_NAMED = 20
"""Of partitions that are refused: of more it is said how many there are."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What a probe finds: well, or why not, one reason a line."""

    reasons: tuple[str, ...]

    @property
    def is_well(self) -> bool:
        """Whether there is no reason against it."""
        return not self.reasons


def live(turning: Turning) -> Probe:
    """Judge `/livez`: only a loop that is stuck needs a restart, never an API or a broker that is away.

    Args:
        turning: what the watchdog has seen.
    """
    if not turning.is_stuck:
        return Probe(())
    why = f"the loop has not turned for {turning.still_s:.0f} s: the log has the stacks of all threads, `loop_stuck`"
    return Probe((why,))


def kafka_ready(snapshot: Snapshot | None, turning: Turning) -> Probe:
    """Judge `/readyz?scope=kafka`: in the group, with or without partitions, and the loop turning.

    Args:
        snapshot: the last one; None before the first turn.
        turning: what the watchdog has seen.
    """
    return Probe(tuple(_without_kafka(snapshot, turning)))


def ready(snapshot: Snapshot | None, turning: Turning) -> Probe:
    """Judge `/readyz`: also nothing is held, no partition is refused, and outcomes get out.

    Args:
        snapshot: the last one; None before the first turn.
        turning: what the watchdog has seen.
    """
    reasons = [*_without_kafka(snapshot, turning)]
    if snapshot is not None:
        reasons += [*snapshot.status.reasons, *_refused(snapshot), *_not_begun(snapshot), *_publisher(snapshot)]
    return Probe(tuple(reasons))


def _without_kafka(snapshot: Snapshot | None, turning: Turning) -> Iterator[str]:
    if turning.is_ending:
        yield "draining: it was asked to end"
    if snapshot is None:
        yield "starting: the loop has not turned yet"
        return
    if turning.still_s >= STILL_S or turning.is_stuck:
        yield f"the loop has not turned for {turning.still_s:.0f} s"
    if not snapshot.is_member:
        yield "not in the consumer group: it is joining, or no broker answers"


def _refused(snapshot: Snapshot) -> Iterator[str]:
    refused = [each for each in snapshot.partitions if each.state == "refused"]
    for each in refused[:MAX_NAMED]:
        yield f"partition {each.topic}/{each.partition} is not consumed: {each.reason}"
    if snapshot.refused_count > len(refused[:MAX_NAMED]):
        yield f"{snapshot.refused_count} partitions in all are not consumed"


def _not_begun(snapshot: Snapshot) -> Iterator[str]:
    late = [each for each in snapshot.partitions if each.begins_for_s >= BEGINS_S]
    for each in late[:MAX_NAMED]:
        where = f"partition {each.topic}/{each.partition}"
        yield f"{where} has not begun for {each.begins_for_s:.0f} s: no broker tells its committed offset, or takes one"


def _publisher(snapshot: Snapshot) -> Iterator[str]:
    publisher = snapshot.publisher
    if publisher.state in {"rebuilding", "resolving"} and publisher.for_s >= PUBLISHER_S:
        yield f"no outcome has got out for {publisher.for_s:.0f} s: a producer is being made; look at the brokers"
