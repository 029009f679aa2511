"""Replays among writers, a service and crashes: nothing twice, nothing older over newer, nothing forgotten."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from stream.outcomes import Wanted
from stream.replay import ReplayOptions, Tally, replay
from stream.replay.evidence import Fate

from ..replay_world import CODES, TOPIC, KilledError, MemoryLog, World

if TYPE_CHECKING:
    from random import Random

    from ..replay_world import Entry

KEYS = [b"a", b"b", b"c", b"d"]
MAX_ATTEMPTS = 3


class Chaos:
    """Lets the world go on at random, and kills the replay now and then."""

    def __init__(self, world: World, rng: Random, *, kills: bool = True) -> None:
        self._world = world
        self._rng = rng
        self._kills = kills

    def __call__(self) -> None:
        """Do something, or nothing."""
        dice = self._rng.randrange(20)
        if dice < 3:
            self.write()
        elif dice < 8:
            self.decide()
        elif dice == 8 and self._kills:
            raise KilledError("planted")

    def write(self) -> None:
        """Write an event, which may be bad."""
        failing = self._rng.choice([None, None, *CODES])
        self._world.write(self._rng.choice(KEYS), failing)

    def decide(self) -> None:
        """Decide one of the next messages."""
        if waiting := self._world.undecided():
            self._world.decide(self._rng.choice(waiting))

    def mend(self) -> None:
        """Some bad events are bad no more: a schema was mended."""
        for value in [each for each in self._world.failing if self._rng.random() < 0.3]:
            del self._world.failing[value]


class JudgedLog(MemoryLog):
    """Judges every commit: nothing that is committed stands behind a newer event that counts or may still count."""

    def commit(self) -> None:
        """Look, then commit."""
        mine = list(self._open)
        super().commit()
        for entry in mine:
            before = self._world.log[entry.message.partition][: entry.message.offset]
            assert not [each for each in before if _overrules(each, entry)]


def _overrules(earlier: Entry, replayed: Entry) -> bool:
    is_newer = earlier.message.key == replayed.message.key and earlier.origin > replayed.origin
    return is_newer and bool(earlier.is_committed) and (earlier.decided is None or earlier.decided.code is None)


def _run(world: World, log: MemoryLog, *, code: str | None = None, at_once: int = 1_000, execute: bool = True) -> Tally:
    wanted = Wanted(codes=frozenset([code] if code else []), failed=True)
    before = Counter(world.replays())
    options = ReplayOptions(wanted, [TOPIC], execute=execute, max_attempts=MAX_ATTEMPTS, at_once=at_once)
    tally = replay(options, log, lambda _line: None)
    assert sum(tally.fates.values()) == sum(tally.kinds.values())
    sent = sum((Counter(world.replays()) - before).values())
    assert sent == (tally.fates[Fate.SENT] if execute else 0)
    return tally


def _hold_nothing_twice(world: World) -> None:
    """Attempts of an event are counted 1, 2, 3, each once."""
    attempts: dict[tuple[object, int], list[int]] = {}
    for partition, origin, attempt in world.replays():
        attempts.setdefault((partition, origin), []).append(attempt)
    for found in attempts.values():
        assert sorted(found) == list(range(1, len(found) + 1))
        assert len(found) <= MAX_ATTEMPTS


def _hold_newest_last(world: World) -> None:
    """What a record holds at the end is the newest of all that was executed for it."""
    last, newest = dict(world.executed), dict[bytes, int]()
    for key, origin in world.executed:
        newest[key] = max(origin, newest.get(key, origin))
    assert last == newest


@given(rng=st.randoms(use_true_random=False), events=st.integers(0, 30), runs=st.integers(1, 4))
@settings(max_examples=300)
def test_any_replays_among_writers_a_service_and_crashes(rng: Random, events: int, runs: int) -> None:
    """However runs are killed and filtered: no attempt twice, nothing that is overruled, every sum adds up."""
    world = World(unreadable=frozenset(rng.sample(KEYS, rng.randrange(3))))
    chaos = Chaos(world, rng)
    for _ in range(events):
        chaos.write()
        chaos.decide()
    for _ in range(runs):
        chaos.mend()
        with suppress(KilledError):
            _run(world, JudgedLog(world, chaos), code=rng.choice([None, *CODES]), at_once=rng.choice([1, 3, 1_000]))
        _hold_nothing_twice(world)
        _hold_newest_last(world)


@given(rng=st.randoms(use_true_random=False), events=st.integers(0, 30))
@settings(max_examples=150)
def test_nothing_is_forgotten(rng: Random, events: int) -> None:
    """Once all is mended and quiet, runs end when each event was executed, or overruled by a newer one."""
    world = World()
    chaos = Chaos(world, rng)
    for _ in range(events):
        chaos.write()
        chaos.decide()
    with suppress(KilledError):
        _run(world, JudgedLog(world, chaos), at_once=2)
    world.failing.clear()
    for _ in range(events + 5):
        while waiting := world.undecided():
            world.decide(rng.choice(waiting))
        if not _run(world, JudgedLog(world), at_once=2).fates[Fate.SENT]:
            break
    assert not world.undecided()
    done = dict[bytes, int]()
    for key, origin in world.executed:
        done[key] = max(origin, done.get(key, origin))
    for entry in [each for entries in world.log.values() for each in entries if each.is_committed]:
        assert done[entry.message.key or b""] >= entry.origin


@given(rng=st.randoms(use_true_random=False), events=st.integers(0, 30))
def test_a_dry_run_changes_nothing(rng: Random, events: int) -> None:
    """It writes nothing and fences nobody off; and what it foretells is what is sent then."""
    world = World()
    chaos = Chaos(world, rng, kills=False)
    for _ in range(events):
        chaos.write()
        chaos.decide()
    before = {partition: len(entries) for partition, entries in world.log.items()}
    foretold = _run(world, MemoryLog(world), execute=False)
    assert {partition: len(entries) for partition, entries in world.log.items()} == before
    assert world.epoch == 0
    assert _run(world, MemoryLog(world)) == foretold
