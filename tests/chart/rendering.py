"""Runs Helm on the chart, and gives what comes out as objects."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from .modules import CACHE

HERE = Path(__file__).parent
CHART = HERE.parents[1] / "helm"
HELM = CACHE / "bin" / "helm"
NAMES = tuple(sorted(path.stem for path in (HERE / "values").glob("*.yaml")))
"""The sets of values, each a use of the chart."""

RELEASE, NAMESPACE = "deltas", "crm"

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """How Helm ended: what it printed, or why it refused."""

    code: int
    text: str
    refusal: str


def helm(*arguments: str) -> Answer:
    """Run Helm with nothing of the user's own configuration."""
    homes = {name: str(CACHE / "helm-home") for name in ("HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME")}
    environment = {"PATH": os.environ["PATH"], "HOME": str(CACHE / "helm-home"), **homes}
    done = subprocess.run([HELM, *arguments], env=environment, capture_output=True, text=True, check=False, timeout=60)
    return Answer(done.returncode, done.stdout, done.stderr)


def template(*arguments: str, kubernetes: str = "1.29.0") -> Answer:
    """Render the chart for a release, without a cluster."""
    names = ["--namespace", NAMESPACE, "--kube-version", kubernetes]
    return helm("template", RELEASE, str(CHART), *names, *arguments)


def rendered(name: str, *arguments: str, kubernetes: str = "1.29.0") -> str:
    """Return what the chart makes of a set of values.

    Raises:
        ValueError: with Helm's refusal.
    """
    answer = template("--values", str(HERE / "values" / f"{name}.yaml"), *arguments, kubernetes=kubernetes)
    if answer.code != 0:
        raise ValueError(answer.refusal)
    return answer.text


def notes(name: str) -> str:
    """Return what a user reads after an installation with a set of values."""
    values = str(HERE / "values" / f"{name}.yaml")
    answer = helm("install", RELEASE, str(CHART), "--dry-run=client", "--namespace", NAMESPACE, "--values", values)
    if answer.code != 0:
        raise ValueError(answer.refusal)
    return answer.text.partition("NOTES:\n")[2]


def documents(text: str) -> list[Document]:
    """Return the objects of a rendered text."""
    return [document for document in yaml.safe_load_all(text) if document]


def only(found: list[Document], kind: str) -> Document:
    """Return the one object of a kind."""
    (document,) = (document for document in found if document["kind"] == kind)
    return document


def workload(found: list[Document]) -> Document:
    """Return the StatefulSet or Deployment."""
    (document,) = (document for document in found if document["kind"] in {"StatefulSet", "Deployment"})
    return document


def pod_spec(document: Document) -> Document:
    """Return the pod's spec of a workload, or of a pod."""
    spec: Document = document["spec"]
    return spec if document["kind"] == "Pod" else spec["template"]["spec"]
