"""The README shows what the code says."""

from __future__ import annotations

from pathlib import Path

from stream.codes import MEANING, ErrorCode
from stream.settings import markdown_table

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_the_configuration_table_is_the_generated_one() -> None:
    """Every setting stands in the README as the code describes it."""
    assert markdown_table().strip() in README


def test_each_error_code_is_told_with_its_meaning() -> None:
    """The README's table of error codes is the closed list of the code."""
    assert set(MEANING) == set(ErrorCode)
    assert [code for code, meaning in MEANING.items() if f"| `{code}` | {meaning} |" not in README] == []
