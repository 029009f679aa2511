"""Where a record is read back: its ids, each as one segment of the path (contract section 1)."""

from __future__ import annotations

from urllib.parse import quote

READ_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}
"""The headers of a read, beside `Authorization`."""

_DOT_SEGMENTS = frozenset({".", ".."})


def is_readable(datastore_id: str, record_id: str) -> bool:
    """Tell whether a record can be asked for: a dot is never encoded, and clients and proxies fold such segments."""
    return datastore_id not in _DOT_SEGMENTS and record_id not in _DOT_SEGMENTS


def record_address(path: str, datastore_id: str, record_id: str) -> str:
    """Fill the read call's path.

    Args:
        path: of `CXONE_RECORD_PATH`, with `{dataStoreId}` and `{recordId}`.
        datastore_id: as sent.
        record_id: as sent; whatever it holds stays in its segment.

    Raises:
        ValueError: the record cannot be asked for, see `is_readable`.
    """
    if not is_readable(datastore_id, record_id):
        raise ValueError("an id of one or two dots is no segment of a path")
    filled = path.replace("{dataStoreId}", quote(datastore_id, safe=""))  # first: what it puts in holds no brace
    return filled.replace("{recordId}", quote(record_id, safe=""))
