"""Judges what each broker answered: is it reached, is it new enough, do its limits leave room for the service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..output_topics import TRANSACTION_TIMEOUT_MS
from .facts import Broker, Fault
from .report import bad, doubtful, good

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .report import Finding

NEEDED_TXN_OFFSET_COMMIT = 3
"""KIP-447, Kafka 2.5: offsets of a transaction are fenced by the group's generation; librdkafka demands it."""
SAFE_END_TXN = 5
"""KIP-890, Kafka 4.0: each transaction has its own epoch."""

_LOGIN = "look at KAFKA_CONFIG_SASL_MECHANISM, its user name and password, and that this listener speaks SASL"
_TLS = (
    "look at KAFKA_CONFIG_SECURITY_PROTOCOL, that this listener speaks TLS, that KAFKA_CONFIG_SSL_CA_LOCATION holds "
    "the authority that signed its certificate, and that the certificate names this host and has not expired"
)
_FIXES: Mapping[str, str] = {
    "_RESOLVE": "mend the name in KAFKA_BOOTSTRAP_SERVERS, or make it known to this machine",
    "_AUTHENTICATION": _LOGIN,
    "_SSL": _TLS,
    "_TIMED_OUT": "look at KAFKA_CONFIG_SECURITY_PROTOCOL: a TLS listener is silent to a client without TLS, and a "
    "firewall to everybody",
    "CLIENT": "mend the KAFKA_CONFIG_… settings that this names",
}
_ADVERTISED = (
    "the cluster names this address itself: mend the broker's advertised.listeners, or make it reachable from here"
)


def judge_brokers(asked: Mapping[str, Broker | Fault], *, advertised: bool = False) -> Iterator[Finding]:
    """Judge addresses that were asked.

    Args:
        asked: what each `host:port` answered.
        advertised: they are those of the cluster's brokers, all of which are needed; of bootstrap servers one is.
    """
    some_answer = any(isinstance(answer, Broker) for answer in asked.values())
    for address, answer in asked.items():
        name = f"broker {address}"
        if isinstance(answer, Broker):
            yield good(name, f"answers; cluster {answer.cluster_id}, brokers: {len(answer.nodes)}")
        elif some_answer and not advertised:
            yield doubtful(name, f"{answer.reason}; another one answers", _fix(answer))
        else:
            yield bad(name, answer.reason, _ADVERTISED if advertised else _fix(answer))


def judge_version(broker: Broker) -> Finding:
    """Judge whether a broker can do what the promises rest on, by the API versions that it told."""
    name, commits, ends = "kafka version", broker.apis.get("TxnOffsetCommit"), broker.apis.get("EndTxn", 0)
    if commits is None:
        return doubtful(name, "the broker did not tell what it can do", "make sure that it is Kafka 2.5 or newer")
    if commits < NEEDED_TXN_OFFSET_COMMIT:
        return bad(name, "older than 2.5: no offsets in transactions that the group fences", "use Kafka 2.5 or newer")
    return good(name, "4.0 or newer" if ends >= SAFE_END_TXN else "2.5 or newer")


def judge_limits(config: Mapping[str, str] | None, session_timeout_s: int) -> Iterator[Finding]:
    """Judge a broker's limits.

    Args:
        config: its properties; None where the login may not read them.
        session_timeout_s: `KAFKA_SESSION_TIMEOUT_S`.
    """
    if config is None:
        yield doubtful(
            "broker limits",
            "this login may not read the broker's properties (DescribeConfigs on the cluster)",
            f"make sure that group.min.session.timeout.ms and group.max.session.timeout.ms leave room for "
            f"{session_timeout_s * 1000}, and transaction.max.timeout.ms for {TRANSACTION_TIMEOUT_MS}",
        )
        return
    low, high = (_whole(config, f"group.{end}.session.timeout.ms") for end in ("min", "max"))
    longest = _whole(config, "transaction.max.timeout.ms")
    wrong = False
    if not (low or 0) <= session_timeout_s * 1000 <= (high or session_timeout_s * 1000):
        wrong = True
        yield bad(
            "broker limits",
            f"a session of {session_timeout_s} s is outside of {low} to {high} ms: the group would refuse this service",
            "change KAFKA_SESSION_TIMEOUT_S",
        )
    if longest is not None and longest < TRANSACTION_TIMEOUT_MS:
        wrong = True
        yield bad(
            "broker limits",
            f"transactions may last {longest} ms, the service asks for {TRANSACTION_TIMEOUT_MS}",
            "raise the broker's transaction.max.timeout.ms",
        )
    if not wrong:
        yield good("broker limits", "leave room for sessions and transactions")


def _fix(fault: Fault) -> str:
    if "SSL" in fault.reason and fault.code != "CLIENT":  # a failed handshake is often told as a lost connection
        return _TLS
    return _FIXES.get(fault.code, "start the broker, or look at address, port and firewall")


def _whole(config: Mapping[str, str], name: str) -> int | None:
    text = config.get(name, "")
    return int(text) if text.isdecimal() else None
