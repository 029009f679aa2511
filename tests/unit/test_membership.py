"""Which group metadata a transaction may carry."""

from __future__ import annotations

import pytest

from stream.membership import is_member


def _metadata(generation: int, member: bytes) -> bytes:
    return b"CGMDv2:" + generation.to_bytes(4, "little", signed=True) + b"group\0" + member + b"\0"


def test_a_member_of_a_generation_may_commit() -> None:
    """A generation from 0 on and a member's name are what the broker fences by."""
    assert is_member(_metadata(0, b"member"))
    assert is_member(_metadata(7, b"member") + b"instance\0")


@pytest.mark.parametrize(
    "metadata",
    [_metadata(-1, b"member"), _metadata(3, b""), b"", b"CGMDv2:\0", b"CGMDv9:" + _metadata(3, b"m")[7:]],
    ids=["no generation", "no member", "nothing", "cut off", "another form"],
)
def test_metadata_that_switch_fencing_off_are_refused(metadata: bytes) -> None:
    """Without a generation or a member, or in a form that is not known, nothing is committed."""
    assert not is_member(metadata)
