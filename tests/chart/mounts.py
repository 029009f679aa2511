"""What a pod finds at its start: its environment and its files, laid out as the kubelet does it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from .rendering import Document, pod_spec

if TYPE_CHECKING:
    from pathlib import Path

ROOT = "/etc/cxone-delta-stream"

_SCHEMA = '{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object"}'
_MAPPING = '[[rule]]\ntopic = "cxone.deltas"\ndatastore = "people"\ndelete = "ignore"\n'


def environment(found: list[Document], workload: Document, at: Path) -> dict[str, str]:
    """Write the files of a workload's first container below a directory, and return its environment.

    Paths in the environment lead there. Secrets and ConfigMaps that the chart does not make hold made-up text of the
    kind that is expected.
    """
    spec = pod_spec(workload)
    container = spec["containers"][0]
    made = {document["metadata"]["name"]: document for document in found if document["kind"] in {"Secret", "ConfigMap"}}
    for volume in spec["volumes"]:
        mount = next(mount for mount in container["volumeMounts"] if mount["name"] == volume["name"])
        if mount["mountPath"].startswith(ROOT):
            _mount(_files(volume, made), at / mount["mountPath"].removeprefix(ROOT + "/"))
    given = {item["name"]: item.get("value", "pod-0") for item in container["env"]}
    return {name: value.replace(ROOT, str(at)) for name, value in given.items()}


def _files(volume: Document, made: dict[str, Document]) -> dict[str, str]:
    sources = volume["projected"]["sources"] if "projected" in volume else [volume]
    files: dict[str, str] = {}
    for source in sources:
        part = source.get("secret") or source["configMap"]
        held = _held(made.get(part["name"]))
        for item in part.get("items", [{"key": key, "path": key} for key in held or ["more.json"]]):
            files[item["path"]] = held[item["key"]] if held else _made_up(item["path"])
    return files


def _held(document: Document | None) -> dict[str, str]:
    if document is None:
        return {}
    if document["kind"] == "ConfigMap":
        return dict(document["data"])
    return {key: base64.b64decode(text).decode() for key, text in document["data"].items()}


def _made_up(path: str) -> str:
    return {"json": _SCHEMA, "toml": _MAPPING}.get(path.rpartition(".")[2], f"text of {path}\n")


def _mount(files: dict[str, str], at: Path) -> None:
    """Files lie in a hidden directory; its links are what a reader sees, so that all change at one moment."""
    hidden = at / "..2026_11_23_10_00_00.1"
    for path, text in files.items():
        (hidden / path).parent.mkdir(parents=True, exist_ok=True)
        (hidden / path).write_text(text, encoding="utf-8")
    (at / "..data").symlink_to(hidden.name)
    for top in {path.split("/")[0] for path in files}:
        (at / top).symlink_to(f"..data/{top}")
