"""Keeps outcomes in a SQLite file: `python keep_outcomes.py outcomes.db` (needs `pip install confluent-kafka`).

It sees committed outcomes only, and may be killed at any moment: what it reads again is there already, for the event's
position is the row's key. Kafka is told of the progress after SQLite has it.
"""

import json
import os
import signal
import sqlite3
import sys

from confluent_kafka import Consumer, KafkaException, Message

TABLE = """CREATE TABLE IF NOT EXISTS outcome (
    event TEXT PRIMARY KEY, datastore TEXT, record TEXT, result TEXT, version INTEGER, code TEXT, decided TEXT)"""
ROW = "INSERT OR IGNORE INTO outcome VALUES (?, ?, ?, ?, ?, ?, ?)"


def row(message: Message) -> tuple[object, ...]:
    """Take from an outcome what shall be kept; contract section 3 and schemas/outcome.json have all of it."""
    outcome = json.loads(message.value())
    event = "{topic}/{partition}/{offset}".format(**outcome["source"])
    code = outcome["error"]["code"] if outcome["status"] == "FAILED" else None
    named = ("dataStoreId", "recordId", "result", "version")
    return (event, *(outcome[name] for name in named), code, outcome["timestamp"])


def main() -> None:
    """Read until SIGTERM or Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    database = sqlite3.connect(sys.argv[1])
    database.execute(TABLE)
    consumer = Consumer({
        "bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"],
        "group.id": os.environ.get("GROUP_ID", "keep-outcomes"),
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
    })  # fmt: skip
    consumer.subscribe([os.environ.get("KAFKA_OUTCOME_TOPIC", "cxone.outcomes")])
    try:
        while True:
            messages = consumer.consume(1000, timeout=0.5)
            if errors := [message.error() for message in messages if message.error()]:
                raise KafkaException(errors[0])
            if messages:
                with database:  # one transaction
                    database.executemany(ROW, map(row, messages))
                consumer.commit(asynchronous=False)
    except KeyboardInterrupt:
        pass
    finally:
        consumer.close()


if __name__ == "__main__":
    main()
