"""Change data capture: how the events of a Debezium connector become deltas, by rules that a file gives.

The way of a message: `wrapper` takes schema and payload apart -> `shapes` says what it is -> `routes` finds its rule
-> `identity` and `layout` make the record. `mapping_file` reads the rules, `mapper` holds it all together.
"""

from __future__ import annotations

from .mapper import Mapper
from .mapping_file import load_mapping
from .result import Delta, NotSent

__all__ = ["Delta", "Mapper", "NotSent", "load_mapping"]
