"""What the text of one setting may mean: each function takes the text and returns the value, or raises `UnusableError`.

No message holds the text itself: it may be a credential in the wrong place.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from .secret import UnusableError

DATASTORE_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")
_HOST = re.compile(
    r"(?!.{254})[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
_KAFKA_HOST = re.compile(r"[A-Za-z0-9_.-]{1,253}")
_KAFKA_NAME = re.compile(r"[A-Za-z0-9._-]{1,249}")
_URL_PATH = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,;=:@%{}-]+)+")
_HEADER_NAME = re.compile(r"[!-+\--~]{1,64}")
_OWN_HEADERS = ("content-type", "traceparent", "tracestate", "ce_", "__cxone.", "__connect.")
_MAX_HEADER_NAMES = 16
_INTERNAL_TOPICS = frozenset({"__consumer_offsets", "__transaction_state"})
_MAX_PORT = 65_535


@dataclass(frozen=True, slots=True)
class HostPort:
    """Where to listen: `host` without brackets, `port` 0 for any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return it as it is written in the settings."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def printable(text: str) -> str:
    """Accept text without control characters."""
    if not text.isprintable():
        raise UnusableError("holds control characters", "leave them out")
    return text


def bare_host(text: str) -> str:
    """Accept a host name or IPv4 address alone: no scheme, port, path or user."""
    if not _HOST.fullmatch(text):
        raise UnusableError("is not a bare host name")
    return text.lower()


def secure_url(text: str) -> str:
    """Accept an https address, or http to this machine, and return it without a slash at its end."""
    if not (text.isascii() and text.isprintable() and " " not in text and "\\" not in text):
        raise UnusableError("is not a web address")
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise UnusableError("is not a web address") from None
    if parts.scheme not in {"http", "https"} or not (_is_ip(host) or _HOST.fullmatch(host)):
        raise UnusableError("is not an address that begins with https:// and a host name")
    if "@" in parts.netloc:
        raise UnusableError("holds a user name or password")
    if "?" in text or "#" in text or (parts.path.strip("/") and not _is_url_path(parts.path.rstrip("/"))):
        raise UnusableError("holds more than scheme, host, port and path")
    if parts.scheme == "http" and not is_loopback(host):
        raise UnusableError("is plain http to another machine: the credentials would cross the network unencrypted")
    return text.rstrip("/")


def is_loopback(host: str) -> bool:
    """Tell whether a host name means this machine without asking a name server."""
    return host.lower() == "localhost" or (_is_ip(host) and ipaddress.ip_address(host).is_loopback)


def url_path(text: str) -> str:
    """Accept the path of a URL, without query."""
    if not _is_url_path(text):
        raise UnusableError("is not a path that begins with / and holds no query, space or dot segment")
    return text


def record_path(text: str) -> str | None:
    """Accept the path of the read call, with both placeholders; `off` gives None: there is no such call."""
    if text.lower() == "off":
        return None
    if text.count("{dataStoreId}") != 1 or text.count("{recordId}") != 1:
        raise UnusableError("does not hold {dataStoreId} and {recordId} once each")
    return url_path(text)


def datastore_id(text: str) -> str:
    """Accept a datastore's id (contract section 2)."""
    if not DATASTORE_ID.fullmatch(text):
        raise UnusableError("is not a datastore id")
    return text


def brokers(text: str) -> str:
    """Accept a comma-separated list of `host` or `host:port`, and return it without spaces."""
    return ",".join(_broker(part.strip()) for part in text.split(","))


def kafka_name(text: str) -> str:
    """Accept what Kafka accepts as a topic or a group instance id."""
    if not _KAFKA_NAME.fullmatch(text) or text in {".", ".."}:
        raise UnusableError("is not a name that Kafka accepts")
    return text


def topic(text: str) -> str:
    """Accept the name of a topic that is not Kafka's own."""
    if text in _INTERNAL_TOPICS:
        raise UnusableError("is a topic of Kafka itself")
    return kafka_name(text)


def topics(text: str) -> tuple[str, ...]:
    """Accept a comma-separated list of topics, each named once."""
    names = tuple(topic(part.strip()) for part in text.split(","))
    if len(set(names)) < len(names):
        raise UnusableError("names a topic twice", "name each input topic once")
    return names


def header_names(text: str) -> tuple[str, ...]:
    """Accept a comma-separated list of names of headers that outcomes do not have of their own."""
    names = tuple(part.strip() for part in text.split(","))
    if len(names) > _MAX_HEADER_NAMES:
        raise UnusableError("names more than 16 headers")
    if not all(_HEADER_NAME.fullmatch(name) for name in names):
        raise UnusableError(
            "is not a list of names of headers", "give names of 1 to 64 visible ASCII characters, separated by commas"
        )
    if len(set(names)) < len(names):
        raise UnusableError("names a header twice", "name each header once")
    if own := [name for name in names if name.lower().startswith(_OWN_HEADERS)]:
        raise UnusableError("names a header that outcomes have of their own", f"leave {own[0]} out")
    return names


def host_port(text: str) -> HostPort | None:
    """Accept `host:port` (`[v6]:port`, `:port` for every interface); `off` gives None."""
    if text.lower() == "off":
        return None
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if host.startswith("[") and host.endswith("]") else host
    if not colon or not _is_port(port, lowest=0) or not (not host or _is_ip(host) or _HOST.fullmatch(host)):
        raise UnusableError("is neither host:port nor off")
    return HostPort(host or "0.0.0.0", int(port))  # noqa: S104 - what an empty host means to everybody


def _broker(text: str) -> str:
    host, colon, port = text.rpartition(":")
    host, port = (host, port) if colon else (text, "9092")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    named = _is_ip(bare) if bare != host else _KAFKA_HOST.fullmatch(host)
    if not named or not _is_port(port, lowest=1):
        raise UnusableError("is not a list of host:port, separated by commas")
    return text


def _is_port(text: str, lowest: int) -> bool:
    return bool(re.fullmatch(r"[0-9]{1,5}", text)) and lowest <= int(text) <= _MAX_PORT


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_url_path(text: str) -> bool:
    return bool(_URL_PATH.fullmatch(text)) and not {".", ".."} & set(text.split("/"))
