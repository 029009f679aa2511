"""`docs/runbook.md`, tried: three planted failures, each found and told apart by what the status page says first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from stream.sandbox.faults import Fault
from stream.sandbox.tokens import Credentials

from ..harness.asking import ANY_PORT, Asking
from ..harness.feed import Pace, Population
from ..harness.stage import CREDENTIALS
from ..harness.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from ..harness.stage import Stage

WITHIN_S = 60.0
WRONG_SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "properties": {"number": {"type": "string"}},
}
"""Events have an integer there."""
RATE_PER_S = 200.0


def test_three_failures_are_told_apart_by_the_page_alone(stage: Stage, tmp_path: Path) -> None:
    """A wrong schema of one datastore, a slow API, credentials that are no longer good: each told with a way out."""
    schemas = tmp_path / "schemas" / "datastores"
    schemas.mkdir(parents=True)
    (schemas / "store-1.json").write_bytes(orjson.dumps(WRONG_SCHEMA))
    service = stage.start(STREAM_HTTP_ADDRESS=ANY_PORT, STREAM_SCHEMAS_DIR=str(schemas.parent))
    asking = Asking(service)
    eventually(lambda: asking.is_ready, WITHIN_S, "the service to be ready")

    pace = Pace(stage.feed, Population(datastores=3, records=2_000), RATE_PER_S)
    schema = "Events of store-1 fail: fields_invalid"
    eventually(lambda: schema in asking.findings(), WITHIN_S, "the wrong schema to be told")
    detail = asking.findings()[schema]
    assert "/fields/number" in detail
    assert "100 % of this datastore's events fail" in detail
    assert {*asking.findings()} == {schema}
    assert asking.is_ready

    slow = stage.sandbox.faults.add(Fault("delay", min_s=1.5, max_s=2.0))
    eventually(lambda: "The API is slow" in asking.findings(), WITHIN_S, "the slow API to be told")
    latency = asking.status()["current"]["latency"]
    assert latency["requestMs"]["p99"] >= 1_500.0
    assert latency["commitMs"]["p50"] < 1_000.0
    stage.sandbox.faults.remove(slow)

    stage.sandbox.tokens.credentials = Credentials(CREDENTIALS.client_id, "rotated")
    stage.sandbox.tokens.revoke_all()
    outage = "Outage: everything is held"
    eventually(lambda: outage in asking.findings(), WITHIN_S, "the outage to be told")
    assert "401" in asking.findings()[outage]
    (action,) = (each["action"] for each in asking.status()["findings"] if each["title"] == outage)
    assert action.startswith("Renew CXONE_CLIENT_ID and CXONE_CLIENT_SECRET")
    assert (asking.is_live, asking.is_kafka_ready, asking.is_ready) == (True, True, False)
    stage.sandbox.tokens.credentials = CREDENTIALS
    eventually(lambda: asking.is_ready, WITHIN_S, "the service to be ready again")
    pace.stop()
