"""Calls of the stand-in as the contract wants them, over real HTTP, and ways to depart from it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Self

import httpx
import orjson

from stream.sandbox.tokens import SCOPE

if TYPE_CHECKING:
    from collections.abc import Callable

    from stream.sandbox.cxone import Sandbox

EXECUTE_PATH = "/api/v2/dataactions/records"
FORM = {
    "grant_type": "client_credentials",
    "client_id": "sandbox-client",
    "client_secret": "sandbox-secret",
    "scope": SCOPE,
}


def record(record_id: str, value: object = 1, **stamps: object) -> dict[str, object]:
    """A record with one field, and what else is sent with it."""
    return {"id": record_id, "fields": {"value": value}, **stamps}


def payload(*records: object, **changes: object) -> dict[str, object]:
    """A sound payload of these records, but for the changes."""
    return {
        "dataStoreId": "people",
        "records": list(records),
        "updateType": "UPSERT",
        "conflictResolution": "OVERWRITE",
        "batchSize": len(records),
        "triggerVersion": True,
        **changes,
    }


def eventually(holds: Callable[[], object], within_s: float = 5.0) -> None:
    """Wait until a condition holds; AssertionError when it does not in time."""
    deadline_s = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline_s, "the condition did not come to hold in time"
        time.sleep(0.001)


class Caller:
    """A client with a token of its own; headers set to None are not sent."""

    def __init__(self, sandbox: Sandbox) -> None:
        """Ask for a token with the first call that needs one."""
        self.sandbox = sandbox
        # A header that httpx would add by itself is removed, so that a test says all that is sent.
        self.client = httpx.Client(base_url=sandbox.base_url, timeout=10.0)
        del self.client.headers["accept"], self.client.headers["accept-encoding"]
        self.token: str | None = None

    def __enter__(self) -> Self:
        """Call, for a `with` block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.client.close()

    def ask_token(self, **changes: str) -> httpx.Response:
        """Ask for a token, with changes to the form."""
        return self.client.post("/oauth/token", data=FORM | changes)

    def headers(self, **changes: str | None) -> dict[str, str]:
        """The headers of an execute; names are given with underscores."""
        if self.token is None:
            self.token = self.ask_token().json()["access_token"]
        headers = {
            "authorization": f"Bearer {self.token}",
            "content-type": "application/json",
            "accept": "application/json",
            "accept-encoding": "identity",
            "if-match": "*",
            "x-cxone-version-stamp": "true",
        }
        changed = headers | {name.replace("_", "-"): value for name, value in changes.items()}
        return {name: value for name, value in changed.items() if value is not None}

    def execute(self, *records: object, timeout_s: float = 10.0, **changes: object) -> httpx.Response:
        """Execute these records, with changes to the payload."""
        body = orjson.dumps(payload(*records, **changes))
        return self.client.patch(EXECUTE_PATH, content=body, headers=self.headers(), timeout=timeout_s)

    def send(self, body: bytes, headers: dict[str, str]) -> httpx.Response:
        """Execute exactly this body under exactly these headers."""
        return self.client.patch(EXECUTE_PATH, content=body, headers=headers)

    def read(self, path: str) -> httpx.Response:
        """Read a record by the rest of its path, percent-encoded already."""
        return self.client.get(f"/api/v2/datastores/{path}", headers={"authorization": self.headers()["authorization"]})

    def post_faults(self, wish: Any) -> httpx.Response:  # noqa: ANN401 -- any JSON, also what is no wish
        """Ask the control endpoint for a change."""
        return self.client.post("/_sandbox/faults", json=wish)
