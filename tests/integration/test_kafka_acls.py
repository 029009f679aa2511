"""The rights of docs/security.md, given to a login of a real broker: enough together, and each of them needed.

The commands are read from that page, so it cannot say anything else than what is shown here.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from confluent_kafka.admin import AclOperation, ResourceType  # type: ignore[attr-defined]

from stream.check import State

from ..harness.secured import Right
from ..harness.stage import Layout, Stage
from ..harness.waiting import eventually
from .check_calls import failed, look

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..harness.secured import SecuredKafka
    from ..harness.service import Service

PAGE = Path(__file__).parents[2] / "docs" / "security.md"
WITHIN_S = 45.0
PASSWORD = "made up for the tests"  # noqa: S105
OPERATIONS = {
    "Read": AclOperation.READ,
    "Write": AclOperation.WRITE,
    "Describe": AclOperation.DESCRIBE,
    "DescribeConfigs": AclOperation.DESCRIBE_CONFIGS,
}
KINDS = {
    "--topic": ResourceType.TOPIC,
    "--group": ResourceType.GROUP,
    "--transactional-id": ResourceType.TRANSACTIONAL_ID,
}
NEEDED = ("input", "group", "outcomes", "dead letters", "transactional ids")
"""What the commands of the first block are about, in their order."""


@dataclass(frozen=True, slots=True)
class Lack:
    """How a missing right is told.

    In the log by a line `event` that ends with the `right`; by `check` under the name `finding`, with `fix`; `fails` if
    it is sure of it.
    """

    event: str
    right: str
    finding: str
    fix: str
    fails: bool = True


LACKS = {
    "input": Lack("consumer_error", "Read on each of the topics {in}", "topic {in}", "grant Describe and Read on it"),
    "group": Lack("consumer_error", "Read on the group {group}", "group {group}", "grant Read and Describe"),
    "outcomes": Lack(
        "producer_rebuild", "Write on each of the topics {out}, {dead}", "topic {out}", "grant Describe and Write on it"
    ),
    "dead letters": Lack(
        "producer_rebuild",
        "Write on each of the topics {out}, {dead}",
        "topic {dead}",
        "grant Describe and Write on it",
    ),
    "transactional ids": Lack(
        "producer_rebuild",
        "Write on the transactional id {group}.one",
        "transactional id {group}.one",
        "has Write and Describe on it",
        fails=False,  # `check` could try it only by ending the transactions of a running instance
    ),
}


def _commands(block: int) -> list[str]:
    """The kafka-acls commands of one block of the page."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    with_acls = [text for text in blocks if text.startswith("kafka-acls ")]
    return [line for line in with_acls[block].splitlines() if line]


def _rights(command: str, stage: Stage) -> list[Right]:
    """What a command of the page grants, with the names of a stage in place of the default ones."""
    words = shlex.split(command)
    assert words[words.index("--allow-principal") + 1] == "User:stream"
    names = {
        "cxone.deltas": stage.input,
        "cxone.outcomes": stage.outcome,
        "cxone.dead-letters": stage.dead_letter,
        "cxone-delta-stream": stage.group,
        "cxone-delta-stream.": f"{stage.group}.",
    }
    operations = [OPERATIONS[word] for before, word in pairwise(words) if before == "--operation"]
    if "--cluster" in words:
        return [Right(each, ResourceType.BROKER, "kafka-cluster") for each in operations]
    option = next(word for word in words if word in KINDS)
    name = names[words[words.index(option) + 1]]
    return [Right(each, KINDS[option], name, is_prefix="prefixed" in words) for each in operations]


@dataclass(frozen=True, slots=True)
class Case:
    """A login that lacks one right, on a stage of its own, with a service that has two events to do: one is bad."""

    user: str
    stage: Stage
    service: Service
    lacking: list[Right]
    environ: dict[str, str]


@pytest.fixture(scope="module")
def cases(secured: SecuredKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Case]]:
    """Services that lack one right each, all started at once; the last one, `nothing`, lacks none."""
    found: dict[str, Case] = {}
    commands = dict(zip(NEEDED, _commands(0), strict=True))
    for lacking in (*NEEDED, "nothing"):
        user = f"without {lacking}"
        stage = Stage(secured.direct, tmp_path_factory.mktemp("acls"), Layout(1, 1, {}))
        secured.add_user(user, PASSWORD)
        given = [command for name, command in commands.items() if name != lacking]
        secured.allow(user, [right for command in given for right in _rights(command, stage)])
        environ = {
            **secured.by_scram(user, PASSWORD),
            "KAFKA_INSTANCE_ID": "one",
            # the default of five minutes is how long a topic that was refused may stay unknown
            "KAFKA_CONFIG_TOPIC_METADATA_REFRESH_INTERVAL_MS": "1000",
        }
        stage.feed.send_event("store", "record")
        stage.feed.send(b"no event")
        stage.feed.flush()
        lacks = [] if lacking == "nothing" else _rights(commands[lacking], stage)
        found[lacking] = Case(user, stage, stage.start(**environ), lacks, stage.environ(**environ))
    yield found
    for case in found.values():
        case.stage.close()


def test_the_rights_of_the_page_are_enough(cases: dict[str, Case]) -> None:
    """With these five the service does all of its work, dead letters included."""
    stage = cases["nothing"].stage
    stage.await_outcomes(2, WITHIN_S)
    stage.await_all_committed()
    stage.assert_exactly_once()
    assert len(stage.dead_letters()) == 1
    (told,) = {line["topic"] for line in cases["nothing"].service.lines("topic_size_not_read")} - {stage.dead_letter}
    assert told == stage.outcome


def test_what_only_makes_things_visible(cases: dict[str, Case], secured: SecuredKafka, tmp_path: Path) -> None:
    """Without the second block of the page `check` finds nothing wrong, but cannot see some things; with it, it can."""
    case = cases["nothing"]
    before = look(case.environ, tmp_path)
    assert failed(before) == set()
    unseen = {name for name, finding in before.items() if finding.state is State.WARNING}
    secured.allow(case.user, [right for command in _commands(1) for right in _rights(command, case.stage)])
    after = look(case.environ, tmp_path)
    assert unseen - {name for name, finding in after.items() if finding.state is State.WARNING} >= {
        "broker limits",
        f"transactional id {case.stage.group}.one",
    }
    # that the service itself has the name now, and that the stand-in's answers bear no date, is no matter of rights
    assert {name for name, each in after.items() if each.state is not State.OK} == {"instance one", "clock"}


@pytest.mark.parametrize("lacking", NEEDED)
def test_each_right_is_needed_and_named(
    cases: dict[str, Case], secured: SecuredKafka, tmp_path: Path, lacking: str
) -> None:
    """Without it nothing is committed, log and `check` say what to grant, and with it all goes on by itself."""
    case, lack = cases[lacking], LACKS[lacking]
    stage = case.stage
    names = {"in": stage.input, "out": stage.outcome, "dead": stage.dead_letter, "group": stage.group}
    right, name = lack.right.format_map(names), lack.finding.format_map(names)

    def is_told() -> bool:
        lines = case.service.lines(lack.event)
        return any(str(line["reason"]).endswith(f"grant this login {right}") for line in lines)

    eventually(is_told, WITHIN_S, f"a line that names {right}")
    findings = look(case.environ, tmp_path)
    assert failed(findings) == ({name} if lack.fails else set())
    assert findings[name].state is not State.OK
    assert lack.fix in findings[name].fix
    assert len(stage.reader) == 0
    assert case.service.is_running

    secured.allow(case.user, case.lacking)
    stage.await_outcomes(2, WITHIN_S)
    stage.await_all_committed()
    stage.assert_exactly_once()
    assert [each.status for each in stage.sandbox.requests if each.call == "execute"] == [200]
