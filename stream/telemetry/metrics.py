"""What happens, as counters and histograms: recorded once per chunk, batch, call or transaction, never per event."""

from __future__ import annotations

from collections import Counter, OrderedDict
from operator import attrgetter
from typing import TYPE_CHECKING, Literal, NamedTuple

from ..cdc import changed_ms
from ..observer import Observer, results_of
from . import names
from .bounded import BoundedLabels
from .instruments import Instruments
from .parcels import Parcels

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from opentelemetry.metrics import Meter

    from ..circuit import Change
    from ..flights import Flight
    from ..model import Decided, Event, Settled, TopicPartition
    from ..observer import Called, TookIn
    from ..outbox import Transaction
    from ..steps import Wait
    from .moments import Moments
    from .place import Place

MOST_BATCHES = 10_000
UNKNOWN = "unknown"
"""The datastore of a message that names none that could be read."""
_arrival = attrgetter("arrived_s")
_STAGES = {stage: {names.STAGE: stage} for stage in ("validation", "lane", "token", "http", "publish", "commit")}


class _Begun(NamedTuple):
    """A batch on its way: when it was handed out first, and the oldest of its events."""

    handed_out_s: float
    oldest: Event


class _Written(NamedTuple):
    """Outcomes on their way: when they were written, and the timestamp of the oldest input."""

    decided_s: float
    produced_ms: int | None


class Metrics(Observer):
    """Records what the loop tells. All but `called`, `token_renewed` and `produced` come from its thread."""

    def __init__(self, meter: Meter, place: Place, moments: Moments) -> None:
        self._made = Instruments(meter)
        self._place = place
        self._moments = moments
        self._datastores = BoundedLabels()
        self._begun: OrderedDict[int, _Begun] = OrderedDict()
        self._oldest_in: OrderedDict[str, Event] = OrderedDict()
        self._parcels: Parcels[_Written] = Parcels()
        self._filled_s = 0.0
        self._topics: dict[str, dict[str, str]] = {}
        self._send = place.messaging(names.SEND, place.outcome_topic)
        self._commit = place.messaging(names.COMMIT, place.outcome_topic)

    def rebalanced(self, kind: Literal["assigned", "revoked", "lost"], partitions: Collection[TopicPartition]) -> None:
        """Count it."""
        del partitions
        self._made.rebalances.add(1, {names.CHANGE: kind})

    def took_in(self, chunk: TookIn) -> None:
        """Count what was read, and what of it is no event."""
        made = self._made
        made.consumed.add(chunk.events, self._read_from(chunk.partition.topic))
        made.stage_duration.record(chunk.ended_s - chunk.began_s, _STAGES["validation"])
        if chunk.suspects:
            made.suspects.add(chunk.suspects, {names.CAUSE: "takeover"})
        for (datastore_id, result), count in Counter((each.datastore_id, each.result) for each in chunk.unfit).items():
            label = UNKNOWN if datastore_id is None else self._datastores.label(datastore_id, proved=False)
            made.events.add(count, {names.DATASTORE: label, names.RESULT: result.value})
        if chunk.outcomes:
            self._parcels.add(chunk.outcomes, _Written(chunk.ended_s, None))

    def handed_out(self, flight: Flight, now_s: float) -> None:
        """Note the first time, and how long the oldest event had to wait for it."""
        if flight.number in self._begun:
            return
        events, place, made = flight.batch.events, self._place, self._made
        oldest = flight.oldest
        self._begun[flight.number] = _Begun(now_s, oldest)
        if len(self._begun) > MOST_BATCHES:
            self._begun.popitem(last=False)
        made.batch_size.record(len(events))
        made.batch_fill.record(max(len(events) / place.batch_size, len(flight.batch.body) / place.batch_bytes))
        made.stage_duration.record(_since(oldest.arrived_s, now_s), _STAGES["lane"])

    def waits(self, flight: Flight, wait: Wait, now_s: float) -> None:
        """Count why."""
        del flight, now_s
        self._made.retries.add(1, {names.ERROR_TYPE: wait.error_type})
        if wait.doubtful:
            self._made.suspects.add(len(wait.doubtful), {names.CAUSE: "lost_answer"})

    def decided(self, decided: Decided, outcomes: Sequence[Settled], now_s: float) -> None:
        """Count the events and the request; remember their outcomes until they are committed."""
        made, verdict = self._made, decided.verdict
        datastore = self._datastores.label(decided.batch.lane.datastore_id)
        if not decided.has_line:
            status = "success" if verdict.result.succeeded else "failed"
            made.requests.add(1, {names.DATASTORE: datastore, names.STATUS: status})
        for result, count in results_of(decided, outcomes).items():
            made.events.add(count, {names.DATASTORE: datastore, names.RESULT: result.value})
        if decided.events:
            oldest = min(decided.events, key=_arrival)
            self._parcels.add(outcomes, _Written(now_s, oldest.message.timestamp_ms))
            source_ms = changed_ms(oldest.message.value)
            if source_ms is not None:
                made.change_to_applied.record(self._moments.age_s(source_ms))

    def landed(self, flight: Flight) -> None:
        """Tell how long it took, all in all."""
        begun = self._begun.pop(flight.number, None)
        if begun is None:
            return
        topic = begun.oldest.message.partition.topic
        facts = self._place.messaging(names.PROCESS, topic)
        if flight.undecided:
            facts[names.ERROR_TYPE] = "undecided"
        self._made.process_duration.record(self._moments.now_s() - begun.handed_out_s, facts)

    def gave_up(self, outcomes: Sequence[Settled]) -> None:
        """Count what was held for too long."""
        for outcome in outcomes:
            key = outcome.record_key
            label = UNKNOWN if key is None else self._datastores.label(key[0], proved=False)
            self._made.events.add(1, {names.DATASTORE: label, names.RESULT: outcome.result.value})

    def filled(self, transaction: Transaction, now_s: float) -> None:
        """Note when, and how long its outcomes had waited."""
        self._filled_s = now_s
        waiting = self._parcels.find(transaction.settled)
        if waiting:
            oldest_s = min(each.decided_s for each in waiting)
            self._made.stage_duration.record(_since(oldest_s, now_s), _STAGES["publish"])

    def committed(self, transaction: Transaction, now_s: float) -> None:
        """Count it and its outcomes; of each batch in it, tell how old its oldest event is now."""
        made = self._made
        made.transactions.add(1, {names.STATUS: "committed"})
        made.sent.add(len(transaction.settled), self._send)
        took_s = _since(self._filled_s, now_s)
        made.stage_duration.record(took_s, _STAGES["commit"])
        made.operation_duration.record(took_s, self._commit)
        for each in self._parcels.take(transaction.settled):
            if each.produced_ms is not None:
                made.produce_to_outcome.record(self._moments.age_s(each.produced_ms))

    def aborted(self, transaction: Transaction, now_s: float) -> None:
        """Count it; its outcomes go again."""
        del transaction, now_s
        self._made.transactions.add(1, {names.STATUS: "aborted"})

    def came_late(self, outcomes: Sequence[Settled]) -> None:
        """Count what the next owner decides."""
        if outcomes:
            self._made.late.add(len(outcomes))
            self._parcels.take(outcomes)

    def rebuilds(self, reason: str) -> None:
        """Count it."""
        del reason
        self._made.rebuilds.add(1)

    def changed(self, change: Change, now_s: float) -> None:
        """Count it."""
        del now_s
        self._made.changes.add(1, {names.CHANGE: change.kind.value})

    def called(self, call: Called) -> None:
        """Tell how long it took, and how it ended."""
        facts: dict[str, str | int] = {names.HTTP_METHOD: call.method, **self._place.server}
        if call.status is not None:
            facts[names.HTTP_STATUS] = call.status if 100 <= call.status < 600 else 0  # noqa: PLR2004 - HTTP's range
        if (error_type := error_type_of(call)) is not None:
            facts[names.ERROR_TYPE] = error_type
        took_s = call.ended_s - call.began_s
        self._made.http_duration.record(took_s, facts)
        self._made.stage_duration.record(took_s, _STAGES["token" if call.kind == "token" else "http"])

    def token_renewed(self, failure: str | None) -> None:
        """Count it."""
        self._made.tokens.add(1, {names.STATUS: "success" if failure is None else "failed"})

    def _read_from(self, topic: str) -> Mapping[str, str]:
        facts = self._topics.get(topic)
        if facts is None:
            facts = self._topics[topic] = self._place.messaging(names.POLL, topic)
        return facts


def error_type_of(call: Called) -> str | None:
    """Say what was wrong with a call: the status from 400 on, or the kind of silence (conventions for HTTP clients)."""
    if call.status is None:
        return call.error_type
    return str(call.status) if call.status >= 400 else None  # noqa: PLR2004 - HTTP's errors


def _since(then_s: float, now_s: float) -> float:
    """Tell how long ago something was; a turn of the loop is dated by its beginning, what it took in is later."""
    return max(0.0, now_s - then_s)
