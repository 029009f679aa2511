"""Reads `KAFKA_CONFIG_<NAME>`: which librdkafka property is meant, and whether its value may be used.

Nothing here names a value in a message: any of them may be a credential.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..errors import Problem
from .kafka_properties import ALIASES, PROPERTIES, REFUSED
from .names import nearest
from .secret import UnusableError, is_directory, is_file, secret_text
from .values import printable, secure_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from collections.abc import Set as AbstractSet
    from pathlib import Path

PREFIX = "KAFKA_CONFIG_"
_DEFAULT_FETCH_MAX_BYTES = 52_428_800
_FETCH_OVERHEAD_BYTES = 512

_BY_DOTS = {name.replace("_", "."): name for name in (*PROPERTIES, *REFUSED)}
"""A variable's name cannot tell `.` from `_`, so both are dots here; no two properties become one by that."""

_STRONG_CIPHER = re.compile(r"TLS_(AES|CHACHA20)_\w+|(EC)?DHE-[A-Z]+-[A-Z0-9-]*(GCM|CHACHA20|CCM)[A-Z0-9-]*")
_WEAK_SIGNATURE = re.compile(r"sha1|md5", re.IGNORECASE)


def variable(name: str) -> str:
    """Return the setting that sets the librdkafka property `name`."""
    return PREFIX + name.replace(".", "_").upper()


VARIABLES = frozenset(map(variable, (*PROPERTIES, *REFUSED)))
"""Each setting that names a property, be it allowed or refused."""


def property_of(variable_name: str) -> str | None:
    """Return the property that a `KAFKA_CONFIG_…` setting names, or None when librdkafka has none of that name."""
    return _BY_DOTS.get(variable_name.removeprefix(PREFIX).replace("_", ".").lower())


def is_secret(name: str) -> bool:
    """Tell whether the value of a property is a credential (as librdkafka itself redacts them, and certificates)."""
    return name in PROPERTIES and PROPERTIES[name].rule == "secret"


def check_property(variable_name: str, text: str, cwd: Path) -> str:
    """Return the value that librdkafka shall be given.

    Args:
        variable_name: the setting, as `KAFKA_CONFIG_SASL_USERNAME`.
        text: its value.
        cwd: the directory that relative paths start from.

    Raises:
        UnusableError: it may not be used.
    """
    name = property_of(variable_name)
    if name is None:
        near = nearest(variable_name, VARIABLES)
        raise UnusableError("names no librdkafka property", f"write {near}, or remove it" if near else "remove it")
    if refusal := REFUSED.get(name):
        raise UnusableError(f"({name}) {refusal.reason}", refusal.way_out)
    return _checked(PROPERTIES[name].rule, text if is_secret(name) else text.strip(), cwd)


def check_together(properties: Mapping[str, str | None], session_timeout_s: int | None) -> list[Problem]:
    """Judge properties that are good one by one.

    Args:
        properties: by librdkafka's names; None for one that is wrong by itself: what depends on it is not judged.
        session_timeout_s: of the group, in seconds; None when that setting itself is wrong.

    Returns:
        The problems, if any.
    """
    good = {name: text for name, text in properties.items() if text is not None}
    spoiled = properties.keys() - good.keys()
    problems = [*_doubled(good), *_poll_interval(good, session_timeout_s)]
    problems += [problem for names, judge in _TOGETHER if not names & spoiled for problem in judge(good)]
    return problems


def warnings(properties: Mapping[str, str | None]) -> list[str]:
    """Return sentences about properties that work but that a careful reader would ask about."""
    if properties.get("security.protocol") == "sasl_plaintext" and _mechanism(properties) in {"PLAIN", "OAUTHBEARER"}:
        name = variable("security.protocol")
        return [f"{name} is sasl_plaintext: the login crosses the network unencrypted; use sasl_ssl if it is offered"]
    return []


def _checked(rule: str, text: str, cwd: Path) -> str:
    if rule in _KINDS:
        return _KINDS[rule](text, cwd)
    if rule.startswith("tls:"):
        return _safe(rule.removeprefix("tls:"), text)
    if ".." in rule:
        return _whole(rule, text)
    return _one_of(rule.split("|"), text)


def _text(text: str, _cwd: Path) -> str:
    return printable(text)


def _secret(text: str, _cwd: Path) -> str:
    return secret_text(text)


def _bool(text: str, _cwd: Path) -> str:
    return _one_of(["true", "false"], text)


def _file(text: str, cwd: Path) -> str:
    if not is_file(cwd / text):
        raise UnusableError("names a file that is not there", "give the path of a file that this process can read")
    return text


def _path(text: str, cwd: Path) -> str:
    if text != "probe" and not (is_file(cwd / text) or is_directory(cwd / text)):
        raise UnusableError("names a path that is not there", "give a file or directory that this process can read")
    return text


def _url(text: str, _cwd: Path) -> str:
    try:
        return secure_url(text)
    except UnusableError as error:
        raise UnusableError(error.wrong, "give an https:// address without user name and password") from None


def _ciphers(text: str, _cwd: Path) -> str:
    if not all(map(_STRONG_CIPHER.fullmatch, re.split(r"[:, ]", text))):
        raise UnusableError(
            "would weaken TLS: it names more than authenticated ciphers with forward secrecy",
            "list names like TLS_AES_256_GCM_SHA384 or ECDHE-RSA-AES256-GCM-SHA384, or remove it",
        )
    return text


def _sigalgs(text: str, cwd: Path) -> str:
    if _WEAK_SIGNATURE.search(text):
        raise UnusableError("would weaken TLS: it allows SHA-1 or MD5 signatures", "leave those out, or remove it")
    return _text(text, cwd)


_KINDS: Mapping[str, Callable[[str, Path], str]] = {
    "text": _text,
    "secret": _secret,
    "bool": _bool,
    "file": _file,
    "path": _path,
    "url": _url,
    "ciphers": _ciphers,
    "sigalgs": _sigalgs,
}


def _safe(only: str, text: str) -> str:
    if text.lower() != only:
        raise UnusableError("would weaken TLS: the broker could be anybody", f"set it to {only} or remove it")
    return only


def _whole(rule: str, text: str) -> str:
    low, high = map(int, rule.split(".."))
    if not re.fullmatch(r"-?[0-9]{1,10}", text) or not low <= int(text) <= high:
        raise UnusableError("is not a whole number in its bounds", f"give one from {low} to {high}")
    return str(int(text))


def _one_of(values: list[str], text: str) -> str:
    for value in values:
        if value.lower() == text.lower():
            return value
    raise UnusableError("is none of the values it may have", f"give one of {', '.join(values)}")


def _mechanism(properties: Mapping[str, str | None]) -> str | None:
    return properties.get("sasl.mechanism", properties.get("sasl.mechanisms"))


def _doubled(properties: Mapping[str, str]) -> list[Problem]:
    return [
        Problem(variable(second), f"is another name of {variable(first)}, which is set too", "remove one of them")
        for second, first in ALIASES.items()
        if second in properties and first in properties
    ]


def _login(properties: Mapping[str, str]) -> list[Problem]:
    mechanism = _mechanism(properties)
    if not properties.get("security.protocol", "plaintext").startswith("sasl_"):
        given = [name for name in properties if name.startswith("sasl.")]
        fix = f"set {variable('security.protocol')} to sasl_ssl, or remove it"
        return [Problem(variable(name), "has no effect: nobody logs in without SASL", fix) for name in given[:1]]
    if mechanism is None:
        fix = "set it to PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER"
        return [Problem(variable("sasl.mechanism"), "is missing: the security protocol logs in with SASL", fix)]
    if mechanism == "OAUTHBEARER":
        return _oauth(properties)
    return [
        Problem(variable(name), f"is missing: {mechanism} needs it", f"set it, or {variable(name)}_FILE")
        for name in ("sasl.username", "sasl.password")
        if name not in properties
    ]


def _oauth(properties: Mapping[str, str]) -> list[Problem]:
    if properties.get("sasl.oauthbearer.method") == "oidc":
        return []
    return [
        Problem(variable("sasl.oauthbearer.method"), "must be oidc: OAUTHBEARER gets its tokens so", "set it to oidc")
    ]


def _key_store(properties: Mapping[str, str]) -> list[Problem]:
    if "ssl.keystore.location" in properties and "ssl.keystore.password" not in properties:
        name = variable("ssl.keystore.password")
        return [Problem(name, "is missing: the key store is locked with it", f"set it, or {name}_FILE")]
    return []


def _key_pair(properties: Mapping[str, str]) -> list[Problem]:
    """A key without its certificate, or the other way round, logs in as nobody."""
    key = {"ssl.key.location", "ssl.key.pem"} & properties.keys()
    certificate = {"ssl.certificate.location", "ssl.certificate.pem"} & properties.keys()
    if bool(key) == bool(certificate):
        return []
    name = "ssl.certificate.location" if key else "ssl.key.location"
    return [Problem(variable(name), "is missing: a client's key and certificate belong together", "set it too")]


def _sizes(properties: Mapping[str, str]) -> list[Problem]:
    fetch_max_bytes = int(properties.get("fetch.max.bytes", _DEFAULT_FETCH_MAX_BYTES))
    least_bytes = fetch_max_bytes + _FETCH_OVERHEAD_BYTES
    if int(properties.get("receive.message.max.bytes", least_bytes)) >= least_bytes:
        return []
    wrong = f"is below what one fetch may bring ({least_bytes} bytes)"
    return [Problem(variable("receive.message.max.bytes"), wrong, f"raise it, or lower {variable('fetch.max.bytes')}")]


def _poll_interval(properties: Mapping[str, str], session_timeout_s: int | None) -> list[Problem]:
    name = "max.poll.interval.ms"
    if session_timeout_s is None or int(properties.get(name, session_timeout_s * 1000)) >= session_timeout_s * 1000:
        return []
    return [Problem(variable(name), "is shorter than KAFKA_SESSION_TIMEOUT_S", "raise it, or remove it")]


_TOGETHER: tuple[tuple[AbstractSet[str], Callable[[Mapping[str, str]], list[Problem]]], ...] = (
    (
        {"security.protocol", "sasl.mechanism", "sasl.mechanisms", "sasl.username", "sasl.password"}
        | {"sasl.oauthbearer.method"},
        _login,
    ),
    ({"ssl.keystore.location", "ssl.keystore.password"}, _key_store),
    (
        {"ssl.key.password", "ssl.key.location", "ssl.certificate.location", "ssl.key.pem", "ssl.certificate.pem"},
        _key_pair,
    ),
    ({"receive.message.max.bytes", "fetch.max.bytes"}, _sizes),
)
"""Checks, each with the properties that it rests on."""
