"""Events of the usual form, read by comparison with one of the same form that was read in full.

Most events of a stream are compact JSON with the same members in the same order. Such a value serialises back to its
own bytes, so that it hides nothing (see `decode`), and the record of the request body stands in it already: it is what
follows the datastore's name. What is not certain here is left to `intake`, which reads everything.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from .model import EVENT_OVERHEAD_BYTES, Event, headers_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .model import Assignment, LaneKey, Message
    from .validate import Schemas

MAX_FORMS = 10_000
RECORD_MEMBERS = frozenset({"id", "version", "fields", "checksum"})
"""What a record of the request body may hold (contract section 1)."""

new_event = partial(tuple.__new__, Event)
"""Makes an event of its nine values: a named tuple's own constructor is a Python function, at twice the time."""


class _Form(NamedTuple):
    """What events of one datastore with the same members share. `record_at`: where the record's members begin."""

    lane: LaneKey
    record_at: int
    has_version: bool
    fits: Callable[[object], bool]


class UsualForms:
    """The forms that were met: by the datastore's name and the members, in their order."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas
        self._forms: dict[tuple[str | None, ...], _Form] = {}

    def learn(self, document: dict[str, Any], lane: LaneKey) -> None:
        """Take note of the form of a valid event, where its record can be cut out of its value."""
        names = list(document)
        begins_with_datastore = names[0] == "dataStoreId"
        if not RECORD_MEMBERS.issuperset(names[1:] if begins_with_datastore else names):
            return
        named = document.get("dataStoreId")
        if (named, *names) in self._forms:
            return  # its values are not compact, or this one was not
        if len(self._forms) >= MAX_FORMS:
            self.forget()
        record_at = len(b'{"dataStoreId":,') + len(orjson.dumps(named)) if begins_with_datastore else 1
        fits = self._schemas.fields_judge(lane.datastore_id)
        self._forms[named, *names] = _Form(lane, record_at, "version" in document, fits)

    def forget(self) -> None:
        """Forget all forms: their lanes are not shared any more."""
        self._forms.clear()

    def read(
        self, messages: Sequence[Message], assignment: Assignment, arrived_s: float, *, suspect: bool
    ) -> list[Event | None]:
        """Read the messages of a known form.

        Args:
            messages: of one partition.
            assignment: under which they came.
            arrived_s: the loop's clock.
            suspect: whether an earlier owner may have executed them.

        Returns:
            For each message its event, or None where it must be read in full.
        """
        forms, fits_envelope, loads, dumps = self._forms, self._schemas.envelope.is_valid, orjson.loads, orjson.dumps
        events: list[Event | None] = []
        for message in messages:  # written out: each call less is felt where a chunk of a thousand is read
            event = None
            _, _, _, key, value, headers = message
            try:
                document = loads(value or b"")
                form = forms[document.get("dataStoreId"), *document]
                if (
                    dumps(document) == value
                    and fits_envelope(document)
                    and form.fits(document["fields"])
                    and (not form.has_version or type(document["version"]) is int)  # JSON Schema's include 1.0
                ):
                    record = b"{" + value[form.record_at :]
                    size_bytes = EVENT_OVERHEAD_BYTES + len(record) + len(value) + (len(key) if key else 0)
                    if headers:
                        size_bytes += headers_bytes(headers)
                    lane, record_id = form.lane, document["id"]
                    event = new_event(
                        (message, assignment, lane, record_id, record, arrived_s, suspect, size_bytes, ())
                    )
            except (ValueError, KeyError, AttributeError, TypeError):
                pass  # no JSON, no object, another form, or nested too deep
            events.append(event)
        return events
