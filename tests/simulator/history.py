"""What the API did and said: each request of each batch, each application, each record that was read back."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .records import CONFLICTING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .records import RecordName, Stored
    from .request import Position, Request


class Application(NamedTuple):
    """An event was carried out: when, and the version that it made."""

    at_s: float
    version: int


class History:
    """Written by the fake API, read by the judge."""

    def __init__(self) -> None:
        self.applied: dict[Position, list[Application]] = {}
        """More than one if an event was executed more than once."""
        self.last_writer: dict[RecordName, Position | None] = {}
        """Whose event wrote a record last; None for somebody else."""
        self.foreign: set[RecordName] = set()
        """The records that somebody else has ever written."""
        self._requests: dict[str, list[Request]] = {}
        self._decided: dict[str, list[tuple[float, Request]]] = {}
        self._read: dict[tuple[str, RecordName], list[Stored | None]] = {}
        self._read_in_vain: set[tuple[str, RecordName]] = set()
        self._reading_in_vain: set[str] = set()
        self._versions: dict[tuple[str, RecordName], set[int]] = {}

    def sent(self, request: Request) -> None:
        """Take note that a request leaves."""
        self._requests.setdefault(request.batch_id, []).append(request)

    def carried_out(self, request: Request, now_s: float) -> None:
        """Take note of what a request has written."""
        written = request.carried.written if request.carried else {}
        for group, name in zip(request.groups, request.names, strict=True):
            if name[1] in written:
                for position in group:
                    self.applied.setdefault(position, []).append(Application(now_s, written[name[1]]))
                self.last_writer[name] = group[-1]

    def told(self, request: Request, now_s: float) -> None:
        """Take note that the sender has its answer."""
        if request.is_decided:
            self._decided.setdefault(request.sender, []).append((now_s, request))
        if request.status == CONFLICTING and request.carried is not None:
            for fault in request.carried.faults:
                self._learn(request.sender, (request.datastore_id, fault.record_id), fault.current or 0)

    def read(self, sender: str, name: RecordName, stored: Stored | None) -> None:
        """Take note of what a sender was told of a record."""
        self._read.setdefault((sender, name), []).append(stored)
        self._learn(sender, name, stored.version if stored else 0)

    def read_in_vain(self, sender: str, name: RecordName) -> None:
        """Take note that a sender was told nothing of a record."""
        self._read_in_vain.add((sender, name))
        self._reading_in_vain.add(sender)

    def written_by_another(self, name: RecordName) -> None:
        """Take note that somebody else wrote a record."""
        self.foreign.add(name)
        self.last_writer[name] = None

    def _learn(self, sender: str, name: RecordName, version: int) -> None:
        self._versions.setdefault((sender, name), set()).add(version)

    # What the judge asks.

    def was_applied(self, position: Position, before_s: float) -> bool:
        """Whether an event was carried out before a moment."""
        return any(each.at_s < before_s for each in self.applied.get(position, ()))

    def requests(self, batch_id: str) -> Sequence[Request]:
        """List the requests of a batch, in order."""
        return self._requests.get(batch_id, ())

    def decided_by(self, sender: str, before_s: float) -> Iterator[Request]:
        """Go through the requests whose answer told a sender, before a moment, what became of them."""
        return (request for told_s, request in self._decided.get(sender, ()) if told_s < before_s)

    def readings(self, sender: str, name: RecordName) -> Sequence[Stored | None]:
        """List what a sender was told of a record."""
        return self._read.get((sender, name), ())

    def is_reading_in_vain(self, sender: str) -> bool:
        """Whether a read of any record has come to nothing for this sender."""
        return sender in self._reading_in_vain

    def has_read_in_vain(self, sender: str, name: RecordName) -> bool:
        """Whether a read of this sender came to nothing."""
        return (sender, name) in self._read_in_vain

    def knows_version(self, sender: str, name: RecordName, version: int) -> bool:
        """Whether the API has told a sender that a record has this version."""
        return version in self._versions.get((sender, name), ())
