"""What to do at each error code: for people who read an outcome or a dead letter, and for the table in the README."""

from __future__ import annotations

from typing import Final

from .codes import MEANING, ErrorCode

REMEDY: Final[dict[ErrorCode, str]] = {
    ErrorCode.TOMBSTONE: "Say a delete by a field: a native topic knows no null values.",
    ErrorCode.EMPTY_VALUE: "Mend whoever writes the events, and send this one again.",
    ErrorCode.NOT_UTF8: "Let the writer encode in UTF-8 without a byte order mark, and escape whole characters only.",
    ErrorCode.NOT_JSON: "The message says where it breaks. Mostly another serializer has written to the topic.",
    ErrorCode.NOT_AN_OBJECT: "Send one object in each message: no list of events, no JSON inside a string.",
    ErrorCode.DUPLICATE_KEY: "Let the writer give each key once: nobody can know which of the two is meant.",
    ErrorCode.NUMBER_OUT_OF_RANGE: "Send the number as a string, to a field that is text.",
    ErrorCode.NUMBER_TOO_PRECISE: "Round it where it is made, or send it as a string, to a field that is text.",
    ErrorCode.NESTED_TOO_DEEP: "Flatten it below 250 levels: mostly something was wrapped in itself.",
    ErrorCode.ENVELOPE_INVALID: "`path` shows the member: mend the writer by `schemas/envelope.json`.",
    ErrorCode.DATASTORE_MISSING: "Name the datastore in the event, or set `CXONE_DATASTORE_ID`.",
    ErrorCode.SCHEMA_MISSING: "Mend the datastore's name, or add its schema to `STREAM_SCHEMAS_DIR` and start again.",
    ErrorCode.FIELDS_INVALID: "`path` shows the field. Mend the writer; or mend the schema and start again.",
    ErrorCode.NO_RULE: "Add a rule for it to the mapping file, or keep it away from this topic.",
    ErrorCode.FORMAT_UNSUPPORTED: "Name in the rule the format that the connector writes.",
    ErrorCode.CHANGE_INVALID: "Look at the dead letter: mostly a transformation of the connector took a part away.",
    ErrorCode.DELETE_WITHOUT_RULE: "Say in the rule what a delete means: nothing, or fields that mark the record.",
    ErrorCode.TRUNCATED: "Bring the datastore into line by hand.",
    ErrorCode.ID_UNUSABLE: "Take the id from columns that are never null, of 256 characters at most together.",
    ErrorCode.ID_CHANGED: "Let the connector write such an update as a delete and a create, or choose other columns.",
    ErrorCode.VERSION_UNUSABLE: "Take the version from a column that holds an integer in every row, or take none.",
    ErrorCode.COLUMN_UNREADABLE: "Change the connector's setting that the message names, or leave the column out.",
    ErrorCode.NO_FIELDS: "Let the rule include a column that can change.",
    ErrorCode.VERSION_CONFLICT: "Read the record and send on its version; or let `STREAM_ON_CONFLICT=rebase` do that.",
    ErrorCode.CONFLICT_AMBIGUOUS: "Read the record: if it lacks the change, send it again on the version stored now.",
    ErrorCode.CONFLICT_UNVERIFIED: "The same; with `CXONE_RECORD_PATH` and its scope the service reads it for you.",
    ErrorCode.RECORD_REFUSED: "Compare the record with the datastore's definition in CXone.",
    ErrorCode.NOT_FOUND: "Create the datastore, or mend its name; for `UPDATE` the record must be there.",
    ErrorCode.TOO_LARGE: "Make the record smaller, or split it.",
    ErrorCode.UNPROCESSABLE: "Compare the record with the datastore's definition in CXone.",
    ErrorCode.CHECKSUM_MISMATCH: "Read the record. Where it is wrong, look for a proxy that rewrites bodies.",
    ErrorCode.ANSWER_CONTRADICTS_STATUS: "It may have been executed: read the record, and tell NICE what was answered.",
    ErrorCode.GIVEN_UP: "The log says why it was held. When that is mended, send the dead letters again.",
}
"""A sentence or two for each code: what whoever reads it can do."""


def markdown_table() -> str:
    """Return the table of error codes for the README, in Markdown, with a line's end after each row."""
    rows = [("`error.code`", "what happened", "what to do"), ("---", "---", "---")]
    rows += [(f"`{code}`", MEANING[code], REMEDY[code]) for code in ErrorCode]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n" for row in rows)
