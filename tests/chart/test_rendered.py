"""What the chart makes: as written down, and as Kubernetes takes it."""

from __future__ import annotations

import pytest

from . import kubernetes_schemas as schemas
from .rendering import CHART, HERE, NAMES, Document, documents, helm, rendered


@pytest.mark.parametrize("name", NAMES)
def test_it_is_what_was_looked_at(name: str) -> None:
    """Each set of values gives the objects that stand in its golden file (`python -m tests.chart` writes it anew)."""
    assert rendered(name) == (HERE / "golden" / f"{name}.yaml").read_text(encoding="utf-8")


def test_the_sets_of_values_are_many_and_each_has_a_golden_file() -> None:
    """The matrix has at least ten rows, and no golden file is left over."""
    assert len(NAMES) >= 10
    assert {path.stem for path in (HERE / "golden").iterdir()} == set(NAMES)


@pytest.mark.parametrize("kubernetes", [schemas.OLDEST, schemas.NEWEST])
@pytest.mark.parametrize("name", NAMES)
def test_kubernetes_takes_every_object(name: str, kubernetes: str) -> None:
    """The oldest and the newest Kubernetes know every field, as do the operators' custom resources."""
    found = documents(rendered(name, kubernetes=kubernetes))
    assert [line for document in found for line in schemas.refusals(document, kubernetes)] == []


def _broken(document: Document, kind: str) -> Document:
    spec = document["spec"]
    if kind == "ScaledObject":
        spec["scaleTargetRef"]["replicas"] = 1
    elif kind == "TriggerAuthentication":
        spec["secretTargetRef"][0]["keys"] = "x"
    elif kind == "PodMonitor":
        spec["podMetricsEndpoints"][0]["intervall"] = "30s"
    elif kind == "PrometheusRule":
        spec["groups"][0]["rules"][0]["for"] = 300
    else:
        spec["template"]["spec"]["containers"][0]["readinessProbe"]["httpGet"]["paths"] = "/"
    return document


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("minimal", "StatefulSet"),
        ("scaled", "Deployment"),
        ("scaled", "ScaledObject"),
        ("scaled-scram", "TriggerAuthentication"),
        ("monitored", "PodMonitor"),
        ("monitored", "PrometheusRule"),
    ],
)
def test_a_wrong_field_would_be_found(name: str, kind: str) -> None:
    """The schemas that judge the objects refuse a misspelt or mistyped field of each kind."""
    (document,) = (found for found in documents(rendered(name)) if found["kind"] == kind)
    assert schemas.refusals(document, schemas.NEWEST) == []
    assert len(schemas.refusals(_broken(document, kind), schemas.NEWEST)) == 1


def test_helm_finds_nothing_to_complain_about() -> None:
    """`helm lint --strict` passes with the values of somebody who gives the least."""
    answer = helm("lint", "--strict", str(CHART), "--values", str(HERE / "values" / "minimal.yaml"))
    assert answer.code == 0, answer.text + answer.refusal
