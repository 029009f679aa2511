"""What the demo says at its end: the table, the verdict, and what to try next."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.table import Table
from rich.text import Text

from .evidence import all_hold
from .service import AUDIT_FILE, DEAD_LETTER_TOPIC, INPUT_TOPIC, LOG_FILE, OUTCOME_TOPIC

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import RenderableType

    from .evidence import Line, Section

_LABEL_WIDTH: Final = 54
_FIGURE_WIDTH: Final = 16

SEND: Final = "send"
RUN_ANOTHER: Final = "run-another"
_VERDICTS: Final = {True: Text("ok", style="green"), False: Text("WRONG", style="bold red"), None: Text("")}


def table(sections: Sequence[Section]) -> RenderableType:
    """Draw the sections, 79 columns wide; a line that does not hold says WRONG, and below it why."""
    drawn: list[RenderableType] = []
    for section in sections:
        drawn += [Text(""), Text(section.title, style="bold"), _lines(section.lines)]
    return Group(*drawn, Text(""))


def _lines(lines: Sequence[Line]) -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=_LABEL_WIDTH)
    grid.add_column(width=_FIGURE_WIDTH, justify="right", no_wrap=True)
    grid.add_column(no_wrap=True)
    for line in lines:
        grid.add_row(Text(f"  {line.label}"), Text(line.figure), _VERDICTS[line.holds])
        if line.holds is False and line.remark:
            grid.add_row(Text(f"      {line.remark}", style="red"))
    return grid


def verdict(sections: Sequence[Section]) -> Text:
    """Return the demo's last word: every figure adds up, or which lines do not."""
    if all_hold(sections):
        return Text("Every figure adds up.", style="bold green")
    wrong = [line.label.strip() for section in sections for line in section.lines if line.holds is False]
    return Text(f"NOT every figure adds up: {'; '.join(wrong)}.", style="bold red")


def laps(measured: Sequence[tuple[str, float]], total_s: float) -> str:
    """Return where the time went, in seconds; what took none is left out."""
    parts = [f"{name} {took_s:.1f}" for name, took_s in measured if took_s >= 0.05]  # noqa: PLR2004 - shown as 0.1
    return f"{total_s:.1f} s in all: {', '.join(parts)}."


def next_steps(program: str, directory: Path) -> list[str]:
    """Return what a run that has ended leaves behind, and what to try; `program` is how a person calls it."""
    return [
        "",
        "What the service wrote, a JSON line for each request:",
        f"  {directory / LOG_FILE}",
        f"  {directory / AUDIT_FILE}",
        "Try next:",
        f"  {program} demo --keep    all stays up: send events, order faults",
        f"  {program} sandbox        the CXone stand-in alone, for a Kafka of your own",
    ]


def keep_steps(bootstrap_servers: str, base_url: str, page: str | None, directory: Path) -> list[str]:
    """Return what to try while it all runs: addresses, and commands to copy.

    Args:
        bootstrap_servers: of Kafka.
        base_url: of the stand-in.
        page: the service's status page.
        directory: of the run, with the scripts `SEND` and `RUN_ANOTHER`.
    """
    event = '{"dataStoreId":"tickets","id":"7","fields":{"state":"open","changeNumber":1}}'
    outage = '{"outage": {"mode": "503", "for_s": 20}}'
    shown = shlex.quote(str(directory))
    return [
        "",
        "It all goes on running:",
        f"  Kafka             {bootstrap_servers}",
        f"  CXone stand-in    {base_url}",
        f"  status page       {page}",
        f"  service's log     {directory / LOG_FILE}",
        f"  topics            {INPUT_TOPIC}, {OUTCOME_TOPIC}, {DEAD_LETTER_TOPIC}",
        "Before you try the README's commands in another terminal:",
        f"  export KAFKA={bootstrap_servers} API={base_url}",
        "",
        "Send an event under the key 7; its outcome appears below:",
        f"  echo '{event}' | {shown}/{SEND} 7",
        "See what the stand-in holds of that record, every change with its version:",
        f"  curl '{base_url}/_sandbox/history?dataStoreId=tickets&id=7'",
        "Let the API fail for 20 s, send another, and see it come through:",
        f"  curl -d '{outage}' {base_url}/_sandbox/faults",
        "Start a second instance, which takes over half of the partitions:",
        f"  {shown}/{RUN_ANOTHER}",
        "Read a topic with kcat:",
        f"  kcat -C -e -b {bootstrap_servers} -t {DEAD_LETTER_TOPIC}",
        "",
        "Ctrl-C ends it all, in order.",
        "",
    ]


def scripts(bootstrap_servers: str, directory: Path, python: str, program: str) -> dict[str, str]:
    """Return the shell scripts of a run by their names; they can be called from any directory.

    Args:
        bootstrap_servers: of Kafka.
        directory: of the run; its `.env` holds the service's settings.
        python: the interpreter, which has a client of Kafka.
        program: how `cxone-stream` is called from any directory.
    """
    produce = (
        "import sys; from confluent_kafka import Producer; "
        f'producer = Producer({{"bootstrap.servers": "{bootstrap_servers}"}}); '
        f'producer.produce("{INPUT_TOPIC}", sys.stdin.buffer.read(), sys.argv[1]); producer.flush()'
    )
    send = f'exec {shlex.quote(python)} -c {shlex.quote(produce)} "${{1:?the key is missing}}"'
    return {
        SEND: f"#!/bin/sh\n# Sends its standard input as one event under the key $1.\n{send}\n",
        RUN_ANOTHER: f"#!/bin/sh\ncd {shlex.quote(str(directory))} && exec {program} run\n",
    }
