"""What the chaos tests share: a stage on the common broker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ..harness.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stream.sandbox.kafka import Kafka


@pytest.fixture
def stage(kafka: Kafka, tmp_path: Path) -> Iterator[Stage]:
    """Topics of four partitions on the common broker, a CXone stand-in, and room for processes."""
    with Stage(kafka.bootstrap_servers, tmp_path) as one:
        yield one
