"""What a pod may do, what it is given, and when it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stream.mapping import load_mapping
from stream.schema_files import load_schemas
from stream.settings import PACKAGED_SCHEMAS, Settings, load_settings

from .mounts import environment
from .rendering import NAMES, Document, only, pod_spec, workload

if TYPE_CHECKING:
    from pathlib import Path

Charts = dict[str, list[Document]]


def _settings(charts: Charts, name: str, at: Path) -> Settings:
    return load_settings(environment(charts[name], workload(charts[name]), at), at)


@pytest.mark.parametrize("name", NAMES)
def test_the_service_accepts_what_it_is_given(charts: Charts, name: str, tmp_path: Path) -> None:
    """Settings, schemas and mapping of each set of values are read without an error or a warning, as at a start."""
    settings = _settings(charts, name, tmp_path)
    load_schemas(settings.stream.schemas_dir, PACKAGED_SCHEMAS, require=settings.stream.require_schema)
    load_mapping(settings.stream.mapping_file, PACKAGED_SCHEMAS)
    assert [line for line in settings.warnings if "in this version" not in line] == []


@pytest.mark.parametrize("name", NAMES)
def test_helm_test_looks_with_the_eyes_of_the_service(charts: Charts, name: str) -> None:
    """The pod of `helm test` has the image, settings, files and rights of the service, and runs `check`."""
    test, service = pod_spec(only(charts[name], "Pod")), pod_spec(workload(charts[name]))
    mine, theirs = test["containers"][0], service["containers"][0]
    assert mine["args"] == ["check"]
    assert theirs["args"] == ["run"]
    alike = ("image", "env", "securityContext", "volumeMounts")
    assert [mine[part] for part in alike] == [theirs[part] for part in alike]
    assert [test[part] for part in ("volumes", "securityContext")] == [
        service[part] for part in ("volumes", "securityContext")
    ]


@pytest.mark.parametrize("name", NAMES)
def test_pods_keep_to_the_restricted_standard(charts: Charts, name: str) -> None:
    """Each pod meets the restricted Pod Security Standard, reads its root only, and holds no token or service links."""
    for document in charts[name]:
        if document["kind"] not in {"StatefulSet", "Deployment", "Pod"}:
            continue
        spec = pod_spec(document)
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        assert spec["enableServiceLinks"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
        assert {kind for volume in spec["volumes"] for kind in volume.keys() - {"name"}} <= {
            *("projected", "configMap", "emptyDir"),
        }
        for container in spec["containers"]:
            allowed = container["securityContext"]
            assert allowed["allowPrivilegeEscalation"] is False
            assert allowed["capabilities"] == {"drop": ["ALL"]}
            assert allowed["readOnlyRootFilesystem"] is True


@pytest.mark.parametrize("name", NAMES)
def test_no_secret_stands_in_the_environment(charts: Charts, name: str) -> None:
    """What is secret reaches the pod by a file; only Secrets hold what was given inline."""
    told = str([document for document in charts[name] if document["kind"] != "Secret"])
    assert not any(secret in told for secret in ("a+secret", "pass: word", "an id"))
    for item in pod_spec(workload(charts[name]))["containers"][0]["env"]:
        assert "secretKeyRef" not in item.get("valueFrom", {})


def test_a_secret_given_inline_arrives_as_it_was_written(charts: Charts, tmp_path: Path) -> None:
    """Signs and letters that YAML, base64 or a shell could spoil arrive in the service unchanged."""
    settings = _settings(charts, "inline", tmp_path)
    assert settings.cxone.client_secret() == "a+secret & = %/ ü"
    assert settings.kafka.extra_for("consumer")["sasl.password"] == "pass: word"


def test_large_numbers_arrive_as_they_were_written(charts: Charts, tmp_path: Path) -> None:
    """Helm would write 1.073741824e+09; the service reads the number that the user gave."""
    settings = _settings(charts, "settings", tmp_path)
    assert settings.stream.buffer_bytes == 1_073_741_824
    assert settings.cxone.max_requests_per_s == 12.5
    assert settings.kafka.extra["fetch.max.bytes"] == "104857600"
    assert settings.cxone.record_path is None


@pytest.mark.parametrize(
    ("name", "drain_s"), [("minimal", 25), ("scaled", 60), ("settings", 600)]
)  # fmt: skip
def test_a_pod_is_given_the_time_of_its_drain(charts: Charts, name: str, drain_s: int, tmp_path: Path) -> None:
    """Kubernetes waits longer than the service drains, whatever the drain is set to."""
    assert _settings(charts, name, tmp_path).stream.drain_s == drain_s
    assert pod_spec(workload(charts[name]))["terminationGracePeriodSeconds"] == drain_s + 10


def test_logins_become_the_clients_properties(charts: Charts, tmp_path: Path) -> None:
    """Each way to log in gives librdkafka the protocol, mechanism and files that it needs."""
    expected = {
        "scram": {"security.protocol": "sasl_ssl", "sasl.mechanism": "SCRAM-SHA-512", "sasl.username": "*"},
        "mtls": {"security.protocol": "ssl", "ssl.key.location": "*", "ssl.key.password": "*"},
        "oauth": {"security.protocol": "sasl_ssl", "sasl.oauthbearer.method": "oidc", "https.ca.location": "*"},
        "strimzi": {"sasl.mechanism": "SCRAM-SHA-512", "sasl.username": "deltas", "ssl.ca.location": "*"},
        "strimzi-mtls-scaled": {"security.protocol": "ssl", "ssl.certificate.location": "*", "ssl.ca.location": "*"},
    }
    for name, wanted in expected.items():
        given = _settings(charts, name, tmp_path / name).kafka.extra_for("consumer")
        assert {key: "*" if value == "*" else given.get(key) for key, value in wanted.items()} == wanted
        assert wanted.keys() <= given.keys()
    assert "security.protocol" not in _settings(charts, "minimal", tmp_path / "minimal").kafka.extra


def test_files_of_config_maps_are_read(charts: Charts, tmp_path: Path) -> None:
    """Schemas of several ConfigMaps and a mapping are what the service starts with, each once."""
    settings = _settings(charts, "files", tmp_path)
    _, files = load_schemas(settings.stream.schemas_dir, PACKAGED_SCHEMAS, require=False)
    assert {file.name for file in files} == {
        *("envelope.json", "datastores/accounts.json", "datastores/crm.people_2.json", "datastores/more.json"),
    }
    assert len(load_mapping(settings.stream.mapping_file, PACKAGED_SCHEMAS).rules) == 1


def test_probes_ask_what_a_restart_would_mend(charts: Charts) -> None:
    """Alive is the loop, ready is being in the group; neither fails because the API does."""
    container = pod_spec(workload(charts["minimal"]))["containers"][0]
    paths = {kind: container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "liveness", "readiness")}
    assert paths == {"startup": "/livez", "liveness": "/livez", "readiness": "/readyz?scope=kafka"}
    assert {container[f"{kind}Probe"]["httpGet"]["port"] for kind in paths} == {"http"}
