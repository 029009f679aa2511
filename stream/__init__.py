"""Moves change events from Kafka into NICE CXone Data Actions, one committed outcome for each.

The way of an event, in the order of the files:

    consumer -> intake (decode, validate) -> lanes -> payload -> dialogue -> cxone (on a worker)
             -> outcome -> ledger + outbox -> publisher -> settled

What it is not: a framework for pipelines, a library to import (install it as a program of its own),
or a store. Everything it remembers stands in the offsets that it commits to Kafka.
"""

from __future__ import annotations

__version__ = "0.1.0"
