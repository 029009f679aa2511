"""Change data capture: how the events of a Debezium connector become deltas, by rules that a file gives.

The way of a message: `topic` asks `usual` first, for most events are like one that was read before. Else `wrapper`
takes schema and payload apart, `shapes` says what it is, the topic finds its rule, and `compiled` makes the delta: the
record by `identity`, its fields by `layout` with the `converters` of each column.
"""

from __future__ import annotations

from .changed import changed_ms
from .mapper import Mapper
from .result import Delta, NotSent
from .topic import TopicReader

__all__ = ["Delta", "Mapper", "NotSent", "TopicReader", "changed_ms"]
