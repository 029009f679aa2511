"""The ledger against a naive model: any interleaving, any gaps, any number of owners."""

from __future__ import annotations

from itertools import accumulate

from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from stream import metadata
from stream.ledger import WINDOW, Delivery, Inheritance, Ledger, Snapshot
from stream.metadata import MAX_SETTLED_CHARACTERS, OffsetMetadata

NONCE = "9f3c0123456789ab"
BROKER_LIMIT = 4_095
DEEDS_OF_AN_OWNER = 4
"""Deliveries and settlements before an owner ends, so that there is something to leave behind."""


def encoded(snapshot: Snapshot, *, clean: bool = False) -> str:
    """Write what a commit would, and hold its length to the limits."""
    text = metadata.encode(OffsetMetadata(clean, NONCE, 1_790_000_000_000, snapshot.settled), snapshot.committable)
    assert len(text.split(";")[4]) <= MAX_SETTLED_CHARACTERS
    assert len(text) <= BROKER_LIMIT
    return text


def inherited(text: str, committed: int, log_end: int) -> Inheritance:
    """Read what an owner left, as the next one does."""
    left = metadata.decode(text, committed)
    return Inheritance(left.settled, committed if left.clean else log_end)


shapes = st.lists(
    st.tuples(st.sampled_from([1, 1, 2, 3, 100, 30_000, 2**33]), st.integers(1, 150)), min_size=1, max_size=5
)


def spread(shape: list[tuple[int, int]]) -> list[int]:
    """List the offsets of a log: so many, each so far from the one before."""
    return list(accumulate(gap for gap, count in shape for _ in range(count)))


class Owners(RuleBasedStateMachine):
    """One partition, owned by one process after the other; the model knows what is true of every offset."""

    @initialize(shape=shapes, start=st.integers(0, 3))
    def begin(self, shape: list[tuple[int, int]], start: int) -> None:
        """Let the first owner begin."""
        self.log = spread(shape)
        self.out: set[int] = set()
        self.executed: set[int] = set()
        self.text = encoded(Snapshot(start, (), 0, 0))
        self.own(start)

    def own(self, committed: int) -> None:
        """Begin a new owner from what is committed."""
        left = inherited(self.text, committed, self.log[-1] + 1 if self.log else committed)
        self.ledger = Ledger(committed, left)
        self.start = self.committed = committed
        self.deeds = 0
        self.inherited = set(left.settled)
        self.suspects_end = left.suspects_end
        self.delivered: list[int] = []
        self.settled: set[int] = set()
        self.doubted: set[int] = set()
        self.said: int | None = None
        self.open: tuple[Snapshot, set[int]] | None = None

    @property
    def position(self) -> int:
        """The next offset that can be delivered."""
        return self.delivered[-1] + 1 if self.delivered else self.start

    @property
    def unsettled(self) -> list[int]:
        """What was delivered and has no outcome."""
        return [offset for offset in self.delivered if offset not in self.settled]

    @rule(count=st.one_of(st.integers(1, 4), st.integers(1, 250)), as_run=st.booleans())
    def deliver(self, count: int, *, as_run: bool) -> None:
        """Deliver as much as the window admits; each delivery is what the model knows it to be."""
        self.deeds += 1
        run = [offset for offset in self.log if offset >= self.position][:count]
        if as_run and run and self.ledger.track_new(run):
            assert self.out.isdisjoint(run)
            assert run[0] >= self.suspects_end
            self.delivered += run
            return
        for offset in run:
            if not self.ledger.admits(offset):
                assert self.ledger.delivered_beyond_commit > 0, "a window that holds nothing must admit anything"
                return
            found = self.ledger.track(offset)
            self.delivered.append(offset)
            assert (found is Delivery.SETTLED) == (offset in self.out)
            if found is Delivery.SETTLED:
                self.settled.add(offset)
            else:
                assert (found is Delivery.SUSPECT) == (offset < self.suspects_end)
                assert found is Delivery.SUSPECT or offset not in self.executed
            if found is Delivery.SUSPECT:
                self.doubted.add(offset)

    @precondition(lambda self: self.unsettled)
    @rule(data=st.data(), count=st.integers(1, 60), at_once=st.booleans())
    def settle(self, data: st.DataObject, count: int, *, at_once: bool) -> None:
        """Settle some of what was delivered, in whatever order; settling again what is settled is allowed."""
        self.deeds += 1
        first = data.draw(st.integers(0, len(self.delivered) - 1))
        step = data.draw(st.integers(1, 3))
        offsets = self.delivered[first::step][:count]
        self.settled.update(offsets)
        if at_once:
            self.ledger.settle_all(offsets)
            return
        for offset in reversed(offsets):
            self.ledger.settle(offset)

    @precondition(lambda self: self.unsettled)
    @rule(data=st.data())
    def doubt(self, data: st.DataObject) -> None:
        """Lose the answer of a request."""
        offset = data.draw(st.sampled_from(self.unsettled))
        self.ledger.doubt(offset)
        self.doubted.add(offset)
        self.executed.add(offset)

    @precondition(lambda self: self.open is None)
    @rule()
    def fill(self) -> None:
        """Fill a transaction."""
        self.open = (self.ledger.snapshot(), set(self.settled))

    @precondition(lambda self: self.open is not None)
    @rule()
    def abort(self) -> None:
        """Abort the transaction: nothing was said."""
        self.open = None

    @precondition(lambda self: self.open is not None)
    @rule()
    def confirm(self) -> None:
        """Commit the transaction, which says what was true when it was filled."""
        assert self.open is not None
        snapshot, settled = self.open
        self.open = None
        self.ledger.confirm(snapshot)
        self.write(snapshot, settled)

    def write(self, snapshot: Snapshot, settled: set[int], *, clean: bool = False) -> None:
        """Keep what the broker has now."""
        self.text, self.committed, self.said = encoded(snapshot, clean=clean), snapshot.committable, len(settled)
        self.out |= settled

    @precondition(lambda self: self.open is None)
    @rule()
    def commit(self) -> None:
        """Fill a transaction and commit it at once."""
        self.fill()
        self.confirm()

    @precondition(lambda self: self.deeds >= DEEDS_OF_AN_OWNER)
    @rule()
    def crash(self) -> None:
        """Die: whatever was delivered may have been executed; another owner begins where the last commit was."""
        self.executed |= set(self.delivered)
        self.own(self.committed)

    @precondition(lambda self: self.deeds >= DEEDS_OF_AN_OWNER)
    @rule()
    def hand_over(self) -> None:
        """Give the partition away in order: nothing is on the wire, so only what is in doubt may be executed."""
        snapshot, clean = self.ledger.snapshot(), self.ledger.is_clean
        self.write(snapshot, self.settled, clean=clean)
        if clean:
            assert not self.executed - self.out, "a clean mark hides nothing that may have been executed"
        self.own(self.committed)

    @precondition(lambda self: self.log)
    @rule(keep=st.integers(2, 4), phase=st.integers(0, 3))
    def compact(self, keep: int, phase: int) -> None:
        """Let the broker remove messages: they are never delivered again."""
        gone = {offset for offset in self.log[:-1][phase::keep] if offset not in self.delivered}
        self.log = [offset for offset in self.log if offset not in gone]
        self.executed -= gone

    @invariant()
    def nothing_unsettled_is_passed(self) -> None:
        """Committable is the oldest delivered offset without an outcome, or the end of what was delivered."""
        assert self.ledger.committable == min(self.unsettled, default=self.position)

    @invariant()
    def nothing_settled_is_lost(self) -> None:
        """Each settled offset is below committable or named beside it, and none is named that is not settled."""
        snapshot = self.ledger.snapshot()
        named = set(snapshot.settled)
        ahead = {offset for offset in self.inherited if offset >= self.position}
        assert named == {offset for offset in self.settled if offset >= snapshot.committable} | ahead
        assert list(snapshot.settled) == sorted(named)
        encoded(snapshot)

    @invariant()
    def the_window_holds(self) -> None:
        """What was delivered past the last confirmed commit stays within the window."""
        beyond = sum(1 for offset in self.delivered if offset >= self.ledger.committed)
        assert self.ledger.delivered_beyond_commit == beyond <= WINDOW

    @invariant()
    def the_marks_are_right(self) -> None:
        """Dirty: more is settled than was said. Clean: nothing delivered is in doubt, and all suspects were seen."""
        assert self.ledger.is_dirty == (self.said != len(self.settled))
        assert self.ledger.is_clean == (self.doubted <= self.settled and self.position >= self.suspects_end)


TestOwners = Owners.TestCase
TestOwners.settings = settings(max_examples=120, stateful_step_count=50)


large_shapes = st.lists(
    st.tuples(st.sampled_from([1, 1, 2, 3, 7, 30_000, 2**34]), st.integers(1, 6_000)), min_size=1, max_size=5
)


def lead(ledger: Ledger, log: list[int], held: int) -> tuple[Snapshot, set[int]]:
    """Deliver a log and settle all but every `held`-th; where the window is full, settle the oldest and commit."""
    settled: set[int] = set()
    waiting: list[int] = []
    snapshot = ledger.snapshot()
    for number, offset in enumerate(log):
        while not ledger.admits(offset):
            for oldest in waiting[: 1 + len(waiting) // 2]:
                ledger.settle(oldest)
                settled.add(oldest)
            del waiting[: 1 + len(waiting) // 2]
            ledger.confirm(ledger.snapshot())
            encoded(ledger.snapshot())
        assert ledger.delivered_beyond_commit < WINDOW
        if ledger.track(offset) is Delivery.SETTLED:
            settled.add(offset)
        elif number % held:
            ledger.settle(offset)
            settled.add(offset)
        else:
            waiting.append(offset)
    snapshot = ledger.snapshot()
    ledger.confirm(snapshot)
    return snapshot, settled


@settings(max_examples=50)
@given(large_shapes, st.integers(2, 5), st.integers(2, 5), st.integers(2, 9))
@example([(2, 6_000), (1, 6_000), (3, 6_000)], 2, 2, 2)
@example([(1, 20_000)], 10_001, 3, 2)
@example([(1, 190), (2**34, 3_000)], 191, 2, 3)
def test_full_windows_fit_beside_their_offset(
    shape: list[tuple[int, int]], held: int, held_next: int, compacted: int
) -> None:
    """Windows as full as they get, over any gaps and two owners, fit into the metadata, and nothing is done twice."""
    log = spread(shape)
    snapshot, settled = lead(Ledger(0, Inheritance((), 0)), log, held)
    left = inherited(encoded(snapshot), snapshot.committable, log[-1] + 1)
    assert set(left.settled) == {offset for offset in settled if offset >= snapshot.committable}
    rest = [offset for n, offset in enumerate(log) if offset >= snapshot.committable and n % compacted]
    successor = Ledger(snapshot.committable, left)
    second, settled_next = lead(successor, rest, held_next)
    encoded(second)
    assert settled & set(rest) <= settled_next
    assert all(offset in settled_next for offset in rest if offset < second.committable)
