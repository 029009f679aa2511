"""The command line, `cxone-stream` (contract section 6). Each command imports what it needs when it is called."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from . import __version__
from .errors import StreamError

app = typer.Typer(
    name="cxone-stream",
    help="Moves change events from Kafka into NICE CXone Data Actions, one committed outcome for each.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command line; errors that a person can mend end in one line each, without a traceback."""
    try:
        app()
    except StreamError as error:
        for line in str(error).splitlines():
            typer.echo(f"cxone-stream: {line}", err=True)
        sys.exit(error.exit_code)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - typer's form of a callback
    if wanted:
        typer.echo(f"cxone-stream {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[  # noqa: FBT002 - its callback does the work
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take the options that stand before the command."""


@app.command()
def run() -> None:
    """Run the service; configured by environment variables, `.env` or TOML. Ends in order on SIGTERM."""
    from .log import configure_log
    from .service import serve
    from .settings import load_settings

    settings = load_settings(os.environ, Path.cwd())
    configure_log(settings.stream.log_level, settings.stream.log_format)
    serve(settings)
