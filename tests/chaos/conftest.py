"""What the chaos tests share: brokers behind the fault proxy, and stages on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stream.sandbox.faults import Fault

from ..harness.cluster import Cluster
from ..harness.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stream.sandbox.kafka_jars import KafkaInstallation


@pytest.fixture(scope="session")
def one_broker(kafka_installation: KafkaInstallation) -> Iterator[Cluster]:
    """A broker that all chaos tests share; each leaves it mended."""
    with Cluster(kafka_installation) as cluster:
        yield cluster


@pytest.fixture
def cluster(one_broker: Cluster) -> Iterator[Cluster]:
    """The shared broker, for a test that hurts it."""
    yield one_broker
    one_broker.mend()


@pytest.fixture(scope="module")
def three_brokers(kafka_installation: KafkaInstallation) -> Iterator[Cluster]:
    """Three brokers with all topics replicated."""
    with Cluster(kafka_installation, 3) as cluster:
        yield cluster


@pytest.fixture
def replicated(three_brokers: Cluster) -> Iterator[Cluster]:
    """The three brokers, for a test that hurts them."""
    yield three_brokers
    three_brokers.mend()


@pytest.fixture
def stage(cluster: Cluster, tmp_path: Path) -> Iterator[Stage]:
    """Topics of four partitions on one broker, and a CXone stand-in that takes 20 to 50 ms, both behind the proxy."""
    with Stage(cluster.bootstrap_servers, tmp_path, cluster=cluster) as one:
        slow_down(one)
        yield one


@pytest.fixture
def wide_stage(replicated: Cluster, tmp_path: Path) -> Iterator[Stage]:
    """The same on three brokers."""
    with Stage(replicated.bootstrap_servers, tmp_path, cluster=replicated) as one:
        slow_down(one)
        yield one


def slow_down(stage: Stage) -> None:
    """Let requests take their time, before and after the work, so that faults find some under way."""
    for applied in (False, True):
        stage.sandbox.faults.add(Fault("delay", applied=applied, min_s=0.010, max_s=0.025))
