"""What the integration tests share: stages on the common broker, and one long run that several files look at."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from xdist.scheduler import LoadScopeScheduling

from ..harness.secured import SecuredKafka
from ..harness.stage import Layout, Stage
from .answer_cases import CASES, RECORDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from xdist.remote import Producer

    from stream.sandbox.kafka import Kafka
    from stream.sandbox.kafka_jars import KafkaInstallation

    from ..harness.service import Service
    from ..harness.topics import Record


ANSWERED = ("test_answers.py", "test_traces.py")


class ByFile(LoadScopeScheduling):
    """Keeps a file's tests on one worker, and those files together that look at the one long run."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return "answered" if path.endswith(ANSWERED) else path


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    """Let workers share the files among them."""
    return ByFile(config, log)


@dataclass(frozen=True, slots=True)
class Answered:
    """A run that is over: its stage and process, how the process showed in the machine's list, and what came out."""

    stage: Stage
    service: Service
    command_line: str
    outcomes: list[Record]
    dead_letters: list[Record]


@pytest.fixture
def stage(kafka: Kafka, tmp_path: Path) -> Iterator[Stage]:
    """Topics of four partitions on the common broker, a CXone stand-in, and room for processes."""
    with Stage(kafka.bootstrap_servers, tmp_path) as one:
        yield one


@pytest.fixture(scope="session")
def secured(kafka_installation: KafkaInstallation) -> Iterator[SecuredKafka]:
    """A broker with TLS, logins and ACLs, for all tests of security."""
    with SecuredKafka(kafka_installation) as broker:
        yield broker


@pytest.fixture(scope="session")
def answered(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answered]:
    """A run, ended by SIGTERM, in which the API gave every answer of `answer_cases` to one service."""
    with Stage(kafka.bootstrap_servers, tmp_path_factory.mktemp("answered"), Layout(dead_letters={})) as stage:
        for datastore_id, case in CASES.items():
            for fault in case.faults:
                stage.sandbox.faults.add(replace(fault, data_store_id=datastore_id))
            for record_id in RECORDS:
                stage.feed.send_event(datastore_id, record_id, partition=0, **(case.members or {}))
        stage.feed.flush()
        # The long linger puts the three events of each datastore into one request.
        service = stage.start(STREAM_BATCH_LINGER_MS="500", STREAM_LOG_LEVEL="debug", CXONE_MAX_IN_FLIGHT="32")
        command_line = service.command_line
        stage.await_all_committed(90.0)
        stage.assert_exactly_once()
        stage.assert_requests_sound()
        service.terminate()
        assert service.exit_code(25.0) == 0
        yield Answered(stage, service, command_line, stage.outcomes(), stage.dead_letters())
