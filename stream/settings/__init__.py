"""What can be configured: read once, judged as a whole, told in one line for each problem (contract section 5)."""

from __future__ import annotations

from .fields import PACKAGED_SCHEMAS
from .load import load_settings, load_without_account
from .model import Cxone, Kafka, Settings, Stream
from .table import ROWS, describe, markdown_table
from .values import HostPort

__all__ = [
    "PACKAGED_SCHEMAS",
    "ROWS",
    "Cxone",
    "HostPort",
    "Kafka",
    "Settings",
    "Stream",
    "describe",
    "load_settings",
    "load_without_account",
    "markdown_table",
]
