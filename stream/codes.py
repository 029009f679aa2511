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
    NO_RULE = "no_rule"
    FORMAT_UNSUPPORTED = "format_unsupported"
    CHANGE_INVALID = "change_invalid"
    DELETE_WITHOUT_RULE = "delete_without_rule"
    TRUNCATED = "truncated"
    ID_UNUSABLE = "id_unusable"
    ID_CHANGED = "id_changed"
    VERSION_UNUSABLE = "version_unusable"
    COLUMN_UNREADABLE = "column_unreadable"
    NO_FIELDS = "no_fields"
    VERSION_CONFLICT = "version_conflict"
    CONFLICT_AMBIGUOUS = "conflict_ambiguous"
    CONFLICT_UNVERIFIED = "conflict_unverified"
    RECORD_REFUSED = "record_refused"
    NOT_FOUND = "not_found"
    TOO_LARGE = "too_large"
    UNPROCESSABLE = "unprocessable"
    CHECKSUM_MISMATCH = "checksum_mismatch"
    ANSWER_CONTRADICTS_STATUS = "answer_contradicts_status"
    GIVEN_UP = "given_up"


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
    ErrorCode.NO_RULE: "No rule of the mapping file fits the event's topic and table.",
    ErrorCode.FORMAT_UNSUPPORTED: "The change has another form than its rule names, or one that cannot be mapped.",
    ErrorCode.CHANGE_INVALID: "The change lacks a part that its kind must have, or its kind is not known.",
    ErrorCode.DELETE_WITHOUT_RULE: "The row was deleted, and its rule says nothing of deletes.",
    ErrorCode.TRUNCATED: "The table was truncated, which no request can say.",
    ErrorCode.ID_UNUSABLE: "The key or the columns of the rule make no record id.",
    ErrorCode.ID_CHANGED: "The update changes the columns that the record id is made of.",
    ErrorCode.VERSION_UNUSABLE: "The column that the version is taken from holds none.",
    ErrorCode.COLUMN_UNREADABLE: (
        "A column's value cannot be sent: another connector setting is needed, or its rule refuses it."
    ),
    ErrorCode.NO_FIELDS: "No column of the row is left to send.",
    ErrorCode.VERSION_CONFLICT: "The stored version is not the one that the event was made for (409).",
    ErrorCode.CONFLICT_AMBIGUOUS: (
        "The event may have been applied before its answer was lost, and the record was changed since (409)."
    ),
    ErrorCode.CONFLICT_UNVERIFIED: (
        "The event may have been applied before its answer was lost, and the record cannot be read back (409)."
    ),
    ErrorCode.RECORD_REFUSED: "The API refused the record, by name or sent alone (400).",
    ErrorCode.NOT_FOUND: "The API does not know the datastore or the record (404).",
    ErrorCode.TOO_LARGE: "The API refused the record for its size (413).",
    ErrorCode.UNPROCESSABLE: "The API could not process the record (422).",
    ErrorCode.CHECKSUM_MISMATCH: "Executed, but the API reports another checksum than that of the bytes sent.",
    ErrorCode.ANSWER_CONTRADICTS_STATUS: "Answered as applied, with errors in the body.",
    ErrorCode.GIVEN_UP: "Its datastore was held, or its record parked, for longer than STREAM_GIVE_UP_AFTER_S.",
}
