"""Logins at a real broker with real certificates: by SCRAM and by certificate; and which brokers are not believed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from confluent_kafka.admin import AclOperation, ResourceType  # type: ignore[attr-defined]

from ..harness.secured import AUTHORITY, CERTIFICATES, CLIENT_USER, Right
from ..harness.stage import Layout, Stage
from ..harness.waiting import eventually
from .check_calls import failed, look

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ..harness.secured import SecuredKafka
    from ..harness.service import Service

WITHIN_S = 45.0
PASSWORD = "a p+a&s=s%2B/wörd"  # noqa: S105 - made up, with signs that SCRAM and settings could trip over
SECOND_PASSWORD = "another"  # noqa: S105
MECHANISMS = ("SCRAM-SHA-512", "SCRAM-SHA-256")
LOGINS = (*MECHANISMS, "mTLS")


def _everything(stage: Stage) -> list[Right]:
    """What the service needs; `test_kafka_acls.py` holds that it needs no more."""
    return [
        Right(AclOperation.READ, ResourceType.TOPIC, stage.input),
        Right(AclOperation.READ, ResourceType.GROUP, stage.group),
        Right(AclOperation.WRITE, ResourceType.TOPIC, stage.outcome),
        Right(AclOperation.WRITE, ResourceType.TRANSACTIONAL_ID, f"{stage.group}.", is_prefix=True),
    ]


@dataclass(frozen=True, slots=True)
class Login:
    """A service that logs in in one way, on a stage of its own, and what `check` is given."""

    stage: Stage
    service: Service
    environ: dict[str, str]


@pytest.fixture(scope="module")
def logins(secured: SecuredKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Login]]:
    """Services that log in in each way, started at once."""
    found: dict[str, Login] = {}
    for way in LOGINS:
        stage = Stage(secured.direct, tmp_path_factory.mktemp("logins"), Layout(1, 1))
        if way == "mTLS":
            user, settings = CLIENT_USER, secured.by_certificate()
        else:
            user, settings = f"by {way}", secured.by_scram(f"by {way}", PASSWORD, way)
            secured.add_user(user, PASSWORD, way)
        secured.allow(user, _everything(stage))
        stage.feed.send_event("store", "record")
        stage.feed.flush()
        found[way] = Login(stage, stage.start(**settings), stage.environ(**settings))
    yield found
    for login in found.values():
        login.stage.close()


@pytest.mark.parametrize("way", LOGINS)
def test_each_login_does_all_the_work(logins: dict[str, Login], tmp_path: Path, way: str) -> None:
    """The service reads, writes and commits with it, `check` finds nothing wrong, and nobody tells the password."""
    login = logins[way]
    login.stage.await_outcomes(1, WITHIN_S)
    login.stage.await_all_committed()
    login.stage.assert_exactly_once()
    findings = look(login.environ, tmp_path)
    assert failed(findings) == set()
    for told in (login.service.log_file.read_text(), login.service.audit_file.read_text(), str(findings)):
        assert PASSWORD not in told
        assert "PRIVATE KEY" not in told


@dataclass(frozen=True, slots=True)
class Refusal:
    """A broker or login that is refused: settings over those of a good login by SCRAM, and what is told of it."""

    settings: dict[str, str]
    broker: str
    detail: str
    fix: str


def _refusals(secured: SecuredKafka) -> dict[str, Refusal]:
    """Each way in which one side does not believe the other; `user` can log in."""
    tls = {"KAFKA_CONFIG_SSL_CA_LOCATION": str(AUTHORITY), "KAFKA_CONFIG_SECURITY_PROTOCOL": "ssl"}
    scram = secured.by_scram("user", PASSWORD)
    certificate = secured.by_certificate()
    stranger = {"KAFKA_CONFIG_SSL_CA_LOCATION": str(CERTIFICATES / "authority.pem")}
    authority = "KAFKA_CONFIG_SSL_CA_LOCATION"
    verified = "certificate verify failed"  # the library tells no more, so what to look at names all reasons
    return {
        "a foreign authority": Refusal(scram | stranger, secured.scram, verified, authority),
        "an expired certificate": Refusal(
            tls | {"KAFKA_BOOTSTRAP_SERVERS": secured.expired}, secured.expired, verified, "has not expired"
        ),
        "the name of another host": Refusal(
            certificate | {"KAFKA_BOOTSTRAP_SERVERS": secured.misnamed}, secured.misnamed, verified, "names this host"
        ),
        "a wrong password": Refusal(
            secured.by_scram("user", SECOND_PASSWORD), secured.scram, "Authentication failed", "SASL_MECHANISM"
        ),
        "a password of the other mechanism": Refusal(
            secured.by_scram("user", PASSWORD, "SCRAM-SHA-256"),
            secured.scram,
            "Authentication failed",
            "SASL_MECHANISM",
        ),
        "no certificate where one is asked for": Refusal(
            tls | {"KAFKA_BOOTSTRAP_SERVERS": secured.mtls}, secured.mtls, "certificate required", authority
        ),
        "no TLS where it is spoken": Refusal(
            {"KAFKA_BOOTSTRAP_SERVERS": secured.mtls}, secured.mtls, "", "KAFKA_CONFIG_SECURITY_PROTOCOL"
        ),
    }


def test_what_is_not_believed_is_told_to_people(secured: SecuredKafka, tmp_path: Path) -> None:
    """`check` names the broker, the reason and the setting to look at; the service says the same, and does nothing."""
    secured.add_user("user", PASSWORD)
    refusals = _refusals(secured)
    with Stage(secured.direct, tmp_path, Layout(1, 1)) as stage:
        secured.allow("user", _everything(stage))
        stage.feed.send_event("store", "record")
        stage.feed.flush()
        services = {
            name: stage.start(name, **each.settings, KAFKA_GROUP_ID=name)
            for name, each in refusals.items()
            if each.detail
        }
        for name, refusal in refusals.items():
            findings = look(stage.environ(**refusal.settings), tmp_path)
            broker = f"broker {refusal.broker}"
            assert failed(findings) == {broker}, name
            assert refusal.detail in findings[broker].detail, name
            assert refusal.fix in findings[broker].fix, name
        for name, service in services.items():
            detail = refusals[name].detail
            eventually(
                lambda service=service, detail=detail: any(  # type: ignore[misc]
                    detail in str(line["reason"]) for line in service.lines("consumer_error")
                ),
                WITHIN_S,
                f"a line about {name}",
            )
            assert service.is_running, name
            assert PASSWORD not in service.log_file.read_text()
        assert [each for each in stage.sandbox.requests if each.call == "execute"] == []


def test_a_rotated_password(secured: SecuredKafka, tmp_path: Path) -> None:
    """Open connections outlive the change; started again with the new one, the service executes nothing twice."""
    secured.add_user("rotated", PASSWORD)
    file = tmp_path / "password"
    file.write_text(PASSWORD)
    settings = secured.by_scram("rotated", PASSWORD)
    del settings["KAFKA_CONFIG_SASL_PASSWORD"]
    settings |= {"KAFKA_CONFIG_SASL_PASSWORD_FILE": str(file), "KAFKA_INSTANCE_ID": "one"}
    with Stage(secured.direct, tmp_path, Layout(1, 1)) as stage:
        secured.allow("rotated", _everything(stage))
        stage.feed.send_event("store", "before")
        stage.feed.flush()
        service = stage.start(**settings)
        stage.await_outcomes(1, WITHIN_S)

        secured.add_user("rotated", SECOND_PASSWORD)
        stage.feed.send_event("store", "between")
        stage.feed.flush()
        stage.await_outcomes(2, WITHIN_S)
        assert failed(look(stage.environ(**settings), tmp_path)) == {f"broker {secured.scram}"}

        file.write_text(f"{SECOND_PASSWORD}\n")
        service.terminate()
        assert service.exit_code(WITHIN_S) == 0
        stage.start(**settings)
        stage.feed.send_event("store", "after")
        stage.feed.flush()
        stage.await_outcomes(3, WITHIN_S)
        stage.await_all_committed()
        stage.assert_exactly_once()
        assert stage.assert_in_order() == 0
