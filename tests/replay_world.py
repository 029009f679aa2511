"""A topic, its service and its outcomes in memory, for replays that anything may interrupt or come in between."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from stream.errors import StreamError
from stream.model import Message, TopicPartition
from stream.outcomes import Failure, Outcome, Published, Source
from stream.replay.ports import Found
from stream.replayed import lineage, lineage_headers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from stream.replay.decision import Decision, Place
    from stream.replay.original import Resend

TOPIC = "deltas"
LARGEST_BYTES = 10_000
CODES = ("fields_invalid", "record_refused")


class KilledError(StreamError):
    """The replay ends here, as by a crash."""


class Decided(NamedTuple):
    """What the service has decided of a message: the code of its failure, or that the record holds it."""

    code: str | None


@dataclass
class Entry:
    """One message in a partition; `is_committed` None while its transaction is open."""

    message: Message
    is_committed: bool | None = True
    decided: Decided | None = None

    @property
    def origin(self) -> int:
        """The offset of the event's first message."""
        return lineage(*self.message[:2], self.message.headers).origin


@dataclass
class World:
    """Everything that a replay can see, and what it cannot.

    `unreadable` keys are those of events whose record nobody can read; `failing` maps the value of an event to the code
    with which it fails.
    """

    partitions: int = 2
    unreadable: frozenset[bytes] = frozenset()
    failing: dict[bytes, str] = field(default_factory=dict)
    log: dict[TopicPartition, list[Entry]] = field(default_factory=dict)
    published: list[Published] = field(default_factory=list)
    executed: list[tuple[bytes, int]] = field(default_factory=list)
    """What reached the API: key and origin, in that order."""
    gone: set[Place] = field(default_factory=set)
    now_ms: int = 0
    epoch: int = 0

    def __post_init__(self) -> None:
        """Begin with empty partitions."""
        for number in range(self.partitions):
            self.log[TopicPartition(TOPIC, number)] = []

    def write(self, key: bytes, failing: str | None) -> None:
        """Let somebody write an event; its key says its partition."""
        partition = TopicPartition(TOPIC, key[-1] % self.partitions)
        value = b"%b/%d" % (key, len(self.log[partition]))
        if failing is not None:
            self.failing[value] = failing
        self.log[partition].append(Entry(self._message(partition, key, value, [])))

    def undecided(self) -> list[Entry]:
        """The messages that the service may decide next: the oldest of each key that is before no open transaction."""
        found = []
        for entries in self.log.values():
            seen: set[bytes | None] = set()
            for entry in entries:
                if entry.is_committed is None:
                    break
                if entry.is_committed and entry.decided is None and entry.message.key not in seen:
                    found.append(entry)
                    seen.add(entry.message.key)
        return found

    def decide(self, entry: Entry) -> None:
        """Let the service decide a message, and publish the outcome."""
        message = entry.message
        entry.decided = Decided(self.failing.get(message.value or b""))
        if entry.decided.code is None:
            self.executed.append((message.key or b"", entry.origin))
        self.now_ms += 1
        self.published.append(self._outcome(entry, entry.decided.code))

    def replays(self) -> list[tuple[TopicPartition, int, int]]:
        """The committed messages that were sent again: partition, origin, attempt."""
        found = []
        for partition, entries in self.log.items():
            for entry in entries:
                of = lineage(*entry.message[:2], entry.message.headers)
                if entry.is_committed and of.attempt:
                    found.append((partition, *of))
        return found

    def _message(
        self, partition: TopicPartition, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]]
    ) -> Message:
        self.now_ms += 1
        return Message(partition, len(self.log[partition]), self.now_ms, key, value, headers)

    def append(self, sent: Resend) -> Entry:
        """Write a message in a transaction."""
        message = self._message(sent.failed.partition, sent.key, sent.value, sent.headers)
        entry = Entry(message, is_committed=None)
        self.log[sent.failed.partition].append(entry)
        return entry

    def _outcome(self, entry: Entry, code: str | None) -> Published:
        message = entry.message
        is_readable = message.key not in self.unreadable
        of = lineage(*message[:2], message.headers)
        outcome = Outcome(
            spec_version=1,
            event_type="cxone.delta.executed",
            status="FAILED" if code else "SUCCESS",
            result="REJECTED" if code else "APPLIED",
            executed=code is None,
            confirmed=code is None,
            data_store_id="people" if is_readable else None,
            record_id=(message.key or b"").decode() if is_readable else None,
            version=None,
            batch_id=None,
            batch_size=None,
            checksum=None,
            checksum_verified=False,
            latency_ms=None,
            attempts=None,
            timestamp="",
            source=Source(message.partition.topic, message.partition.partition, message.offset, message.timestamp_ms),
            superseded_by=None,
            error=None if code is None else Failure(code, "no", None, None),
        )
        headers = lineage_headers(message.partition, of)
        return Published(0, len(self.published), self.now_ms, headers, message.key, b"", outcome)


class MemoryLog:
    """The `Log` of a world; `between` is called wherever something may come in between, and may raise `KilledError`."""

    def __init__(self, world: World, between: Callable[[], None] = lambda: None) -> None:
        self._world = world
        self._between = between
        self._epoch: int | None = None
        self._open: list[Entry] = []
        self._seen: dict[TopicPartition, int] = {}

    def begin(self) -> None:
        """Fence off earlier replays; what they left open is taken back."""
        self._between()
        self._world.epoch += 1
        self._epoch = self._world.epoch
        for entries in self._world.log.values():
            for entry in entries:
                entry.is_committed = bool(entry.is_committed)
        self._between()

    def outcomes(self, since_ms: int | None) -> Iterator[Published]:
        """Read the outcomes that are there now."""
        self._between()
        for published in list(self._world.published):
            if since_ms is None or published.published_ms >= since_ms:
                yield published

    def undecided(self) -> Iterator[Message]:
        """Read what was undecided when it was asked, and what was written until the ends were asked for."""
        decided = {id(each) for entries in self._world.log.values() for each in entries if each.decided is not None}
        self._between()
        for partition, entries in self._world.log.items():
            self._seen[partition] = len(entries)
            assert all(each.is_committed is not None for each in entries), "nobody else has a transaction here"
            yield from [each.message for each in entries if each.is_committed and id(each) not in decided]

    def expect(self, planned: Sequence[Decision]) -> None:
        """Nothing needs to be made ready."""

    def originals(self, failed: Sequence[Decision]) -> Mapping[Place, Found]:
        """Read messages back, unless they are gone."""
        self._between()
        return {
            each.origin: Found(self._world.log[each.partition][each.offset].message, is_whole=True)
            for each in failed
            if (each.partition, each.offset) not in self._world.gone
        }

    def largest_bytes(self, topic: str) -> int:
        """Tell the limit."""
        assert topic == TOPIC
        return LARGEST_BYTES

    def write(self, parcel: Sequence[Resend]) -> Sequence[int]:
        """Write in a transaction, somebody else's messages in between."""
        assert not self._open
        for sent in parcel:
            self._between()
            self._open.append(self._world.append(sent))
        return [entry.message.offset for entry in self._open]

    def written_so_far(self) -> Iterator[Message]:
        """Read on up to the ends."""
        assert not self._open
        return self.written_since(dict.fromkeys(self._seen, 0))

    def written_since(self, ends: Mapping[TopicPartition, int]) -> Iterator[Message]:
        """Read on, up to the ends and a little further."""
        self._between()
        for partition in ends:
            entries = self._world.log[partition]
            begin, self._seen[partition] = self._seen[partition], len(entries)
            yield from [each.message for each in entries[begin:]]

    def commit(self) -> None:
        """Commit, unless fenced off; the answer may be lost on its way."""
        self._between()
        assert self._epoch == self._world.epoch
        for entry in self._open:
            entry.is_committed = True
        self._open = []
        self._between()

    def abort(self) -> None:
        """Take back."""
        for entry in self._open:
            entry.is_committed = False
        self._open = []
        self._between()
