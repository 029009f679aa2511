"""Where each error code mostly comes from and what to do: for people who read an outcome or a dead letter."""

from __future__ import annotations

import sys
from typing import Final

from .codes import MEANING, ErrorCode

CAUSE: Final[dict[ErrorCode, str]] = {
    ErrorCode.TOMBSTONE: "A writer that means a delete, or a topic of change events without a rule.",
    ErrorCode.EMPTY_VALUE: "A writer without a serializer, or a test message.",
    ErrorCode.NOT_UTF8: "Another encoding, a binary format as Avro, or a text cut within a character.",
    ErrorCode.NOT_JSON: "A binary serializer, a text that was cut off, or `NaN` and `Infinity`, which JSON has not.",
    ErrorCode.NOT_AN_OBJECT: "A list of events in one message, or an object that was serialised twice.",
    ErrorCode.DUPLICATE_KEY: "JSON that was put together as text.",
    ErrorCode.NUMBER_OUT_OF_RANGE: "A number that is really an identifier, or an amount in a very small unit.",
    ErrorCode.NUMBER_TOO_PRECISE: "A database's decimal as a JSON number: to read it as a float would change it.",
    ErrorCode.NESTED_TOO_DEEP: "A value that was wrapped in itself at each hop.",
    ErrorCode.ENVELOPE_INVALID: "A missing `id` or `fields`, a misspelt member, or a member of another type.",
    ErrorCode.DATASTORE_MISSING: "The writer counts on a default that this service was not given.",
    ErrorCode.SCHEMA_MISSING: "A misspelt datastore, or one that is newer than the deployed schemas.",
    ErrorCode.FIELDS_INVALID: "The writer and the schema were not changed together.",
    ErrorCode.NO_RULE: "The connector captures a table that nobody has mapped, or the rule's pattern is too narrow.",
    ErrorCode.FORMAT_UNSUPPORTED: "The connector has another converter or transformation than its rule says.",
    ErrorCode.CHANGE_INVALID: "A transformation between connector and topic, or a message of somebody else.",
    ErrorCode.DELETE_WITHOUT_RULE: "The API cannot delete, and nobody has said what a delete shall mean.",
    ErrorCode.TRUNCATED: "Somebody emptied the whole table.",
    ErrorCode.ID_UNUSABLE: "A null or an overlong value in a column of the record's id, or a message without a key.",
    ErrorCode.ID_CHANGED: "An update of the primary key, which the connector tells as one change.",
    ErrorCode.VERSION_UNUSABLE: "The column is null in this row, negative, or not an integer.",
    ErrorCode.COLUMN_UNREADABLE: "Decimals, times or bytes in a form that loses or hides their value.",
    ErrorCode.NO_FIELDS: "The rule leaves out all columns that the row has values for.",
    ErrorCode.VERSION_CONFLICT: "Somebody else has written the record since the writer read it.",
    ErrorCode.CONFLICT_AMBIGUOUS: "A time-out, a reset or a crash, and another writer.",
    ErrorCode.CONFLICT_UNVERIFIED: "A time-out, a reset or a crash, and no read call, or one that fails.",
    ErrorCode.RECORD_REFUSED: "A value that the datastore's definition in CXone does not allow.",
    ErrorCode.NOT_FOUND: "A misspelt or deleted datastore, or `UPDATE` of a record that is not there.",
    ErrorCode.TOO_LARGE: "One very large field.",
    ErrorCode.UNPROCESSABLE: "A value of the right form that breaks a rule of the datastore.",
    ErrorCode.CHECKSUM_MISMATCH: "Something on the way rewrites bodies, or the API counts otherwise.",
    ErrorCode.ANSWER_CONTRADICTS_STATUS: "A fault of the API, or of a gateway before it.",
    ErrorCode.GIVEN_UP: "An outage of the datastore, or a record that breaks the API, and nobody came in time.",
}
"""A sentence for each code: what it mostly comes from."""

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


_PAGE = """# Error codes

<!-- generated: python -m stream.remedies > docs/codes.md -->

Each outcome with `status` `FAILED` names one of these in `error.code`; beside it stand a `message` for people and,
where it applies, a `path` into the received value. A dead letter has the code in its header `__cxone.code`. The list is
closed: the changelog tells of a new code.

"""


def markdown_page() -> str:
    """Return the page of error codes, in Markdown."""
    rows = [("`error.code`", "what happened", "mostly because of", "what to do"), ("---",) * 4]
    rows += [(f"`{code}`", MEANING[code], CAUSE[code], REMEDY[code]) for code in ErrorCode]
    return _PAGE + "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n" for row in rows)


if __name__ == "__main__":
    sys.stdout.write(markdown_page())
