"""`cxone-stream demo --picture FILE`: what the demo has shown, as one SVG picture that needs nothing else."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from .screen import ANSWERS, picture
from .table import table, verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .evidence import Section
    from .screen import Snapshot

WIDTH: Final = 80
_SECTIONS_SHOWN: Final = 1
_TITLE: Final = "cxone-stream demo"
_THEME: Final = TerminalTheme(
    (22, 27, 34),
    (201, 209, 217),
    [
        *((72, 79, 88), (255, 123, 114), (63, 185, 80), (210, 153, 34)),
        *((121, 192, 255), (210, 168, 255), (57, 197, 207), (201, 209, 217)),
    ],
)

# `rich` has a format of its own, which fetches a font from another server. Here each reader's own monospaced font
# serves: every piece of text says how long it is, so the columns stand whatever the font.
_FORMAT: Final = """\
<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" xmlns="http://www.w3.org/2000/svg">
<title>cxone-stream demo: live screen and verdict</title>
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", "DejaVu Sans Mono", monospace;
  font-size: {char_height}px;
}}
.{unique_id}-title {{ font-size: 16px; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal"><rect width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def poster(moments: Sequence[Snapshot], sections: Sequence[Section], command: str) -> str:
    """Draw the busiest moment, one in which something was held, the first section of the table and the verdict.

    Args:
        moments: all that was shown.
        sections: of the table.
        command: how the demo was called.

    Returns:
        An SVG document; every run of the same size gives a picture of the same size.
    """
    console = Console(file=io.StringIO(), record=True, width=WIDTH, force_terminal=True, color_system="truecolor")
    console.print(Text(f"$ {command}\n", style="bold"))
    for moment in two_moments(moments):
        console.print(picture(moment), "")
    console.print(table(sections[:_SECTIONS_SHOWN]))
    console.print(verdict(sections))
    return console.export_svg(title=_TITLE, theme=_THEME, code_format=_FORMAT, unique_id="demo")


def two_moments(moments: Sequence[Snapshot]) -> list[Snapshot]:
    """Choose the moment with the highest rate, and of those in the outage the one with most in wait.

    Where nothing was held while the API failed, the moment with most in wait of all takes its place; where nothing was
    shown, there is none.
    """
    if not moments:
        return []
    held = [moment for moment in moments if moment.is_held and moment.api != ANSWERS]
    return [max(moments, key=lambda moment: moment.rate), max(held or moments, key=lambda moment: moment.lag)]
