"""How instances are members of the group, how many there are, and what takes them away."""

from __future__ import annotations

import pytest

from .rendering import NAMES, RELEASE, Document, documents, notes, only, pod_spec, rendered, workload

Charts = dict[str, list[Document]]


def _variables(found: list[Document]) -> dict[str, Document]:
    return {item["name"]: item for item in pod_spec(workload(found))["containers"][0]["env"]}


def test_static_members_by_default(charts: Charts) -> None:
    """Without autoscaling a StatefulSet gives each pod a name that stays, and starts all at once."""
    found = charts["minimal"]
    spec = only(found, "StatefulSet")["spec"]
    assert spec["podManagementPolicy"] == "Parallel"
    assert spec["updateStrategy"] == {"type": "RollingUpdate"}
    assert _variables(found)["KAFKA_INSTANCE_ID"]["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    assert only(found, "Service")["metadata"]["name"] == spec["serviceName"]


def test_dynamic_members_where_their_number_changes(charts: Charts) -> None:
    """With autoscaling a Deployment has members that leave the group when they go; KEDA alone says how many."""
    found = charts["scaled"]
    spec = only(found, "Deployment")["spec"]
    assert "replicas" not in spec
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}
    assert "KAFKA_INSTANCE_ID" not in _variables(found)
    assert [document["kind"] for document in found if document["kind"] in {"StatefulSet", "Service"}] == []


def test_two_releases_never_share_a_group_by_accident() -> None:
    """The group's name holds namespace and release, unless one is given."""
    groups = {
        _variables(documents(rendered("minimal", "--namespace", namespace)))["KAFKA_GROUP_ID"]["value"]
        for namespace in ("crm", "crm-test")
    }
    assert groups == {f"crm.{RELEASE}", f"crm-test.{RELEASE}"}
    assert _variables(documents(rendered("scaled")))["KAFKA_GROUP_ID"]["value"] == "deltas"


def test_keda_reads_the_lag_of_every_input_topic(charts: Charts) -> None:
    """One trigger for each topic, in the group of the service, from where the service would begin."""
    triggers = only(charts["scaled"], "ScaledObject")["spec"]["triggers"]
    assert [trigger["metadata"]["topic"] for trigger in triggers] == ["cxone.deltas", "crm.public.accounts"]
    for trigger in triggers:
        assert trigger["metadata"]["consumerGroup"] == "deltas"
        assert trigger["metadata"]["offsetResetPolicy"] == "latest"
        assert trigger["metadata"]["version"] == "4.3.0"
        assert {kind.__name__ for kind in map(type, trigger["metadata"].values())} == {"str"}


@pytest.mark.parametrize(
    ("name", "threshold"), [("scaled-strimzi", "16000"), ("scaled", "4000"), ("scaled-scram", "1000000")]
)
def test_an_instance_is_worth_two_rounds_of_requests(charts: Charts, name: str, threshold: str) -> None:
    """The lag for which another instance comes follows from batch size and requests in flight, unless it is given."""
    (trigger,) = only(charts[name], "ScaledObject")["spec"]["triggers"][:1]
    assert trigger["metadata"]["lagThreshold"] == threshold


@pytest.mark.parametrize(
    ("name", "sasl", "parameters"),
    [
        ("scaled-scram", "scram_sha256", {"ca", "username", "password"}),
        ("scaled-oauth", "oauthbearer", {"username", "password", "oauthTokenEndpointUri", "scopes"}),
        ("scaled-strimzi", "scram_sha512", {"ca", "username", "password"}),
        ("strimzi-mtls-scaled", "none", {"ca", "cert", "key"}),
    ],
)
def test_keda_logs_in_as_the_service_does(charts: Charts, name: str, sasl: str, parameters: set[str]) -> None:
    """Each login gives KEDA the parameters that its scaler asks for; what it reads of the container is there."""
    found = charts[name]
    (trigger,) = only(found, "ScaledObject")["spec"]["triggers"]
    assert (trigger["metadata"]["sasl"], trigger["metadata"]["tls"]) == (sasl, "enable")
    authentication = only(found, "TriggerAuthentication")
    assert trigger["authenticationRef"] == {"name": authentication["metadata"]["name"]}
    sources = [item for kind in authentication["spec"].values() for item in kind]
    assert {item["parameter"] for item in sources} == parameters
    variables = _variables(found)
    assert all(variables[item["name"]]["value"] for item in authentication["spec"].get("env", []))


def test_keda_can_have_a_login_of_its_own(charts: Charts) -> None:
    """A given TriggerAuthentication is used, and none is made."""
    found = charts["scaled-own-login"]
    (trigger,) = only(found, "ScaledObject")["spec"]["triggers"]
    assert trigger["authenticationRef"] == {"name": "keda-kafka", "kind": "ClusterTriggerAuthentication"}
    assert [document for document in found if document["kind"] == "TriggerAuthentication"] == []


@pytest.mark.parametrize("name", NAMES)
def test_selectors_find_the_service_and_not_its_test(charts: Charts, name: str) -> None:
    """Workload, budget, spread and scraper select the service's pods; the test's pod is none of them."""
    found = charts[name]
    labels = workload(found)["spec"]["template"]["metadata"]["labels"].items()
    tests = only(found, "Pod")["metadata"]["labels"].items()
    selectors = [
        document["spec"]["selector"].get("matchLabels", document["spec"]["selector"])
        for document in found
        if document["kind"] in {"StatefulSet", "Deployment", "PodDisruptionBudget", "PodMonitor", "Service"}
    ]
    selectors += [
        constraint["labelSelector"]["matchLabels"]
        for constraint in pod_spec(workload(found)).get("topologySpreadConstraints", [])
    ]
    assert len(selectors) >= 3
    assert all(selector.items() <= labels and not selector.items() <= tests for selector in selectors)


def test_a_network_policy_lets_through_what_the_values_name(charts: Charts) -> None:
    """Ports of brokers, API, token endpoint and collector follow from the values; nothing else leaves."""

    def ports(name: str) -> set[int]:
        policy = only(charts[name], "NetworkPolicy")["spec"]
        assert policy["policyTypes"] == ["Egress", "Ingress"]
        return {port["port"] for rule in policy["egress"] for port in rule["ports"]}

    assert ports("inline") == {53, 9092, 8443}
    assert ports("oauth") == {53, 9093, 443, 8443}
    assert ports("settings") == {53, 19092, 443, 4318}
    assert ports("hardened") == {53, 9092, 9094, 443, 3128}
    assert only(charts["inline"], "NetworkPolicy")["spec"]["ingress"] == []


def test_what_is_read_at_the_start_only_restarts_the_pods() -> None:
    """A change of schemas, mapping or an inline password changes the pods; a change of replicas does not."""

    def annotations(*arguments: str) -> Document:
        found = workload(documents(rendered("files", *arguments)))
        return dict(found["spec"]["template"]["metadata"]["annotations"])

    assert annotations() == annotations("--set", "replicas=5")
    assert annotations() != annotations("--set", "mapping.content=other")
    assert annotations() != annotations("--set", r"schemas.files.accounts\.json=other")


def test_the_notes_name_the_next_commands() -> None:
    """After an installation the user reads what to call next, and what this choice of values means."""
    static, scaled, inline = map(notes, ("minimal", "scaled", "inline"))
    for text in (static, scaled, inline):
        assert f"helm test {RELEASE} --namespace crm --logs" in text
    assert "statefulset/deltas-cxone-delta-stream" in static
    assert "--set replicas=3" in static
    assert "deployment/deltas-cxone-delta-stream" in scaled
    assert "between 0 and 24, one for every 4000 events behind" in scaled
    assert ("also stand in Helm's record" in inline, "also stand in Helm's record" in static) == (True, False)
