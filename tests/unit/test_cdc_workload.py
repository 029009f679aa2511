"""The statements of the demonstration from tables to datastores: what is known of them before a database sees them."""

from __future__ import annotations

import re
from collections import Counter

from stream.sandbox.cdc.values import SeatKey, key_condition, record_id
from stream.sandbox.cdc.workload import KINDS, make_workload, script, transactions

ROWS = 2_000


def test_a_seed_makes_the_same_statements_again() -> None:
    """Two workloads of one seed are equal, of two seeds not; there are as many statements as asked for, or one more."""
    assert make_workload(ROWS) == make_workload(ROWS)
    assert make_workload(ROWS) != make_workload(ROWS, seed=1)
    assert len(make_workload(ROWS).changes) - ROWS in {0, 1}


def test_statements_are_numbered_and_of_every_kind() -> None:
    """Each has the next number and writes it into its row; every kind comes up, and at first there are inserts only."""
    workload = make_workload(ROWS)
    assert [change.number for change in workload.changes] == list(range(1, len(workload.changes) + 1))
    assert {change.kind for change in workload.first} == {"insert"}
    assert {*KINDS, "move without its long values", "mending update", "message"} == workload.kinds.keys()
    writes = [change for change in workload.changes if change.kind not in {"delete", "message"}]
    assert all(re.search(rf"change = {each.number}\b|VALUES \({each.number},", each.sql) for each in writes)


def test_messages_are_counted_by_what_must_become_of_them() -> None:
    """A changed key is two messages, a delete at the connector with defaults two as well, all others one."""
    workload = make_workload(ROWS)
    moves = sum(change.kind.startswith("move") for change in workload.changes)
    nulls = sum(change.kind in {"delete", "move"} and "orders" in change.sql[:30] for change in workload.changes)
    assert workload.messages == len(workload.changes) + moves + nulls
    assert workload.made.ignored == nulls + workload.kinds["message"]
    assert workload.made.unsupported == workload.kinds["move without its long values"] > 0


def test_rows_come_back_under_keys_of_deleted_ones() -> None:
    """Some records are created again after their delete, and every statement names the records that it changes."""
    workload = make_workload(ROWS)
    assert all(change.records for change in workload.changes if change.kind != "message")
    inserted = Counter(change.records[0] for change in workload.changes if change.kind == "insert")
    assert max(inserted.values()) > 1


def test_transactions_hold_all_statements_in_order() -> None:
    """They are of different sizes, and the script has each statement once."""
    then = make_workload(ROWS).then
    parts = list(transactions(then))
    assert [change for part in parts for change in part] == list(then)
    assert len({len(part) for part in parts}) > 10
    text = script(then)
    assert text.count("BEGIN;\n") == text.count("COMMIT;\n") == len(parts)


def test_a_key_is_written_for_sql_and_for_the_record() -> None:
    """Quotes are doubled in SQL; in the id the separator is escaped, so that no two keys make one id."""
    key = SeatKey("'o''hara'", "7")
    assert key_condition(key) == "tenant = 'o''hara' AND seat = 7"
    assert record_id(key) == "o'hara:7"
    assert record_id(SeatKey("'acme:1'", "7")) == "acme%3A1:7"
    assert record_id(SeatKey("'50%25'", "7")) == "50%2525:7"
