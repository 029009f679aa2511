"""What must hold of any message at all, whatever it is: the function that every fuzzer of this folder calls.

Beside the code stands a second, slow and plain reading of contract sections 2 and 3: whoever is refused must have given
it reason, and what is sent on must be exactly what came.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from stream.codes import ErrorCode
from stream.intake import Unfit
from stream.model import Decided, Defect, Event, Result, Settled, Verdict
from stream.outcome import MAX_ID_CHARACTERS, MAX_KEY_BYTES, Form, OutcomeWriter

from ..builders import ASSIGNMENT, OUTCOME_FIELDS, TIMESTAMP, batch, intake
from ..builders import message as message_of
from ..exact_json import Reading, is_same
from ..outcome_schema import assert_outcomes_valid
from .case import parts_of

if TYPE_CHECKING:
    from stream.intake import Intake
    from stream.model import Batch, Message

MAX_OUTCOME_BYTES: Final = 8_192
"""However large a message is, its outcome without the key is small."""
ENOUGH_DEPTH: Final = 100
"""What is nested less is never refused for its depth."""
MAX_VERSION: Final = 2**63 - 1
DATASTORE_WITH_SCHEMA: Final = "example"
FORM: Final = Form("fuzzed", cloudevents=True, dead_letters=True)
REFUSAL: Final = Defect(ErrorCode.RECORD_REFUSED, "no", None, 400)

_DATASTORE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")
_TRACE_PARENT = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_UPDATE_TYPES = ("UPSERT", "UPDATE")
_RESOLUTIONS = ("OVERWRITE", "FAIL", "IGNORE")
_MEMBERS = {"dataStoreId", "id", "version", "fields", "updateType", "conflictResolution", "checksum"}
_MADE_BY_JSON = {ErrorCode.NOT_JSON, ErrorCode.DUPLICATE_KEY, ErrorCode.NUMBER_OUT_OF_RANGE}
_UNREADABLE = {*_MADE_BY_JSON, ErrorCode.NUMBER_TOO_PRECISE}


class Target:
    """The way of one message from its bytes to its outcome, held to what the contract says of it."""

    def __init__(self, reader: Intake | None = None, writer: OutcomeWriter | None = None) -> None:
        self._reader = reader or intake(datastore_id="people")
        self._writer = writer or OutcomeWriter(FORM)

    def hold(self, case: bytes) -> str:
        """Send one case all the way.

        Args:
            case: any bytes, read by `parts_of`.

        Returns:
            What became of it: `event`, or the code of the defect.

        Raises:
            AssertionError: something that must hold does not. Any other exception is a bug just so.
        """
        value, key, headers = parts_of(case)
        message = message_of(value, key=key, headers=headers)
        read = self._reader.read(message, ASSIGNMENT, 1.0, suspect=False)
        quick = self._reader.read_all([message], ASSIGNMENT, 1.0, suspect=False)
        assert len(quick) == 1
        _hold_alike(read, quick[0], value or b"")
        if isinstance(read, Unfit):
            assert read.defect is not None, "a native event always carries a change"
            _hold_refusal(message, read, read.defect.code)
            _hold_unfit_outcome(self._writer.of_unfit(message, ASSIGNMENT, read, TIMESTAMP), message, read)
            return read.defect.code
        assert isinstance(read, Event)
        _hold_event(message, read)
        request = batch(read, lane=read.lane)
        _hold_request(request.body, read)
        applied = self._outcome(request, Result.APPLIED)
        assert _hold_outcome(applied, message)["recordId"] == read.record_id
        assert applied.dead_letter is None
        _hold_letter(self._outcome(request, Result.REJECTED, REFUSAL), message)
        return "event"

    def _outcome(self, request: Batch, result: Result, defect: Defect | None = None) -> Settled:
        (settled,) = self._writer.of_batch(
            Decided(request, Verdict(result, 200, 1.5, 1, defect), request.events), TIMESTAMP
        )
        return settled


def is_sound(document: Any) -> bool:  # noqa: ANN401 - any JSON
    """Whether an exactly read value has the form of a native event (contract section 2), told without a schema."""
    return (
        isinstance(document, dict)
        and document.keys() <= _MEMBERS
        and isinstance(document.get("id"), str)
        and 1 <= len(document["id"]) <= MAX_ID_CHARACTERS
        and isinstance(document.get("fields"), dict)
        and len(document["fields"]) > 0
        and _is_datastore(document.get("dataStoreId", "people"))
        and _is_version(document.get("version", 0))
        and document.get("updateType", "UPDATE") in _UPDATE_TYPES
        and document.get("conflictResolution", "FAIL") in _RESOLUTIONS
        and isinstance(document.get("checksum", ""), str)
    )


def _is_datastore(name: object) -> bool:
    return isinstance(name, str) and _DATASTORE.fullmatch(name) is not None


def _is_version(version: Any) -> bool:  # noqa: ANN401 - any JSON
    if isinstance(version, bool) or not isinstance(version, int | Decimal):
        return False
    return float(version).is_integer() and 0 <= _nearest(version) <= MAX_VERSION


def _hold_alike(read: Event | Unfit, quick: Event | Unfit, value: bytes) -> None:
    """By itself a message becomes the same as in a chunk, where its form may be known already."""
    if isinstance(read, Event):
        assert isinstance(quick, Event), "fit by itself, and unfit in a chunk"
        assert json.loads(quick.record) == json.loads(read.record), "another record in a chunk than by itself"
        # The order of a record's members may differ, and the size is an estimate.
        assert quick._replace(record=read.record, size_bytes=read.size_bytes) == read
    elif not _is_deep(value):  # of what is both deep and broken, the depth of our own calls decides what is told
        assert quick == read


def _is_deep(value: bytes) -> bool:
    return value.count(b"[") + value.count(b"{") > ENOUGH_DEPTH


def _hold_event(message: Message, event: Event) -> None:
    exact = Reading((message.value or b"").decode())
    assert not exact.reasons, f"accepted, though {exact.reasons}"
    assert is_sound(exact.document), "accepted, though the envelope is broken"
    assert event.record_id == exact.document["id"]
    assert event.lane.datastore_id == exact.document.get("dataStoreId", "people")
    record = json.loads(event.record)
    assert list(record) == [name for name in ("id", "version", "fields", "checksum") if name in exact.document]
    assert is_same(record["fields"], exact.document["fields"]), "the fields were changed"
    assert all(record[name] == exact.document[name] for name in record if name not in ("fields", "version"))
    if "version" in record:
        assert type(record["version"]) is int
        assert record["version"] == _nearest(exact.document["version"]), "the version was changed"


def _nearest(version: int | Decimal) -> int:
    """What a number means to whoever reads JSON: an integer as it stands, a decimal the nearest double."""
    return version if isinstance(version, int) else int(float(version))


def _hold_request(body: bytes, event: Event) -> None:
    request = json.loads(body)
    assert (request["dataStoreId"], request["batchSize"]) == (event.lane.datastore_id, 1)
    assert [record["id"] for record in request["records"]] == [event.record_id]


def _hold_refusal(message: Message, unfit: Unfit, code: ErrorCode) -> None:
    """A refusal has a reason that the slow reading finds as well; so a sound event is never refused."""
    value = message.value
    assert (value is None) == (code is ErrorCode.TOMBSTONE) == (unfit.result is Result.UNSUPPORTED)
    if value is None:
        return
    assert (value == b"") == (code is ErrorCode.EMPTY_VALUE)
    if code is ErrorCode.NESTED_TOO_DEEP:
        assert _is_deep(value), "refused for a depth that it has not"
    elif code is ErrorCode.NOT_UTF8:
        assert _has_surrogates(value), "refused as not UTF-8, and is"
    else:
        _hold_reading(value, code, unfit)


def _has_surrogates(value: bytes) -> bool:
    """Whether a value is not UTF-8, begins with a byte order mark, or escapes what is no character."""
    try:
        return value.decode().startswith("\ufeff") or re.search(rb"\\u[dD][89a-fA-F]", value) is not None
    except UnicodeDecodeError:
        return True


def _hold_reading(value: bytes, code: ErrorCode, unfit: Unfit) -> None:
    try:
        exact = Reading(value.decode())
    except ValueError:
        assert code in {*_UNREADABLE, ErrorCode.EMPTY_VALUE}, f"{code}, and it is no JSON"
        return
    except RecursionError:  # too deep for the slow reading alone
        return
    if code is ErrorCode.NOT_JSON:
        assert exact.has_constant, "refused as no JSON, and is"
    elif code is ErrorCode.NOT_AN_OBJECT:
        assert not isinstance(exact.document, dict)
    elif code in _UNREADABLE:
        assert code in exact.reasons or (exact.is_subnormal and code is ErrorCode.NUMBER_OUT_OF_RANGE)
    elif code is ErrorCode.FIELDS_INVALID:
        assert is_sound(exact.document)
        assert unfit.datastore_id == DATASTORE_WITH_SCHEMA
    else:
        assert code is ErrorCode.ENVELOPE_INVALID
        assert not is_sound(exact.document), "refused by the envelope's schema, and is sound"


def _hold_unfit_outcome(settled: Settled, message: Message, unfit: Unfit) -> None:
    outcome = _hold_letter(settled, message)
    assert (outcome["executed"], outcome["confirmed"], outcome["batchId"]) == (False, False, None)
    error = outcome["error"]
    assert isinstance(error, dict)
    assert Defect(error["code"], error["message"], error["path"]) == unfit.defect


def _hold_outcome(settled: Settled, message: Message) -> dict[str, Any]:
    """Hold an outcome to contract section 3; return its value."""
    outcome: dict[str, Any] = json.loads(settled.value)
    assert list(outcome) == OUTCOME_FIELDS
    assert_outcomes_valid([outcome])
    assert len(settled.value) <= MAX_OUTCOME_BYTES
    assert outcome["status"] == ("SUCCESS" if settled.result.succeeded else "FAILED")
    assert (outcome["error"] is None) == settled.result.succeeded
    has_key = message.key is not None and len(message.key) <= MAX_KEY_BYTES
    assert settled.key == (message.key if has_key else settled.position)
    named = dict(settled.headers)
    assert len(named) == len(settled.headers)
    assert named.keys() - {"traceparent", "tracestate"} == {
        *("content-type", "ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time"),
    }
    assert _TRACE_PARENT.fullmatch(named.get("traceparent") or b"00-" + b"1" * 32 + b"-" + b"1" * 16 + b"-00")
    assert b"\n" not in (named.get("tracestate") or b"")
    return outcome


def _hold_letter(settled: Settled, message: Message) -> dict[str, Any]:
    """Hold a failed outcome and its dead letter: the input byte for byte; return the outcome's value."""
    outcome = _hold_outcome(settled, message)
    letter = settled.dead_letter
    assert letter is not None
    assert (letter.key, letter.value, letter.headers) == (message.key, message.value, message.headers or [])
    assert outcome["error"]["code"] in set(ErrorCode)
    assert 0 < len(outcome["error"]["message"]) <= MAX_OUTCOME_BYTES
    named = dict(letter.reasons)
    assert (named["__cxone.code"] or b"").decode() == outcome["error"]["code"]
    return outcome
