"""The whole service against an API that turns hostile, and credentials that rotate in full flow."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from stream.sandbox.faults import Fault
from stream.sandbox.tokens import Credentials

from ..harness.feed import Pace, Population
from ..harness.stage import CREDENTIALS

if TYPE_CHECKING:
    from pathlib import Path

    from stream.sandbox.calls import Request

    from ..harness.stage import Stage

pytestmark = pytest.mark.timeout(240)

HOSTILE = {
    "flood": Fault("answer", status=200, body='{"records":[]}', size_bytes=100_000_000),
    "gzip": Fault("answer", status=200, body='{"records":[]}', headers={"content-encoding": "gzip"}),
    "html": Fault("answer", status=200, body="<html>", headers={"content-type": "text/html"}),
    "broken": Fault("answer", status=200, body='{"records":['),
    "drip": Fault("answer", status=200, body=" " * 100, drip_s=1.0),
    "redirect": Fault("answer", status=307, body="{}", headers={"location": "http://127.0.0.1:1/"}),
    "flood-refused": Fault("answer", status=503, size_bytes=100_000_000),
}
"""One datastore each; none of these answers says that anything was applied, and nothing is."""
HEALTHY = 4
HOSTILE_S = 20.0
MAX_GROWTH_BYTES = 60 * 1024 * 1024
"""Eight workers with 4 MiB each, and what any load does to a process that has just started."""
NEXT = Credentials(CREDENTIALS.client_id, "next p+&%/= ü")


def _calls(stage: Stage, call: str) -> list[Request]:
    return [request for request in stage.sandbox.requests if request.call == call]


def test_hostile_answers_of_some_datastores(stage: Stage) -> None:
    """None passes as success, memory stays flat, other datastores go on; when the answers are true all is applied."""
    for datastore_id, fault in HOSTILE.items():
        stage.sandbox.faults.add(replace(fault, data_store_id=datastore_id))
    service = stage.start()
    pace = Pace(stage.feed, Population(datastores=HEALTHY, records=200), 200.0)
    stage.await_outcomes(200)
    before_bytes = service.rss_bytes
    for datastore_id in HOSTILE:
        for number in range(3):
            stage.feed.send_event(datastore_id, f"{datastore_id}-{number}")
    stage.feed.flush()
    growth_bytes = service.largest_growth_bytes(HOSTILE_S, "the hostile answers")
    seen = len(stage.reader)
    stage.await_outcomes(seen + 200)
    assert growth_bytes < MAX_GROWTH_BYTES
    assert {request.data_store_id for request in _calls(stage, "execute")} >= HOSTILE.keys()
    assert stage.reader.find(lambda outcome: outcome.json["dataStoreId"] in HOSTILE) == []

    pace.stop()
    stage.sandbox.faults.clear()
    stage.await_all_committed(150.0)
    stage.assert_exactly_once()
    stage.assert_requests_sound()
    assert {outcome.json["result"] for outcome in stage.reader.records} == {"APPLIED"}
    for datastore_id in HOSTILE:
        for number in range(3):
            assert len(stage.sandbox.records.history(datastore_id, f"{datastore_id}-{number}")) == 1
    print(f"grew by {growth_bytes >> 20} MiB over {before_bytes >> 20} MiB in {HOSTILE_S:g} s")  # noqa: T201


def test_credentials_rotate_in_full_flow(stage: Stage, tmp_path: Path) -> None:
    """New credentials in a mounted secret, the old tokens revoked: one call for a token, and nothing else is felt."""
    for version, secret in {"v1": CREDENTIALS.client_secret, "v2": NEXT.client_secret}.items():
        (tmp_path / version).mkdir()
        (tmp_path / version / "secret").write_text(secret)
    (tmp_path / "..data").symlink_to("v1")
    (tmp_path / "secret").symlink_to("..data/secret")
    service = stage.start(CXONE_CLIENT_SECRET=None, CXONE_CLIENT_SECRET_FILE=str(tmp_path / "secret"))
    pace = Pace(stage.feed, Population(), 500.0)
    stage.await_outcomes(500)

    (tmp_path / "..next").symlink_to("v2")
    (tmp_path / "..next").replace(tmp_path / "..data")
    stage.sandbox.tokens.credentials = NEXT
    stage.sandbox.tokens.revoke_all()
    stage.await_outcomes(len(stage.reader) + 1_000)
    pace.stop()
    stage.await_all_committed()
    stage.assert_exactly_once()
    assert stage.assert_in_order() == 0
    assert [request.status for request in _calls(stage, "token")] == [200, 200]
    assert {outcome.json["result"] for outcome in stage.reader.records} == {"APPLIED"}
    assert len(service.lines("credentials_changed")) == 1
    for secret in (CREDENTIALS.client_secret, NEXT.client_secret):
        assert secret not in service.log_file.read_text()
