"""The pages that point at evidence point at something: each file and each test that they name is there."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "DESIGN.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
_FILE = re.compile(r"`((?:stream|tests|docs|schemas|requirements)/[\w./*-]+)`")
_TEST = re.compile(r"`(test_\w+?)(…)?(\.py)?`")
_LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")


@cache
def _tests() -> tuple[frozenset[str], frozenset[str]]:
    """The names of all test files, and of all tests."""
    files = list((ROOT / "tests").rglob("test_*.py"))
    names = {name for file in files for name in re.findall(r"^def (test_\w+)", file.read_text(), flags=re.MULTILINE)}
    return frozenset(file.name for file in files), frozenset(names)


def missing(page: str) -> list[str]:
    """Name what a page's text points at and what is not there."""
    files, tests = _tests()
    found = [path for path in _FILE.findall(page) if not list(ROOT.glob(path.rstrip("/")))]
    for name, is_cut, is_file in _TEST.findall(page):
        if is_file:
            is_there = f"{name}.py" in files
        else:
            is_there = any(test.startswith(name) if is_cut else test == name for test in tests)
        if not is_there:
            found.append(name)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_names_is_there(page: Path) -> None:
    """A bound without its file, or a promise without its test, would be a claim and no more."""
    text = page.read_text()
    assert missing(text) == []
    links = [link for link in _LINK.findall(text) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize(
    "wrong",
    [
        "`stream/nothing.py`",
        "`tests/unit/test_nothing.py`",
        "`test_nothing.py`",
        "`test_that_nobody_wrote`",
        "`test_nob…`",
    ],
)
def test_a_name_of_nothing_is_found(wrong: str) -> None:
    """Files, whole names of tests and cut ones are all looked up."""
    assert (
        missing("`tests/unit/test_docs.py`, `test_docs.py`, `test_a_name_of_nothing_is_found`, `test_a_name_…`") == []
    )
    assert len(missing(wrong)) == 1
