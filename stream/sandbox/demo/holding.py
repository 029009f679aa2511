"""What the service holds back at the moment, as its own log tells it: datastores, parked records, or everything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

if TYPE_CHECKING:
    from pathlib import Path

NOTHING_HELD: Final = "closed: nothing is held"
_MOST_NAMED: Final = 2


class Holding:
    """Follows the log of a service that is running, and notes what is held, in order."""

    def __init__(self, log_file: Path) -> None:
        """Follow this file from its beginning; it need not be there yet."""
        self._log_file = log_file
        self._read_bytes = 0
        self._held: dict[str, None] = {}
        self._parked: dict[tuple[str, str], None] = {}
        self._is_outage = False

    def look(self) -> str:
        """Read what was logged since the last look, and say what is held now, in a few words."""
        for line in self._new_lines():
            self.note(line)
        return self.told()

    def note(self, line: bytes) -> None:
        """Take note of one line of the log; what is no such line changes nothing."""
        try:
            told = orjson.loads(line)
        except orjson.JSONDecodeError:
            return
        if not isinstance(told, dict):
            return
        event, datastore = told.get("event"), str(told.get("datastore"))
        if event == "outage_begins":
            self._is_outage = True
        elif event == "outage_ends":
            self._is_outage = False
        elif event == "datastore_held":
            self._held[datastore] = None
        elif event == "datastore_released":
            self._held.pop(datastore, None)
        elif event == "record_parked":
            self._parked[datastore, str(told.get("record"))] = None
        elif event == "parked_record_decided":
            self._parked.pop((datastore, str(told.get("record"))), None)

    def told(self) -> str:
        """Say what is held."""
        if self._is_outage:
            return "open: everything is held, one event at a time probes"
        if self._held:
            more = len(self._held) - _MOST_NAMED
            names = [*list(self._held)[:_MOST_NAMED], *([f"{more} more"] if more > 0 else [])]
            return f"closed; held: {', '.join(names)}"
        if self._parked:
            return f"closed; parked records: {len(self._parked)}"
        return NOTHING_HELD

    def _new_lines(self) -> list[bytes]:
        try:
            with self._log_file.open("rb") as log:
                log.seek(self._read_bytes)
                text = log.read()
        except FileNotFoundError:
            return []
        whole = text[: text.rfind(b"\n") + 1]
        self._read_bytes += len(whole)
        return whole.splitlines()
