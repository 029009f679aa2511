"""Where a TOML file says what: the line of each place, by statements that tomllib itself can read."""

from __future__ import annotations

import pytest

from stream.mapping.toml_lines import line_of, lines_of

TEXT = """\
# a comment

placeholder = "x"
[[rule]]
topic = "a"
delete = { fields = { gone = true } }
[rule.columns]
include = [
  "a",  # [[rule]]
  "b",
]
note = '''
[[rule]]
topic = "no rule, a text"
'''

[[rule]]
topic = "b"
columns.rename = { a = "b" }
[rule."strange.name".deep]
x = 1
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("placeholder",), 3),
        (("rule", 0), 4),
        (("rule", 0, "topic"), 5),
        (("rule", 0, "delete", "fields", "gone"), 6),
        (("rule", 0, "columns"), 7),
        (("rule", 0, "columns", "include"), 8),
        (("rule", 0, "columns", "include", 1), 8),
        (("rule", 0, "columns", "note"), 12),
        (("rule", 1), 17),
        (("rule", 1, "topic"), 18),
        (("rule", 1, "columns", "rename", "a"), 19),
        (("rule", 1, "strange.name", "deep", "x"), 21),
    ],
)
def test_each_place_has_the_line_on_which_it_begins(path: tuple[str | int, ...], line: int) -> None:
    """Tables, keys, dotted keys and what stands inside a value are found, past comments and texts with brackets."""
    assert line_of(path, lines_of(TEXT)) == line


def test_a_missing_member_has_the_line_of_its_table() -> None:
    """What should stand in a table and does not is told where the table begins; the document has no line."""
    lines = lines_of(TEXT)
    assert line_of(("rule", 1, "datastore"), lines) == 17
    assert line_of(("more",), lines) is None
    assert line_of((), lines) is None


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_line_ends_of_both_kinds_count(end: str) -> None:
    """A file from another system has the same lines; a text with a line separator of Unicode has no more of them."""
    text = end.join(['a = "x\u2028y"', "b = 2", "", "[[c]]", "d = 1"])
    assert lines_of(text) == {("a",): 1, ("b",): 2, ("c",): 4, ("c", 0): 4, ("c", 0, "d"): 5}
