"""A broker as security asks for it: TLS by an authority of its own, logins by SCRAM and by certificate, ACLs.

Tests themselves use a listener without any of that, where everybody is a super user; services use the others.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from stream.sandbox.kafka import Kafka
from stream.sandbox.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stream.sandbox.kafka_jars import KafkaInstallation

CERTIFICATES = Path(__file__).parents[1] / "integration" / "certificates"
AUTHORITY = CERTIFICATES / "kafka-authority.pem"
CLIENT = CERTIFICATES / "kafka-client.pem"
CLIENT_USER = "stream"
"""Whom the client's certificate names."""
WITHIN_S = 30.0
ITERATIONS = 4_096
MECHANISMS = {"SCRAM-SHA-256": ScramMechanism.SCRAM_SHA_256, "SCRAM-SHA-512": ScramMechanism.SCRAM_SHA_512}


class Right(NamedTuple):
    """What an ACL allows: an operation on what bears a name, or on all whose names begin with it."""

    operation: AclOperation
    kind: ResourceType
    name: str
    is_prefix: bool = False


class SecuredKafka:
    """The broker; as a context manager it is started on entering and removed on leaving."""

    def __init__(self, installation: KafkaInstallation) -> None:
        """Prepare it; nothing is started."""
        names = ("DIRECT", "SCRAM", "MTLS", "EXPIRED", "CONTROLLER")
        ports = dict(zip(names, free_ports(len(names)), strict=True))
        self.kafka = Kafka(installation, ports=(ports["DIRECT"], ports["CONTROLLER"]), settings=_settings(ports))
        self.direct = self.kafka.bootstrap_servers
        """For tests: neither TLS nor login, and every right."""
        self.scram, self.mtls, self.expired = (f"localhost:{ports[name]}" for name in names[1:4])
        """For services: a login by SCRAM, one by certificate, and a broker whose certificate has expired."""
        self.misnamed = f"127.0.0.1:{ports['MTLS']}"
        """The same broker by an address that its certificate does not name."""
        self._admin = AdminClient({"bootstrap.servers": self.direct, "log_level": 0})

    def add_user(self, user: str, password: str, mechanism: str = "SCRAM-SHA-512") -> None:
        """Let a user log in by SCRAM, by this password alone from now on."""
        info = ScramCredentialInfo(MECHANISMS[mechanism], ITERATIONS)
        change = UserScramCredentialUpsertion(user, info, password.encode())
        for done in self._admin.alter_user_scram_credentials([change]).values():
            done.result(WITHIN_S)

    def allow(self, user: str, rights: Iterable[Right]) -> None:
        """Give a user rights."""
        acls = [
            AclBinding(
                each.kind,
                each.name,
                ResourcePatternType.PREFIXED if each.is_prefix else ResourcePatternType.LITERAL,
                f"User:{user}",
                "*",
                each.operation,
                AclPermissionType.ALLOW,
            )
            for each in rights
        ]
        for done in self._admin.create_acls(acls).values():
            done.result(WITHIN_S)

    def by_scram(self, user: str, password: str, mechanism: str = "SCRAM-SHA-512") -> dict[str, str]:
        """The settings of a login by SCRAM."""
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.scram,
            "KAFKA_CONFIG_SECURITY_PROTOCOL": "sasl_ssl",
            "KAFKA_CONFIG_SSL_CA_LOCATION": str(AUTHORITY),
            "KAFKA_CONFIG_SASL_MECHANISM": mechanism,
            "KAFKA_CONFIG_SASL_USERNAME": user,
            "KAFKA_CONFIG_SASL_PASSWORD": password,
        }

    def by_certificate(self) -> dict[str, str]:
        """The settings of a login by certificate."""
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.mtls,
            "KAFKA_CONFIG_SECURITY_PROTOCOL": "ssl",
            "KAFKA_CONFIG_SSL_CA_LOCATION": str(AUTHORITY),
            "KAFKA_CONFIG_SSL_CERTIFICATE_LOCATION": str(CLIENT),
            "KAFKA_CONFIG_SSL_KEY_LOCATION": str(CLIENT),
        }

    def __enter__(self) -> Self:
        """Start it."""
        self.kafka.__enter__()
        return self

    def __exit__(self, *_error: object) -> None:
        """Remove it."""
        self.kafka.close()


def _settings(ports: Mapping[str, int]) -> dict[str, str]:
    """The broker's properties: PEM files, so that no Java tool is needed."""
    login = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    host = {name: "localhost" if name in {"SCRAM", "MTLS", "EXPIRED"} else "127.0.0.1" for name in ports}
    return {
        "listeners": ",".join(f"{name}://127.0.0.1:{port}" for name, port in ports.items()),
        "advertised.listeners": ",".join(
            f"{name}://{host[name]}:{port}" for name, port in ports.items() if name != "CONTROLLER"
        ),
        "listener.security.protocol.map": ("DIRECT:PLAINTEXT,SCRAM:SASL_SSL,MTLS:SSL,EXPIRED:SSL,CONTROLLER:PLAINTEXT"),
        "inter.broker.listener.name": "DIRECT",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(CERTIFICATES / "kafka-broker.pem"),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(AUTHORITY),
        "listener.name.expired.ssl.keystore.type": "PEM",
        "listener.name.expired.ssl.keystore.location": str(CERTIFICATES / "kafka-expired.pem"),
        "listener.name.mtls.ssl.client.auth": "required",
        "ssl.principal.mapping.rules": "RULE:^CN=(.*)$/$1/,DEFAULT",
        "sasl.enabled.mechanisms": ",".join(MECHANISMS),
        **{f"listener.name.scram.{name.lower()}.sasl.jaas.config": login for name in MECHANISMS},
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
    }
