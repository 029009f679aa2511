"""The mapping file (`STREAM_MAPPING_FILE`): read, judged, and given as the rules of `cdc`."""

from __future__ import annotations

from .file import NO_MAPPING, Mapping, load_mapping

__all__ = ["NO_MAPPING", "Mapping", "load_mapping"]
