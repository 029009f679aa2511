"""Alerts and dashboard ask for what the service really exposes, and each alert says what to do."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client import REGISTRY, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from stream.telemetry import names
from stream.telemetry.instruments import Instruments

from .plays import PLAYS
from .rendering import CHART, Document, only

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opentelemetry.metrics import CallbackOptions

OF_PROMETHEUS = {"up": set[str]()}
"""What Prometheus itself says of a scrape."""
OF_A_SCRAPE = {"namespace", "pod", "le"}
ALERTS = (CHART.parent / "docs" / "alerts.md").read_text(encoding="utf-8")

Exposed = dict[str, set[str]]


@pytest.fixture(scope="module")
def exposed() -> Exposed:
    """Return the name of each series that a scrape can show, with its labels: our instruments, the real exporter."""
    meter = MeterProvider([PrometheusMetricReader(scope_info_enabled=False)]).get_meter(names.SCOPE)
    made = vars(Instruments(meter)).values()
    recorded = {instrument.name: instrument for instrument in made}
    for metric in names.METRICS:
        labels = dict.fromkeys(metric.attributes, "x")
        if metric.name not in recorded:
            meter.create_observable_gauge(metric.name, [_always(labels)], metric.unit, metric.meaning)
        elif metric.buckets:
            recorded[metric.name].record(1, labels)
        else:
            recorded[metric.name].add(1, labels)
    series: Exposed = {}
    for family in text_string_to_metric_families(generate_latest(REGISTRY).decode()):
        for sample in family.samples:
            series.setdefault(sample.name, set()).update(sample.labels)
    return series


def _always(labels: dict[str, str]) -> Callable[[CallbackOptions], list[Observation]]:
    return lambda _: [Observation(1, labels)]


def _queries(found: list[Document]) -> Iterator[str]:
    for rule in only(found, "PrometheusRule")["spec"]["groups"][0]["rules"]:
        yield rule["expr"]
    for panel in _dashboard(found)["panels"]:
        yield from (target["expr"] for target in panel.get("targets", []))


def _dashboard(found: list[Document]) -> Document:
    board: Document = json.loads(only(found, "ConfigMap")["data"]["cxone-delta-stream.json"])
    return board


def _series_of(query: str) -> Iterator[tuple[str, set[str]]]:
    for name, matchers in re.findall(r"([a-z_]+)\{([^}]*)\}", query):
        yield name, set(re.findall(r"([a-z_]+) *=~?", matchers))


def _grouped_by(query: str) -> set[str]:
    return {label.strip() for group in re.findall(r"by \(([^)]*)\)", query) for label in group.split(",")}


def test_alerts_and_dashboard_ask_for_what_is_exposed(charts: dict[str, list[Document]], exposed: Exposed) -> None:
    """Each series of a query is one that a scrape shows, and has the labels that the query selects or groups by."""
    known = exposed | OF_PROMETHEUS
    asked = 0
    for query in _queries(charts["monitored"]):
        series = list(_series_of(query))
        assert series, query
        for name, labels in series:
            asked += 1
            assert name in known, f"{name} is not exposed: {query}"
            assert labels | _grouped_by(query) <= known[name] | OF_A_SCRAPE, query
    assert asked > 50


def test_every_metric_of_ours_is_looked_at(charts: dict[str, list[Document]]) -> None:
    """No metric is recorded that neither an alert nor the dashboard shows, but for those told here with the reason."""
    queries = " ".join(_queries(charts["monitored"]))
    elsewhere = {
        "messaging.client.operation.duration",  # the stage `commit`, by the name of the conventions
        "messaging.process.duration",  # by the name of the conventions
        "cxone.delta.batch.fill",  # the events of a request say as much
        "cxone.delta.success_rate",  # for the status page; events by result are finer
        "cxone.delta.late_outcomes",  # for a rebalance that is looked into
        "cxone.delta.changes",  # the gauges of what is held now
    }
    unseen = {metric.name for metric in names.METRICS if metric.name.replace(".", "_") not in queries}
    assert unseen == elsewhere


def test_each_alert_has_its_heading_and_its_plays(charts: dict[str, list[Document]]) -> None:
    """Each alert has a heading in docs/alerts.md, fires in one play of `make chart-rules` and is silent in another."""
    rules = only(charts["monitored"], "PrometheusRule")["spec"]["groups"][0]["rules"]
    headings = re.findall(r"^## (\w+)$", ALERTS, re.MULTILINE)
    assert [rule["alert"] for rule in rules] == list(dict.fromkeys(rule["alert"] for rule in rules))
    assert sorted(headings) == sorted(rule["alert"] for rule in rules)
    for rule in rules:
        link = rule["annotations"]["runbook_url"]
        assert link == f"https://docs.example.com/cxone-delta-stream/alerts#{rule['alert'].lower()}"
        assert {play.fires > 0 for play in PLAYS if play.alert == rule["alert"]} == {True, False}
    bare = only(charts["openshift"], "PrometheusRule")["spec"]["groups"][0]["rules"]
    assert all(rule["annotations"]["runbook"].startswith("docs/alerts.md#") for rule in bare)


def test_the_dashboard_is_whole(charts: dict[str, list[Document]]) -> None:
    """Each panel has a number, a title and a sentence of its own, and lies beside the others."""
    panels = _dashboard(charts["monitored"])["panels"]
    shown = [panel for panel in panels if panel["type"] != "row"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({panel["title"] for panel in shown}) == len(shown)
    assert all(panel["description"] for panel in shown)
    taken = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(taken) == len(set(taken))
