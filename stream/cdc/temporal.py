"""Dates and times as connectors write them, whole numbers since some beginning, into the texts of RFC 3339.

A time without a zone gets `Z`, as connectors count such columns in UTC; trailing zeros of a fraction are left out.
Both as connectors themselves write times with `time.precision.mode=isostring`.
"""

from __future__ import annotations

from datetime import date

NS_PER_S = 1_000_000_000
_S_PER_DAY = 86_400
_NS_PER_DAY = _S_PER_DAY * NS_PER_S
_EPOCH = date(1970, 1, 1).toordinal()
_FIRST, _LAST = date.min.toordinal(), date.max.toordinal()


def date_text(days: int) -> str:
    """Write a date.

    Args:
        days: since 1970-01-01.

    Raises:
        ValueError: outside the years 1 to 9999, where RFC 3339 has no text: so are `infinity` and its kin sent.
    """
    ordinal = _EPOCH + days
    if not _FIRST <= ordinal <= _LAST:
        raise ValueError
    return date.fromordinal(ordinal).isoformat()


def time_text(since_midnight_ns: int) -> str:
    """Write a time of day.

    Raises:
        ValueError: outside one day; MySQL's `TIME` may be a span of up to 838 hours.
    """
    if not 0 <= since_midnight_ns < _NS_PER_DAY:
        raise ValueError
    seconds, fraction_ns = divmod(since_midnight_ns, NS_PER_S)
    fraction = f".{fraction_ns:09}".rstrip("0") if fraction_ns else ""
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{fraction}Z"


def timestamp_text(since_epoch_ns: int) -> str:
    """Write a point in time.

    Raises:
        ValueError: outside the years 1 to 9999.
    """
    days, since_midnight_ns = divmod(since_epoch_ns, _NS_PER_DAY)
    return f"{date_text(days)}T{time_text(since_midnight_ns)}"


def duration_text(length_ns: int) -> str:
    """Write a length of time as ISO 8601 has it, in seconds alone: `PT90.5S`."""
    seconds, fraction_ns = divmod(abs(length_ns), NS_PER_S)
    fraction = f".{fraction_ns:09}".rstrip("0") if fraction_ns else ""
    return f"{'-' if length_ns < 0 else ''}PT{seconds}{fraction}S"
