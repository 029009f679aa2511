"""The stand-in's store: what it keeps of what was applied. The table itself is walked over HTTP, cell by cell."""

import hashlib

import orjson
from hypothesis import given
from hypothesis import strategies as st

from stream.sandbox.payload import Execute, read_execute
from stream.sandbox.records import Absent, Applied, Conflicts, RecordStore


def execute(*records: dict[str, object], update: str = "UPSERT", on_conflict: str = "OVERWRITE") -> Execute:
    """A sound execute request for the datastore `people`."""
    body = orjson.dumps(
        {
            "dataStoreId": "people",
            "records": records,
            "updateType": update,
            "conflictResolution": on_conflict,
            "batchSize": len(records),
            "triggerVersion": True,
        }
    )
    read = read_execute(body)
    assert isinstance(read, Execute)
    return read


def record(name: str, value: int = 0, **stamps: object) -> dict[str, object]:
    """A record with one field, and what else is sent with it."""
    return {"id": name, "fields": {"value": value}, **stamps}


def test_history_keeps_every_value_in_the_order_applied() -> None:
    """Each application of a record is kept with its fields, version, request, checksum and place in the whole."""
    store = RecordStore()
    first = execute(record("a", 1, checksum="mine"), record("b", 2))
    second = execute(record("b", 3), record("a", 4))
    store.apply(first, received_s=10.0, request=1)
    store.apply(second, received_s=20.0, request=2)
    assert [
        (entry.sequence, entry.version, entry.fields, entry.checksum, entry.request, entry.received_s)
        for entry in store.history("people", "a")
    ] == [(1, 1, {"value": 1}, "mine", 1, 10.0), (4, 2, {"value": 4}, None, 2, 20.0)]
    assert store.history("people", "a")[0].request_checksum == hashlib.sha256(first.body).hexdigest()


def test_unknown_record_has_no_history() -> None:
    """A record that was never applied has an empty history and nothing stored."""
    store = RecordStore()
    assert (store.history("people", "a"), store.stored("people", "a")) == ([], None)


def test_left_out_records_leave_no_trace() -> None:
    """Records that IGNORE leaves out have no entry, and the entries of the others are theirs."""
    store = RecordStore()
    store.apply(execute(record("a", 1), record("b", 2)), received_s=0, request=1)
    done = store.apply(
        execute(record("a", 3, version=7), record("b", 4, version=1), on_conflict="IGNORE"), received_s=0, request=2
    )
    assert done == Applied([{"id": "b", "version": 2}], [{"id": "a", "currentVersion": 1}])
    assert [entry.fields["value"] for entry in store.applied()] == [1, 2, 4]
    assert [entry.fields["value"] for entry in store.history("people", "b")] == [2, 4]


def test_refused_request_changes_nothing() -> None:
    """A conflict or an absent record leaves every record of the request as it was."""
    store = RecordStore()
    store.apply(execute(record("a", 1)), received_s=0, request=1)
    conflict = execute(record("b", 2), record("a", 3, version=9), on_conflict="FAIL")
    assert store.apply(conflict, received_s=0, request=2) == Conflicts([{"index": 1, "id": "a", "currentVersion": 1}])
    update = execute(record("a", 4), record("b", 5), update="UPDATE")
    assert store.apply(update, received_s=0, request=3) == Absent([1])
    assert [entry.fields["value"] for entry in store.applied()] == [1]


def test_absent_record_weighs_more_than_a_conflict() -> None:
    """A request with both an absent record under UPDATE and a conflict is refused for the absent one."""
    store = RecordStore()
    store.write("people", "a", {"value": 1})
    mixed = execute(record("a", version=9), record("b"), update="UPDATE", on_conflict="FAIL")
    assert store.apply(mixed, received_s=0, request=1) == Absent([1])


def test_write_from_outside_counts_like_any_other() -> None:
    """A write by another client raises the version, stands in the history, and belongs to no request."""
    store = RecordStore()
    assert [store.write("people", "a", {"value": n}) for n in (1, 2)] == [1, 2]
    stored = store.stored("people", "a")
    assert stored is not None
    assert (stored.version, stored.fields, stored.request) == (2, {"value": 2}, None)


def test_totals_count_records_and_applications() -> None:
    """The totals tell records by datastore from how often records were applied."""
    store = RecordStore()
    store.write("people", "a", {"value": 1})
    store.write("people", "a", {"value": 2})
    store.write("places", "a", {"value": 3})
    totals = store.state()
    assert (totals.data_stores, totals.records, totals.applied) == ({"people": 1, "places": 1}, 2, 3)


@given(st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=6, unique=True), max_size=20))
def test_one_pass_and_single_histories_agree(requests: list[list[int]]) -> None:
    """However requests fall, histories read in one pass are those read one by one, versions 1 and up without a gap."""
    store = RecordStore()
    for number, ids in enumerate(requests, 1):
        sent = execute(*[record(str(name), number * 10 + name) for name in ids])
        store.apply(sent, received_s=float(number), request=number)
    histories = store.histories()
    assert set(histories) == {("people", str(name)) for ids in requests for name in ids}
    for (data_store_id, name), history in histories.items():
        assert history == store.history(data_store_id, name)
        assert [entry.version for entry in history] == list(range(1, len(history) + 1))
        assert [entry.request for entry in history] == [
            number for number, ids in enumerate(requests, 1) if int(name) in ids
        ]
