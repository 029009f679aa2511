"""The README shows what the code says, and names nothing that is not there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from stream import remedies
from stream.codes import MEANING, ErrorCode
from stream.model import Result
from stream.sandbox.faults import Kind
from stream.settings import markdown_table

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_configuration_table_is_the_generated_one() -> None:
    """Every setting stands in the README as the code describes it."""
    assert markdown_table().strip() in README


def test_the_page_of_error_codes_is_the_generated_one() -> None:
    """Each code of the closed list stands there with what happened, why, and what to do; the README only links it."""
    assert set(MEANING) == set(remedies.CAUSE) == set(remedies.REMEDY) == set(ErrorCode)
    assert (ROOT / "docs" / "codes.md").read_text(encoding="utf-8") == remedies.markdown_page()
    assert "](docs/codes.md)" in README
    assert [code for code in ErrorCode if f"`{code}`" in README] == []


def test_each_result_and_each_kind_of_fault_is_told() -> None:
    """Whoever reads an outcome or orders a fault finds it in a table."""
    assert [result for result in Result if f"| `{result}` |" not in README] == []
    assert [kind for kind in get_args(Kind) if f"| `{kind}` |" not in README] == []


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#:]+)\)|(?:src|href)=\"([^\":]+)\"", README))))
def test_what_the_readme_points_at_is_there(target: tuple[str, str]) -> None:
    """Each file that a link or picture names lies in the checkout."""
    assert (ROOT / "".join(target)).exists()


def test_each_make_command_of_the_readme_is_in_the_makefile() -> None:
    """Nobody is told to call what cannot be called."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    called = set(re.findall(r"(?:^|`)make ([a-z]+)", README, re.MULTILINE))
    assert [name for name in called if not re.search(rf"^{name}:.*## ", makefile, re.MULTILINE)] == []
