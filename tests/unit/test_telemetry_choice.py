"""What the `OTEL_*` variables switch on, and what is imported for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from stream.telemetry.choice import Choice, choose

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]


def _choose(variables: Mapping[str, str], *, has_http: bool = False) -> Choice:
    return choose({name: SecretStr(text) for name, text in variables.items()}, has_http=has_http)


@pytest.mark.parametrize(
    ("variables", "traces", "metrics"),
    [
        ({}, "none", "none"),
        ({"OTEL_SERVICE_NAME": ""}, "none", "none"),
        ({"OTEL_SERVICE_NAME": "deltas"}, "otlp", "otlp"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, "otlp", "otlp"),
        ({"OTEL_TRACES_EXPORTER": "console"}, "console", "otlp"),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "Console"}, "none", "console"),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "prometheus"}, "none", "none"),
        ({"OTEL_TRACES_EXPORTER": "zipkin,otlp", "OTEL_METRICS_EXPORTER": "none"}, "otlp", "none"),
        ({"OTEL_SDK_DISABLED": "TRUE", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, "none", "none"),
    ],
)
def test_exporters_follow_the_specification(variables: Mapping[str, str], traces: str, metrics: str) -> None:
    """Nothing set is nothing; anything set brings the specification's defaults; empty is unset; disabled is nothing."""
    choice = _choose(variables)
    assert (choice.traces, choice.metrics, choice.warnings) == (traces, metrics, ())


def test_metrics_are_scraped_where_there_is_a_server() -> None:
    """`/metrics` needs no variable, and ends with the library itself."""
    assert _choose({}, has_http=True).scraped
    assert not _choose({}).scraped
    assert not _choose({"OTEL_SDK_DISABLED": "true"}, has_http=True).scraped
    assert _choose({}).is_nothing
    assert not _choose({}, has_http=True).is_nothing


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("OTEL_TRACES_EXPORTER", "jaeger"),
        ("OTEL_METRICS_EXPORTER", "statsd"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_PROPAGATORS", "tracecontext,b3"),
    ],
)
def test_what_is_not_built_in_is_told(name: str, text: str) -> None:
    """A wish that cannot be met is a warning that names the variable; the service runs all the same."""
    (warning,) = _choose({name: text}).warnings
    assert warning.startswith(f"{name}: ")


def test_nothing_set_imports_nothing() -> None:
    """The service's own imports bring nothing of OpenTelemetry or Prometheus with them."""
    libraries = ("opentelemetry", "prometheus_client")
    code = f"import stream.service, sys; print([m for m in sys.modules if m.startswith({libraries})])"
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert told.stdout == "[]\n"
