"""Which records a refusing answer names: `errors:[{index,id,…}]` of contract section 1, and other shapes of it.

An answer that is wrong about a record would cost a good one its change. So a name counts only when all that an entry
says, index and id, means one and the same record of the request.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

INDEX_MEMBERS = ("index", "recordIndex")
ID_MEMBERS = ("id", "recordId")
PATH_MEMBERS = ("path", "pointer")
"""Members that may lead into the request body: `/records/3/fields/name`, `$.records[3].fields`."""
VERSION_MEMBER = "currentVersion"

_RECORD_IN_PATH = re.compile(r"(?:^|[/.#])records(?:/|\.|\[)(\d{1,4})(?:[/.\]]|$)")


def named_records(body: bytes | None, record_ids: Sequence[str], pointers: Iterable[str]) -> dict[str, int | None]:
    """Find the records of a request that a refusing answer names.

    Args:
        body: the answer's; None where it could not be read.
        record_ids: of the request, in its order: an index counts from 0.
        pointers: JSON Pointers (RFC 6901) of the places to look at; the first that names a record counts.

    Returns:
        The named records by id, each with the `currentVersion` that is told of it, or None.
    """
    try:
        document = orjson.loads(body or b"null")
    except orjson.JSONDecodeError:
        return {}
    places = {record_id: index for index, record_id in enumerate(record_ids)}
    for pointer in pointers:
        named: dict[str, int | None] = {}
        for entry in _entries(_resolve(document, pointer)):
            record_id = _only_record(entry, record_ids, places)
            if record_id is not None and named.get(record_id) is None:
                named[record_id] = _version(entry)
        if named:
            return named
    return {}


def _resolve(document: object, pointer: str) -> object:
    for token in pointer.split("/")[1:]:
        if not isinstance(document, dict):
            return None
        document = document.get(token.replace("~1", "/").replace("~0", "~"))
    return document


def _entries(found: object) -> Iterable[object]:
    """List what stands at a place: the entries of a list; an object is an entry itself."""
    if isinstance(found, list):
        return found
    return (found,) if isinstance(found, dict) else ()


def _only_record(entry: object, record_ids: Sequence[str], places: Mapping[str, int]) -> str | None:
    """Return the one record that all claims of an entry mean; None where they mean several, or none of the request."""
    meant = {places.get(claim, -1) if isinstance(claim, str) else claim for claim in _claims(entry)}
    index = meant.pop() if len(meant) == 1 else -1
    return record_ids[index] if 0 <= index < len(record_ids) else None


def _claims(entry: object) -> Iterator[int | str]:
    """Give each index and each id that an entry says, -1 for one that cannot be; what is null is not said."""
    if not isinstance(entry, dict):
        entry = {ID_MEMBERS[0] if isinstance(entry, str) else INDEX_MEMBERS[0]: entry}
    record = entry.get("record")
    for holder in (entry, record if isinstance(record, dict) else {}):
        for members, kind in ((INDEX_MEMBERS, int), (ID_MEMBERS, str)):
            said = [holder[member] for member in members if holder.get(member) is not None]
            yield from (claim if type(claim) is kind else -1 for claim in said)
    for member in PATH_MEMBERS:
        if isinstance(path := entry.get(member), str) and (found := _RECORD_IN_PATH.search(path)):
            yield int(found[1])


def _version(entry: object) -> int | None:
    version = entry.get(VERSION_MEMBER) if isinstance(entry, dict) else None
    return version if type(version) is int and version >= 0 else None
