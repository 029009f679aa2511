"""`make cdc`: from the tables of a real PostgreSQL to the datastores of the CXone stand-in, and the proof.

PostgreSQL, Debezium in Kafka Connect, Kafka, the stand-in, and the service as a process of its own. Statements change
rows in the tables; the connectors read them from the database's log; meanwhile the service is killed by `kill -9`. When
each message has its outcome, everything is read again: is there one outcome of each, and do the datastores equal the
tables?
"""

from __future__ import annotations

import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from confluent_kafka import KafkaException
from rich.text import Text

from ...errors import StreamError
from ..connect import Connect
from ..cxone import Sandbox, SandboxOptions
from ..demo.directories import make_directory
from ..demo.events import PARTITIONS
from ..demo.evidence import all_hold
from ..demo.kafka import Follower, read_topic
from ..demo.screen import Screen
from ..demo.service import (
    DEAD_LETTER_TOPIC,
    OUTCOME_TOPIC,
    SECRET_FILE,
    EndSignals,
    Service,
    service_settings,
)
from ..demo.table import laps, table, verdict
from ..faults import Fault
from ..kafka import Kafka, create_topics
from ..kafka_jars import CONNECT, cache_dir, ensure_kafka
from ..postgres import Postgres, find_postgres
from ..tokens import Credentials
from .check import judge
from .connectors import TOPICS, connectors, rows, streaming
from .evidence import Evidence
from .topics import Written, inputs, letters, told
from .watch import Stage, Watch
from .workload import make_workload, script

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from rich.console import Console

    from .workload import Workload

MAPPING: Final = Path(__file__).with_name("mapping.toml")
TABLES: Final = Path(__file__).with_name("tables.sql")
_CLIENT_ID: Final = "cdc-client"
_STREAMING_S: Final = 60.0
_STEP_S: Final = 0.1
_DELAYS: Final = (
    Fault("delay", applied=False, min_s=0.01, max_s=0.03),
    Fault("delay", applied=True, min_s=0.01, max_s=0.03),
)
"""The API takes its time, before and after the work, so that a kill finds requests under way."""


class CdcError(StreamError):
    """The run could not be played to its end; the message says what to look at."""


@dataclass(frozen=True, slots=True)
class CdcOptions:
    """How many statements, each of one row, and how often the service is killed."""

    rows: int = 20_000
    kills: int = 2


def run_cdc(options: CdcOptions, console: Console) -> bool:
    """Play it, and say what came of it; nothing that it started is left running, whichever way it ends.

    Args:
        options: what to play.
        console: where to speak.

    Returns:
        Whether everything adds up.

    Raises:
        StreamError: something could not be started, or the run was ended before its verdict.
    """
    started_s = time.monotonic()
    screen = Screen(console)
    evidence = gather(options, screen)
    with screen.doing("check", "every message, outcome, row and record checked"):
        sections = judge(evidence, options.kills)
    console.print(table(sections))
    console.print(verdict(sections))
    console.print(Text(laps(screen.laps, time.monotonic() - started_s)))
    return all_hold(sections)


def gather(options: CdcOptions, screen: Screen) -> Evidence:
    """Play it, and return what a verdict is judged by; when this returns, nothing runs any more.

    Args:
        options: what to play.
        screen: where to speak.

    Raises:
        StreamError: something could not be started, or the run was ended before it was over.
    """
    with EndSignals() as signals, ExitStack() as ending:
        # Processes are started on other threads: a Ctrl-C between the birth of one and its being noted would lose it.
        starter = ThreadPoolExecutor(2)
        try:
            stage = _set_up(options, screen, starter, ending)
            return _play(stage, options, screen, starter)
        except KeyboardInterrupt as interrupt:
            screen.say("ending what was started")
            raise CdcError("ended before there was a verdict; nothing is left running") from interrupt
        except (KafkaException, OSError) as error:
            raise CdcError(f"the demonstration could not go on: {error}") from error
        finally:
            signals.ignore()
            starter.shutdown()


def _set_up(options: CdcOptions, screen: Screen, starter: Executor, ending: ExitStack) -> Stage:
    """Start everything, with the first rows in the tables; `ending` ends what was started."""
    screen.say(f"{options.rows:,} statements on the tables of a PostgreSQL, all on this machine:")
    programs = find_postgres()
    with screen.doing("jars", "Kafka, Kafka Connect, Debezium and Java, from verified packages"):
        broker_jars = ensure_kafka(screen.say)
        connect_jars = ensure_kafka(screen.say, jars=CONNECT)
    kafka, postgres = Kafka(broker_jars), Postgres(programs)
    ending.callback(kafka.close)
    ending.callback(postgres.close)
    with screen.doing("Kafka, PostgreSQL", f"Kafka at {kafka.bootstrap_servers}, PostgreSQL at port {postgres.port}"):
        starting = [starter.submit(kafka.start), starter.submit(postgres.start)]
        workload = make_workload(options.rows)
        for each in starting:
            each.result()
    with screen.doing("tables", f"{len(workload.first):,} rows in the tables before the connectors start"):
        create_topics(kafka.bootstrap_servers, dict.fromkeys((*TOPICS, OUTCOME_TOPIC, DEAD_LETTER_TOPIC), PARTITIONS))
        postgres.execute(TABLES.read_text(encoding="utf-8"))
        postgres.execute(script(workload.first))
    connect = Connect(connect_jars, kafka.bootstrap_servers, connectors(postgres))
    ending.callback(connect.close)
    with screen.doing("Debezium", "Kafka Connect started; its connectors have read the tables and follow the log"):
        starter.submit(connect.start).result()
        _await_streaming(connect, postgres)
    return _start_service(kafka, postgres, connect, workload, starter, ending)


def _await_streaming(connect: Connect, postgres: Postgres) -> None:
    deadline_s = time.monotonic() + _STREAMING_S
    while streaming(postgres) < len(connectors(postgres)):
        connect.check()
        if time.monotonic() > deadline_s:
            raise CdcError(f"the connectors did not follow the log within {_STREAMING_S:.0f} s")
        time.sleep(_STEP_S)


def _start_service(
    kafka: Kafka, postgres: Postgres, connect: Connect, workload: Workload, starter: Executor, ending: ExitStack
) -> Stage:
    directory = make_directory(cache_dir() / "cdc")
    secret = secrets.token_urlsafe(12)
    (directory / SECRET_FILE).write_text(secret)
    sandbox = ending.enter_context(Sandbox(SandboxOptions(Credentials(_CLIENT_ID, secret), faults=_DELAYS)))
    follower = Follower(kafka.bootstrap_servers, OUTCOME_TOPIC)
    ending.callback(follower.close)
    follower.start()
    settings = service_settings(sandbox.base_url, _CLIENT_ID, kafka.bootstrap_servers, directory) | {
        "KAFKA_INPUT_TOPIC": ",".join(TOPICS),
        "KAFKA_INSTANCE_ID": "one",
        "STREAM_HTTP_ADDRESS": "off",
        "STREAM_MAPPING_FILE": str(MAPPING),
        "STREAM_REQUIRE_SCHEMA": "false",
    }
    service = Service(settings, directory)
    ending.callback(service.end)
    starter.submit(service.start).result()
    return Stage(kafka, postgres, connect, sandbox, service, follower, Written(kafka.bootstrap_servers), workload)


def _play(stage: Stage, options: CdcOptions, screen: Screen, starter: Executor) -> Evidence:
    """Change the rows, kill the service meanwhile, wait for all outcomes, end both, gather the evidence."""
    watch = Watch(stage, screen, options.kills, starter)
    with screen.watching():
        watch.play()
    with screen.doing("end", "Kafka Connect and the service ended by SIGTERM"):
        stage.connect.stop()
        watch.await_rest()
        stage.service.end()
    with screen.doing("read", "tables, topics and records read from their beginning"):
        servers = stage.kafka.bootstrap_servers
        histories: dict[tuple[str, str], list[dict[str, object]]] = {}
        for entry in stage.sandbox.records.applied():
            histories.setdefault((entry.data_store_id, entry.id), []).append(entry.fields)
        return Evidence(
            workload=stage.workload,
            inputs=inputs(servers),
            outcomes=told(read_topic(servers, OUTCOME_TOPIC)),
            followed=told(stage.follower.readings),
            letters=letters(read_topic(servers, DEAD_LETTER_TOPIC)),
            rows=rows(stage.postgres),
            histories=histories,
            violations=stage.sandbox.violations,
            kills=watch.kills,
            exit_code=stage.service.exit_code,
        )
