"""Which librdkafka properties may be set, and why not the others (contract section 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from confluent_kafka import KafkaException, Producer

from stream.errors import ConfigurationError
from stream.settings import Settings, load_settings
from stream.settings.kafka_config import VARIABLES, property_of, variable
from stream.settings.kafka_properties import ALIASES, PROPERTIES, REFUSED

if TYPE_CHECKING:
    from pathlib import Path

LEAST = {
    "CXONE_REGION": "us-21.niceincontact.com",
    "CXONE_CLIENT_ID": "an-id",
    "CXONE_CLIENT_SECRET": "a-secret",
    "KAFKA_BOOTSTRAP_SERVERS": "kafka-1:9092",
}
LOGIN = {"SECURITY_PROTOCOL": "SASL_SSL", "SASL_MECHANISM": "plain", "SASL_USERNAME": "me", "SASL_PASSWORD": " p w "}


def load(cwd: Path, **properties: str) -> Settings:
    """Load with `KAFKA_CONFIG_…` properties."""
    return load_settings(LEAST | {f"KAFKA_CONFIG_{name}": text for name, text in properties.items()}, cwd)


def refused(cwd: Path, **properties: str) -> dict[str, str]:
    """Return the lines of what is refused, by the name after `KAFKA_CONFIG_`."""
    with pytest.raises(ConfigurationError) as caught:
        load(cwd, **properties)
    return {p.name.removeprefix("KAFKA_CONFIG_"): f"{p.wrong}; {p.fix}" for p in caught.value.problems}


def library_says(name: str, text: str) -> str:
    """Return what librdkafka says about a property, without making a client: it stops at an unknown last one."""
    with pytest.raises((KafkaException, TypeError, ValueError)) as caught:
        Producer({name: text, "no.such.property": "1"})
    return str(caught.value)


def test_each_client_gets_what_it_knows(tmp_path: Path) -> None:
    """Names and words are turned into librdkafka's, and a consumer's properties do not reach a producer."""
    kafka = load(tmp_path, **LOGIN, CHECK_CRCS="TRUE", LINGER_MS="007", CLIENT_ID=" me ").kafka
    login = {
        "security.protocol": "sasl_ssl",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "me",
        "sasl.password": " p w ",
        "client.id": "me",
    }
    assert kafka.extra_for("consumer") == login | {"check.crcs": "true"}
    assert kafka.extra_for("producer") == login | {"linger.ms": "7"}
    assert kafka.extra_for("admin") == login


def test_a_property_may_stand_in_a_file(tmp_path: Path) -> None:
    """`…_FILE` reads the value; a property whose own name ends so keeps its meaning; a direct value counts first."""
    (tmp_path / "password").write_text("from file\n", encoding="utf-8")
    files = {"SASL_PASSWORD_FILE": "password", "SASL_OAUTHBEARER_ASSERTION_FILE": "password"}
    login = {name: text for name, text in LOGIN.items() if name != "SASL_PASSWORD"}
    extra = load(tmp_path, **login, **files).kafka.extra_for("consumer")
    assert (extra["sasl.password"], extra["sasl.oauthbearer.assertion.file"]) == ("from file", "password")
    settings = load(tmp_path, **LOGIN, **files)
    assert settings.kafka.extra_for("consumer")["sasl.password"] == " p w "
    assert [warning.split()[0] for warning in settings.warnings] == ["KAFKA_CONFIG_SASL_PASSWORD_FILE"]
    assert list(refused(tmp_path, **login | {"SASL_PASSWORD_FILE": "nowhere"})) == ["SASL_PASSWORD_FILE"]


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_the_promises_rest_on_is_refused(tmp_path: Path, name: str) -> None:
    """A refused property is told with its reason and a way out, whatever its value."""
    setting = variable(name).removeprefix("KAFKA_CONFIG_")
    assert refused(tmp_path, **{setting: "true"}) == {setting: f"({name}) {'; '.join(REFUSED[name])}"}


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("ENABLE_SSL_CERTIFICATE_VERIFICATION", "false", "would weaken TLS"),
        ("ENABLE_SSL_CERTIFICATE_VERIFICATION", "0", "would weaken TLS"),
        ("SSL_ENDPOINT_IDENTIFICATION_ALGORITHM", "none", "would weaken TLS"),
        ("SSL_CIPHER_SUITES", "ALL:eNULL", "would weaken TLS"),
        ("SSL_SIGALGS_LIST", "RSA+SHA1", "would weaken TLS"),
        ("SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL", "http://login.example", "plain http"),
        ("SOCKET_TIMEOUT_MS", "999", "give one from 1000 to 15000"),
        ("SOCKET_TIMEOUT_MS", "1e3", "give one from 1000 to 15000"),
        ("SECURITY_PROTOCOL", "tls", "give one of plaintext, ssl, sasl_plaintext, sasl_ssl"),
        ("CHECK_CRCS", "perhaps", "give one of true, false"),
        ("CLIENT_RACK", "a\x1b[31m", "control characters"),
        ("SSL_CA_LOCATION", "nowhere", "names a path that is not there"),
        ("SSL_CRL_LOCATION", "a\0b", "names a path that is not there"),
        ("SSL_KEY_PASSWORD", "a\udcff", "not UTF-8"),
        ("SOCKET_TIMEOUT_S", "5", "write KAFKA_CONFIG_SOCKET_TIMEOUT_MS"),
        ("COLOUR", "red", "names no librdkafka property; remove it"),
    ],
)
def test_a_wrong_property_is_refused(tmp_path: Path, name: str, text: str, told: str) -> None:
    """What weakens TLS, is out of bounds, or is no property, is one line that does not show the value."""
    lines = refused(tmp_path, **{name: text})
    assert list(lines) == [name]
    assert told in lines[name]
    assert repr(text) not in lines[name]


def test_safe_values_of_tls_are_fine(tmp_path: Path) -> None:
    """Saying what holds anyway, and choosing among strong ciphers, is no weakening."""
    suites = "TLS_AES_256_GCM_SHA384:ECDHE-RSA-AES256-GCM-SHA384"
    verify = {"ENABLE_SSL_CERTIFICATE_VERIFICATION": "True", "SSL_ENDPOINT_IDENTIFICATION_ALGORITHM": "https"}
    extra = load(tmp_path, **verify, SSL_CIPHER_SUITES=suites, SSL_CA_LOCATION=str(tmp_path)).kafka.extra
    assert extra["enable.ssl.certificate.verification"] == "true"
    assert (extra["ssl.cipher.suites"], extra["ssl.ca.location"]) == (suites, str(tmp_path))


@pytest.mark.parametrize(
    ("properties", "name", "told"),
    [
        ({"SASL_USERNAME": "me"}, "SASL_USERNAME", "has no effect"),
        ({"SECURITY_PROTOCOL": "sasl_ssl"}, "SASL_MECHANISM", "is missing"),
        ({**LOGIN, "SASL_USERNAME": ""}, "SASL_USERNAME", "is missing: PLAIN needs it"),
        ({"SECURITY_PROTOCOL": "sasl_ssl", "SASL_MECHANISM": "OAUTHBEARER"}, "SASL_OAUTHBEARER_METHOD", "must be oidc"),
        ({**LOGIN, "SASL_MECHANISMS": "PLAIN"}, "SASL_MECHANISMS", "another name of KAFKA_CONFIG_SASL_MECHANISM"),
        ({**LOGIN, "SASL_MECHANISM": "GSSAPI"}, "SASL_MECHANISM", "give one of PLAIN"),
        ({"SSL_KEY_PEM": "key"}, "SSL_CERTIFICATE_LOCATION", "belong together"),
        ({"SSL_CERTIFICATE_PEM": "certificate"}, "SSL_KEY_LOCATION", "belong together"),
        ({"RECEIVE_MESSAGE_MAX_BYTES": "2000000"}, "RECEIVE_MESSAGE_MAX_BYTES", "below what one fetch may bring"),
        ({"MAX_POLL_INTERVAL_MS": "10000"}, "MAX_POLL_INTERVAL_MS", "shorter than KAFKA_SESSION_TIMEOUT_S"),
    ],
)
def test_properties_must_make_sense_together(tmp_path: Path, properties: dict[str, str], name: str, told: str) -> None:
    """What would only fail at the first connection, or do nothing, is told before."""
    lines = refused(tmp_path, **properties)
    assert list(lines) == [name]
    assert told in lines[name]


def test_sensible_logins_are_accepted(tmp_path: Path) -> None:
    """OAuth and client certificates work; a login in clear text is warned about."""
    oauth = {"SECURITY_PROTOCOL": "sasl_ssl", "SASL_MECHANISM": "OAUTHBEARER", "SASL_OAUTHBEARER_METHOD": "oidc"}
    oauth |= {"SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL": "https://login.example/t"}
    assert load(tmp_path, **oauth).warnings == ()
    assert load(tmp_path, SECURITY_PROTOCOL="ssl", SSL_KEY_PEM="k", SSL_CERTIFICATE_PEM="c").warnings == ()
    (warning,) = load(tmp_path, **LOGIN | {"SECURITY_PROTOCOL": "sasl_plaintext"}).warnings
    assert "unencrypted" in warning


def test_a_key_store_needs_its_password(tmp_path: Path) -> None:
    """A key store without password is told before librdkafka would."""
    (tmp_path / "store.p12").write_bytes(b"x")
    assert list(refused(tmp_path, SSL_KEYSTORE_LOCATION="store.p12")) == ["SSL_KEYSTORE_PASSWORD"]


def test_names_are_unambiguous() -> None:
    """No property stands in both tables, and each is found again from its setting's name."""
    assert not PROPERTIES.keys() & REFUSED.keys()
    assert len(VARIABLES) == len(PROPERTIES) + len(REFUSED)
    assert all(property_of(variable(name)) == name for name in (*PROPERTIES, *REFUSED))
    assert set(ALIASES.values()) | set(ALIASES) <= PROPERTIES.keys()


@pytest.mark.parametrize("name", sorted({*PROPERTIES, *REFUSED}))
def test_librdkafka_knows_each_property(name: str) -> None:
    """Each name in the tables is one of the library's."""
    assert f'No such configuration property: "{name}"' not in library_says(name, "")


@pytest.mark.parametrize("name", [name for name, known in PROPERTIES.items() if ".." in known.rule])
def test_librdkafka_accepts_the_bounds(name: str) -> None:
    """Both ends of a number's bounds are good values for the library."""
    for text in PROPERTIES[name].rule.split(".."):
        assert 'No such configuration property: "no.such.property"' in library_says(name, text)


@pytest.mark.parametrize("name", [name for name, known in PROPERTIES.items() if "|" in known.rule])
def test_librdkafka_accepts_the_words(name: str) -> None:
    """Each word of a choice is a good value for the library."""
    for text in PROPERTIES[name].rule.split("|"):
        assert 'No such configuration property: "no.such.property"' in library_says(name, text)
