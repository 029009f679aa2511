"""What speaks against sending an event again: what was decided since, and what waits to be decided.

Events are compared by their origins: a replay stands later in its partition than its event, but is no newer.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from ..model import TopicPartition
from ..replayed import lineage
from .decision import key_digest

if TYPE_CHECKING:
    from collections.abc import Collection

    from ..model import Message
    from .candidates import Candidates
    from .decision import Decision, Place

NONE_YET = -1
_Name = tuple[TopicPartition, str, str] | tuple[TopicPartition, bytes] | tuple[TopicPartition, bytes, str]
"""A record, a key, or a key and an id, within a partition: offsets of two partitions say nothing of each other."""


class Fate(StrEnum):
    """What becomes of a failed event that was asked for; each has one. The last three show only at the sending."""

    SENT = "sent"
    REPLAYED = "replayed"
    EXHAUSTED = "exhausted"
    SUPERSEDED = "superseded"
    NO_INPUT = "noInput"
    WAITING = "waiting"
    GONE = "gone"
    UNFIT = "unfit"


class Evidence:
    """Looks at outcomes and at undecided messages, and keeps what concerns the candidates: a few values for each."""

    def __init__(self, candidates: Candidates) -> None:
        """Begin with nothing against any of them.

        Args:
            candidates: complete.
        """
        self._candidates = candidates
        self._decided_since: set[Place] = set()
        self._decided_again: set[Place] = set()
        """Those that are going to be decided once more, for their group was rewound."""
        self._newest_held: dict[_Name, int] = {
            subject: NONE_YET for candidate in candidates for subject in _subjects(candidate)
        }
        self._newest_waiting: dict[_Name, int] = {
            (each.partition, each.key): NONE_YET for each in candidates if each.key
        }

    def see_undecided(self, message: Message) -> None:
        """Take note of a message of the input that has no outcome yet."""
        of = lineage(message.partition, message.offset, message.headers)
        candidate = self._candidates.get((message.partition, of.origin))
        if candidate is not None and of.attempt > candidate.lineage.attempt:
            self._decided_since.add(candidate.origin)
        elif candidate is not None and of.attempt == candidate.lineage.attempt:
            self._decided_again.add(candidate.origin)
        if (digest := key_digest(message.key)) is not None:
            _raise(self._newest_waiting, (message.partition, digest), of.origin)

    def see_decided(self, decision: Decision) -> None:
        """Take note of an outcome."""
        candidate = self._candidates.get(decision.origin)
        if candidate is not None and decision.age > candidate.age:
            self._decided_since.add(candidate.origin)
        if decision.is_held:
            for name in _names(decision):
                _raise(self._newest_held, name, decision.lineage.origin)

    def fate(self, failed: Decision, input_topics: Collection[str], max_attempts: int, *, force: bool) -> Fate:
        """Say what becomes of a candidate, as far as outcomes and input tell.

        Args:
            failed: one of the candidates.
            input_topics: those of the service; what was decided of another topic is sent nowhere.
            max_attempts: how often an event is sent again, in all.
            force: send it even if later events of its record were applied, or wait.
        """
        if failed.partition.topic not in input_topics:
            return Fate.NO_INPUT
        if failed.origin in self._decided_since:
            return Fate.REPLAYED
        if failed.lineage.attempt >= max_attempts:
            return Fate.EXHAUSTED
        if not force and any(self._newest_held[each] > failed.lineage.origin for each in _subjects(failed)):
            return Fate.SUPERSEDED
        if failed.origin in self._decided_again or (not force and self._waits(failed)):
            return Fate.WAITING
        return Fate.SENT

    def _waits(self, failed: Decision) -> bool:
        """Tell whether a later event of its key is not decided yet: sent again, it would stand behind that one."""
        if failed.key is None:
            return False
        return self._newest_waiting[failed.partition, failed.key] > failed.lineage.origin


def _names(decision: Decision) -> list[_Name]:
    """Name what an event is about: its record where that is known, its key, and both."""
    names: list[_Name] = []
    if decision.datastore_id is not None and decision.record_id is not None:
        names.append((decision.partition, decision.datastore_id, decision.record_id))
    if decision.key is not None:
        names.append((decision.partition, decision.key))
        if decision.record_id is not None:
            names.append((decision.partition, decision.key, decision.record_id))
    return names


def _subjects(failed: Decision) -> list[_Name]:
    """Name what later events of the same count against it: by no name nothing does.

    Its record; and its id under its key, for it may have failed under a datastore that was wrong. Its key alone only
    where nobody could read the record: many records may share one.
    """
    names = _names(failed)
    return [each for each in names if len(each) == 3] or names  # noqa: PLR2004 - all but the key alone


def _raise(newest: dict[_Name, int], name: _Name, origin: int) -> None:
    """Remember the newest origin of what is looked for, and of nothing else."""
    known = newest.get(name)
    if known is not None and origin > known:
        newest[name] = origin
