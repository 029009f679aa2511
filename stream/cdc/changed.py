"""When a change was made in its database, read from the raw bytes of a connector's event, for figures only."""

from __future__ import annotations

import re

_ENVELOPE = re.compile(rb'"source":\{"version":"[^"]*","connector":"[^"]*","name":"[^"]*","ts_ms":(\d{1,15})[,}]')
_UNWRAPPED = re.compile(rb'"__source_ts_ms":(\d{1,15})[,}]')


def changed_ms(value: bytes | None) -> int | None:
    """Find `source.ts_ms` of an envelope, or what `ExtractNewRecordState` calls `__source_ts_ms`.

    Inside of texts quotes are escaped, so that no column's content looks like it.

    Args:
        value: of the message.

    Returns:
        Milliseconds since 1970; None where it is not there, as in native events.
    """
    found = None if value is None else _ENVELOPE.search(value) or _UNWRAPPED.search(value)
    return None if found is None else int(found[1])
