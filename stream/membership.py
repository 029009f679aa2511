"""Whether this instance is a member of its group, by the group metadata that a transaction carries.

Metadata of generation -1, or without a member, switch the broker's fencing off (measured): they must never be sent.
"""

from __future__ import annotations

_MAGIC = b"CGMDv2:"
_GENERATION_BYTES = 4


def is_member(group_metadata: bytes) -> bool:
    """Whether group metadata name a generation and a member.

    Args:
        group_metadata: as the binding gives them: a magic, the generation as int32, then group and member, each
            ending in a zero byte; metadata of another form are refused.
    """
    magic, rest = group_metadata[: len(_MAGIC)], group_metadata[len(_MAGIC) :]
    if magic != _MAGIC or len(rest) < _GENERATION_BYTES:
        return False
    generation = int.from_bytes(rest[:_GENERATION_BYTES], "little", signed=True)
    names = rest[_GENERATION_BYTES:].split(b"\0")
    return generation >= 0 and len(names) > 1 and names[1] != b""
