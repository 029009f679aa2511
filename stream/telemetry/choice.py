"""What the `OTEL_*` settings ask for, judged before anything of OpenTelemetry is imported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import SecretStr

Exporter = Literal["otlp", "console", "none"]
KNOWN: tuple[Exporter, ...] = ("otlp", "console", "none")
BUILT_IN_PROTOCOL = "http/protobuf"
PROTOCOLS = tuple(f"OTEL_EXPORTER_OTLP{kind}_PROTOCOL" for kind in ("", "_TRACES", "_METRICS"))
PROPAGATORS = frozenset({"tracecontext", "baggage"})


@dataclass(frozen=True, slots=True)
class Choice:
    """Where spans and metrics go, and whether `/metrics` is served.

    `variables`: all of `OTEL_*`, in clear, for the library, which reads the process environment. `warnings`: sentences
    for the log.
    """

    traces: Exporter
    metrics: Exporter
    scraped: bool
    opt_in: str
    variables: Mapping[str, str]
    warnings: tuple[str, ...]

    @property
    def is_nothing(self) -> bool:
        """Whether there is no telemetry."""
        return self.traces == "none" and self.metrics == "none" and not self.scraped


def choose(otel: Mapping[str, SecretStr], *, has_http: bool) -> Choice:
    """Judge the variables: with none of them set nothing is exported, with any the specification's defaults hold.

    Args:
        otel: `OTEL_…` of all sources.
        has_http: whether there is a server for `/metrics`.
    """
    variables = {name: value.get_secret_value().strip() for name, value in otel.items()}
    variables = {name: text for name, text in variables.items() if text}  # empty counts as unset (specification)
    if variables.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return Choice("none", "none", scraped=False, opt_in="", variables=variables, warnings=())
    warnings: list[str] = []
    default: Exporter = "otlp" if variables else "none"
    traces = _exporter("OTEL_TRACES_EXPORTER", variables, default, warnings)
    metrics = _exporter("OTEL_METRICS_EXPORTER", variables, default, warnings)
    warnings += [
        f"{name}: only {BUILT_IN_PROTOCOL} is built in, and is used; its usual port is 4318"
        for name in PROTOCOLS
        if variables.get(name, BUILT_IN_PROTOCOL) != BUILT_IN_PROTOCOL
    ]
    asked = {each.strip() for each in variables.get("OTEL_PROPAGATORS", "").split(",") if each.strip()}
    if asked - PROPAGATORS:
        warnings.append("OTEL_PROPAGATORS: only tracecontext is written and read")
    return Choice(
        traces,
        metrics,
        scraped=has_http,
        opt_in=variables.get("OTEL_SEMCONV_STABILITY_OPT_IN", ""),
        variables=variables,
        warnings=tuple(warnings),
    )


def _exporter(name: str, variables: Mapping[str, str], default: Exporter, warnings: list[str]) -> Exporter:
    text = variables.get(name)
    if text is None:
        return default
    asked = [each.strip().lower() for each in text.split(",")]
    for each in KNOWN:
        if each in asked:
            return each
    if asked != ["prometheus"]:  # that is what /metrics is for
        warnings.append(f"{name}: {text} is not built in; give one of {', '.join(KNOWN)}")
    return "none"
