"""`cxone-stream demo`: everything on this machine, and the proof that it works.

A real Kafka, the CXone stand-in, and the service as a process of its own. Most events are in Kafka before the service
starts: their drain shows throughput. Then some come at an even pace while it runs: they show latency. The last ones
come while the API fails. When each has its outcome the service is ended, all topics are read again, and what came out
is compared with what went in.
"""

from __future__ import annotations

import gc
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from confluent_kafka import KafkaException
from rich.text import Text

from ..cxone import Sandbox, SandboxOptions
from ..kafka import Kafka, create_topics
from ..kafka_jars import WANTED, cache_dir, ensure_kafka
from ..tokens import Credentials
from .check import judge
from .directories import make_directory
from .events import DATASTORES, PARTITIONS, make_events
from .evidence import Evidence, all_hold, fields_text
from .figures import figures
from .kafka import DemoError, Feed, Follower, read_topic
from .keep import keep, shown
from .poster import poster
from .screen import Screen
from .service import (
    AUDIT_FILE,
    DEAD_LETTER_TOPIC,
    INPUT_TOPIC,
    OUTCOME_TOPIC,
    SECRET_FILE,
    EndSignals,
    Service,
    service_settings,
)
from .table import laps, next_steps, table, verdict
from .watch import LIVE_RATE, Stage, Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Executor
    from pathlib import Path

    from rich.console import Console

    from ..kafka_jars import KafkaInstallation
    from .events import MadeEvent, Record

MOST_LIVE: Final = 6_000
MOST_IN_OUTAGE: Final = 6_000
PICTURED_COMMAND: Final = "make demo"
_CLIENT_ID: Final = "demo-client"
# Every character that a form or a header could spoil; what follows is new in each run, so that it can be searched for.
_SECRET_BEGINS: Final = "made up: +&=%/ é "  # noqa: S105 - of the stand-in


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What `cxone-stream demo` was asked for.

    `program` is how a person calls `cxone-stream`, from any directory; `picture` is where a picture of it goes.
    """

    events: int = 100_000
    datastores: int = len(DATASTORES)
    keep: bool = False
    program: str = "cxone-stream"
    picture: Path | None = None


def run_demo(
    options: DemoOptions, console: Console, distort: Callable[[Evidence], Evidence] = lambda evidence: evidence
) -> bool:
    """Play the demo and say what came of it; nothing that it started is left running, whichever way it ends.

    Args:
        options: what to play.
        console: where to speak.
        distort: changes the evidence before it is judged; for tests, which plant a loss and must see it found.

    Returns:
        Whether every figure adds up.

    Raises:
        StreamError: something could not be started, or the run was ended before its verdict.
    """
    if options.picture is not None and not options.picture.absolute().parent.is_dir():
        raise DemoError(f"{options.picture.parent} is no directory; make it, or name another --picture")
    started_s = time.monotonic()
    screen = Screen(console)
    with _few_collections(), EndSignals() as signals, ExitStack() as ending:
        # Processes are started on another thread: a Ctrl-C between the birth of one and its being noted would lose it.
        starter = ThreadPoolExecutor(1)
        try:
            stage, events = _set_up(options, screen, starter, ending)
            evidence = distort(_play(stage, events, screen, is_kept=options.keep))
            with screen.doing("check", "every outcome, record and dead letter checked"):
                sections = judge(evidence)
            console.print(table([*sections, *figures(evidence, LIVE_RATE)]))
            console.print(verdict(sections))
            if options.picture is not None:
                options.picture.write_text(poster(screen.moments, sections, PICTURED_COMMAND), encoding="utf-8")
            console.print(Text(laps(screen.laps, time.monotonic() - started_s)))
            if options.keep:
                keep(stage, screen, options.program)
            else:
                screen.say("\n".join(next_steps(options.program, shown(stage.directory))))
        except KeyboardInterrupt as interrupt:
            screen.say("ending what was started")
            raise DemoError("ended before there was a verdict; nothing is left running") from interrupt
        except (KafkaException, OSError) as error:
            raise DemoError(f"the demo could not go on: {error}") from error
        finally:
            signals.ignore()
            starter.shutdown()
    return all_hold(sections)


def sizes(count: int) -> tuple[int, int]:
    """Return how many events are in Kafka before the service starts, and how many of the others come live."""
    live, in_outage = min(MOST_LIVE, count // 8), min(MOST_IN_OUTAGE, count // 8)
    return count - live - in_outage, live


def _set_up(
    options: DemoOptions, screen: Screen, starter: Executor, ending: ExitStack
) -> tuple[Stage, list[MadeEvent]]:
    """Start everything, with the backlog in Kafka before the service; `ending` ends what was started."""
    screen.say(f"{options.events:,} change events of {options.datastores} datastores, all on this machine:")
    with screen.doing("jars", f"Kafka {WANTED[0].rpartition(':')[2]} and Java, from verified packages"):
        installation = ensure_kafka(screen.say)
    kafka, events = _start_kafka(installation, options, screen, starter, ending)
    directory = make_directory(cache_dir() / "demo")
    secret = _SECRET_BEGINS + secrets.token_urlsafe(9)
    (directory / SECRET_FILE).write_text(secret)
    sandbox = ending.enter_context(Sandbox(SandboxOptions(credentials=Credentials(_CLIENT_ID, secret))))
    screen.lap("stand-in", 0.0, f"CXone stand-in at {sandbox.base_url}")
    backlog, _ = sizes(len(events))
    feed = _load_backlog(kafka, events[:backlog], screen)
    follower = Follower(kafka.bootstrap_servers, OUTCOME_TOPIC)
    ending.callback(follower.close)
    follower.start()
    settings = service_settings(sandbox.base_url, _CLIENT_ID, kafka.bootstrap_servers, directory)
    service = Service(settings, directory)
    ending.callback(service.end)
    starter.submit(service.start).result()
    return Stage(kafka, sandbox, service, follower, feed, settings, directory, secret), events


def _start_kafka(
    installation: KafkaInstallation,
    options: DemoOptions,
    screen: Screen,
    starter: Executor,
    ending: ExitStack,
) -> tuple[Kafka, list[MadeEvent]]:
    """Start Kafka, and make the events meanwhile."""
    kafka = Kafka(installation)
    ending.callback(kafka.close)
    with screen.doing("Kafka", f"Kafka at {kafka.bootstrap_servers} started, and the events made meanwhile"):
        starting = starter.submit(kafka.start)
        events = make_events(options.events, options.datastores)
        starting.result()
    return kafka, events


def _load_backlog(kafka: Kafka, backlog: Sequence[MadeEvent], screen: Screen) -> Feed:
    with screen.doing("backlog", f"{len(backlog):,} events in {INPUT_TOPIC}, the backlog"):
        topics = dict.fromkeys((INPUT_TOPIC, OUTCOME_TOPIC, DEAD_LETTER_TOPIC), PARTITIONS)
        create_topics(kafka.bootstrap_servers, topics)
        feed = Feed(kafka.bootstrap_servers, INPUT_TOPIC)
        feed.send(backlog)
        feed.flush()
    return feed


def _play(stage: Stage, events: Sequence[MadeEvent], screen: Screen, *, is_kept: bool) -> Evidence:
    """Let the service drain the backlog, feed it the other events, end it unless it is kept, gather the evidence."""
    backlog, live = sizes(len(events))
    watch = Watch(stage, screen, len(events))
    with screen.watching():
        watch.drain(backlog)
        live_from_s = time.time()
        watch.live(events[backlog : backlog + live])
        outage_from_s = time.time()
        outage_to_s = watch.outage(events[backlog + live :])
    if stage.service.exit_code is not None:
        screen.say(f"the service has ended by itself; the end of its log:\n{stage.service.log_tail()}")
    elif not is_kept:
        with screen.doing("end", "service ended by SIGTERM"):
            stage.service.end()
    with screen.doing("read", "outcomes, dead letters and records read from their beginning"):
        outcomes = read_topic(stage.kafka.bootstrap_servers, OUTCOME_TOPIC)
        letters = read_topic(stage.kafka.bootstrap_servers, DEAD_LETTER_TOPIC)
        histories = _histories(stage.sandbox)
    return Evidence(
        events=events,
        backlog=backlog,
        live=live,
        live_from_s=live_from_s,
        outage_from_s=outage_from_s,
        outage_to_s=outage_to_s,
        outcomes=outcomes,
        followed=tuple(stage.follower.readings),
        letters=letters,
        histories=histories,
        requests=stage.sandbox.requests,
        violations=stage.sandbox.violations,
        audit=(stage.directory / AUDIT_FILE).read_bytes(),
        log=stage.service.log_file.read_bytes(),
        secret=stage.secret,
        exit_code=stage.service.exit_code,
    )


def _histories(sandbox: Sandbox) -> dict[Record, list[bytes]]:
    found: dict[Record, list[bytes]] = {}
    for entry in sandbox.records.applied():
        found.setdefault((entry.data_store_id, entry.id), []).append(fields_text(entry.fields))
    return found


@contextmanager
def _few_collections() -> Iterator[None]:
    """Look for cycles rarely: a hundred thousand events are held, and none of them is garbage."""
    before = gc.get_threshold()
    gc.set_threshold(50_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
