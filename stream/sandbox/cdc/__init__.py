"""`make cdc`: changes of a PostgreSQL's tables, through Debezium and Kafka, to the CXone stand-in; with the proof."""

from __future__ import annotations

from .script import CdcOptions, run_cdc

__all__ = ["CdcOptions", "run_cdc"]
