"""What is held back of a parcel because of what others write, and what counts against an event."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stream.model import Message, TopicPartition
from stream.replay.candidates import Candidates
from stream.replay.decision import Decision, key_digest
from stream.replay.evidence import Evidence, Fate
from stream.replay.original import resend
from stream.replay.run import PARCEL_BYTES, _divided
from stream.replay.sending import Watch, send
from stream.replayed import ATTEMPT, SOURCE, Lineage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stream.model import Headers
    from stream.outcomes import Published
    from stream.replay.decision import Place
    from stream.replay.original import Resend
    from stream.replay.ports import Found

PARTITION = TopicPartition("deltas", 0)
NO_HEADERS: Headers = []


def decision(offset: int, *, code: str = "", datastore_id: str = "people", key: bytes = b"k") -> Decision:
    """Make the outcome of a message: failed, or held by the record."""
    result = "INVALID" if code else "APPLIED"
    lineage = Lineage(offset, 0)
    return Decision(
        PARTITION, offset, lineage, offset, offset, result, code, not code, datastore_id, "r1", key_digest(key)
    )


def message(offset: int, headers: Headers = NO_HEADERS, key: bytes = b"k", value: bytes = b"{") -> Message:
    """Make a message of the partition."""
    return Message(PARTITION, offset, offset, key, value, headers)


class Script:
    """A `Log` in which others have written before the transaction, and write in between."""

    def __init__(self, before: Sequence[Message], between: Sequence[Message], first: int) -> None:
        self.told: list[str] = []
        self._before = before
        self._between = between
        self._next = first

    def begin(self) -> None:
        """Not asked for."""

    def outcomes(self, since_ms: int | None) -> Iterator[Published]:
        """Not asked for."""
        raise NotImplementedError(since_ms)

    def undecided(self) -> Iterator[Message]:
        """Not asked for."""
        raise NotImplementedError

    def expect(self, planned: Sequence[Decision]) -> None:
        """Not asked for."""

    def originals(self, failed: Sequence[Decision]) -> Mapping[Place, Found]:
        """Not asked for."""
        raise NotImplementedError(failed)

    def largest_bytes(self, topic: str) -> int:
        """Not asked for."""
        raise NotImplementedError(topic)

    def write(self, parcel: Sequence[Resend]) -> Sequence[int]:
        """Give each message the next offset."""
        self.told.append("write")
        self._next += len(parcel)
        return range(self._next - len(parcel), self._next)

    def written_so_far(self) -> Iterator[Message]:
        """Give what was there, once."""
        self.told.append("look")
        before, self._before = self._before, ()
        yield from before

    def written_since(self, ends: Mapping[TopicPartition, int]) -> Iterator[Message]:
        """Give what came in between, and the parcel itself."""
        assert ends == {PARTITION: self._next - 1}
        between, self._between = self._between, ()
        yield from between
        yield message(self._next - 1, [(SOURCE, b"deltas/0/5"), (ATTEMPT, b"1")])

    def commit(self) -> None:
        """Note it."""
        self.told.append("commit")

    def abort(self) -> None:
        """Note it."""
        self.told.append("abort")


def test_what_was_written_since_the_plan_is_looked_at_before_a_transaction_is_open() -> None:
    """However much that is: with the transaction open there is little left to read, and it commits."""
    failed = decision(5, code="fields_invalid")
    log = Script([message(offset, key=b"other") for offset in range(10, 5_000)], [], 5_000)
    assert len(send([resend(failed, message(5))], log, Watch([failed]))) == 1
    assert log.told == ["look", "write", "commit"]


def test_a_newer_event_in_between_holds_a_message_back() -> None:
    """The transaction is taken back, and what is left, nothing here, is not sent."""
    failed = decision(5, code="fields_invalid")
    log = Script([], [message(10)], 11)
    assert send([resend(failed, message(5))], log, Watch([failed])) == []
    assert log.told == ["look", "write", "abort"]


def test_another_groups_replay_in_between_holds_a_message_back() -> None:
    """It may be of a newer event of the record: only what this run has written itself does not count."""
    failed = decision(5, code="fields_invalid")
    foreign = message(10, [(SOURCE, b"deltas/0/9"), (ATTEMPT, b"1")])
    log = Script([foreign], [], 11)
    assert send([resend(failed, message(5))], log, Watch([failed])) == []
    assert log.told == ["look", "write", "abort"]


def test_a_transaction_is_bounded_by_bytes() -> None:
    """Large messages go in transactions of their own; order and number stay."""
    large = b"x" * (PARCEL_BYTES // 2 + 1)
    parcel = [resend(decision(offset), message(offset, value=large)) for offset in range(3)]
    assert [[sent.failed.offset for sent in some] for some in _divided(parcel)] == [[0], [1], [2]]
    small = [resend(decision(offset), message(offset)) for offset in range(100)]
    assert list(_divided(small)) == [small]


def test_a_later_event_counts_under_the_right_datastore_too() -> None:
    """An event that failed under a wrong datastore is older than what was applied to its id, under its key, since."""
    failed, later = decision(5, code="fields_invalid", datastore_id="tikets"), decision(9, datastore_id="tickets")
    candidates = Candidates(10)
    candidates.add(failed)
    evidence = Evidence(candidates)
    assert evidence.fate(failed, ["deltas"], 3, force=False) is Fate.SENT
    evidence.see_decided(decision(9, datastore_id="tickets", key=b"another key"))
    assert evidence.fate(failed, ["deltas"], 3, force=False) is Fate.SENT
    evidence.see_decided(later)
    assert evidence.fate(failed, ["deltas"], 3, force=False) is Fate.SUPERSEDED
    assert evidence.fate(failed, ["deltas"], 3, force=True) is Fate.SENT
