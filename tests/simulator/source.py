"""One instance's consumer: the port `Source`, as `stream/consumer.py` keeps it, on the fake group and logs."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from stream.errors import FatalError
from stream.partitions import CommittedOffset, Offset

from .faults import Point
from .group import Membership
from .reader import Reader

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from stream.model import Run, TopicPartition
    from stream.ports import Rebalance

    from .group import Group, Member
    from .kafka import Broker
    from .service import Process

MAX_NOTICE_S = 0.2
"""How long a client that was removed takes to find it out, once it can: a heartbeat's way."""
MAX_REJOIN_S = 0.5
NO_ANSWER = 0.1
"""How often the broker does not answer in time."""
MAX_POLL_INTERVAL_S = 15.0
TOLD_AS_REVOKED = 0.2
"""How often a loss is told as a revocation: librdkafka can drop the mark of one (issue 5604)."""


class FakeSource:
    """The consumer of one life of an instance."""

    def __init__(self, process: Process, broker: Broker, group: Group, chunk: int) -> None:
        self.name = process.name
        self.patience_s = 0.0
        self._process = process
        self._world = process.world
        self._broker = broker
        self._group_of_all = group
        self._rebalance: Rebalance | None = None
        self._member: Member | None = None
        self._generation = -1
        self._callbacks: deque[tuple[str, Sequence[TopicPartition]]] = deque()
        self._owned: list[TopicPartition] = []
        self._reader = Reader(self._world, broker, chunk)
        self._is_fenced = self._is_serving = False

    # The port.

    def subscribe(self, rebalance: Rebalance) -> None:
        """Join the group."""
        self._rebalance = rebalance
        self._join()

    def poll(self, timeout_s: float) -> Sequence[Run]:
        """Take the next chunk; serves rebalances meanwhile."""
        self.patience_s = timeout_s
        self._process.at_port()
        if self._is_fenced:
            what = "the consumer met a fatal error: FENCED_INSTANCE_ID"
            raise FatalError(what)
        self._reader.take_up()
        early = self._fetch() if self._callbacks and self._world.chance(0.3) else None
        self._serve_callbacks()
        self._process.at_port()
        return self._fetch() if early is None else early

    def out_of_range(self) -> Sequence[TopicPartition]:
        """Nothing leaves the log here."""
        return ()

    def committed(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, CommittedOffset]:
        """Read committed offsets and the ends of the log; of nothing while an open transaction holds one of them."""
        found = self.offsets(partitions) or {}
        return {each: self._committed(each) for each in found if self._is_answered()}

    def offsets(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, Offset] | None:
        """Read committed offsets; None while an open transaction holds one of them, and now and then without reason."""
        self._process.at_port()
        if not self._is_answered() or any(self._broker.is_unstable(each) for each in partitions):
            return None
        return {each: Offset(*self._committed(each)[:2]) for each in partitions}

    def committed_texts(self, topic: str) -> list[str] | None:
        """Read the metadata of all partitions."""
        self._process.at_port()
        if not self._is_answered():
            return None
        return [each.metadata for each in self._broker.committed.values() if each.partition.topic == topic]

    def offset_at(self, partition: TopicPartition, timestamp_ms: int) -> int | None:
        """Find the first offset written at or after a time, or the end."""
        return self._broker.logs[partition].at(timestamp_ms) if self._is_answered() else None

    def begin(self, partition: TopicPartition, offset: int) -> None:
        """Let an assigned partition flow from an offset, from the next poll on."""
        self._process.at_port()
        self._world.note("begin", self.name, partition.partition, offset)
        self._reader.begin(partition, offset)

    def pause(self, partitions: Collection[TopicPartition]) -> None:
        """Stop fetching."""
        self._process.at_port()
        self._world.count("pauses")
        self._reader.pause(partitions)

    def resume(self, partitions: Collection[TopicPartition]) -> None:
        """Go on fetching."""
        self._process.at_port()
        self._reader.resume(partitions)

    def log_ends(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        """Say where the logs end."""
        return {each: self._broker.logs[each].high for each in partitions}

    def is_member(self) -> bool:
        """Whether the group has us, as this client knows."""
        return self._member is not None and self._generation >= 0

    def group(self) -> Membership | None:
        """Take the group metadata as this client knows them."""
        self._process.at_port()
        return Membership(self._member.name, self._generation) if self._member and self._generation >= 0 else None

    def close(self) -> None:
        """Leave the group (a static member does not leave, it falls silent)."""
        self._process.at_port()
        if self._rebalance is not None:
            self._rebalance.revoked(list(self._owned))
        member, self._member = self._member, None
        if member is not None and member.static_id is None:
            self._group_of_all.leave(member)
        elif member is not None:
            self._group_of_all.silent(member)

    # What the group tells, and what the process goes through.

    def receive(
        self, member: Member, generation: int, revoked: Sequence[TopicPartition], added: Sequence[TopicPartition]
    ) -> None:
        """Take an assignment from the coordinator; the callbacks are served by the next poll."""
        self._process.when_running(lambda: self._receive(member, generation, revoked, added))

    def _receive(
        self, member: Member, generation: int, revoked: Sequence[TopicPartition], added: Sequence[TopicPartition]
    ) -> None:
        if member is not self._member or not self._group_of_all.has(member):
            return
        self._generation = generation
        self._owned = [each for each in self._owned if each not in revoked] + list(added)
        if revoked:
            self._callbacks.append(("revoked", revoked))
        self._callbacks.append(("assigned", added))
        self._process.stir()

    def can_join(self) -> bool:
        """Whether this client answers the coordinator's call."""
        return self._process.is_reachable

    def is_running(self) -> bool:
        """Whether this client can look at its own clock."""
        return self._process.is_alive and self._process.is_running

    def is_settled(self) -> bool:
        """Whether it is a member, knows it, and has nothing to be told."""
        member = self._member
        return member is not None and self._is_reached() and self._group_of_all.has(member) and not member.is_busy

    def fall_silent(self) -> None:
        """Send no heartbeat from now on."""
        if self._member is not None:
            self._group_of_all.silent(self._member)

    def poll_is_late(self) -> None:
        """Leave the group because the application does not poll; a static member cannot leave, it falls silent."""
        member = self._member
        if member is None or not self._is_reached() or not self._group_of_all.has(member):
            return
        self._world.count("polls_too_late")
        if member.static_id is None:
            self._group_of_all.leave(member)
            self._learn_removal(member)
        else:
            self._group_of_all.silent(member)

    def speak_again(self) -> None:
        """Send heartbeats again, and learn soon whether the group still knows us."""
        member = self._member
        if member is None:
            return
        if not self._group_of_all.has(member):
            self._world.after(self._world.rng.uniform(0.0, MAX_NOTICE_S), lambda: self.expired(member))
        elif self._process.is_connected:
            self._group_of_all.heard(member)

    def expired(self, member: Member) -> None:
        """Find out that the session is over: the client looks at its own clock, too."""
        self._process.when_running(lambda: self._learn_removal(member))

    def _learn_removal(self, member: Member) -> None:
        if member is not self._member:
            return
        self._world.count("lost")
        self._member, self._generation = None, -1
        self._is_fenced = self._group_of_all.is_replaced(member)
        is_mistold = self._world.chance(TOLD_AS_REVOKED)
        self._callbacks.append(("revoked" if is_mistold else "lost", self._owned))
        self._world.counts["lost_told_as_revoked"] += is_mistold
        self._owned = []
        self._process.stir()

    def _join(self) -> None:
        if not self._is_reached():
            self._rejoin_soon()
        elif self._member is None and not self._is_serving and not self._callbacks:
            self._member = self._group_of_all.join(self, self._process.identity.static_id)
            self._generation = -1

    def _serve_callbacks(self) -> None:
        """Serve them in turn; a client does not join again before it has told of its loss."""
        self._is_serving = True
        while self._callbacks:
            kind, partitions = self._callbacks.popleft()
            self._world.note(kind, self.name, [each.partition for each in partitions])
            if kind == "assigned":
                self._told.assigned(partitions)
            elif kind == "revoked":
                self._world.count("revocations")
                self._process.at_point(Point.REVOKING)
                self._told.revoked(partitions)
                self._broker.model.disowned(self.name)
                self._reader.forget(partitions)
                if self._member is not None:
                    self._group_of_all.released(self._member, partitions)
                else:
                    self._rejoin_soon()
            else:
                self._told.lost(partitions)
                self._broker.model.disowned(self.name)
                self._reader.forget(partitions)
                self._rejoin_soon()
        self._is_serving = False
        if self._member is not None:
            self._member.is_busy = False

    def _rejoin_soon(self) -> None:
        self._world.after(self._world.rng.uniform(0.0, MAX_REJOIN_S), lambda: self._process.when_running(self._join))

    @property
    def _told(self) -> Rebalance:
        if self._rebalance is None:
            message = "nobody has subscribed"
            raise RuntimeError(message)
        return self._rebalance

    def _is_answered(self) -> bool:
        return self._process.is_reachable and self._broker.is_up and not self._world.chance(NO_ANSWER)

    def _committed(self, partition: TopicPartition) -> CommittedOffset:
        log, committed = self._broker.logs[partition], self._broker.committed.get(partition)
        if committed is None:
            return CommittedOffset(None, "", log.low, log.high)
        return CommittedOffset(committed.offset, committed.metadata, log.low, log.high)

    # Fetching.

    def has_more(self) -> bool:
        """Whether a poll would return something now."""
        return bool(self._callbacks) or self._reader.has_more()

    def _fetch(self) -> Sequence[Run]:
        return self._reader.fetch() if self._is_reached() else ()

    def _is_reached(self) -> bool:
        return self._process.is_reachable and self._broker.is_up
