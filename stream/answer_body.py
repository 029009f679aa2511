"""EDGE, HTTP: what is read of an answer, and what of it is believed.

An answer is read to 4 MiB and no further, and an encoded one is not read at all (a gzip of 292 KB unpacks to 300 MB).
"""

from __future__ import annotations

from typing import cast

import httpx

from .deadline import TooLongError
from .wire import close_if_surplus

MAX_ANSWER_BYTES = 4 * 1024 * 1024
MAX_ANSWER_PIECES = 16_384
"""Chunks of an answer: one byte in each would cost a minute of CPU time."""
MAX_ANSWER_NODES = 65_536
"""Objects and arrays in an answer's JSON: 4 MiB of `[[]]` would take 180 MB once read."""


def read(response: httpx.Response) -> bytes | None:
    """Read an answer's body as it came; None for one that is encoded, too long or broken off.

    Raises:
        httpx.HTTPError: it broke off under a status that says applied; any other status has said all that counts.
    """
    body = bytearray()
    try:
        headers = headers_of(response)
        if headers.get(b"content-encoding", b"identity").lower() != b"identity":
            return None
        if int(headers.get(b"content-length", b"0")) > MAX_ANSWER_BYTES:
            return None
        # Not `iter_raw`: that would give the connection back at the end.
        for pieces, piece in enumerate(cast("httpx.SyncByteStream", response.stream), 1):
            body += piece
            if len(body) > MAX_ANSWER_BYTES or pieces > MAX_ANSWER_PIECES:
                return None
        close_if_surplus(response)
    except TooLongError:
        return None
    except httpx.HTTPError:
        if response.is_success:
            raise
        return None
    finally:
        response.close()
    return bytes(body)


def headers_of(response: httpx.Response) -> dict[bytes, bytes]:
    """Return the headers by lower-case names; of a name that is given twice, the last."""
    return {name.lower(): value for name, value in response.headers.raw}


def believable(body: bytes | None, content_type: bytes | None) -> bytes | None:
    """Return the body of an answer unless it is told to be no JSON, or would take much memory once read."""
    if not body:
        return body
    kind = (content_type or b"application/json").partition(b";")[0].strip().lower()
    nodes = body.count(b"{") + body.count(b"[")
    return body if kind.endswith((b"/json", b"+json")) and nodes <= MAX_ANSWER_NODES else None
