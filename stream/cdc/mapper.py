"""From messages to the deltas of records, by the first rule that fits; every message has exactly one result.

A change of a primary key needs nothing special: connectors write it as a delete of the old key and a create of the new
one, two messages with two keys. They may stand in two partitions, so nothing is promised of their order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..model import LaneKey
from .compiled import CompiledRule
from .topic import TopicReader

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..model import ConflictResolution, UpdateType
    from .result import Delta, NotSent
    from .rules import Rule

MAX_TOPICS = 10_000


class Mapper:
    """The rules of a mapping file at work. Without rules it still knows a connector's messages from native ones."""

    def __init__(self, rules: Iterable[Rule], update_type: UpdateType, conflict_resolution: ConflictResolution) -> None:
        """Compile the rules.

        Args:
            rules: in the order in which they are asked.
            update_type: `STREAM_UPDATE_TYPE`, where a rule says nothing.
            conflict_resolution: `STREAM_CONFLICT_RESOLUTION`, the same.
        """
        self._rules = tuple(
            CompiledRule(
                rule,
                LaneKey(
                    rule.datastore_id, rule.update_type or update_type, rule.conflict_resolution or conflict_resolution
                ),
            )
            for rule in rules
        )
        self._topics: dict[str, TopicReader] = {}

    def topic(self, name: str) -> TopicReader:
        """Return the reader of a topic, always the same one while there are not too many."""
        reader = self._topics.get(name)
        if reader is None:
            if len(self._topics) >= MAX_TOPICS:
                self._topics.clear()
            reader = self._topics[name] = TopicReader(name, self._rules)
        return reader

    def read(self, topic: str, key: bytes | None, value: bytes | None) -> Delta | NotSent | dict[str, Any]:
        """Read one message, as `TopicReader.read` does."""
        return self.topic(topic).read(key, value)
