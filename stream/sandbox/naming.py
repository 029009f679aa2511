"""How a refusal or a conflict names its records: in full, or in one of the shapes that an API may choose instead."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from .faults import Fault

BEYOND: Final = 1_000
"""Added to an index, it names no record of any request."""
NOBODY: Final = "no such record"


def refusal(error: str, named: Sequence[Mapping[str, Any]], naming: Fault) -> dict[str, Any]:
    """Write the body of a refusal.

    Args:
        error: what is wrong, in a few words.
        named: the records in full: `index`, `id`, and `message` or `currentVersion`.
        naming: how to name them: `names` and `names_at` of a fault.
    """
    match naming.names:
        case "none":
            return {"error": error}
        case "full":
            shaped = [dict(one) for one in named]
        case "bare":
            shaped = [{"index": one["index"], "id": one["id"]} for one in named]
        case "wrong":
            shaped = [{**one, "index": one["index"] + BEYOND, "id": NOBODY} for one in named]
        case "index" | "id":
            other = "id" if naming.names == "index" else "index"
            shaped = [{key: value for key, value in one.items() if key != other} for one in named]
    *outer, last = naming.names_at[1:].split("/")
    placed: dict[str, Any] = {last: shaped}
    for part in reversed(outer):
        placed = {part: placed}
    return {"error": error} | placed
