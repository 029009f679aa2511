"""Judges objects by the schemas of Kubernetes itself, and of the custom resources that the chart makes.

Kubernetes' own come from the package `kubernetes-validate` (its strict form: an unknown field is refused); those of
KEDA and the Prometheus operator are read out of the custom resource definitions in their Go modules.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import yaml

from . import modules

if TYPE_CHECKING:
    from pathlib import Path

OLDEST, NEWEST = "1.29.0", "1.37.0"
"""The chart's `kubeVersion` begins with the one; the other is the newest that there are schemas of."""

_CUSTOM = {
    "keda.sh/v1alpha1/ScaledObject": ("keda.sh_scaledobjects", "config/crd/bases"),
    "keda.sh/v1alpha1/TriggerAuthentication": ("keda.sh_triggerauthentications", "config/crd/bases"),
    "monitoring.coreos.com/v1/PodMonitor": ("monitoring.coreos.com_podmonitors", "example/prometheus-operator-crd"),
    "monitoring.coreos.com/v1/PrometheusRule": (
        *("monitoring.coreos.com_prometheusrules", "example/prometheus-operator-crd"),
    ),
}
_MODULES = {
    "keda.sh": "github.com/kedacore/keda/v2",
    "monitoring.coreos.com": "github.com/prometheus-operator/prometheus-operator",
}

Document = dict[str, Any]


def refusals(document: Document, kubernetes: str) -> list[str]:
    """Return why Kubernetes of a version would refuse an object, one sentence each."""
    what = f"{document['apiVersion']}/{document['kind']}"
    validator = _custom(what) if what in _CUSTOM else _built_in(what, kubernetes)
    return [
        f"{what} {document['metadata']['name']} at /{'/'.join(map(str, error.instance_path))}: {error.message}"
        for error in validator.iter_errors(document)
    ]


@cache
def _built_in(what: str, kubernetes: str) -> jsonschema_rs.Validator:
    *group, version, kind = what.lower().split("/")
    name = "-".join([kind, *(part.split(".")[0] for part in group), version])
    folder = _packaged() / f"v{kubernetes}-local-strict"
    definitions = json.loads((folder / "_definitions.json").read_text(encoding="utf-8"))
    registry = jsonschema_rs.Registry([("https://kubernetes.invalid/_definitions.json", definitions)])
    schema = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    base = f"https://kubernetes.invalid/{name}.json"
    return jsonschema_rs.validator_for(schema, base_uri=base, registry=registry, offline=True)


@cache
def _custom(what: str) -> jsonschema_rs.Validator:
    file, folder = _CUSTOM[what]
    group, version, _ = what.split("/")
    path = modules.directory(_MODULES[group]) / folder / f"{file}.yaml"
    definition = yaml.safe_load(path.read_text(encoding="utf-8"))
    (found,) = (item for item in definition["spec"]["versions"] if item["name"] == version)
    return jsonschema_rs.validator_for(_strict(found["schema"]["openAPIV3Schema"]), offline=True)


def _packaged() -> Path:
    (folder,) = (modules.GO.parents[1] / "lib").glob("python3.*/site-packages/kubernetes_validate")
    return folder / "kubernetes-json-schema"


def _strict(schema: Any) -> Any:  # noqa: ANN401 - a schema is any JSON
    """Return a definition's schema as JSON Schema in which an unknown field is refused, as by `kubectl apply`.

    Only places of the structure are made strict: what stands below `anyOf` and the like merely adds conditions.
    """
    if not isinstance(schema, dict):
        return schema
    strict = {**schema}
    for name in ("items", "additionalProperties"):
        if name in strict:
            strict[name] = _strict(strict[name])
    if "properties" in strict:
        strict["properties"] = {name: _strict(below) for name, below in strict["properties"].items()}
        if not strict.get("x-kubernetes-preserve-unknown-fields"):
            strict.setdefault("additionalProperties", False)
    if strict.pop("x-kubernetes-int-or-string", False):
        strict.pop("type", None)
    if strict.pop("nullable", False) and isinstance(strict.get("type"), str):
        strict["type"] = [strict["type"], "null"]
    return strict
