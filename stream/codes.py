"""The closed list of error codes that an outcome's `error.code` may hold (contract section 3)."""

from __future__ import annotations

from enum import StrEnum


class ErrorCode(StrEnum):
    """Why an event failed; `MEANING` says each in a sentence."""

    TOMBSTONE = "tombstone"
    EMPTY_VALUE = "empty_value"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    DUPLICATE_KEY = "duplicate_key"
    NUMBER_OUT_OF_RANGE = "number_out_of_range"
    NUMBER_TOO_PRECISE = "number_too_precise"
    NESTED_TOO_DEEP = "nested_too_deep"
    ENVELOPE_INVALID = "envelope_invalid"
    DATASTORE_MISSING = "datastore_missing"
    SCHEMA_MISSING = "schema_missing"
    FIELDS_INVALID = "fields_invalid"
    VERSION_CONFLICT = "version_conflict"
    RECORD_REFUSED = "record_refused"
    NOT_FOUND = "not_found"
    TOO_LARGE = "too_large"
    UNPROCESSABLE = "unprocessable"
    CHECKSUM_MISMATCH = "checksum_mismatch"
    ANSWER_CONTRADICTS_STATUS = "answer_contradicts_status"


MEANING: dict[ErrorCode, str] = {
    ErrorCode.TOMBSTONE: "The message has a null value, which is no change on a native topic.",
    ErrorCode.EMPTY_VALUE: "The value is empty.",
    ErrorCode.NOT_UTF8: "The value is not UTF-8 text without a byte order mark, or holds a lone surrogate.",
    ErrorCode.NOT_JSON: "The value is not one JSON document.",
    ErrorCode.NOT_AN_OBJECT: "The value is JSON, but not an object.",
    ErrorCode.DUPLICATE_KEY: "An object in the value holds one key twice.",
    ErrorCode.NUMBER_OUT_OF_RANGE: "An integer needs more than 64 bits, or a number is too large or too small.",
    ErrorCode.NUMBER_TOO_PRECISE: "A decimal has more than 17 significant digits; send it as a string.",
    ErrorCode.NESTED_TOO_DEEP: "The value is nested deeper than can be sent on.",
    ErrorCode.ENVELOPE_INVALID: "The event does not have the form of schemas/envelope.json.",
    ErrorCode.DATASTORE_MISSING: "The event names no datastore and CXONE_DATASTORE_ID is not set.",
    ErrorCode.SCHEMA_MISSING: "STREAM_REQUIRE_SCHEMA is set and the datastore has no schema file.",
    ErrorCode.FIELDS_INVALID: "The schema of the datastore refuses the fields.",
    ErrorCode.VERSION_CONFLICT: "The stored version is not the one that the event was made for (409).",
    ErrorCode.RECORD_REFUSED: "The API refused the request (400).",
    ErrorCode.NOT_FOUND: "The API does not know the datastore or the record (404).",
    ErrorCode.TOO_LARGE: "The API refused the request for its size (413).",
    ErrorCode.UNPROCESSABLE: "The API could not process the request (422).",
    ErrorCode.CHECKSUM_MISMATCH: "Executed, but the API reports another checksum than that of the bytes sent.",
    ErrorCode.ANSWER_CONTRADICTS_STATUS: "Answered as applied, with errors in the body.",
}
