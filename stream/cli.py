"""The command line, `cxone-stream` (contract section 6). Each command imports what it needs when it is called."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from . import __version__
from .codes import ErrorCode
from .errors import StreamError
from .model import Result  # noqa: TC001 - typer reads it from the annotation

if TYPE_CHECKING:
    from collections.abc import Iterator

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


@app.command()
def check(
    as_json: Annotated[  # noqa: FBT002 - typer's form of a flag
        bool, typer.Option("--json", help="Print a list of {name, state, detail, fix} instead of lines.")
    ] = False,
) -> None:
    """Test configuration, schemas, Kafka and the API, and say what to do; changes nothing."""
    from . import check as checks
    from .log import configure_log
    from .mapping import load_mapping
    from .schema_files import load_schemas
    from .settings import PACKAGED_SCHEMAS, load_settings

    settings = load_settings(os.environ, Path.cwd())
    configure_log("error", settings.stream.log_format)
    stream = settings.stream
    _, files = load_schemas(stream.schemas_dir, PACKAGED_SCHEMAS, require=stream.require_schema)
    mapping = load_mapping(stream.mapping_file, PACKAGED_SCHEMAS)
    findings = []
    for finding in checks.check(settings, files, mapping=mapping):
        findings.append(finding)
        if not as_json:
            typer.echo(checks.line(finding, sys.stdout.encoding))
    if as_json:
        typer.echo(checks.as_json(findings))
    raise typer.Exit(checks.exit_code(findings))


@app.command(name="try")
def try_(
    *,
    events: Annotated[Path, typer.Argument(metavar="FILE", help="JSON lines; - for standard input.")],
    mapping: Annotated[Path | None, typer.Option(help="Instead of STREAM_MAPPING_FILE.")] = None,
    topic: Annotated[str | None, typer.Option(help="Of events that name none; else the first input topic.")] = None,
    lines: Annotated[
        Literal["auto", "value", "message"],
        typer.Option(help="What a line is: a message's value, or {key, value, topic, headers}."),
    ] = "auto",
    expect: Annotated[Path | None, typer.Option(help="Compare with these JSON lines; exit 1 if they differ.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines, as --expect reads them.")] = False,
) -> None:
    """Show what would be sent of each event, or why it would be refused; touches no network."""
    from .trial import Reading, TrialOptions, load_trial, run_trial

    intake, first = load_trial(os.environ, Path.cwd(), mapping)
    options = TrialOptions(events, topic or first, Reading(lines), expect, as_json)
    if not run_trial(options, intake, typer.echo):
        raise typer.Exit(1)


@app.command()
def outcomes(
    *,
    failed: Annotated[bool, typer.Option("--failed", help="Only those that failed.")] = False,
    result: Annotated[list[Result] | None, typer.Option(case_sensitive=False, help="Repeatable.")] = None,
    code: Annotated[list[str] | None, typer.Option(help="Of a failure, as in docs/codes.md; repeatable.")] = None,
    datastore: Annotated[list[str] | None, typer.Option(help="Repeatable.")] = None,
    record: Annotated[
        list[str] | None, typer.Option(help="Repeatable; one record of one datastore: its whole story.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="From then on: 15m, 2h, 7d ago, or 2026-11-23T04:20:00Z.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with those that come.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, its headers in it.")] = False,
) -> None:
    """Show what became of events: read the outcome topic, to its end or for ever; changes nothing."""
    from .clock import SystemClock
    from .outcomes import OutcomeReader, OutcomesOptions, Wanted, run_outcomes, screen
    from .settings import load_without_account

    clock = SystemClock()
    since_ms = _moment_ms(since, "--since", clock.wall_ms())
    results, codes, datastores, records = map(frozenset, (result or (), _codes(code), datastore or (), record or ()))
    wanted = Wanted(results, codes, datastores, records, failed, since_ms)
    chunks = OutcomeReader(load_without_account(os.environ, Path.cwd()).kafka, clock).read(since_ms, follow=follow)
    try:
        typer.echo(
            run_outcomes(OutcomesOptions(wanted, follow, as_json), chunks, screen(sys.stdout), typer.echo), err=True
        )
    except KeyboardInterrupt:  # the way to end what follows
        raise typer.Exit(0 if follow else 1) from None


@app.command()
def replay(  # noqa: PLR0913 - one for each option
    *,
    execute: Annotated[
        bool, typer.Option("--execute", help="Send them; without it only say what would be sent.")
    ] = False,
    result: Annotated[list[Result] | None, typer.Option(case_sensitive=False, help="Repeatable.")] = None,
    code: Annotated[list[str] | None, typer.Option(help="As in docs/codes.md; repeatable.")] = None,
    datastore: Annotated[list[str] | None, typer.Option(help="Repeatable.")] = None,
    record: Annotated[list[str] | None, typer.Option(help="Repeatable.")] = None,
    since: Annotated[str | None, typer.Option(help="Failed then or later: 2h, 7d, 2026-11-23T04:20:00Z.")] = None,
    until: Annotated[str | None, typer.Option(help="Failed before.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Also where the record holds newer values by now.")] = False,
    allow_gone: Annotated[
        bool, typer.Option("--allow-gone", help="Exit 0 although some messages are gone or cannot be sent.")
    ] = False,
    max_attempts: Annotated[int, typer.Option(min=1, max=1000, help="How often an event is sent again, in all.")] = 3,
    at_once: Annotated[
        int, typer.Option(min=100, max=10_000_000, help="Events remembered at a time; more are done in rounds.")
    ] = 100_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of lines.")] = False,
) -> None:
    """Send failed events to their input topic again; a dry run unless told to --execute."""
    from . import replay as replays
    from .clock import SystemClock
    from .log import configure_log
    from .outcomes import Wanted
    from .settings import load_without_account

    clock = SystemClock()
    if any(each.succeeded for each in result or ()):
        raise typer.BadParameter("a success needs no replay", param_hint="--result")
    results, codes, datastores, records = map(frozenset, (result or (), _codes(code), datastore or (), record or ()))
    wanted = Wanted(
        *(results, codes, datastores, records),
        failed=True,
        since_ms=_moment_ms(since, "--since", clock.wall_ms()),
        until_ms=_moment_ms(until, "--until", clock.wall_ms()),
    )
    settings = load_without_account(os.environ, Path.cwd())
    configure_log("error", settings.stream.log_format)
    options = replays.ReplayOptions(wanted, settings.kafka.input_topics, execute, force, max_attempts, at_once)
    with replays.told_to_people(), replays.KafkaLog(settings.kafka, clock) as log:
        tally = replays.replay(options, log, lambda line: typer.echo(line, err=True))
    for line in [replays.as_json(tally, options)] if as_json else replays.lines(tally, options):
        typer.echo(line)
    if tally.is_short and not allow_gone:
        raise typer.Exit(1)


@app.command()
def demo(
    *,
    events: Annotated[int, typer.Option(min=100, max=1_000_000, help="How many change events.")] = 100_000,
    datastores: Annotated[int, typer.Option(min=1, max=8, help="How many datastores they are of.")] = 8,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave all running afterwards, to send events and order faults.")
    ] = False,
    picture: Annotated[Path | None, typer.Option(help="Write an SVG picture of the screen to this file.")] = None,
) -> None:
    """Run it all on this machine: a real Kafka, a CXone stand-in, made-up events; ends with the proof."""
    with _extra_of_the_sandbox():
        from .sandbox.demo import DemoOptions, run_demo
    from rich.console import Console

    if not run_demo(DemoOptions(events, datastores, keep, _program(), picture), Console()):
        raise typer.Exit(1)


@app.command()
def sandbox(  # noqa: PLR0913 - one for each option
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on; 0: any free one.")] = 8480,
    client_id: Annotated[str | None, typer.Option(envvar="SANDBOX_CLIENT_ID", help="Made up by default.")] = None,
    client_secret: Annotated[
        str | None,
        typer.Option(envvar="SANDBOX_CLIENT_SECRET", help="Made up by default; better given by the variable."),
    ] = None,
    token_life: Annotated[float, typer.Option(min=0.1, help="Seconds that a token lives.")] = 3600.0,
    fault: Annotated[
        list[str] | None, typer.Option(help='Repeatable, as \'{"kind": "answer", "status": 503, "next_requests": 3}\'.')
    ] = None,
    outage_after: Annotated[float | None, typer.Option(min=0, help="Fail every call from so many seconds on.")] = None,
    outage_for: Annotated[float | None, typer.Option(min=0.1, help="How many seconds; without it, for ever.")] = None,
    outage_mode: Annotated[Literal["reset", "503"], typer.Option(help="How calls fail then.")] = "reset",
) -> None:
    """Serve the CXone stand-in alone: strict about what it is sent, and misbehaving on request."""
    with _extra_of_the_sandbox():
        from .sandbox.alone import AloneOptions, Outage, read_fault, serve_alone
        from .sandbox.faults import FaultError

    try:
        faults = [read_fault(text) for text in fault or []]
    except FaultError as error:
        raise typer.BadParameter(str(error), param_hint="--fault") from error
    if outage_for is not None and outage_after is None:
        raise typer.BadParameter("says how long, give --outage-after too", param_hint="--outage-for")
    outage = None if outage_after is None else Outage(outage_after, outage_for, outage_mode)
    serve_alone(AloneOptions(host, port, client_id, client_secret, token_life, faults, outage), typer.echo)


def _moment_ms(text: str | None, option: str, now_ms: int) -> int | None:
    from .outcomes import moment_ms

    try:
        return None if text is None else moment_ms(text, now_ms)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error


def _codes(codes: list[str] | None) -> list[str]:
    unknown = sorted(set(codes or ()) - set(ErrorCode))
    if unknown:
        raise typer.BadParameter(f"no such code: {', '.join(unknown)}; see docs/codes.md", param_hint="--code")
    return codes or []


@contextmanager
def _extra_of_the_sandbox() -> Iterator[None]:
    """Say which extra is missing where one of its packages is, instead of how an import fails."""
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in {"starlette", "uvicorn"}:
            raise
        raise StreamError(
            f"this command needs {package}, of the extra 'sandbox': install cxone-delta-stream[sandbox]"
        ) from error


def _program() -> str:
    """Return how this program can be called from any directory."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return shlex.join([sys.executable, "-m", "stream"])
    return called.name if shutil.which(called.name) else shlex.quote(str(called.absolute()))
