"""`python -m bench`: makes the runs, shows them, writes the result and the report."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from stream.errors import StreamError
from stream.sandbox.kafka import Kafka, create_topics
from stream.sandbox.kafka_jars import WANTED, ensure_kafka

from .api import ApiStandIn, BenchError, request_body
from .envelopes import mapping
from .figures import combined, figures
from .machine import commit, machine, versions
from .measure import Bench, make_run
from .plan import Sizes, plan
from .report import page
from .result import Result, read_result, write_result
from .systems import MAPPING_FILE, RIVALS, ROOT, TITLES
from .table import ratios_table, runs_table, targets_table
from .targets import ratios, targets, why_void
from .task import MAX_RECORDS
from .workload import PARTITIONS, Feed, events, write_schemas

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .figures import Figures
    from .plan import Planned
    from .systems import Name

RUNS = Path(".cache/bench")
JAVA_OPTIONS = ("-Xms1g", "-Xmx1g", "-XX:+UseSerialGC")
"""A heap for a million events, and the compiler that a broker under load has; one collector thread on two cores."""
WARM_UP_EVENTS = 100_000
LEAST_CAPACITY = 150_000
MOST_ELSEWHERE = 0.2
WIDTH = 140
"""Of the tables, where no terminal says it."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=False)


@app.command()
def measure(
    *,
    events: Annotated[int, typer.Option(min=10_000, max=10_000_000, help="Events of the drain.")] = 1_000_000,
    repeats: Annotated[int, typer.Option(min=1, max=9, help="How often floor and service drain them.")] = 3,
    only: Annotated[
        str, typer.Option(help="Words; runs whose system or workload holds none of them are left out.")
    ] = "",
    hot: Annotated[bool, typer.Option("--hot", help="Also drain few records that change all the time.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="A tenth of everything, once: for trying.")] = False,
    publish: Annotated[
        Path | None, typer.Option(help="Copy result and report there, unless something was left out.")
    ] = None,
) -> None:
    """Measure the service, the floor and the rivals on this machine (about 12 minutes)."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDTH
    sizes = Sizes.of(events, repeats, is_quick=quick)
    wanted = [each for each in plan(sizes, hot=hot) if _is_wanted(each, only.lower().split())]
    if not wanted:
        raise BenchError(f"no run has any of these words: {only}")
    directory = ROOT / RUNS / time.strftime("%Y%m%d-%H%M%S")
    directory.mkdir(parents=True)
    result = _measure(wanted, directory, console)
    write_result(result, directory / "result.json")
    (directory / "report.html").write_text(page(result))
    _show(result, console)
    console.print(f"written to {directory.relative_to(ROOT)}: result.json, report.html, the logs")
    if publish is not None:
        _publish(result, directory, publish, console, is_whole=len(wanted) == len(plan(Sizes())) and not quick)
    if result.why_void is not None:
        raise typer.Exit(1)


@app.command()
def report(result: Path, target: Path) -> None:
    """Write the report of an earlier run's result anew."""
    target.write_text(page(read_result(result)))


def _is_wanted(planned: Planned, words: Sequence[str]) -> bool:
    name = f"{planned.job.system} {planned.workload.kind} {planned.label}".lower()
    return not words or any(word in name for word in words)


def _measure(wanted: Sequence[Planned], directory: Path, console: Console) -> Result:
    """Start what all runs share, and make them one after the other; whatever was started is ended."""
    started_s = time.monotonic()
    rival_pythons = _rival_pythons(wanted)
    described = machine()
    console.print(f"{described.cpu}, {described.cores} cores, {described.memory_gib} GiB, {described.system}")
    if described.load_before > 0.5:  # noqa: PLR2004 - told to the reader
        console.print(f"[yellow]somebody else is at work here: load {described.load_before}[/]")
    with ExitStack() as ending:
        api = ending.enter_context(ApiStandIn(directory))
        capacity = api.capacity(_body())
        console.print(f"API stand-in (C, one thread): {capacity:,.0f} records/s taken alone")
        kafka = ending.enter_context(Kafka(ensure_kafka(console.print), java_options=JAVA_OPTIONS))
        bench = Bench(
            kafka.bootstrap_servers,
            kafka.pid or 0,
            api,
            directory / "schemas",
            directory,
            rival_pythons,
        )
        write_schemas(bench.schemas_dir, ROOT / "schemas" / "envelope.json")
        (directory / MAPPING_FILE).write_text(mapping())
        _preload(bench, wanted, console)
        singles = [_run(bench, planned, number, console) for number, planned in enumerate(wanted, 1)]
    results = _combine(singles)
    return Result(
        machine=described,
        versions=versions(WANTED[0].rpartition(":")[2], rival_pythons),
        commit=commit(),
        measured_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        took_s=round(time.monotonic() - started_s, 1),
        api_records_per_s=round(capacity),
        results=results,
        singles=singles,
        targets=targets(results),
        ratios=ratios(results),
        why_void=why_void(results) or (None if capacity >= LEAST_CAPACITY else "the API stand-in is the limit here"),
    )


def _rival_pythons(wanted: Sequence[Planned]) -> dict[Name, Path]:
    needed = [rival for rival in RIVALS if any(each.job.system == rival for each in wanted)]
    pythons: dict[Name, Path] = {rival: ROOT / ".cache" / "bench-venv" / rival / "bin" / "python" for rival in needed}
    for rival, python in pythons.items():
        if not python.exists():
            raise BenchError(f"{TITLES[rival]} is not installed; run: make bench")
    return pythons


def _body() -> bytes:
    """Write a full request of the usual size."""
    made = zip(range(MAX_RECORDS), events(), strict=False)
    return request_body("store-00", [{"id": f"r{number}", "event": event.value.decode()} for number, event in made])


def _preload(bench: Bench, wanted: Sequence[Planned], console: Console) -> None:
    """Write the events of all drains, each number of them to a topic of its own."""
    loads = {each.workload.input_topic: each.workload for each in wanted if each.workload.rate_per_s is None}
    for topic, load in sorted(loads.items()):
        began_s = time.monotonic()
        create_topics(bench.bootstrap_servers, {topic: PARTITIONS})
        feed = Feed(bench.bootstrap_servers, topic, load.form, load.records)
        feed.send(load.events)
        feed.flush()
        console.print(f"{load.events:,} events in {topic} ({time.monotonic() - began_s:.1f} s)")


def _run(bench: Bench, planned: Planned, number: int, console: Console) -> Figures:
    console.print(f"{number:2} {TITLES[planned.job.system]}, {planned.label} …", end=" ")
    found = figures(make_run(bench, planned, number))
    said = [f"{found.events_per_s:,.0f}/s", f"{found.cpu_s_per_million:.2f} CPU s per million"]
    if found.p99_ms is not None:
        said.append(f"p50 {found.p50_ms:.0f} ms, p99 {found.p99_ms:.0f} ms")
    if found.elsewhere_cores > MOST_ELSEWHERE:
        said.append(f"[yellow]{found.elsewhere_cores:.1f} cores taken by others[/]")
    if found.doubt:
        said.append(f"[red]{found.doubt}[/]")
    console.print(", ".join(said))
    return found


def _combine(singles: Sequence[Figures]) -> list[Figures]:
    """Make one of the repeats of each run, in the order of the first of each."""
    groups: dict[tuple[object, ...], list[Figures]] = {}
    for each in singles:
        groups.setdefault((each.system, each.label), []).append(each)
    return [combined(group) for group in groups.values()]


def _show(result: Result, console: Console) -> None:
    console.print(runs_table(result.results))
    if result.ratios:
        console.print(ratios_table(result.ratios))
    if result.targets:
        console.print(targets_table(result.targets))
    if result.why_void is not None:
        console.print(f"[bold red]The run is void: {result.why_void}[/]")
    console.print(f"measured in {result.took_s / 60:.1f} minutes at {result.commit}")


def _publish(result: Result, directory: Path, target: Path, console: Console, *, is_whole: bool) -> None:
    if not is_whole or result.why_void is not None:
        console.print(f"not copied to {target}: the run is void, or something was left out")
        return
    target.mkdir(parents=True, exist_ok=True)
    for name in ("result.json", "report.html"):
        (target / name).write_bytes((directory / name).read_bytes())
    console.print(f"copied to {target}")


if __name__ == "__main__":
    try:
        app()
    except StreamError as error:
        typer.echo(f"bench: {error}", err=True)
        sys.exit(error.exit_code)
