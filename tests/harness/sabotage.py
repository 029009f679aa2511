"""The service with a planted defect, as a program of its own: `python -m tests.harness.sabotage forget|swallow`.

It is put together as the real one is, but its sink breaks a promise before it hands a transaction on. So the checker
of the kill tests can be seen to fail on a real Kafka.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from stream import metadata
from stream.log import configure_log
from stream.loop import Loop
from stream.schema_files import load_schemas
from stream.service import bounds, connect
from stream.settings import PACKAGED_SCHEMAS, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stream.outbox import Transaction
    from stream.partitions import OffsetCommit
    from stream.parts import Bounds, Parts
    from stream.ports import Report, Sink


class SabotagedSink:
    """A sink whose transactions are changed on their way to the real one."""

    def __init__(self, sink: Sink, sabotage: Callable[[Transaction], Transaction]) -> None:
        self._sink = sink
        self._sabotage = sabotage

    def publish(self, transaction: Transaction) -> None:
        """Hand over the changed transaction."""
        self._sink.publish(self._sabotage(transaction))

    def reports(self) -> Sequence[Report]:
        """Pass the reports on."""
        return self._sink.reports()

    def replace(self) -> None:
        """Pass the wish on."""
        self._sink.replace()

    def close(self) -> None:
        """Pass the end on."""
        self._sink.close()


def forget(transaction: Transaction) -> Transaction:
    """Drop the settled set from the metadata: after a crash nobody knows what has its outcome already."""
    return replace(transaction, commits=tuple(map(_forgetful, transaction.commits)))


def _forgetful(commit: OffsetCommit) -> OffsetCommit:
    committable = commit.snapshot.committable
    known = metadata.decode(commit.metadata, committable)
    return commit._replace(metadata=metadata.encode(replace(known, settled=()), committable))


class Swallow:
    """Lose one outcome: the first of the first transaction that has any."""

    def __init__(self) -> None:
        self.has_swallowed = False

    def __call__(self, transaction: Transaction) -> Transaction:
        """Change a transaction."""
        if self.has_swallowed or not transaction.settled:
            return transaction
        self.has_swallowed = True
        return replace(transaction, settled=transaction.settled[1:])


def configured() -> tuple[Parts, Bounds]:
    """Make the parts of a loop as the service does, with its real edges."""
    settings = load_settings(os.environ, Path.cwd())
    configure_log(settings.stream.log_level, settings.stream.log_format)
    schemas, _ = load_schemas(settings.stream.schemas_dir, PACKAGED_SCHEMAS, require=False)
    return connect(settings, schemas), bounds(settings)


def main(defect: str) -> None:
    """Run until killed."""
    parts, limits = configured()
    sabotage: dict[str, Callable[[Transaction], Transaction]] = {"forget": forget, "swallow": Swallow()}
    sink = SabotagedSink(parts.sink, sabotage[defect])
    Loop(replace(parts, sink=sink), limits).run(lambda: None)


if __name__ == "__main__":
    main(sys.argv[1])
