"""Values that cannot work are refused before anything is installed, and the message says where and why."""

from __future__ import annotations

import pytest

from .rendering import HERE, template

MINIMAL = ("--values", str(HERE / "values" / "minimal.yaml"))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("kafka.bootstrapServer=x", "at '/kafka': additional properties 'bootstrapServer' not allowed"),
        ("replica=3", "at '': additional properties 'replica' not allowed"),
        ("replicas=three", "at '/replicas': got string, want integer"),
        ("settings.STREAM_BATCH_SIZ=5", "at '/settings': additional properties 'STREAM_BATCH_SIZ' not allowed"),
        ("settings.STREAM_BATCH_SIZE=1001", "at '/settings/STREAM_BATCH_SIZE': maximum: got 1,001, want 1,000"),
        ("settings.KAFKA_GROUP_ID=x", "at '/settings': additional properties 'KAFKA_GROUP_ID' not allowed"),
        ("settings.STREAM_COALESCE=all", "at '/settings/STREAM_COALESCE': value must be one of 'off', 'fields'"),
        (r"kafka.config.lingerms=5", "at '/kafka/config': additional properties 'lingerms' not allowed"),
        (r"kafka.config.sasl\.password=x", "at '/kafka/config': additional properties 'sasl.password' not allowed"),
        ("kafka.sasl.mechanism=SCRAM", "at '/kafka/sasl/mechanism': value must be one of '', 'PLAIN'"),
        ("extraEnv[0].name=STREAM_BATCH_SIZE", "at '/extraEnv/0/name': 'not' failed"),
        (
            "autoscaling.limitToPartitionsWithLag=true,autoscaling.allowIdleConsumers=true",
            "at '/autoscaling/allowIdleConsumers': value must be false",
        ),
        (
            "autoscaling.limitToPartitionsWithLag=true,autoscaling.ensureEvenDistributionOfPartitions=true",
            "at '/autoscaling/ensureEvenDistributionOfPartitions': value must be false",
        ),
    ],
)
def test_a_slip_of_the_pen_is_named_with_its_place(wrong: str, message: str) -> None:
    """A misspelt name, a wrong kind, a value out of bounds and an excluded pair are refused by the schema."""
    answer = template(*MINIMAL, "--set", wrong)
    assert answer.code != 0
    assert message in answer.refusal


def test_all_that_is_missing_is_told_at_once() -> None:
    """Somebody who gives nothing reads one line for each of the four values that a user must give."""
    answer = template()
    assert answer.code != 0
    for name in ("image.repository", "cxone.region", "cxone.existingSecret", "kafka.bootstrapServers"):
        assert f"\n  {name} is missing: " in answer.refusal


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("cxone.clientId=x", "cxone.existingSecret is given, and clientId or clientSecret too"),
        ("cxone.baseUrl=https://x", "cxone.baseUrl replaces cxone.region"),
        ("kafka.outcomeTopic=cxone.deltas", "kafka.outcomeTopic is an input topic too"),
        ("kafka.deadLetterTopic=cxone.outcomes", "kafka.deadLetterTopic is one of the other topics too"),
        ("kafka.tls.authority.secret=ca", "kafka.tls.enabled is false, and certificates are given"),
        (
            "kafka.tls.enabled=true,kafka.tls.authority.secret=a,kafka.tls.authority.configMap=b",
            "kafka.tls.authority.secret and .configMap are both given",
        ),
        ("kafka.sasl.mechanism=PLAIN", "kafka.sasl.existingSecret is missing: PLAIN logs in"),
        ("kafka.sasl.existingSecret=login", "kafka.sasl.mechanism is missing"),
        ("kafka.sasl.mechanism=PLAIN,kafka.sasl.existingSecret=a,kafka.sasl.password=b", "and password too"),
        (
            "kafka.sasl.mechanism=OAUTHBEARER,kafka.sasl.existingSecret=a",
            "kafka.sasl.oauth.tokenEndpointUrl is missing",
        ),
        ("kafka.strimzi.cluster=events", "kafka.strimzi.user is missing"),
        ("kafka.strimzi.user=a,kafka.strimzi.authentication=tls", "kafka.strimzi.cluster is missing"),
        (
            "kafka.strimzi.user=a,kafka.sasl.mechanism=PLAIN,kafka.sasl.existingSecret=b",
            "kafka.strimzi.user is a login already",
        ),
        (
            "kafka.strimzi.user=a,kafka.strimzi.cluster=b,kafka.tls.enabled=true,kafka.tls.authority.secret=c",
            "kafka.strimzi.cluster names the authority already",
        ),
        ("mapping.content=x,mapping.existingConfigMap=y", "mapping.content and mapping.existingConfigMap"),
        ("autoscaling.enabled=true,autoscaling.minReplicas=9", "autoscaling.minReplicas is above"),
    ],
)
def test_values_that_exclude_each_other_are_told_with_what_to_do(wrong: str, message: str) -> None:
    """What the schema cannot say is said in a sentence."""
    answer = template(*MINIMAL, "--set", wrong)
    assert answer.code != 0
    assert message in answer.refusal
    assert answer.refusal.count("\n  ") == 1


@pytest.mark.parametrize("old", ["1.28.9", "1.25.0"])
def test_a_kubernetes_that_is_too_old_is_refused(old: str) -> None:
    """The chart says which Kubernetes it needs."""
    answer = template(*MINIMAL, kubernetes=old)
    assert answer.code != 0
    assert "chart requires kubeVersion: >=1.29.0-0" in answer.refusal
