"""What a message is, by its form and its topic: envelopes, unwrapped rows, native events, what carries no change."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stream.cdc import Delta, NotSent
from stream.cdc.wrapper import MAX_KNOWN, MAX_SCHEMA_BYTES
from stream.codes import ErrorCode
from stream.model import Result

from ..cdc_builders import (
    PLAIN,
    ROW,
    SOURCE,
    TOPIC,
    Found,
    column,
    defect,
    delta,
    envelope,
    fields,
    mapper,
    read,
    refusal,
    text,
    wrapped,
)

UNWRAPPED = f'{PLAIN}format = "unwrapped"\n'
SOFT = "delete = { fields = { active = false } }\n"
BY_TABLE = 'table = "postgres.public.contacts"\ndatastore = "people"\n'
KEY_SCHEMA = {"type": "struct", "fields": [{"type": "int32", "optional": False, "field": "id"}], "name": "crm.Key"}
COLUMNS = (column("id", "int32"), column("email"), column("tier"))
NATIVE = {"dataStoreId": "people", "id": "r1", "fields": {"name": "Ada"}}
HEARTBEAT = {"ts_ms": 1795399797727}
TRANSACTION = {"status": "END", "id": "727:22189328", "event_count": 2, "data_collections": [], "ts_ms": 1}
SCHEMA_CHANGE = {
    "source": SOURCE,
    "ts_ms": 1,
    "databaseName": "crm",
    "schemaName": None,
    "ddl": "ALTER",
    "tableChanges": [],
}
NOTIFICATION = {"id": "n", "aggregate_type": "Snapshot", "type": "STARTED", "additional_data": {}, "timestamp": 1}


def result_of(found: Found) -> Result | None:
    """Return the result of what is not sent; None for a delta or a native event."""
    return found.result if isinstance(found, NotSent) else None


@pytest.mark.parametrize("op", ["c", "r", "u"])
@pytest.mark.parametrize("warm", [False, True])
def test_a_change_of_a_row_is_a_delta_with_and_without_a_schema(op: str, warm: bool) -> None:  # noqa: FBT001
    """Recognised message by message, on the value and on the key."""
    for value in (envelope(op), wrapped(envelope(op), *COLUMNS)):
        for key in ({"id": 1}, {"schema": KEY_SCHEMA, "payload": {"id": 1}}):
            found = delta(value, key=key, warm=warm)
            assert (found.lane.datastore_id, found.record_id, found.fields) == ("people", "1", ROW)
            assert json.loads(found.record) == {"id": "1", "fields": ROW}


def test_a_value_with_a_schema_that_is_null_is_its_payload() -> None:
    """The converter writes this where it was given no schema."""
    assert fields({"schema": None, "payload": envelope("c")}) == ROW
    assert refusal({"schema": None, "payload": None}) == NotSent(Result.IGNORED, None, "people", "1")


def test_a_delete_is_what_the_rule_says() -> None:
    """Refused without a word of the rule, passed over, or a soft delete; with the ids of the record each time."""
    assert refusal(envelope("d")).result is Result.UNSUPPORTED
    found = refusal(envelope("d"))
    assert found.defect is not None
    assert (found.defect.code, found.datastore_id, found.record_id) == (ErrorCode.DELETE_WITHOUT_RULE, "people", "1")
    assert refusal(envelope("d"), PLAIN + 'delete = "ignore"') == NotSent(Result.IGNORED, None, "people", "1")
    soft = delta(envelope("d"), PLAIN + SOFT + "constants = { source = 1 }")
    assert json.loads(soft.record) == {"id": "1", "fields": {"active": False}}


@pytest.mark.parametrize("before", [None, {"id": 1}, {"id": 7, "email": "", "tier": None}])
def test_a_delete_takes_the_record_from_the_key(before: dict[str, Any] | None) -> None:
    """What `before` says is made up where the database logs keys alone: it is not looked at."""
    change = {**envelope("d"), "before": before}
    assert delta(change, PLAIN + SOFT).record_id == "1"


def test_a_primary_key_change_is_two_messages_of_two_records() -> None:
    """A delete of the old key, a tombstone, a create of the new key: each with its own result."""
    reader = mapper(PLAIN + SOFT)
    old, new = text({"id": 1}), text({"id": 2})
    found = [
        reader.read(TOPIC, old, text(envelope("d"))),
        reader.read(TOPIC, old, None),
        reader.read(TOPIC, new, text(envelope("c", {**ROW, "id": 2}))),
    ]
    assert [each.record_id for each in found if isinstance(each, Delta | NotSent)] == ["1", "1", "2"]
    assert list(map(result_of, found)) == [None, Result.IGNORED, None]


def test_a_truncate_is_refused_unless_the_rule_lets_it_pass() -> None:
    """It cannot be said record by record."""
    change = {name: value for name, value in envelope("t").items() if name not in {"before", "after"}}
    found = refusal(change, key=b"null")
    assert found.defect is not None
    assert (found.result, found.defect.code) == (Result.UNSUPPORTED, ErrorCode.TRUNCATED)
    assert refusal(change, PLAIN + 'truncate = "ignore"').result is Result.IGNORED


def test_a_message_in_the_log_carries_no_change() -> None:
    """`op` m, with or without a rule."""
    change = {**envelope("m", schema="", table=""), "message": {"prefix": "x", "content": "eA=="}}
    assert refusal(change) == NotSent(Result.IGNORED)
    assert refusal(change, topic="crm.message") == NotSent(Result.IGNORED)


@pytest.mark.parametrize("own", [HEARTBEAT, TRANSACTION, SCHEMA_CHANGE, NOTIFICATION])
@pytest.mark.parametrize("topic", [TOPIC, "__debezium-heartbeat.crm"])
def test_what_a_connector_says_of_itself_carries_no_change(own: dict[str, Any], topic: str) -> None:
    """Heartbeats, transactions, schema changes and notifications, on a mapped topic and on any other."""
    assert refusal(own, topic=topic) == NotSent(Result.IGNORED)


@pytest.mark.parametrize(
    "name",
    [
        "io.debezium.connector.common.Heartbeat",
        "io.debezium.connector.common.TransactionMetadataValue",
        "io.debezium.connector.mysql.SchemaChangeValue",
        "io.debezium.connector.common.Notification",
    ],
)
def test_a_connector_s_own_messages_are_known_by_their_schema(name: str) -> None:
    """With a schema its name decides, whatever members there are."""
    value = {"schema": {"type": "struct", "fields": [], "name": name}, "payload": {"more": 1}}
    assert refusal(value, topic="any") == NotSent(Result.IGNORED)


@pytest.mark.parametrize(
    "value", [{"ts_ms": "x"}, {**TRANSACTION, "status": "?"}, {**HEARTBEAT, "more": 1}, {"id": "n", "type": "x"}]
)
def test_what_only_resembles_them_is_not_passed_over(value: dict[str, Any]) -> None:
    """On a native topic it is judged like any other event."""
    assert read(value, topic="native") == value


def test_a_null_value_means_what_the_topic_s_rule_says() -> None:
    """Beside envelopes nothing, for an unwrapped row a delete, on a native topic it is refused: never by history."""
    reader = mapper(PLAIN + SOFT)
    for _ in range(2):
        assert reader.read(TOPIC, text({"id": 1}), None) == NotSent(Result.IGNORED, None, "people", "1")
        reader.read(TOPIC, text({"id": 1}), text(envelope("c")))
    assert delta(None, UNWRAPPED + SOFT).fields == {"active": False}
    assert refusal(None, UNWRAPPED).result is Result.UNSUPPORTED
    assert refusal(None, UNWRAPPED + 'delete = "ignore"').result is Result.IGNORED
    native = refusal(None, topic="native")
    assert native.defect is not None
    assert (native.result, native.defect.code) == (Result.UNSUPPORTED, ErrorCode.TOMBSTONE)


@pytest.mark.parametrize("value", [b"null", b" null\n", b'{"schema":{"type":"struct"},"payload":null}'])
def test_a_null_that_is_written_is_a_null_value(value: bytes) -> None:
    """The JSON converter writes one for a deleted row that was unwrapped; on a native topic it is no event."""
    assert delta(value, UNWRAPPED + SOFT).fields == {"active": False}
    assert refusal(value).result is Result.IGNORED
    assert refusal(b"null", topic="native").result is Result.INVALID


def test_a_null_value_of_an_unwrapped_row_needs_a_key() -> None:
    """Nothing else could say which row it was."""
    found = refusal(None, UNWRAPPED + SOFT, key=b"null")
    assert found.defect is not None
    assert (found.result, found.defect.code) == (Result.INVALID, ErrorCode.ID_UNUSABLE)


@pytest.mark.parametrize(
    ("rule", "topic", "is_mapped"),
    [
        (BY_TABLE, "crm.public.contacts", True),
        (BY_TABLE, "prod.crm.public.contacts", True),
        (BY_TABLE, "crm.public.orders", False),
        (BY_TABLE, "public.contacts", False),
        ('table = "*"\ndatastore = "d"', "crm.public.contacts", True),
        ('table = "*"\ndatastore = "d"', "deltas", False),
        ('table = "shop.orders"\ndatastore = "d"', "erp.shop.orders", True),
        ('topic = "crm.*"\ntable = "x.y.z"\ndatastore = "d"', "crm.anything", True),
    ],
)
def test_a_table_s_topic_is_known_by_its_usual_name(rule: str, topic: str, is_mapped: bool) -> None:  # noqa: FBT001
    """A null value names no table: the topic's name ends with it, or the rule says which topic."""
    found = refusal(None, rule, topic=topic)
    assert found.result is (Result.IGNORED if is_mapped else Result.UNSUPPORTED)


def test_rows_that_were_unwrapped_are_rows() -> None:
    """Created, changed or read in a snapshot: what the connector adds is left out unless it is named."""
    row = {**ROW, "__op": "c", "__deleted": "false", "__source_ts_ms": 1}
    assert fields(row, UNWRAPPED) == ROW
    assert fields(dict(ROW), UNWRAPPED) == ROW
    assert fields(row, f'{UNWRAPPED}columns.include = ["email", "__op"]') == {"email": "a@b.io", "__op": "c"}
    schema = {"type": "struct", "fields": [*COLUMNS], "name": "crm.public.contacts.Value"}
    assert fields({"schema": schema, "payload": row}, UNWRAPPED) == ROW


@pytest.mark.parametrize("mark", [{"__deleted": "true"}, {"__deleted": True}, {"__op": "d"}])
def test_an_unwrapped_row_that_was_deleted_is_a_delete(mark: dict[str, Any]) -> None:
    """`__deleted` is a text in Debezium's hands; its columns are made up, so the key alone counts."""
    row = {**ROW, "id": 7, **mark}
    assert delta(row, UNWRAPPED + SOFT).record_id == "1"
    assert refusal(row, UNWRAPPED).result is Result.UNSUPPORTED


@pytest.mark.parametrize("odd", [["d"], {"d": 1}, 7, "x", None])
def test_an_odd_mark_on_an_unwrapped_row_is_no_delete(odd: object) -> None:
    """Whatever stands in `__op`, the row is written."""
    assert fields({**ROW, "__op": odd, "__deleted": odd}, UNWRAPPED) == ROW


def test_an_unwrapped_row_may_look_like_anything() -> None:
    """On an unwrapped source a row is never taken for a native event or a heartbeat."""
    assert fields({"id": "r1", "fields": {"a": 1}}, UNWRAPPED) == {"id": "r1", "fields": {"a": 1}}
    assert fields({"ts_ms": 1}, UNWRAPPED) == {"ts_ms": 1}
    assert fields({"schema": "public", "payload": "x"}, UNWRAPPED) == {"schema": "public", "payload": "x"}


@pytest.mark.parametrize(
    ("value", "rule", "path"),
    [
        (dict(ROW), PLAIN, ""),
        (envelope("c"), UNWRAPPED, "/op"),
        (wrapped(envelope("c")), UNWRAPPED, "/payload/op"),
    ],
)
def test_a_form_that_the_rule_does_not_name_is_refused(value: dict[str, Any], rule: str, path: str) -> None:
    """Otherwise null values would be misread; the message says what to write."""
    found = refusal(value, rule)
    assert found.defect is not None
    assert (found.result, found.defect.code, found.defect.path) == (
        Result.UNSUPPORTED,
        ErrorCode.FORMAT_UNSUPPORTED,
        path,
    )
    assert 'say format = "' in found.defect.message


@pytest.mark.parametrize("connector", ["mongodb", "cassandra"])
def test_a_database_without_rows_is_refused_with_the_reason(connector: str) -> None:
    """MongoDB's documents come as text, Cassandra's columns in wrappers; with and without a rule."""
    for topic in (TOPIC, "other"):
        found = refusal(envelope("c", connector=connector), topic=topic)
        assert found.defect is not None
        assert (found.defect.code, found.defect.path) == (ErrorCode.FORMAT_UNSUPPORTED, "/source/connector")
        assert "native events" in found.defect.message


def test_a_row_that_is_text_is_mongodb_s() -> None:
    """Whatever the connector calls itself."""
    found = refusal(envelope("u", after='{"_id": 1}'))
    assert found.defect is not None
    assert found.defect.code is ErrorCode.FORMAT_UNSUPPORTED


@pytest.mark.parametrize("topic", ["native", TOPIC])
def test_a_native_event_is_handed_on(topic: str) -> None:
    """Native events may stand beside mapped sources, even on the topic of one; they are judged like all others."""
    assert read(NATIVE, topic=topic) == NATIVE
    assert read({"id": 7, "fields": []}, topic=topic) == {"id": 7, "fields": []}


def test_an_event_without_a_rule_is_refused_with_its_table() -> None:
    """It says which table no rule is for."""
    found = refusal(envelope("c", table="orders"), BY_TABLE)
    assert found.defect is not None
    assert (found.result, found.defect.code, found.defect.path) == (Result.UNSUPPORTED, ErrorCode.NO_RULE, "/source")
    assert "postgres.public.orders" in found.defect.message
    assert refusal(wrapped(envelope("d")), topic="x").defect == refusal(wrapped(envelope("c")), topic="x").defect


def test_the_first_rule_that_fits_counts() -> None:
    """By topic and table; a source may be passed over as a whole, even where it cannot be read."""
    reader = mapper(
        'topic = "audit.*"\nignore = true',
        'table = "*.audit_log"\nignore = true',
        f'{PLAIN}table = "*.contacts"',
        'topic = "crm.*"\ndatastore = "rest"',
    )
    key = text({"id": 1})
    assert reader.read("audit.x", key, b"\xff") == NotSent(Result.IGNORED)
    assert reader.read("audit.x", key, None) == NotSent(Result.IGNORED)
    assert reader.read("crm.public.audit_log", key, text(envelope("c", table="audit_log"))) == NotSent(Result.IGNORED)
    for table, datastore in (("contacts", "people"), ("orders", "rest"), ("contacts", "people")):
        found = reader.read(TOPIC, key, text(envelope("c", table=table)))
        assert isinstance(found, Delta)
        assert found.lane.datastore_id == datastore


def test_databases_without_schemas_name_their_tables_in_two_parts() -> None:
    """MySQL's `source` has no schema."""
    change = envelope("c", connector="mysql", db="shop", schema=None, table="orders")
    assert delta(change, 'table = "shop.orders"\ndatastore = "orders"').lane.datastore_id == "orders"


@pytest.mark.parametrize("snapshot", [True, False, "true", "false", "first", "last", "incremental", None])
def test_a_snapshot_s_mark_has_no_influence(snapshot: object) -> None:
    """A text in new connectors, true or false in old ones."""
    assert fields(envelope("r", snapshot=snapshot)) == ROW


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({**envelope("u"), "after": None}, "/op"),
        ({**envelope("c"), "after": {}}, "/op"),
        ({**envelope("c"), "after": [1]}, "/op"),
        ({**envelope("c"), "op": "x"}, "/op"),
        ({**envelope("c"), "op": ""}, "/op"),
    ],
)
def test_a_change_that_lacks_a_part_is_invalid(change: dict[str, Any], path: str) -> None:
    """A row where its kind must have one, and a kind that is known."""
    found = refusal(change)
    assert found.defect is not None
    assert (found.result, found.defect.code, found.defect.path) == (Result.INVALID, ErrorCode.CHANGE_INVALID, path)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (b"", ErrorCode.EMPTY_VALUE),
        (b"\xff", ErrorCode.NOT_UTF8),
        (b"{", ErrorCode.NOT_JSON),
        (b"[]", ErrorCode.NOT_AN_OBJECT),
        (b'{"schema":null,"payload":7}', ErrorCode.NOT_AN_OBJECT),
        (b'{"op":"c","op":"c"}', ErrorCode.DUPLICATE_KEY),
    ],
)
def test_what_cannot_be_read_is_invalid(value: bytes, code: ErrorCode) -> None:
    """The same codes as for a native event."""
    found = refusal(value)
    assert found.defect is not None
    assert (found.result, found.defect.code) == (Result.INVALID, code)


@pytest.mark.parametrize("member", ["after", "before", "transaction"])
@pytest.mark.parametrize("depth", [300, 1_020, 5_000])
def test_what_is_nested_too_deep_is_invalid(member: str, depth: int) -> None:
    """Whichever part it is, and however deep: no exception comes out."""
    change = text({**envelope("u"), member: {"id": 1, "x": "HERE"}}).replace(b'"HERE"', b"[" * depth + b"]" * depth)
    for rule in (PLAIN, f'{PLAIN}before = "full"\nupdate = "changed"', f'{PLAIN}nested = "text"'):
        found = read(change, rule)
        if member != "after" and depth < 1_000:
            assert isinstance(found, Delta)
            continue
        assert isinstance(found, NotSent)
        assert found.defect is not None
        assert found.defect.code in {ErrorCode.NESTED_TOO_DEEP, ErrorCode.COLUMN_UNREADABLE}


def test_schemas_are_remembered_within_bounds() -> None:
    """A topic with ever new schemas, and one with a huge schema: every message is read all the same."""
    reader = mapper()
    key = text({"id": 1})
    for number in range(2 * MAX_KNOWN + 3):
        columns = (*COLUMNS, column(f"c{number}"))
        found = reader.read(TOPIC, key, text(wrapped(envelope("c"), *columns)))
        assert isinstance(found, Delta)
    huge = text(wrapped(envelope("c"), *COLUMNS, column("x" * MAX_SCHEMA_BYTES)))
    for _ in range(2):
        assert reader.read(TOPIC, key, huge) == found
    prefix = huge[: huge.index(b',"payload":')]
    assert reader.topic(TOPIC).usual.read(key, huge) is None
    assert len(prefix) > MAX_SCHEMA_BYTES


def test_a_name_in_a_message_is_cut() -> None:
    """What a table or column is called is somebody else's: the sentence stays one."""
    name = "x" * 10_000
    for value, rule in (
        (envelope("c", table=name), BY_TABLE),
        (envelope("c", {name: "AJY="}), PLAIN),
        (envelope("c", {name: [1]}), f'{PLAIN}nested = "reject"'),
        (envelope("c", {name: 1, "a": 2}), f'{PLAIN}columns.rename = {{ a = "{name}" }}'),
        (envelope("c", {"a": 1, "b": 2}), f'{PLAIN}columns.rename = {{ a = "b" }}'),
    ):
        found = refusal(value, rule)
        assert found.defect is not None
        assert len(found.defect.message) < 400
    assert len(defect(envelope("c"), key={name: "AJY="}).message) < 400
